"""Which names an output may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from mssync.batch.names import Guard, name_problem, numbered


@pytest.mark.parametrize("name", ["clip.mp4", "sub/clip.mp4", "./clip", "ünï 1.webm", "console.mp4", "a.b/c.d.mp4"])
def test_good_names(name: str) -> None:
    assert name_problem(name, windows=True) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../x.mp4", "out of"),
        ("/x.mp4", "out of"),
        ("C:x.mp4", "out of"),
        ("..\\x.mp4", "out of"),
        (".", "out of"),
        ("a\0b.mp4", "no file name"),
        ("CON", "device"),
        ("sub/nul.tar.mp4", "device"),
        ("com1 .mp4", "device"),
        ("clip.", "ends in"),
        ("sub /clip.mp4", "ends in"),
        ("line\nend.mp4", "cannot have"),
    ],
)
def test_names_that_are_refused_everywhere(name: str, words: str) -> None:
    assert words in name_problem(name, windows=False)
    assert name_problem(name, windows=True)


def test_signs_that_only_windows_forbids() -> None:
    for sign in '<>"|?*':
        assert name_problem(f"a{sign}b.mp4", windows=True) and not name_problem(f"a{sign}b.mp4", windows=False)
    assert name_problem("at 12:30.mp4", windows=True) and not name_problem("at 12:30.mp4", windows=False)


def test_numbers_go_before_the_ending() -> None:
    assert [numbered(Path(name), 2).name for name in ("a.mp4", "a.b.webm", "a")] == ["a-2.mp4", "a.b-2.webm", "a-2"]


def test_a_name_is_given_once(tmp_path: Path) -> None:
    guard = Guard([tmp_path / "in/voice.wav", tmp_path / "take-2.mp4"], takes=2)
    assert (
        guard.reads(tmp_path / "in") and guard.reads(tmp_path / "IN" / "Voice.WAV") and not guard.reads(tmp_path / "x")
    )
    assert guard.reads(tmp_path / "take.mp4") and not guard.reads(tmp_path / "take-1.mp4")
    assert guard.claim([tmp_path / "a.mp4", tmp_path / "a.npz"]) is None
    assert guard.claim([tmp_path / "a.webm", tmp_path / "A.npz"]) == tmp_path / "A.npz"  # two motions of one name
    assert guard.claim([tmp_path / "a.webm"]) is None  # what was refused was not taken
    assert guard.claim([tmp_path / "e\u0301"]) is None and guard.claim([tmp_path / "\u00e9"])  # one name on a Mac
    assert guard.claim([tmp_path / "frames" / "inner.mp4"]) is None
    assert guard.claim([tmp_path / "frames"]) and guard.claim([tmp_path / "frames" / "inner.mp4" / "deep"])

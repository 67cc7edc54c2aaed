"""The program started in odd ways: streams closed, a language setting without the letters of a name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Done

from mssync.media.video import iter_frames

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell and locales")


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_no_video(closed: str, photo: Path, short_voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    words = [sys.executable, "-m", "mssync", "animate", str(photo), str(short_voice), "-o", str(out)]
    done = subprocess.run(["/bin/sh", "-c", f'exec "$0" "$@" {closed}', *words], capture_output=True, timeout=120)
    assert done.returncode == 0
    assert sum(1 for _ in iter_frames(out)) == 15


def test_names_that_the_language_setting_lacks_end_their_pair_alone(
    photo: Path, short_voice: Path, tmp_path: Path
) -> None:
    shutil.copy(photo, tmp_path / "me.png")
    shutil.copy(photo, tmp_path / "jürg.png")
    shutil.copy(short_voice, tmp_path / "v.wav")
    lines = ["photo,speech,out", "jürg.png,v.wav,a", "me.png,v.wav,ünï", "me.png,v.wav,last"]
    (tmp_path / "pairs.csv").write_text("\n".join(lines), encoding="utf-8")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [sys.executable, "-m", "mssync", "animate", str(tmp_path / "pairs.csv"), "-o", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, timeout=120, env={**os.environ, **plain})
    assert done.returncode in (0, 2) and b"Traceback" not in done.stderr
    assert done.stderr.count(b"PYTHONUTF8=1") == done.stderr.count(b"Failed: ") == (0 if done.returncode == 0 else 2)
    assert (tmp_path / "out" / "last.mp4").exists()


def test_takes_have_a_limit(mssync_cli: Callable[..., Done], photo: Path, short_voice: Path, tmp_path: Path) -> None:
    done = mssync_cli("animate", photo, short_voice, "-o", tmp_path / "o.mp4", "--takes", 10**9)
    assert done.code == 2 and "1000" in done.err
    assert list(tmp_path.iterdir()) == []

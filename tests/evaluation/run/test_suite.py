"""One item from files to rows: what fails leaves a sentence and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from motion_samples import footage, motion_of
from numpy.typing import NDArray

from mssync.errors import AssetError, InputError
from mssync.evaluation.footage import Footage
from mssync.evaluation.results.systems import GENERATED, REAL
from mssync.evaluation.run import evaluate, suite
from mssync.evaluation.run.evaluate import evaluate_one
from mssync.evaluation.run.suite import Item, Settings, run_scores
from mssync.evaluation.scores.score import Score
from mssync.motion.syncers import MAX_LAG, MIN_OVERLAP, SyncCurve

Array = NDArray[np.float32]
SECONDS = 3.0


class FakeJudge:
    """Lip gap against loudness: a judge whose answers can be foreseen."""

    views = ("lips",)
    levels = (0, 1)
    columns = 43
    folder = Path("fake")
    manifest: dict[str, dict[str, str]] = {"files": {}}  # noqa: RUF012

    def embed(self, motion: Array, sound: Array, view: str, level: int) -> tuple[Array, Array] | None:
        rows = [motion[:: 2**level, -5], sound.mean(1).reshape(-1, 4).mean(1)[:: 2**level]]
        n = min(map(len, rows))
        windows = [np.lib.stride_tricks.sliding_window_view(r[:n], 5) + np.arange(5) * 1e-6 for r in rows]
        centred = [w - w.mean(1, keepdims=True) for w in windows]
        return tuple((c / np.linalg.norm(c, axis=1, keepdims=True)).astype(np.float32) for c in centred)  # type: ignore[return-value]

    def curve(self, motion: Array, sound: Array, view: str, level: int) -> SyncCurve | None:
        pair = self.embed(motion, sound, view, level)
        return None if pair is None or len(pair[0]) < MAX_LAG + MIN_OVERLAP else SyncCurve.of(*pair)


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Files whose reading gives made-up footage; ``bad`` in a name gives none."""
    rng = np.random.default_rng(0)
    frames = round(SECONDS * 25)
    loud = rng.random(frames)
    sound = np.repeat(loud, 640) * np.sin(np.arange(frames * 640)) * 0.3
    sway = np.cumsum(rng.normal(0, 0.01, frames))
    motion = motion_of(frames, rot_y=sway, rot_x=sway[::-1], lip_gap=0.1 * loud)
    made = footage(motion, sound=sound, speech=np.ones(frames))

    def read(path: Path, audio: Path | None = None, **_: object) -> Footage:
        if "bad" in path.name:
            raise InputError(f"{path} is no video; give one.")
        return replace(made, path=path)

    monkeypatch.setattr(evaluate, "read_footage", read)
    monkeypatch.setattr(suite, "judge", FakeJudge)
    for name in ("real.mp4", "a.mp4", "bad.mp4"):
        (tmp_path / name).write_text(name)
    yield tmp_path


def one(*scores: Score) -> suite.ScoreFunction:
    return lambda case: list(scores)


def test_real_footage_is_first_and_shown_to_the_generated_one(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []

    def look(case: suite.Case) -> list[Score]:
        seen.append((case.seen.path.name, case.real is not None))
        return [Score("a.b", 1.0, "", "real")]

    monkeypatch.setattr(suite, "SCORES", {"a": look})
    item = Item("a", {GENERATED: videos / "a.mp4"}, videos / "real.mp4")
    rows, pools = evaluate_one(item, Settings(), tracker=None)  # type: ignore[arg-type]
    assert seen == [("real.mp4", False), ("a.mp4", True)]
    assert [(r["kind"], r["system"], r["seconds"], r["problem"]) for r in rows] == [
        (REAL, REAL, SECONDS, ""), (GENERATED, GENERATED, SECONDS, ""),
    ]  # fmt: skip
    assert len(rows[0]["sha256"]) == 64 and rows[0]["sha256"] != rows[1]["sha256"]
    assert {len(values) for values in rows[0]["curves"].values()} == {75}
    assert rows[0]["sync"]["lips"]["0"]["lags"] == list(range(-15, 16))
    assert pools[1]["motion"].shape == (75, 43) and pools[0]["speech"] == pools[1]["speech"]


def test_a_bad_file_gives_a_row_and_the_rest_goes_on(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "SCORES", {"a": one(Score("a.b", 1.0, "", "real"))})
    item = Item("a", {"x": videos / "bad.mp4", GENERATED: videos / "a.mp4"}, videos / "bad.mp4")
    rows, pools = evaluate_one(item, Settings(), tracker=None)  # type: ignore[arg-type]
    assert ["no video" in r["problem"] for r in rows] == [True, True, False]
    assert [bool(p) for p in pools] == [False, False, True]
    (lone,) = evaluate_one(Item("a", reference=videos / "real.mp4", problem="alone"), Settings(), None)[0]  # type: ignore[arg-type]
    assert lone["problem"] == "alone"


def test_a_photo_that_cannot_be_used_costs_its_own_scores_only(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scores(seen: Footage, real: Footage | None, photo: Path | None, **_: object) -> list[Score]:
        if photo is not None:
            raise InputError("The photo shows no face.")
        return [Score(key, 1.0, "", "high") for key in ("picture.identity", "picture.psnr")]

    monkeypatch.setattr(suite.picture, "scores", scores)
    item = Item("a", {GENERATED: videos / "a.mp4"}, photo=videos / "p.png")
    (row,), _ = evaluate_one(item, Settings(), tracker=None)  # type: ignore[arg-type]
    found = {s["key"]: (s["value"], s["note"]) for s in row["scores"]}
    assert found["picture.identity"] == (None, "The photo shows no face.")
    assert found["picture.psnr"] == (1.0, "")


def test_a_score_that_fails_leaves_one_note(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: suite.Case) -> list[Score]:
        raise ValueError("two of three")

    def refused(case: suite.Case) -> list[Score]:
        raise AssetError("The network is not there; fetch it.")

    monkeypatch.setattr(
        suite,
        "SCORES",
        {"x": broken, "y": refused, "z": one(Score("z.odd", float("nan"), "", "high"), Score("z.b", 2.0, "", "real"))},
    )
    case = suite.Case(evaluate.read_footage(videos / "a.mp4"), None, Item("a"), Settings(), None)  # type: ignore[arg-type]
    made = run_scores(case)
    assert [(s.key, s.value) for s in made] == [("x", None), ("y", None), ("z.odd", None), ("z.b", 2.0)]
    assert "two of three" in made[0].note and made[1].note == "The network is not there; fetch it."


def test_all_scores_run_on_plain_footage(videos: Path) -> None:
    everything = {k: f for k, f in suite.SCORES.items() if k != "picture"}  # which needs pixels
    case = suite.Case(
        evaluate.read_footage(videos / "a.mp4"), evaluate.read_footage(videos / "real.mp4"), Item("a"), Settings(), None  # type: ignore[arg-type]
    )  # fmt: skip
    for name, function in everything.items():
        made = function(case)
        assert made and all(isinstance(s, Score) for s in made), name
    assert len({s.key for f in everything.values() for s in f(case)}) == sum(len(f(case)) for f in everything.values())


def test_the_text_is_given_or_spelled_by_a_grid_name(videos: Path) -> None:
    seen = evaluate.read_footage(videos / "a.mp4")
    for item, text in (
        (Item("x"), ""),
        (Item("x", text="hello"), "hello"),
        (Item("s1_bbaf2n"), "bin blue at f two now"),
        (Item("x", reference=Path("bbaf2n.mpg")), "bin blue at f two now"),
    ):
        assert suite.Case(seen, None, item, Settings(), None).text == text  # type: ignore[arg-type]


def test_a_text_that_does_not_fit_is_said(videos: Path) -> None:
    case = suite.Case(evaluate.read_footage(videos / "a.mp4"), None, Item("x", text="qqqxzy"), Settings(), None)  # type: ignore[arg-type]
    made = {s.key: s for s in suite.SCORES["articulation"](case)}
    assert made["articulation.closed"].value is None
    assert "qqqxzy" in made["articulation.closed"].note or "PocketSphinx" in made["articulation.closed"].note
    assert made["articulation.loudness"].note == ""


def test_the_suites_differ_in_the_pixels_looked_at() -> None:
    assert (Settings().every, Settings("full").every) == (5, 1)


def test_a_judge_of_another_motion_space_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first video: what a run's parts are named by asks for the judge."""
    space = suite.pinned_space()
    other = replace(space, template=space.template + np.float32(0.01))
    monkeypatch.setattr(suite, "pinned_space", lambda: other)
    suite.judge.cache_clear()
    with pytest.raises(InputError, match="trained in another motion space"):
        suite.judge()

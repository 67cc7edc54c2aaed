"""Each stage that motion goes through after the network, by itself; and all of them as lists in manifests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mssync import manifest
from mssync.arrays import Array
from mssync.models import load_model
from mssync.motion.columns import EYES, HEAD, LIP_GAP, Column, Groups, expression
from mssync.motion.gap_curve import GapCurve
from mssync.motion.mesh import MeshSpace
from mssync.motion.options import MotionOptions
from mssync.motion.stages import (
    EASE_FRAMES,
    RECENTRE_FRAMES,
    SILENT_EXPRESSION,
    STAGES,
    Heard,
    Setting,
    Stage,
    stages_of,
    through,
)

G = Groups.of((*HEAD, expression(0), expression(1), LIP_GAP, *EYES))
D = 13
MEASURED: dict[str, Any] = {
    "head_gain": [2.0, 1.0, 1.0, 1.0, 1.0, 0.5],
    "gap_curve": {"made": [0.05, 0.2], "real": [0.0, 0.3]},
    "closure": {"thresholds": [0.5, 0.5]},
    "blinks": {"log_mean": 0.5, "log_std": 0.4, "course": [0, 0, 0.3, 0.8, 1, 0.9, 0.7, 0.45, 0.25, 0.12, 0.05, 0, 0]},
}


def made(name: str, **options: float) -> Stage:
    return STAGES[name].of(Setting(G, MEASURED, MotionOptions(**options)))  # type: ignore[arg-type]


def rows(frames: int = 60) -> Array:
    return np.random.default_rng(1).normal(0.2, 0.1, (frames, D)).astype(np.float32)


def heard(frames: int = 60, first: int = 0) -> Heard:
    rng = np.random.default_rng(2)
    return Heard(first, *(rng.random(frames).astype(np.float32) for _ in range(3)))


def changed(a: Array, b: Array) -> set[int]:
    return set(np.flatnonzero(np.abs(a - b).max(0) > 0).tolist())


def columns(*groups: slice) -> set[int]:
    return set(np.r_[groups].tolist())


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("head_gain", {0, 5}),  # the columns whose gain is not one
        ("head_smoothing", columns(G.head)),
        ("recentring", columns(G.head, G.lids, G.gaze)),
        ("easing", columns(G.head)),
        ("gaze", columns(G.gaze)),
        ("gap_curve", columns(G.lip_gap)),
        ("closures", columns(G.lip_gap)),
        ("silence", columns(G.mouth)),
        ("blinks", columns(G.lids)),
        ("knobs", columns(G.head, G.mouth, G.gaze)),
    ],
)
def test_a_stage_touches_its_own_columns_whatever_the_blocks(name: str, moved: set[int]) -> None:
    x, h = rows(), heard()
    stage = made(name, head=0.5, mouth=0.5, blink=10.0)
    before = {k: v.shape for k, v in stage.state().items()}
    whole = stage(x, h)
    assert np.array_equal(x, rows())  # what was given stays as it is
    assert whole.dtype == np.float32 and changed(x, whole) == moved
    assert {k: v.shape for k, v in stage.state().items()} == before
    again, parts = made(name, head=0.5, mouth=0.5, blink=10.0), []
    for a, b in ((0, 1), (1, 2), (2, 17), (17, 60)):
        parts.append(again(x[a:b], Heard(a, h.speech[a:b], h.closure[a:b], h.voice[a:b])))
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-6
    for k, v in again.state().items():
        np.testing.assert_allclose(v, stage.state()[k], atol=1e-6)


def test_gain_and_smoothing() -> None:
    x = rows()
    np.testing.assert_allclose(made("head_gain")(x, heard())[:, G.head], x[:, G.head] * MEASURED["head_gain"])
    impulse = np.zeros((5, D), np.float32)
    impulse[1, G.head] = 4.0
    np.testing.assert_allclose(made("head_smoothing")(impulse, heard(5))[:, 0], [0, 1, 2, 1, 0])


def test_a_lean_goes_slowly_and_a_nod_stays() -> None:
    lean = np.full((3 * RECENTRE_FRAMES, D), 0.3, np.float32)
    out = made("recentring")(lean, heard(len(lean)))
    assert out[0, 0] == np.float32(0.3) and abs(out[RECENTRE_FRAMES, 0] / 0.3 - np.exp(-1)) < 0.01
    assert abs(out[-1, G.lids.start]) < 0.02 and (out[:, G.mouth] == np.float32(0.3)).all()
    nod = np.zeros((50, D), np.float32)
    nod[:, 0] = np.sin(np.arange(50) * 2 * np.pi / 25)
    assert np.abs(made("recentring")(nod, heard(50)) - nod).max() < 0.05


def test_the_first_frame_is_the_photos_own_pose() -> None:
    out = made("easing")(rows(), heard())
    assert not out[0, G.head].any()
    assert np.array_equal(out[EASE_FRAMES:], rows()[EASE_FRAMES:])
    late = made("easing")(rows(), heard(first=EASE_FRAMES))
    assert np.array_equal(late, rows())


def test_gaps_closures_and_silence() -> None:
    x, h = rows(), heard()
    gap = x[:, G.lip_gap][:, 0]
    curve = GapCurve((0.05, 0.2), (0.0, 0.3))
    np.testing.assert_allclose(made("gap_curve")(x, h)[:, G.lip_gap][:, 0], curve(gap))
    np.testing.assert_allclose(made("closures")(x, h)[:, G.lip_gap][:, 0], gap * (1 - h.closure), rtol=1e-6)
    shut = made("silence")(x, Heard.silent(60))
    assert not shut[:, G.lip_gap].any()
    np.testing.assert_allclose(shut[:, G.expression], SILENT_EXPRESSION * x[:, G.expression], rtol=1e-6)
    spoken = replace(Heard.silent(60), speech=np.ones(60, np.float32))
    np.testing.assert_allclose(made("silence")(x, spoken), x, rtol=1e-6)


def test_lids_droop_no_further_and_blink() -> None:
    x = rows(500)
    x[:, G.lids] = 0.9
    out = made("blinks", blink=4.0)(x, heard(500))[:, G.lids]
    assert out.min() == np.float32(0.6) and out.max() > 0.98
    awake = made("blinks", blink=0.0)(x, heard(500))[:, G.lids]
    assert (awake == np.float32(0.6)).all()
    assert not np.array_equal(out, made("blinks", blink=4.0, seed=1)(x, heard(500))[:, G.lids])


def test_the_knobs() -> None:
    x = rows()
    out = made("knobs", head=2.0, mouth=0.5)(x, heard())
    np.testing.assert_allclose(out[:, G.head], 2 * x[:, G.head])
    np.testing.assert_allclose(out[:, G.mouth], 0.5 * x[:, G.mouth])
    assert np.array_equal(out[:, G.eyes], x[:, G.eyes])
    assert not made("knobs", head=0.0)(x, heard())[:, G.gaze].any()


def test_columns_that_a_space_lacks_are_no_trouble() -> None:
    groups = Groups.of([Column(f"x{i}", "", "", -1, 1, "points", i) for i in range(4)])
    x = rows()[:, :4].copy()
    stages = [s.of(Setting(groups, MEASURED | {"head_gain": []}, MotionOptions())) for s in STAGES.values()]
    assert np.array_equal(through(stages, x, heard()), x)


def test_the_shipped_model_says_what_its_motion_goes_through_and_where_it_lives(space: MeshSpace) -> None:
    found = load_model().manifest
    assert tuple(found["stages"]) == space.stages == tuple(STAGES) and found["mark"] == space.mark


def test_models_of_older_versions_go_through_what_there_was() -> None:
    older = {k: v for k, v in load_model().manifest.items() if k not in ("stages", "mark")}
    assert manifest.check_manifest(older) and manifest.stages_of(older) == manifest.OLDER_STAGES
    assert set(manifest.OLDER_STAGES) <= set(STAGES)


def test_manifests_know_the_stages_and_what_they_need(space: MeshSpace) -> None:
    assert {n: s.needs for n, s in STAGES.items()} == manifest.STAGES
    found = load_model().manifest
    few = {**found, "stages": ["head_smoothing", "knobs"]}
    for entry in ("blinks", "gap_curve", "head_gain", "closure", "articulation"):
        few.pop(entry)
    few["files"] = {k: v for k, v in found["files"].items() if k not in ("closure.onnx", "articulation.onnx")}
    assert manifest.check_manifest(few).stages == ("head_smoothing", "knobs")
    assert manifest.files_of(few) == ("sound.onnx", "step.onnx", "space.npz")
    setting = Setting(space.groups, few, MotionOptions())
    assert [type(s).name for s in stages_of(few["stages"], setting)] == ["head_smoothing", "knobs"]

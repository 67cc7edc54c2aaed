"""The few answers: arithmetic on made-up rows, and signals with one known fault each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from motion_samples import footage
from numpy.typing import NDArray
from picture_samples import footage as filmed
from picture_samples import hopper

from mssync import TalkingHead
from mssync.errors import AssetError
from mssync.evaluation.footage import Footage
from mssync.evaluation.results.verdict import QUESTIONS, verdicts
from mssync.evaluation.scores import articulation, head, identity, picture, silence, sync
from mssync.evaluation.scores.score import Score
from mssync.evaluation.scores.sync import NOT_SEPARATING
from mssync.media.audio import load_sound
from mssync.motion.options import MotionOptions
from mssync.motion.space import Motion
from mssync.motion.syncers import SyncerPyramid
from mssync.speech.phones import Phone

Array = NDArray[np.float32]
PAUSE = 50  # frames of silence at the end


def row(system: str, scores: Sequence[Score], name: str = "clip", problem: str = "") -> dict[str, Any]:
    return {"name": name, "system": system, "scores": [s.as_dict() for s in scores], "problem": problem}


def outcomes(rows: Sequence[dict[str, Any]], system: str = "generated") -> dict[str, str]:
    return {a["question"]: a["outcome"] for a in verdicts(rows) if a["system"] == system}


# ---- signals whose answer is known --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def talk() -> Footage:
    """The demo voice, two seconds of silence behind it, and the motion that our model makes to it."""
    voice = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")
    voice = np.pad(voice, (0, 640 * PAUSE + 640 * 4 - len(voice) % 640))
    model = TalkingHead.load()
    stream = model.stream(MotionOptions(seed=1))
    motion = np.concatenate([stream.push(voice), stream.flush()])
    motion[-PAUSE:, model.space.names.index("lip_gap")] = 0.01
    seen = footage(Motion(motion, model.space.names))
    speech = np.ones(len(seen), np.float32)
    speech[-PAUSE - 5 :] = 0
    return replace(seen, sound=voice, speech=speech)


@pytest.fixture(scope="module")
def phones(talk: Footage) -> list[Phone]:
    """A P wherever the lips of the true footage close, an AA wherever they are widest."""
    gap = talk.column("lip_gap")[: -PAUSE - 10]
    least = [t for t in range(2, len(gap) - 2) if gap[t] == gap[t - 2 : t + 3].min() and gap[t] < 0.015]
    most = [t for t in range(2, len(gap) - 2) if gap[t] == gap[t - 2 : t + 3].max() and gap[t] > 0.05]
    assert len(least) > 8 and len(most) > 8
    return [Phone(name, t / 25, (t + 1) / 25) for name, at in (("P", least), ("AA", most)) for t in at]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Score]]:
    """Picture scores of one photo, sharp and blurred."""
    folder = tmp_path_factory.mktemp("faces")
    photo = hopper()

    def missing() -> None:  # nothing is fetched
        raise AssetError("The model file is missing.")

    frames = {"sharp": photo.rgb, "blurred": np.asarray(cv2.GaussianBlur(photo.rgb, (0, 0), 1.5), np.uint8)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "identity_net", missing)
        return {
            name: picture.scores(filmed(folder / f"{name}.mp4", [rgb] * 60, photo.points), None, None)
            for name, rgb in frames.items()
        }


def measured(seen: Footage, phones: list[Phone], faces: list[Score]) -> list[Score]:
    judge = SyncerPyramid.load()
    whole = sync.embedded(seen, judge)
    lips = sync.Embedded({"lips": {0: whole.pairs["lips"][0]}}, whole.demo)
    spoken = [*sync.scores(lips, judge), *articulation.scores(seen, phones), *silence.scores(seen)]
    return [*spoken, *head.scores(seen, None), *faces]


def changed(seen: Footage, **columns: Array | float) -> Footage:
    motion = seen.motion.copy()
    for name, values in columns.items():
        motion[:, seen.names.index(name)] = values
    return replace(footage(Motion(motion, seen.names)), sound=seen.sound, speech=seen.speech)


def test_each_known_fault_is_found_and_nothing_else(
    talk: Footage, phones: list[Phone], faces: dict[str, list[Score]]
) -> None:
    real = row("real", measured(talk, phones, faces["sharp"]))
    gap = talk.column("lip_gap")
    babble = gap.copy()
    babble[-PAUSE:] = gap[20 : 20 + PAUSE]
    lips = [n for n in talk.names if not n.startswith(("rot_", "trans_"))]
    open_mouth = changed(talk, **({n: talk.column(n)[20] for n in lips} | {"lip_gap": 0.1}))
    shut_mouth = changed(talk, **({n: talk.column(n)[-1] for n in lips} | {"lip_gap": 0.0}))
    backwards = replace(talk, sound=np.ascontiguousarray(talk.sound[::-1]))
    cases = {
        "itself": (talk, "sharp", set()),
        "a mouth frozen open": (open_mouth, "sharp", {"sync", "closures", "silence"}),
        "a mouth frozen shut": (shut_mouth, "sharp", {"sync", "closures"}),
        "another sound": (backwards, "sharp", {"sync"}),
        "a late sound": (replace(talk, sound=np.roll(talk.sound, 6 * 640)), "sharp", {"sync"}),
        "a blurred picture": (talk, "blurred", {"picture"}),
        "a frozen head": (changed(talk, rot_x=0, rot_y=0, rot_z=0), "sharp", {"head"}),
        "twice the head": (changed(talk, rot_y=2 * talk.column("rot_y")), "sharp", {"head"}),
        "a mouth that talks in silence": (changed(talk, lip_gap=babble), "sharp", {"silence"}),
    }  # fmt: skip
    for name, (seen, face, worse) in cases.items():
        found = outcomes([real, row("generated", measured(seen, phones, faces[face]))])
        assert {q for q, outcome in found.items() if outcome == "worse"} == worse, (name, found)
        assert "unclear" not in found.values(), (name, found)
        if name == "itself":
            assert set(found.values()) == {"like"}


def test_people_are_the_measure_where_there_is_no_reference(
    talk: Footage, phones: list[Phone], faces: dict[str, list[Score]]
) -> None:
    found = verdicts([row("generated", measured(talk, phones, faces["sharp"]))])
    assert {a["outcome"] for a in found} == {"like"} and {a["against"] for a in found} == {"people"}
    frozen = changed(talk, rot_x=0, rot_y=0, rot_z=0, lip_gap=0.1)
    assert outcomes([row("generated", measured(frozen, phones, faces["sharp"]))])["head"] == "worse"


# ---- arithmetic ---------------------------------------------------------------------------------------------------

GAP, SPEED, CLOSED = "silence.gap", "silence.speed", "articulation.closed"


def gap(value: float | None, interval: tuple[float, float] | None = None, key: str = GAP) -> Score:
    return Score(key, value, "", "low", 0.5, interval, "" if value is not None else "There is no silence.")


def silence_of(ours: Score, theirs: Score) -> dict[str, Any]:
    (found,) = (a for a in verdicts([row("real", [theirs]), row("generated", [ours])]) if a["question"] == "silence")
    return found


def test_a_difference_counts_where_its_whole_interval_lies_beyond_the_slack() -> None:
    near, far = silence_of(gap(0.10, (0.08, 0.12)), gap(0.06, (0.05, 0.07))), None
    assert near["outcome"] == "like", "0.04 +- 0.022 reaches the slack of 0.02"
    measure = near["measures"][0]
    assert measure["difference"] == pytest.approx(0.04) and measure["clips"] == 1
    assert measure["interval"] == pytest.approx((0.04 - np.hypot(0.02, 0.01), 0.04 + np.hypot(0.02, 0.01)))
    far = silence_of(gap(0.12, (0.10, 0.14)), gap(0.06, (0.05, 0.07)))
    assert far["outcome"] == "worse"
    assert silence_of(gap(0.06, (0.05, 0.07)), gap(0.12, (0.10, 0.14)))["outcome"] == "better"


def test_without_an_interval_twice_the_slack_is_asked_for() -> None:
    assert silence_of(gap(0.09), gap(0.06))["outcome"] == "like"
    assert silence_of(gap(0.11), gap(0.06))["outcome"] == "worse"


def test_five_clips_are_drawn_again() -> None:
    draw = np.random.default_rng(0)
    rows = [
        row(system, [gap(0.06 + more + draw.normal(0, 0.01))], name=str(n))
        for n in range(8)
        for system, more in (("real", 0.0), ("generated", 0.05))
    ]
    (found,) = (a for a in verdicts(rows) if a["question"] == "silence")
    low, high = found["measures"][0]["interval"]
    assert found["outcome"] == "worse" and found["measures"][0]["clips"] == 8
    assert 0.03 < low < found["measures"][0]["difference"] < high < 0.07


def test_a_question_has_the_worst_answer_of_its_measures() -> None:
    real = row("real", [gap(0.06, (0.05, 0.07)), gap(0.1, (0.1, 0.1), SPEED)])
    made = row("generated", [gap(0.01, (0.0, 0.02)), gap(0.9, (0.8, 1.0), SPEED)])
    (found,) = (a for a in verdicts([real, made]) if a["question"] == "silence")
    assert found["outcome"] == "worse"
    assert [m["key"] for m in found["measures"]] == [SPEED, GAP], "the deciding one first"
    assert found["measures"][0]["ours"] == pytest.approx(1.8), "as a share of its chance level"


def test_more_synchrony_or_sharpness_is_no_merit_and_more_head_is_a_fault() -> None:
    def both(key: str, ours: float) -> list[dict[str, Any]]:
        return [
            row(s, [Score(key, v, "", "real", 0.0, (v * 0.99, v * 1.01))])
            for s, v in (("real", 1.0), ("generated", ours))
        ]

    for key, question in (("sync.lips.level0.confidence", "sync"), ("picture.face_sharpness", "picture")):
        assert outcomes(both(key, 2.0))[question] == "like"
        assert outcomes(both(key, 0.5))[question] == "worse"
    for much in (0.5, 2.0):
        assert outcomes(both("head.yaw_std", much))["head"] == "worse"


def test_what_cannot_be_said_has_its_reason() -> None:
    made = row("generated", [Score.not_run(CLOSED, "share", "high", "The text is not known.")])
    answers = {a["question"]: a for a in verdicts([row("real", []), made])}
    assert set(answers) == set(QUESTIONS)
    assert answers["closures"]["outcome"] == "unclear" and answers["closures"]["reason"] == "The text is not known."
    assert silence_of(gap(0.1), gap(None))["reason"] == "The reference: There is no silence."
    alone = verdicts([row("real", [], problem="It is broken."), row("generated", [gap(0.1)])])
    assert next(a for a in alone if a["question"] == "silence")["reason"] == "No clip has its reference."
    assert verdicts([row("real", [gap(0.1)])]) == [] and verdicts([]) == []


def test_a_reference_that_is_itself_chance_condemns_nobody() -> None:
    def confidence(value: float, note: str) -> Score:
        return Score("sync.lips.level0.confidence", value, "", "real", 0.1, (value - 0.01, value + 0.01), note)

    rows = [row("real", [confidence(0.12, NOT_SEPARATING)]), row("generated", [confidence(0.02, NOT_SEPARATING)])]
    (found,) = (a for a in verdicts(rows) if a["question"] == "sync")
    assert found["outcome"] == "unclear" and "stand clear of chance" in found["reason"]
    rows[0] = row("real", [confidence(0.12, "")])
    assert outcomes(rows)["sync"] == "worse"

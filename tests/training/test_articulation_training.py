from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mssync.evaluation.scores import content
from mssync.models import load_model
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import Motion
from mssync.motion.spaces import load_mesh
from mssync.nets.articulation import ArticulationNet
from mssync.speech.features import FEATURE_RANGE
from mssync.training.articulation import (
    AIMS,
    OWN_FACE,
    OWN_LIPS,
    aim_matrix,
    heard_mouth,
    measure,
    rest_in_silence,
    set_mixing,
    shape_gain,
    train_articulation,
)
from mssync.training.config import ArticulationConfig
from mssync.training.data.listing import Entry
from mssync.training.data.samples import Sample

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def space() -> MeshSpace:
    return load_mesh(load_model().file("space.npz"))


@pytest.fixture(scope="module")
def scales(space: MeshSpace) -> Array:
    out = np.ones(len(space.names), np.float32)
    out[space.groups.lip_gap] = 0.1
    return out


def _people(space: MeshSpace, names: str, seed: int) -> list[Sample]:
    """People whose lip gap follows the loudness of the low bands and whose corners follow the high bands; each of them
    smiles all the time, more or less."""
    rng = np.random.default_rng(seed)
    mouth = space.groups.mouth
    wide = np.linalg.pinv(aim_matrix(space)[:, : len(AIMS)].astype(np.float64))[1]
    out = []
    for name in names:
        course = np.stack([np.convolve(rng.standard_normal(520), np.hanning(9), "same") for _ in range(2)], 1)
        course = course[10:510] / course.std(0)
        sound = rng.standard_normal((2000, 26)).astype(np.float32) * 0.2
        sound[:, :13] += np.repeat(course[:, :1], 4, 0)
        sound[:, 13:] += np.repeat(course[:, 1:], 4, 0)
        motion = np.zeros((500, len(space.names)))
        motion[:, mouth] = 0.05 * course[:, 1:] * wide + rng.standard_normal() * 0.2 * wide
        motion[:, space.groups.lip_gap] = 0.1 + 0.04 * course[:, :1]
        entry = Entry(name, "train", "all", name, "all")
        ones = np.ones(500, np.float32)
        energy = np.zeros(2, np.float32)
        out.append(
            Sample(
                entry, motion.astype(np.float32), sound, ones, ones > 0, energy, np.full(500, -1, np.int8), space.groups
            )
        )
    return out


@pytest.fixture(scope="module")
def trained(space: MeshSpace, scales: Array, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    out = tmp_path_factory.mktemp("articulation")
    config = ArticulationConfig(width=24, dropout=0.0, augment=0.0, lr=5e-3)
    seen: list[dict[str, float]] = []
    train, dev = _people(space, "abcdef", 0), _people(space, "xyz", 1)
    args = (config, {}, space, scales, train, dev, out, 0, 4, 64)
    net = train_articulation(*args, 160, lambda _, numbers: seen.append(numbers))
    return net, dev, seen, args, out


def test_it_learns_what_the_sound_says_of_people_it_never_saw(trained: tuple[Any, ...]) -> None:
    net, dev, seen, args, _ = trained
    assert len(seen) == 4 and seen[-1]["opening_r"] > 0.9 and seen[-1]["width_r"] > 0.9
    # Someone else's mouth: nothing of it is in the sound.
    space, scales = args[2:4]
    others = [replace(s, motion=o.motion) for s, o in zip(dev, dev[1:] + dev[:1], strict=True)]
    assert measure(net, 4, space, scales, others)["opening_r"] < 0.4


def test_silence_is_answered_by_rest(trained: tuple[Any, ...]) -> None:
    net, dev, *_ = trained
    silent = replace(dev[0], sound=np.full_like(dev[0].sound, FEATURE_RANGE[0]))
    assert np.abs(heard_mouth(net, 4, silent, 100)).max() < 1e-5


def test_it_is_trained_once(trained: tuple[Any, ...], caplog: pytest.LogCaptureFixture) -> None:
    net, _, _, args, _ = trained
    caplog.set_level("INFO", "mssync")
    again = train_articulation(*args, 5, lambda *_: pytest.fail("trained again"))
    assert "stays" in caplog.text
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in again.state_dict().items())


def test_aims_are_the_shapes_that_content_is_judged_by(space: MeshSpace) -> None:
    rng = np.random.default_rng(0)
    rows = np.zeros((50, len(space.names)), np.float32)
    rows[:, space.groups.mouth] = 0.3 * rng.standard_normal((50, 33))
    rows[:, space.groups.lip_gap] = 0.1 + 0.02 * rng.standard_normal((50, 1))
    motion = Motion(rows, space.names)
    judged = np.concatenate([content.mouth(motion, space), content.brows(motion, space)[None]])
    aims = (rows[:, space.groups.mouth] @ aim_matrix(space)[:, : len(AIMS)]).T
    for i, name in enumerate(AIMS):
        assert np.corrcoef(judged[i], aims[i])[0, 1] > 0.99, name


def test_mixing_keeps_little_of_the_generators_lips_and_all_of_its_brows(space: MeshSpace, scales: Array) -> None:
    net = ArticulationNet(26, 33, 8)
    set_mixing(net, space, scales)
    own = net.from_own.numpy()
    unit = scales[space.groups.mouth]
    lips = np.linalg.qr(aim_matrix(space)[:, len(AIMS) :].astype(np.float64) * unit[:, None])[0]
    assert np.allclose(lips.T @ own, OWN_LIPS * lips.T, atol=1e-5)
    assert own[-1, -1] == pytest.approx(OWN_LIPS) and np.allclose(net.from_sound, np.eye(33))
    values = np.linalg.eigvals(own).real
    assert np.allclose(np.sort(values), [OWN_LIPS] * 11 + [OWN_FACE] * 22, atol=1e-4)


def test_a_gain_widens_one_shape_and_leaves_the_others(space: MeshSpace, scales: Array) -> None:
    net, gain = ArticulationNet(26, 33, 8), np.array([1.0, 1.5, 1.0, 0.5], np.float32)
    set_mixing(net, space, scales, gain)
    mouth = np.random.default_rng(1).standard_normal((100, 33)).astype(np.float32)
    shapes = aim_matrix(space)[:, : len(AIMS)] * scales[space.groups.mouth][:, None]
    before, after = mouth @ shapes, mouth @ net.from_sound.numpy() @ shapes
    assert np.allclose(after, before * gain, atol=1e-4)


def test_the_gain_asked_for_is_that_of_peoples_spread(space: MeshSpace) -> None:
    made = [np.random.default_rng(k).standard_normal((200, 33)).astype(np.float32) for k in range(3)]
    assert np.allclose(shape_gain(space, made, [1.3 * m for m in made]), (1.0, 1.3, 1.3, 1.3), atol=1e-4)
    assert np.allclose(shape_gain(space, made, [9.0 * m for m in made])[1:], 2.0)
    assert np.array_equal(shape_gain(space, [], []), np.ones(4, np.float32))


def test_the_level_is_set_by_silence_alone(space: MeshSpace) -> None:
    torch.manual_seed(0)
    net = ArticulationNet(26, 33, 8).eval()
    sound = torch.randn(1, 400, 26)
    with torch.no_grad():
        before = net.hear(sound)
        rest_in_silence(net)
        moved = net.hear(sound) - before
    assert torch.allclose(moved, moved[:, :1].expand_as(moved), atol=1e-5) and moved.abs().max() > 1e-3

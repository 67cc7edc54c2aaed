"""What the generator is asked for: parts move the right way, a weight of zero costs nothing, judges may not teach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mssync.errors import InputError
from mssync.models import load_model
from mssync.motion.columns import Groups, mesh_columns
from mssync.motion.mesh import MeshSpace
from mssync.motion.spaces import load_mesh
from mssync.nets.discriminator import DiscriminatorShape, WindowDiscriminator
from mssync.nets.syncer import Syncer, SyncerShape
from mssync.training.checkpoint import load_checkpoint, save_checkpoint
from mssync.training.config import LossConfig, SyncerConfig
from mssync.training.data.augment import SoundAugment
from mssync.training.data.levels import in_fold, make_level
from mssync.training.data.listing import Entry
from mssync.training.data.samples import Sample, clip_energy
from mssync.training.objective import Objective, Rollouts
from mssync.training.syncer import NAT, SyncerTrainer
from mssync.training.teachers import SyncTeachers

D = 43


@pytest.fixture(scope="module")
def space() -> MeshSpace:
    return load_mesh(load_model().file("space.npz"))


@pytest.fixture(scope="module")
def syncers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("syncers")
    for view, width in (("lips", 11), ("head", 3), ("all", 39)):
        for level in range(4):
            net = Syncer(SyncerShape(width, 26, width=8, out=4))
            state = {"shape": net.shape.as_dict(), "config": SyncerConfig().model_dump()}
            save_checkpoint(folder, f"{view}-{level}", {f"best.{k}": v for k, v in net.state_dict().items()}, state)
    return folder


def _sample(seed: int = 0, frames: int = 80) -> Sample:
    rng = np.random.default_rng(seed)
    motion = np.cumsum(rng.standard_normal((frames, D)), 0).astype(np.float32) * 0.05
    sound = rng.standard_normal((4 * frames, 26)).astype(np.float32)
    entry = Entry(f"c{seed}", "train", "a", f"s{seed % 7}")
    unknown, groups = np.full(frames, -1, np.int8), Groups.of(mesh_columns(D - 11))
    one, energy = np.ones(frames, np.float32), clip_energy(motion, groups)
    return Sample(entry, motion, sound, one, one > 0, energy, unknown, groups)


def _rollouts(near: float, warm_up: int = 8) -> Rollouts:
    torch.manual_seed(1)
    real = torch.cumsum(torch.randn(2, 64, D), 1) * 0.1
    one, two = real + near * torch.randn(real.shape), real + near * torch.randn(real.shape)
    return Rollouts(one.requires_grad_(), two, real, torch.randn(2, 256, 26), 8, warm_up)


def test_every_switch_adds_its_part(space: MeshSpace, syncers: Path) -> None:
    scales = np.ones(D, np.float32)
    device = torch.device("cpu")
    teachers = SyncTeachers(syncers, space, torch.ones(D), {"lips": 1.0, "head": 1.0, "all": 0.0})
    full = LossConfig(synchrony_from=5, velocity=0.1, adversarial=0.1)
    objective = Objective(full, space, scales, [_sample()], teachers, device)
    critic = WindowDiscriminator(DiscriminatorShape(D, 8, 6))
    _, early = objective(_rollouts(0.5), 0, None)
    total, parts = objective(_rollouts(0.5), 5, critic)
    energy = {"head", "head_velocity", "mouth", "mouth_velocity", "closure", "face", "eyes"}
    assert set(early) == energy | {"supervised", "warm_up", "velocity"}
    assert set(parts) == set(early) | {"sync_lips", "sync_head", "adversarial"}
    assert float(total) == pytest.approx(sum(parts.values()), rel=1e-4)
    bare = LossConfig(supervised=0, warm_up=0, velocity=0, synchrony={})
    assert set(Objective(bare, space, scales, [_sample()], None, device)(_rollouts(0.5), 0, None)[1]) == energy
    assert "warm_up" not in objective(_rollouts(0.5, warm_up=0), 0, None)[1]


def test_nearer_motion_costs_less_and_gradients_flow(space: MeshSpace, syncers: Path) -> None:
    teachers = SyncTeachers(syncers, space, torch.ones(D), {"lips": 1.0, "head": 1.0, "all": 1.0})
    objective = Objective(LossConfig(), space, np.ones(D, np.float32), [_sample()], teachers, torch.device("cpu"))
    far, near = _rollouts(1.0), _rollouts(0.01)
    worse, better = objective(far, 0, None)[0], objective(near, 0, None)[0]
    assert float(better) < float(worse)
    worse.backward()
    assert far.first.grad is not None and torch.isfinite(far.first.grad).all()
    # What was observed does not count, but for the one-step guesses.
    assert float(far.first.grad[:, 0].abs().sum()) == 0.0 and float(far.first.grad[:, 20].abs().sum()) > 0


def test_the_discriminator_sees_the_frames_that_a_rollout_went_out_from() -> None:
    plain = _rollouts(0.5)
    nudged = replace(plain, observed=plain.reference[:, :8] + 3.0)
    assert torch.equal(nudged.discriminated[:, :5], plain.reference[:, 3:8] + 3.0)
    assert torch.equal(nudged.discriminated[:, 5:], plain.first[:, 8:])
    assert torch.equal(plain.discriminated[:, :5], plain.reference[:, 3:8])
    carried = replace(plain, warm_up=0)
    assert torch.equal(carried.discriminated, plain.first[:, 3:])
    assert torch.equal(nudged.discriminated_reference, plain.reference[:, 3:])


def test_synchrony_up_to_real_asks_no_more_than_people_give(space: MeshSpace, syncers: Path) -> None:
    teachers = SyncTeachers(syncers, space, torch.ones(D), {"all": 1.0})
    x, sound = torch.randn(2, 64, D), torch.randn(2, 256, 26)
    same = teachers.loss((x,), x, sound, up_to_real=True)["sync_all"]
    assert float(same) == 0.0
    plain = teachers.loss((x,), x, sound, up_to_real=False)["sync_all"]
    per = torch.stack([c.mean() for c in teachers.agreement(x, sound, "all")])
    assert len(per) == 4 and float(plain) == pytest.approx(-float(per.mean()), abs=1e-6)


@pytest.mark.parametrize("frames", range(20, 64, 7))
def test_any_length_has_as_many_levels_as_fit(space: MeshSpace, syncers: Path, frames: int) -> None:
    teachers = SyncTeachers(syncers, space, torch.ones(D), {"lips": 1.0})
    found = teachers.agreement(torch.randn(1, frames, D), torch.randn(1, 4 * frames, 26), "lips")
    assert len(found) == (4 if frames >= 39 else 3)


def test_syncers_of_older_runs_teach(space: MeshSpace, syncers: Path, tmp_path: Path) -> None:
    for level in range(4):
        found = load_checkpoint(syncers, f"head-{level}")
        assert found is not None
        config = SyncerConfig().model_dump()
        config["ear"] = config.pop("features")
        save_checkpoint(tmp_path, f"head-{level}", found[0], {**found[1], "config": config})
    assert len(SyncTeachers(tmp_path, space, torch.ones(D), {"head": 1.0}).nets) == 4


def test_judges_may_not_teach(space: MeshSpace, syncers: Path, tmp_path: Path) -> None:
    for level in range(4):
        found = load_checkpoint(syncers, f"head-{level}")
        assert found is not None
        state = {**found[1], "config": SyncerConfig(features="mel").model_dump()}
        save_checkpoint(tmp_path, f"head-{level}", found[0], state)
    with pytest.raises(InputError, match="judges"):
        SyncTeachers(tmp_path, space, torch.ones(D), {"head": 1.0})
    with pytest.raises(InputError, match="lips-0"):
        SyncTeachers(tmp_path, space, torch.ones(D), {"lips": 1.0})


def test_augmented_sound_is_another_voice_saying_the_same() -> None:
    draw = torch.Generator().manual_seed(0)
    sound = torch.randn(6, 40, 26) + torch.linspace(2, -2, 26)
    assert SoundAugment(26, 0.0, NAT["bands"], draw)(sound) is sound
    other = SoundAugment(26, 1.0, NAT["bands"], draw)(sound)
    assert other.shape == sound.shape and torch.isfinite(other).all() and not torch.allclose(other, sound)
    # One voice per clip: the course over time stays.
    a, b = sound.mean(2), other.mean(2)
    r = [float(torch.corrcoef(torch.stack([x, y]))[0, 1]) for x, y in zip(a, b, strict=True)]
    assert min(r) > 0.7
    windows = SoundAugment(26, 1.0, NAT["bands"], torch.Generator().manual_seed(0))(sound.reshape(6, 2, 20, 26))
    assert torch.allclose(windows.reshape(6, 40, 26), other)


def test_levels_hold_every_phase_and_folds_split_speakers() -> None:
    samples = [_sample(i) for i in range(30)]
    matrix = np.eye(D, 5, dtype=np.float32)
    whole = make_level(samples, matrix, 2, phases=True)
    once = make_level(samples, matrix, 2, phases=False)
    assert len(whole.start) == 4 * len(once.start) == 120
    assert once.motion.shape == (30 * 20, 5) and once.sound.shape == (30 * 80, 26) and set(once.count) == {16}
    with pytest.raises(InputError, match="too short"):
        make_level([_sample(0, 30)], matrix, 3, phases=False)
    out = [in_fold(s, 3, 1, set()) for s in samples]
    people = {
        s.entry.speaker: {o for t, o in zip(samples, out, strict=True) if t.entry.speaker == s.entry.speaker}
        for s in samples
    }
    assert all(len(o) == 1 for o in people.values()) and 0 < sum(out) < 30
    assert not any(in_fold(s, 0, 0, set()) for s in samples)
    crowd = [in_fold(s, 3, 1, {s.entry.speaker}) for s in samples]
    assert 0 < sum(crowd) < 30


def test_syncer_resumes_to_the_bit_and_says_why_it_learns_nothing(tmp_path: Path) -> None:
    samples = [_sample(i) for i in range(8)]
    level = make_level(samples, np.eye(D, 5, dtype=np.float32), 0, phases=True)
    config = SyncerConfig(steps=4, clips=2, windows=4, width=8, out=4, roles={"a": 1.0}, dev_every=2, save_every=2)

    def go(out: Path, steps: int) -> SyncerTrainer:
        t = SyncerTrainer(config, level, level, "lips", 0, out)
        while t.step < steps:
            t.advance()
        t.save()
        return t

    whole = go(tmp_path / "whole", 4)
    go(tmp_path / "parts", 2)
    parts = go(tmp_path / "parts", 4)
    for (name, a), b in zip(whole.net.state_dict().items(), parts.net.state_dict().values(), strict=True):
        assert bool((a == b).all()), name
    seen: list[dict[str, float]] = []
    # Sound and motion are noise: nothing can be learnt, and the run says what to look at.
    SyncerTrainer(config, level, level, "lips", 0, tmp_path / "noise").run(lambda step, found: seen.append(found))
    assert "near_chance_pieces" in seen[-1] and seen[-1]["near_chance_speakers"] == 7
    with pytest.raises(InputError, match=r"another recipe \(shift 0\.3, not 0\.1\)"):
        SyncerTrainer(config.model_copy(update={"shift": 0.1}), level, level, "lips", 0, tmp_path / "whole")
    with pytest.raises(InputError, match="other clips"):
        SyncerTrainer(config, level, level, "lips", 0, tmp_path / "marked", marks={"clips": "1"}).save()
        SyncerTrainer(config, level, level, "lips", 0, tmp_path / "marked", marks={"clips": "2"})
    with pytest.raises(InputError, match=r"shows no lip gap .* `matched: 0`"):
        matched = config.model_copy(update={"matched": 0.5, "views": ["lips"]})
        SyncerTrainer(matched, level, level, "lips", 0, tmp_path / "matched")
    other = config.model_copy(update={"width": 16})
    with pytest.raises(InputError, match="other net sizes"):
        SyncerTrainer(other, level, level, "lips", 0, tmp_path / "whole")


def test_some_clips_come_through_a_line_that_shuts_outer_bands() -> None:
    sound = torch.randn(400, 30, 26, generator=torch.Generator().manual_seed(1)) + 3.0
    sound[:, 0] = -10.0  # far below any noise that is added
    heard = SoundAugment(26, 1.0, NAT["bands"], torch.Generator().manual_seed(2))(sound)[:, 1:]
    shut = heard.mean(1) < -3.0
    assert not shut[:, 4:17].any()  # the middle always comes through
    assert 0.05 < (shut[:, 1] & shut[:, -4]).float().mean() < 0.2
    assert 0.6 < (~shut.any(1)).float().mean() < 0.9

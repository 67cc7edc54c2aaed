"""The published generator in training: every switch does what it says, and a run resumes to the bit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mssync.errors import InputError
from mssync.models import load_model, shipped_syncer
from mssync.motion.landmarks import LandmarkSpace
from mssync.motion.mesh import MeshSpace
from mssync.motion.space import MotionSpace
from mssync.motion.spaces import load_space
from mssync.nets.discriminator import DiscriminatorShape, WindowDiscriminator
from mssync.nets.paper import PaperGenerator, PaperShape
from mssync.training.config.paper import PaperConfig, PaperNetConfig, PaperOptimiserConfig
from mssync.training.data.clips import Clip, save_clip
from mssync.training.data.index import Record, write_report
from mssync.training.data.listing import Entry
from mssync.training.data.samples import Sample
from mssync.training.export import export_model
from mssync.training.paper import PaperTrainer, factor, keypoints_of, rigidity
from mssync.training.recipe import load_config
from mssync.training.run_paper import load_paper_run, train_paper

SPACE = load_model().file("space.npz")
NET = {
    "channels": 8, "width": 8, "hidden": 4, "feed_forward": 8, "branch": 8, "ends": 1, "expansion": 1, "context": 6,
}  # fmt: skip
TINY: dict[str, Any] = {
    "steps": 4, "batch": 2, "frames": 10, "dev_every": 100, "net": NET,
    "discriminator": {"width": 6, "hidden": 4, "windows": [3, 6]}, "loss": {"synchrony": {}},
}  # fmt: skip


@pytest.fixture(scope="module")
def landmarks() -> LandmarkSpace:
    mesh = load_space(SPACE)
    assert isinstance(mesh, MeshSpace)
    return LandmarkSpace(mesh)


def _samples(space: MotionSpace, count: int = 3) -> list[Sample]:
    out = []
    for i in range(count):
        rng = np.random.default_rng(i)
        motion = (np.cumsum(rng.standard_normal((40, len(space.names))), 0) * 0.01).astype(np.float32)
        one, unknown = np.ones(40, np.float32), np.full(40, -1, np.int8)
        sound = rng.standard_normal((160, 26)).astype(np.float32)
        entry = Entry(f"c{i}", "train", "a", f"s{i}")
        out.append(Sample(entry, motion, sound, one, one > 0, np.zeros(2, np.float32), unknown, space.groups))
    return out


def _trainer(space: LandmarkSpace, out: Path, **changed: Any) -> PaperTrainer:
    net, loss = {**NET, **changed.pop("net", {})}, {**TINY["loss"], **changed.pop("loss", {})}
    config = PaperConfig.model_validate({**TINY, **changed, "net": net, "loss": loss})
    samples = _samples(space)
    return PaperTrainer(config, space, samples, samples, out)


def test_the_published_recipe_has_the_published_sizes_and_rates() -> None:
    config = load_config("paper-landmarks", PaperConfig)
    published = PaperConfig(name="paper-landmarks", steps=100000)
    assert config == published, "the defaults are the authors', and the recipe spells them out"
    n = PaperNetConfig()
    with torch.device("meta"):
        net = PaperGenerator(
            PaperShape(10, 6, channels=n.channels, width=n.width, hidden=n.hidden, branch=n.branch, ends=n.ends)
        )
    assert sum(x.numel() for x in net.parameters()) == 35_410_254
    small = load_config("paper-landmarks-small", PaperConfig)
    assert small.net.branches == 4 and small.net.bias and small.loss.levels == published.loss.levels


def test_masks_are_of_keypoints_or_of_columns(landmarks: LandmarkSpace) -> None:
    assert keypoints_of(landmarks, "keypoint") == (68, 2) and keypoints_of(landmarks, "column") == (136, 1)
    assert keypoints_of(landmarks.mesh, "column") == (43, 1)
    with pytest.raises(InputError, match="masks_per: column"):
        keypoints_of(landmarks.mesh, "keypoint")


@pytest.mark.parametrize(
    "net",
    [
        {"branches": 1}, {"bias": False}, {"masks": "sigmoid"}, {"masks_per": "column"}, {"layers": 2, "heads": 2},
        {"positions": True}, {"style": 2, "noise": 3}, {"trunk": [1, 2]},
    ],
)  # fmt: skip
def test_every_switch_of_the_net_changes_it_and_trains(
    landmarks: LandmarkSpace, tmp_path: Path, net: dict[str, Any]
) -> None:
    plain, other = _trainer(landmarks, tmp_path / "a"), _trainer(landmarks, tmp_path / "b", net=net)
    assert other.shape != plain.shape
    before = [x.clone() for x in other.net.parameters()]
    assert {"loss", "supervised", "warm_up", "adversarial", "critic"} <= set(other.advance())
    moved = [name for (name, x), y in zip(other.net.named_parameters(), before, strict=True) if not torch.equal(x, y)]
    assert len(moved) > 0.8 * len(before)
    run = load_paper_run_of(other)
    a, b = (run.speak(np.zeros(136, np.float32), np.zeros((48, 26), np.float32), seed) for seed in (1, 2))
    assert a.shape == (12, 136) and np.isfinite(a).all()
    assert np.array_equal(a, b) == ("noise" not in net), "only noise and style make takes differ"


def load_paper_run_of(trainer: PaperTrainer) -> Any:
    trainer.save()
    return load_paper_run(trainer.out)


def test_age_reaches_the_transformer_and_masks_reach_the_columns() -> None:
    torch.manual_seed(0)
    shape = PaperShape(5, 2, channels=8, width=8, hidden=4, feed_forward=8, branch=8, ends=1, expansion=1, positions=1)
    net = PaperGenerator(shape).eval()
    step = net.step
    past, missing = torch.randn(1, 40, 8), torch.zeros(1, 40)
    swapped = past[:, [*range(38), 39, 38]]
    same = [step(torch.zeros(1, 10), p, missing, torch.zeros(1, 4, 8))[0] for p in (past, swapped)]
    assert not torch.allclose(*same), "with positions the order of the past counts"
    step.age.zero_()
    same = [step(torch.zeros(1, 10), p, missing, torch.zeros(1, 4, 8))[0] for p in (past, swapped)]
    assert torch.allclose(*same, atol=1e-6), "without, it does not (the published net)"


def test_every_loss_has_its_weight_and_costs_nothing_at_zero(landmarks: LandmarkSpace, tmp_path: Path) -> None:
    bare = {"adversarial": 0, "supervised": 0, "warm_up": 0}
    assert set(_trainer(landmarks, tmp_path / "a", loss=bare).advance()) == {"loss"}
    every = {"velocity": 1.0, "rigidity": 2.0, "adversarial_from": 5}
    found = _trainer(landmarks, tmp_path / "b", loss=every).advance()
    assert set(found) == {"loss", "supervised", "warm_up", "velocity", "rigidity"}
    twice = _trainer(landmarks, tmp_path / "c", loss={**every, "rigidity": 4.0}).advance()
    assert twice["rigidity"] == pytest.approx(2 * found["rigidity"], rel=1e-5)
    mesh = landmarks.mesh
    config = PaperConfig.model_validate({**TINY, "net": {**NET, "masks_per": "column"}, "loss": {"rigidity": 1.0}})
    with pytest.raises(InputError, match="no syncers are given"):
        PaperTrainer(config, mesh, _samples(mesh), _samples(mesh), tmp_path / "d")
    config = config.model_copy(update={"loss": config.loss.model_copy(update={"synchrony": {}})})
    with pytest.raises(InputError, match="only the motion space landmarks"):
        PaperTrainer(config, mesh, _samples(mesh), _samples(mesh), tmp_path / "d")


def test_rigid_points_that_keep_their_distances_cost_nothing() -> None:
    torch.manual_seed(0)
    first = torch.randn(2, 1, 68, 2)
    angle = torch.linspace(0, 1, 6)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).reshape(6, 2, 2)
    turned = torch.einsum("bpd,nde->bnpe", first[:, 0], turn) + torch.randn(2, 6, 1, 2)
    for to in ("init", "delta"):
        assert float(rigidity(turned, first, to)) < 1e-5
    assert float(rigidity(1.5 * first.expand(-1, 4, -1, -1), first, "init")) == pytest.approx(0.5 * 16 / 17, rel=1e-4)
    assert float(rigidity(1.5 * first.expand(-1, 4, -1, -1), first, "delta")) == 0.0


def test_rates_follow_their_schedule() -> None:
    def at(step: int, **fields: Any) -> float:
        return factor(PaperOptimiserConfig(**fields), step, 100)

    assert at(50) == 1.0 and at(50, schedule="constant", gamma=0.5, every=1) == 1.0
    assert [at(n, gamma=0.5, every=10) for n in (0, 9, 10, 25)] == [1.0, 1.0, 0.5, 0.25]
    assert at(0, schedule="cosine") == 1.0 and at(100, schedule="cosine") == pytest.approx(0.05)


def test_windows_of_the_discriminator_are_the_recipes() -> None:
    motion = torch.randn(2, 21, 4)
    shape = DiscriminatorShape(4, 6, 4)
    scores = [WindowDiscriminator(shape, w)(motion)[1].shape[1] for w in ((5,), (5, 10), (20,))]
    assert scores == [8, 11, 1]


def test_lengths_are_drawn_between_the_recipes_ends(landmarks: LandmarkSpace, tmp_path: Path) -> None:
    trainer = _trainer(landmarks, tmp_path, frames=8, frames_max=14)
    lengths = {trainer._batch()[0].shape[1] for _ in range(30)}
    assert min(lengths) >= 3 + 8 and max(lengths) <= 3 + 14 and len(lengths) > 3


def test_a_resumed_run_equals_an_unbroken_one(landmarks: LandmarkSpace, tmp_path: Path) -> None:
    def go(out: Path, steps: int) -> PaperTrainer:
        trainer = _trainer(landmarks, out, net={"noise": 2})
        while trainer.step < steps:
            trainer.advance()
        trainer.save()
        return trainer

    whole = go(tmp_path / "whole", 4)
    go(tmp_path / "parts", 2)
    parts = go(tmp_path / "parts", 4)
    for net in ("net", "critic"):
        one, two = (getattr(t, net).state_dict() for t in (whole, parts))
        assert all(torch.equal(one[k], two[k]) for k in one)
    with pytest.raises(InputError, match=r"begun with another recipe \(loss\.supervised 0\.01, not 0\.5\)"):
        _trainer(landmarks, tmp_path / "parts", net={"noise": 2}, loss={"supervised": 0.5})


def _keep(seen: list[dict[str, float]], step: int, numbers: dict[str, float]) -> None:
    seen.append(numbers)


def test_the_command_trains_in_any_space_with_the_levels_it_is_told(tmp_path: Path) -> None:
    mesh, records = load_space(SPACE), {}
    for i, s in enumerate(_samples(mesh, 4)):
        name = f"p{i}/c"
        mel = np.zeros((160, 40), np.float32)
        save_clip(
            tmp_path / "clips" / f"{name}.npz",
            Clip(name, s.motion, s.valid, s.sound, mel, s.speech, s.bilabial, mesh.mark),
        )
        records[name] = Record(space=mesh.mark, seconds=1.6, talk=1.0, face=90.0, found=1.0)
    write_report(tmp_path / "clips", records)
    found: list[float] = []
    for levels in ("{0: 1}", "{0: 1, 1: 3}"):
        recipe = tmp_path / "r.yaml"
        seen: list[dict[str, float]] = []
        recipe.write_text(
            f"steps: 1\nbatch: 2\nframes: 20\ndiscriminator: {{width: 6, hidden: 4}}\n"
            f"net: {{masks_per: column, {', '.join(f'{k}: {v}' for k, v in NET.items())}}}\n"
            f"loss: {{levels: {levels}, synchrony: {{lips: 1.0}}}}\n"
        )
        out = tmp_path / f"run{len(found)}"
        report = partial(_keep, seen)
        train_paper(tmp_path / "clips", None, SPACE, recipe, out, syncers=shipped_syncer(), report=report)
        assert {"sync_lips", "l2", "velocity"} <= {k for x in seen for k in x}
        found.append(next(x["sync_lips"] for x in seen if "loss" in x))
        made = load_paper_run(out).speak(np.zeros(43, np.float32), np.zeros((80, 26), np.float32))
        assert made.shape == (20, 43) and np.isfinite(made).all()
    assert found[0] != found[1]
    with pytest.raises(InputError, match="no training run"):
        load_paper_run(tmp_path)
    with pytest.raises(InputError, match="run of `mssync train paper`"):
        export_model(tmp_path / "run1", tmp_path / "model")

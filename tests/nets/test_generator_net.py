"""The generator net: what each output may hear, blocks against the whole, state, and its exported twin."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mssync.motion.columns import Groups, mesh_columns
from mssync.motion.generator import CLOSURE_SLOPE, MotionGenerator
from mssync.motion.options import MotionOptions
from mssync.motion.stages import Setting, stages_of
from mssync.motion.stream import MotionStream
from mssync.nets.articulation import HEARD, ArticulationNet
from mssync.nets.closure import STEPS_BEFORE, WINDOW, ClosureNet, cut_windows
from mssync.nets.generator import Generator, GeneratorShape
from mssync.timing import BLOCK_FRAMES, CONTEXT_FRAMES, LOOKAHEAD_FRAMES, STEPS_PER_FRAME
from mssync.training.config import NetConfig
from mssync.training.export import TOLERANCE, compare, export_graphs

SMALL = GeneratorShape(motion=11, channels=16, width=24, hidden=12, branch=20, window=6, style=4, noise=3)

# Weighs channels unevenly: the plain sum over a layer norm is the same for any sound.
PROBE = torch.linspace(0.1, 1.0, 16)


@pytest.fixture(scope="module")
def net() -> Generator:
    torch.manual_seed(0)
    return Generator(SMALL).eval()


def _sound(frames: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    steps = STEPS_PER_FRAME * (CONTEXT_FRAMES + frames + LOOKAHEAD_FRAMES)
    return torch.randn(batch, steps, SMALL.bands, generator=torch.Generator().manual_seed(seed))


def test_shapes_and_values_are_finite(net: Generator) -> None:
    levels = net.sound(_sound(16, 2))
    assert levels.shape == (2, 16, 4, SMALL.channels)
    poses, state = net.rollout(net.start(2), levels, torch.zeros(2, 16, SMALL.style + SMALL.noise))
    assert poses.shape == (2, 16, SMALL.motion) and torch.isfinite(poses).all()
    assert state.keys.shape == (2, SMALL.window, SMALL.width)


def test_blocks_equal_the_whole(net: Generator) -> None:
    sound = _sound(40)
    whole = net.sound(sound)
    for start in range(0, 40, BLOCK_FRAMES):
        frames = CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES
        part = net.sound(sound[:, STEPS_PER_FRAME * start : STEPS_PER_FRAME * (start + frames)])
        assert torch.allclose(part, whole[:, start : start + BLOCK_FRAMES], atol=1e-6)


def test_look_ahead_is_below_half_a_second(net: Generator) -> None:
    sound = _sound(16).requires_grad_()
    levels = net.sound(sound)
    farthest = 0
    for t in range(16):
        (grad,) = torch.autograd.grad(levels[:, t].square().mul(PROBE).sum(), sound, retain_graph=True)
        heard = grad.abs().sum((0, 2)).nonzero()[:, 0]
        farthest = max(farthest, int(heard.max()) - STEPS_PER_FRAME * (CONTEXT_FRAMES + t))
    # In steps of 10 ms from the frame's start, plus the 17.5 ms that the window of a step reaches ahead.
    assert 0 < farthest * 0.01 + 0.0175 < 0.5


def test_pose_t_is_made_of_the_audio_at_the_start_of_frame_t_plus_one(net: Generator) -> None:
    """What old weights mean: row t of level 0 is centred there, and a rollout takes row t for pose t."""
    sound = _sound(16).requires_grad_()
    levels = net.sound(sound)
    for t in (0, 7, 15):
        (grad,) = torch.autograd.grad(levels[:, t, 0].square().mul(PROBE).sum(), sound, retain_graph=True)
        heard = grad.abs().sum((0, 2)).nonzero()[:, 0]
        centre = STEPS_PER_FRAME * (CONTEXT_FRAMES + t + 1)
        assert (int(heard.min()), int(heard.max())) == (centre - 12, centre + 12)
    rows = levels.detach().requires_grad_()
    poses, _ = net.rollout(net.start(1), rows, torch.zeros(1, 16, SMALL.style + SMALL.noise))
    (grad,) = torch.autograd.grad(poses[:, 7].square().sum(), rows)
    assert grad.abs().sum((0, 2, 3)).nonzero()[:, 0].tolist() == list(range(8))


@pytest.mark.parametrize(("context", "lookahead", "block"), [(48, 12, 16), (56, 4, 8), (64, 0, 8), (96, 20, 8)])
def test_other_clocks(context: int, lookahead: int, block: int, tmp_path: Path) -> None:
    """Blocks equal the whole, nothing beyond the look-ahead is heard, and the runtime takes the clock as it is."""
    shape = replace(SMALL, context=context, lookahead=lookahead, block=block)
    torch.manual_seed(0)
    net = Generator(shape).eval()
    frames = 4 * block
    sound = torch.randn(1, STEPS_PER_FRAME * (context + frames + lookahead), SMALL.bands).requires_grad_()
    whole = net.sound(sound)
    for start in range(0, frames, block):
        part = net.sound(sound[:, STEPS_PER_FRAME * start :][:, : shape.timing.steps])
        assert torch.allclose(part, whole[:, start : start + block], atol=1e-6)
    for t in (0, 5, frames - 1):
        (grad,) = torch.autograd.grad(whole[:, t].square().mul(PROBE).sum(), sound, retain_graph=True)
        heard = grad.abs().sum((0, 2)).nonzero()[:, 0]
        assert int(heard.min()) >= 0 and int(heard.max()) < STEPS_PER_FRAME * (context + t + 1 + lookahead)
    export_graphs(net, ClosureNet(SMALL.bands, 8).eval(), None, tmp_path)
    manifest = {
        "shape": shape.as_dict(), "scales": [1.0] * shape.motion, "style": {"default": [0.3, -0.2]},
        "closure": {"thresholds": [0.5, 0.5]},
    }  # fmt: skip
    assert compare(net, None, tmp_path, manifest) < TOLERANCE
    voice = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    made = []
    for chunk in (999, 16000):
        setting = Setting(Groups.of(mesh_columns(0)), {}, MotionOptions())
        stream = MotionStream(
            MotionGenerator(tmp_path, manifest), stages_of(["head_smoothing", "closures"], setting), 0
        )
        parts = [stream.push(voice[i : i + chunk]) for i in range(0, len(voice), chunk)]
        made.append(np.concatenate([*parts, stream.flush()]))
    assert made[0].shape == (25, shape.motion) and np.abs(made[0] - made[1]).max() < 1e-5


@pytest.mark.parametrize(
    "clock", [{"context": 40}, {"context": 50}, {"block": 4}, {"lookahead": 4}, {"context": 56, "lookahead": 0}]
)
def test_clocks_on_which_the_encoder_cannot_work(clock: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="context"):
        replace(SMALL, **clock)
    with pytest.raises(ValidationError):
        NetConfig(**clock)


def test_each_level_hears_farther_back(net: Generator) -> None:
    sound = _sound(8).requires_grad_()
    levels = net.sound(sound)
    reach = []
    for level in range(4):
        (grad,) = torch.autograd.grad(levels[:, 4, level].square().mul(PROBE).sum(), sound, retain_graph=True)
        heard = grad.abs().sum((0, 2)).nonzero()[:, 0]
        reach.append(int(heard.max() - heard.min()))
    assert reach == sorted(reach) and reach[3] > 4 * reach[0]


def test_history_matters_and_is_bounded(net: Generator) -> None:
    levels = net.sound(_sound(16))
    extra = torch.zeros(1, 16, SMALL.style + SMALL.noise)
    poses, state = net.rollout(net.start(1), levels, extra)
    again, _ = net.rollout(state, levels, extra)
    assert not torch.allclose(poses, again)
    # Only the last `window` steps are kept: an older cache entry that is not masked changes nothing once pushed out.
    assert (state.mask == 0).all()


def test_missing_past_is_not_attended(net: Generator) -> None:
    levels = net.sound(_sound(8))
    extra = torch.zeros(1, SMALL.style + SMALL.noise)
    state = net.start(1)
    other = net.start(1)
    other.keys = torch.randn_like(other.keys)
    other.values = torch.randn_like(other.values)
    a, b = net.advance(state, levels[:, 0], extra), net.advance(other, levels[:, 0], extra)
    assert torch.allclose(a.pose, b.pose, atol=1e-6)


def test_noise_and_sound_move_the_output(net: Generator) -> None:
    levels = net.sound(_sound(8))
    quiet = torch.zeros(1, 8, SMALL.style + SMALL.noise)
    base, _ = net.rollout(net.start(1), levels, quiet)
    noisy, _ = net.rollout(net.start(1), levels, quiet + 1)
    deaf, _ = net.rollout(net.start(1), torch.zeros_like(levels), quiet)
    assert (base - noisy).abs().max() > 1e-4
    assert (base - deaf).abs().max() > 1e-4


def test_exported_graphs_equal_the_net(net: Generator, tmp_path: Path) -> None:
    with torch.no_grad():
        net.step.out.weight.mul_(10)  # fresh nets hardly move: make differences visible
    torch.manual_seed(1)
    closures = ClosureNet(SMALL.bands, 8).eval()
    articulation = ArticulationNet(SMALL.bands, SMALL.motion - 10, 8).eval()
    articulation.from_own.copy_(0.5 * torch.eye(SMALL.motion - 10))
    export_graphs(net, closures, articulation, tmp_path)
    manifest = {
        "shape": SMALL.as_dict(),
        "scales": [0.5 + i for i in range(SMALL.motion)],
        "style": {"default": [0.3, -0.2]},
        "closure": {"thresholds": [0.5, 0.5]},
        "articulation": {"lookahead": 5, "columns": [6, 7]},
    }
    assert compare(net, articulation, tmp_path, manifest) < TOLERANCE
    runtime = MotionGenerator(tmp_path, json.loads(json.dumps(manifest)))
    sound = _sound(BLOCK_FRAMES).numpy()[0]
    start = runtime.start(3)
    after, rows = runtime.block(start, sound)
    _, same = runtime.block(runtime.start(3), sound)
    _, other = runtime.block(runtime.start(4), sound)
    assert np.abs(rows).max() > 1e-3
    assert np.array_equal(rows, same) and not np.array_equal(rows, other)
    # The state handed in is untouched: it can be stepped again.
    assert np.array_equal(runtime.block(start, sound)[1], rows)
    assert after.arrays()["keys"].shape == start.arrays()["keys"].shape
    # The block's frames are windows 48 to 55 of the same sound; a closure is eased over one frame on each side.
    with torch.no_grad():
        above = closures(cut_windows(torch.from_numpy(sound)))[CONTEXT_FRAMES - 1 :][: BLOCK_FRAMES + 2].amax(1).numpy()
    free = 1 / (1 + np.exp(above * CLOSURE_SLOPE))
    eased = np.minimum(free[1:-1], (free[:-2] + 2 * free[1:-1] + free[2:]) / 4)
    assert np.abs(1 - runtime.closures(sound) - eased).max() < 1e-4


def test_runtime_and_net_agree_on_the_windows_of_closures() -> None:
    from mssync.motion import generator as runtime

    assert (runtime.CLOSURE_BEFORE, runtime.CLOSURE_STEPS) == (STEPS_BEFORE, WINDOW)
    assert runtime.HEARD_FRAMES == HEARD


def test_sizes_of_older_versions_are_understood() -> None:
    sizes = {**SMALL.as_dict(), "decay": 20}
    old = {("leak" if name == "decay" else name): size for name, size in sizes.items()}
    assert GeneratorShape.of(old) == GeneratorShape.of(sizes) == GeneratorShape(**sizes)
    with pytest.raises(TypeError):
        GeneratorShape.of({**sizes, "speed": 1})


def test_decay_brings_back_what_nothing_holds_and_leaves_the_head() -> None:
    shape = GeneratorShape(**{**SMALL.as_dict(), "decay": 100})
    torch.manual_seed(0)
    net = Generator(shape).eval()
    with torch.no_grad():
        net.step.out.weight.zero_()
        made, _ = net.rollout(net.start(1, torch.ones(1, shape.motion)), torch.zeros(1, 20, 4, shape.channels),
                              torch.zeros(1, 20, shape.style + shape.noise))  # fmt: skip
    assert torch.allclose(made[0, :, :6], torch.ones(20, 6))
    assert torch.allclose(made[0, -1, 6:], torch.full((shape.motion - 6,), 0.9**20), atol=1e-5)


def test_the_gradient_scale_changes_the_gradient_and_not_the_motion() -> None:
    torch.manual_seed(0)
    net = Generator(SMALL)
    levels, extra = torch.randn(1, 12, 4, SMALL.channels), torch.randn(1, 12, SMALL.style + SMALL.noise)
    found = []
    for scale in (1.0, 0.5):
        levels.requires_grad_().grad = None
        made, _ = net.rollout(net.start(1), levels, extra, gradient_scale=scale)
        made[0, -1].sum().backward()
        assert levels.grad is not None
        found.append((made.detach(), levels.grad[0].abs().sum((1, 2))))
    (one, full), (two, short) = found
    assert torch.allclose(one, two)
    assert torch.allclose(full[-1], short[-1], rtol=1e-3)
    assert float(short[2]) < 0.05 * float(full[2])


def test_masks_share_or_stand_alone() -> None:
    state = {k: v.clone() for k, v in Generator(SMALL).state_dict().items()}
    levels, extra = torch.randn(1, 4, 4, SMALL.channels), torch.randn(1, 4, SMALL.style + SMALL.noise)
    made = []
    for sigmoid in (0, 1):
        net = Generator(GeneratorShape(**{**SMALL.as_dict(), "sigmoid": sigmoid}))
        net.load_state_dict(state)
        with torch.no_grad():
            net.step.out.weight.mul_(10)
            made.append(net.rollout(net.start(1), levels, extra)[0])
    assert not torch.allclose(made[0], made[1], atol=1e-3)

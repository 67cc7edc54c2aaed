"""Sound to motion at run time: the exported generator on ONNX Runtime, as a stream with explicit state.

``state, rows = generator.block(state, sound)`` is the whole interface: fixed-size state, fixed blocks of eight frames,
so that any chunking of the sound gives the same motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.motion.blinks import BlinkModel, BlinkProcess
from mssync.motion.columns import HEAD_NAMES
from mssync.motion.gap_curve import GapCurve
from mssync.motion.noise import BURN_IN, burned_in, smooth
from mssync.sessions import PATIENCE, Network, open_session
from mssync.speech.activity import ActivityStream, GateStream
from mssync.speech.features import BANDS, FEATURE_RANGE, FeatureStream
from mssync.timing import BLOCK_FRAMES, CONTEXT_FRAMES, LOOKAHEAD_FRAMES, STEPS_PER_FRAME

_Shapes = dict[str, tuple[int | None, ...]]

LEVELS: Final = 4  # of the sound pyramid inside the encoder
# What of the net's sizes the graphs' inputs and outputs depend on.
SIZES: Final = ("motion", "bands", "channels", "width", "window", "style", "noise")
CLOSURE_BEFORE: Final = 24  # sound steps before a frame that the closure net hears, and all of them
CLOSURE_STEPS: Final = 52
CLOSURE_SLOPE: Final = 4.0  # how sharply lips go from free to touching around the threshold
NETWORK_STATE: Final = ("pose", "velocity", "keys", "values", "mask")
RECENTRE_FRAMES: Final = 300  # time constant of the slow return to the photo's own pose
EASE_FRAMES: Final = 12
SILENT_EXPRESSION: Final = 0.1  # share of the expression that stays while nobody speaks


@dataclass(frozen=True)
class MotionOptions:
    """The knobs of motion.

    Attributes:
        seed: same inputs, seed and version give the same motion.
        head: head-motion amount; 1 = as people do, 0 = still.
        mouth: amount of articulation; 1 = as people do.
        blink: blink rate; 1 = as people do, 0 = never.
    """

    seed: int = 0
    head: float = 1.0
    mouth: float = 1.0
    blink: float = 1.0

    def __post_init__(self) -> None:
        for name, low, high in (("head", 0.0, 3.0), ("mouth", 0.0, 3.0), ("blink", 0.0, 10.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"--{name} must lie between {low:g} and {high:g}, not {value}.")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"--seed must be a whole number from 0 to 2^63 - 1, not {self.seed}.")


@dataclass
class GeneratorState:
    """All that the generator remembers: plain arrays of fixed size (see :meth:`arrays` for saving)."""

    pose: Array
    velocity: Array
    keys: Array
    values: Array
    mask: Array
    style: Array
    noise: Array
    rng: np.random.Generator

    def arrays(self) -> dict[str, Array]:
        """The state without its random generator, by name."""
        return {n: getattr(self, n) for n in (*NETWORK_STATE, "style", "noise")}


class MotionGenerator:
    """The two exported graphs.

    Args:
        folder: model folder with ``sound.onnx`` and ``step.onnx``.
        manifest: its parsed manifest.
        data: the graphs' bytes by file name, where they were read (and checked) already.
        device: ``cpu``, ``cuda``, or ``auto`` (the first that ONNX Runtime offers).
        threads: for the sound encoder; the step graph is too small to share.
    Raises:
        InputError: there is no such device.
        AssetError: a graph is missing, damaged, or not one of a generator of these sizes.
    """

    def __init__(
        self,
        folder: Path,
        manifest: dict[str, Any],
        *,
        data: Mapping[str, bytes] | None = None,
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        known = data or {}
        self._shape: dict[str, int] = {k: int(manifest["shape"][k]) for k in SIZES}
        takes_and_gives = _graphs(self._shape)

        def network(name: str, device: str, threads: int) -> Network:
            path = folder / name
            session = open_session(path, data=known.get(name), device=device, threads=threads)
            return Network(path, session, *takes_and_gives[name])

        self._sound = network("sound.onnx", device, threads)
        self._step = network("step.onnx", device, 1)
        self._closure = network("closure.onnx", "cpu", 1)
        for name, net in (("sound.onnx", self._sound), ("step.onnx", self._step), ("closure.onnx", self._closure)):
            quiet = {n: np.zeros([m or 1 for m in shape], np.float32) for n, shape in takes_and_gives[name][0].items()}
            net.run(quiet, patience=PATIENCE)
        odds = np.asarray(manifest["closure"]["thresholds"], np.float32)
        self._touching = np.log(odds / (1.0 - odds))
        self.head_gain = np.asarray(manifest["head_gain"], np.float32)
        self._scales = np.asarray(manifest["scales"], np.float32)
        style = manifest["style"]
        self._energy = np.asarray(style["default"], np.float32)
        self.gap_curve = GapCurve(**{k: tuple(map(float, v)) for k, v in manifest["gap_curve"].items()})
        self.columns = len(self._scales)

    def start(self, seed: int) -> GeneratorState:
        """The state before the first frame: the photo's own pose, held through a short silence; a style drawn from the
        seed. (The paper, too, repeats the first pose before it lets go.)
        """
        s = self._shape
        rng = np.random.default_rng([seed, 0x5EED])
        drawn = rng.standard_normal(s["style"] - len(self._energy)).astype(np.float32)
        noise = burned_in(rng.standard_normal((BURN_IN, s["noise"])).astype(np.float32))
        state = GeneratorState(
            np.zeros((1, s["motion"]), np.float32),
            np.zeros((1, s["motion"]), np.float32),
            np.zeros((1, s["window"], s["width"]), np.float32),
            np.zeros((1, s["window"], s["width"]), np.float32),
            np.full((1, s["window"]), -1e4, np.float32),
            np.concatenate([self._energy, drawn])[None],
            noise,
            rng,
        )
        frames = CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES
        silence = np.full((frames * STEPS_PER_FRAME, BANDS), FEATURE_RANGE[0], np.float32)
        return self._advance(state, silence, hold=True)[0]

    def block(self, state: GeneratorState, sound: Array) -> tuple[GeneratorState, Array]:
        """Eight frames of motion.

        Args:
            state: from :meth:`start` or the call before; it is not changed.
            sound: ``(4 (48 + 8 + 12), 26)`` features around the block.
        Returns:
            the next state and ``(8, D)`` rows in the motion space's units.
        """
        return self._advance(state, sound, hold=False)

    def openness(self, sound: Array) -> Array:
        """How far lips may part in the block's frames ``(8,)``: 1 as they like, 0 where the sound asks them to touch.

        Args:
            sound: as for :meth:`block`.
        """
        frames = np.arange(-1, BLOCK_FRAMES + 1)  # and one on each side, for the way into and out of a closure
        first = STEPS_PER_FRAME * (CONTEXT_FRAMES + frames) - CLOSURE_BEFORE
        logit = self._closure.run({"sound": sound[first[:, None] + np.arange(CLOSURE_STEPS)]})[0]
        above = (logit - self._touching).max(1)
        free = 1.0 / (1.0 + np.exp(np.clip(above * CLOSURE_SLOPE, -30.0, 30.0)))
        eased = 0.5 * free[1:-1] + 0.25 * (free[:-2] + free[2:])
        return np.asarray(np.minimum(free[1:-1], eased), np.float32)

    def _advance(self, state: GeneratorState, sound: Array, *, hold: bool) -> tuple[GeneratorState, Array]:
        levels = self._sound.run({"sound": sound[None]})[0]
        rng = np.random.default_rng()
        rng.bit_generator.state = state.rng.bit_generator.state
        white = rng.standard_normal((levels.shape[1], self._shape["noise"])).astype(np.float32)
        noise, noise_state = smooth(white, state.noise)
        now = {n: getattr(state, n) for n in NETWORK_STATE}
        rows = np.empty((levels.shape[1], self.columns), np.float32)
        for t in range(levels.shape[1]):
            extra = np.concatenate([state.style, noise[t : t + 1]], 1)
            out = self._step.run({**now, "sound": levels[:, t], "extra": extra})
            mask = np.concatenate([now["mask"][:, 1:], np.zeros((1, 1), np.float32)], 1)
            pose, velocity = (state.pose, np.zeros_like(state.velocity)) if hold else (out[0], out[1])
            now = {"pose": pose, "velocity": velocity, "keys": out[2], "values": out[3], "mask": mask}
            rows[t] = out[0][0]
        return GeneratorState(**now, style=state.style, noise=noise_state, rng=rng), rows * self._scales


def _graphs(s: Mapping[str, int]) -> dict[str, tuple[_Shapes, _Shapes]]:
    """Inputs and outputs of the three graphs, by file name."""
    frames = CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES
    heard: _Shapes = {"sound": (1, STEPS_PER_FRAME * frames, s["bands"])}
    state: _Shapes = {
        "pose": (1, s["motion"]), "velocity": (1, s["motion"]),
        "keys": (1, s["window"], s["width"]), "values": (1, s["window"], s["width"]),
    }  # fmt: skip
    step: _Shapes = {
        **state,
        "mask": (1, s["window"]), "sound": (1, LEVELS, s["channels"]), "extra": (1, s["style"] + s["noise"]),
    }  # fmt: skip
    return {
        "sound.onnx": (heard, {"levels": (1, BLOCK_FRAMES, LEVELS, s["channels"])}),
        "step.onnx": (step, {f"next_{name}": shape for name, shape in state.items()}),
        "closure.onnx": ({"sound": (None, CLOSURE_STEPS, s["bands"])}, {"logits": (None, 2)}),
    }


class MotionStream:
    """Sound in, motion out, any chunk sizes: features, silence, generator, blinks and knobs in one stream.

    Args:
        generator: the model.
        blinks: how people blink.
        options: the knobs.
    """

    def __init__(self, generator: MotionGenerator, blinks: BlinkModel, options: MotionOptions) -> None:
        self._generator, self._options = generator, options
        self._features, self._activity, self._gate = FeatureStream(), ActivityStream(), GateStream()
        self._blinks = BlinkProcess(blinks, options.seed, options.blink)
        self._state = generator.start(options.seed)
        silent = CONTEXT_FRAMES * STEPS_PER_FRAME
        self._sound = np.full((silent, BANDS), FEATURE_RANGE[0], np.float32)
        self._open = np.zeros(0, np.float32)
        # Some styles lean, droop their lids or look aside for good; a photo should keep its own posture. Motion in the
        # training data is relative to the middle of some ten seconds, and so it is here.
        self._posture = [*range(len(HEAD_NAMES)), -4, -3, -2, -1]  # head, lids, gaze
        self._centre = np.zeros(len(self._posture), np.float32)
        self._head = np.zeros((2, len(HEAD_NAMES)), np.float32)  # the last two rows, before smoothing
        self._made = 0
        self.speaking = 0
        """Frames so far in which the voice opened the mouth's gate."""

    def push(self, samples: Array) -> Array:
        """Give sound ``(n,)`` at 16 kHz; returns the rows ``(k, D)`` that became ready (k may be 0)."""
        self._sound = np.concatenate([self._sound, self._features.push(samples)])
        self._open = np.concatenate([self._open, self._gate.push(self._activity.push(samples))])
        return self._blocks(None)

    def flush(self) -> Array:
        """The sound has ended: the rest of the rows; their total is ceil(samples / 640)."""
        self._sound = np.concatenate([self._sound, self._features.flush()])
        tail = self._gate.push(self._activity.flush())
        self._open = np.concatenate([self._open, tail, self._gate.flush()])
        end = self._made + len(self._open)
        after = (BLOCK_FRAMES + LOOKAHEAD_FRAMES) * STEPS_PER_FRAME
        self._sound = np.concatenate([self._sound, np.full((after, BANDS), FEATURE_RANGE[0], np.float32)])
        return self._blocks(end)

    def _blocks(self, end: int | None) -> Array:
        need = (CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES) * STEPS_PER_FRAME
        out = [np.zeros((0, self._generator.columns), np.float32)]
        while len(self._sound) >= need and (end is not None or len(self._open) >= BLOCK_FRAMES):
            if end is not None and self._made >= end:
                break
            self._state, rows = self._generator.block(self._state, self._sound[:need])
            n = BLOCK_FRAMES if end is None else min(BLOCK_FRAMES, end - self._made)
            part = self._generator.openness(self._sound[:need])
            out.append(self._finish(rows[:n], self._open[:n], part[:n]))
            self._open = self._open[n:]
            self._sound = self._sound[BLOCK_FRAMES * STEPS_PER_FRAME :]
            self._made += n
        return np.concatenate(out)

    def _finish(self, rows: Array, gate: Array, part: Array) -> Array:
        """Amounts, knobs, silence, closures and blinks on one block."""
        self.speaking += int(np.count_nonzero(gate))
        o, h = self._options, len(HEAD_NAMES)
        rows = rows.copy()
        # Above 6 Hz heads only tremble: a binomial average over three frames, one frame late, takes most of it out.
        head = np.concatenate([self._head, rows[:, :h] * self._generator.head_gain])
        rows[:, :h] = (head[:-2] + 2.0 * head[1:-1] + head[2:]) / 4.0
        self._head = head[-2:]
        for row in rows:
            seen = row[self._posture]
            row[self._posture] -= self._centre
            self._centre += (seen - self._centre) / RECENTRE_FRAMES
        # The first frame is the photo's own pose.
        ease = np.clip((self._made + np.arange(len(rows))) / EASE_FRAMES, 0.0, 1.0)[:, None]
        rows[:, :h] *= o.head * ease * ease * (3.0 - 2.0 * ease)
        rows[:, h:-5] *= o.mouth * (SILENT_EXPRESSION + (1 - SILENT_EXPRESSION) * gate[:, None])
        rows[:, -5] = self._generator.gap_curve(rows[:, -5]) * o.mouth * gate * part
        lids = np.clip(rows[:, -4:-2], -0.2, 0.6)
        blink = self._blinks.next(len(rows))[:, None]
        rows[:, -4:-2] = lids + (1.0 - lids) * blink
        # The eyes answer the head; a still head needs no answer.
        rows[:, -2:] *= min(o.head, 1.0)
        return rows

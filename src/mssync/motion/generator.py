"""Sound to motion at run time: the exported generator on ONNX Runtime, as a stream with explicit state.

``state, rows = generator.block(state, sound)`` is the whole interface: fixed-size state, blocks of fixed length,
so that any chunking of the sound gives the same motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync.arrays import Array
from mssync.motion.articulation import HEARD_FRAMES, amounts
from mssync.motion.drive import FEATURES, Drive, directions, project
from mssync.motion.noise import BURN_IN, burned_in, smooth
from mssync.sessions import PATIENCE, Network, open_session
from mssync.speech.features import BANDS, FEATURE_RANGE
from mssync.timing import LEVELS, STEPS_PER_FRAME, Timing

_Shapes = dict[str, tuple[int | None, ...]]

# What of the net's sizes the graphs' inputs and outputs depend on.
SIZES: Final = ("motion", "bands", "channels", "width", "window", "style", "noise")
CLOSURE_BEFORE: Final = 24  # sound steps before a frame that the closure net hears, and all of them
CLOSURE_STEPS: Final = 52
CLOSURE_SLOPE: Final = 4.0  # how sharply lips go from free to touching around the threshold
NETWORK_STATE: Final = ("pose", "velocity", "keys", "values", "mask")


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
    bands: Array
    directions: Array
    rng: np.random.Generator

    def arrays(self) -> dict[str, Array]:
        """The state without its random generator, by name."""
        return {n: getattr(self, n) for n in (*NETWORK_STATE, "style", "noise", "bands", "directions")}


class MotionGenerator:
    """The exported graphs: sound encoder, step, closures, articulation.

    Args:
        folder: model folder with the graphs.
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
        self.timing = Timing.of(manifest["shape"])
        takes_and_gives = _graphs(self._shape, self.timing, manifest.get("articulation"))

        def network(name: str, device: str, threads: int) -> Network:
            path = folder / name
            session = open_session(path, data=known.get(name), device=device, threads=threads)
            return Network(path, session, *takes_and_gives[name])

        self._sound = network("sound.onnx", device, threads)
        self._step = network("step.onnx", device, 1)
        nets = {"sound.onnx": self._sound, "step.onnx": self._step}
        self._closure: Network | None = None
        if "closure" in manifest:
            self._closure = nets["closure.onnx"] = network("closure.onnx", "cpu", 1)
            odds = np.asarray(manifest["closure"]["thresholds"], np.float32)
            self._touching = np.log(odds / (1.0 - odds))
        self._articulation: Network | None = None
        if "articulation" in manifest:
            self._articulation = nets["articulation.onnx"] = network("articulation.onnx", "cpu", 1)
            self._mouth = slice(*manifest["articulation"]["columns"])
            after = int(manifest["articulation"]["lookahead"])
            self._first_heard = STEPS_PER_FRAME * (self.timing.context - HEARD_FRAMES + after)
        for name, net in nets.items():
            quiet = {n: np.zeros([m or 1 for m in shape], np.float32) for n, shape in takes_and_gives[name][0].items()}
            net.run(quiet, patience=PATIENCE)
        self._scales = np.asarray(manifest["scales"], np.float32)
        style = manifest["style"]
        self._energy = np.asarray(style["default"], np.float32)
        drive = manifest.get("drive")
        self.drive = None if drive is None else Drive.from_json(drive, self._shape["noise"])
        self.columns = len(self._scales)

    def start(self, seed: int) -> GeneratorState:
        """The state before the first frame: the photo's own pose, held through a short silence; a style and a way of
        answering the voice drawn from the seed. (The paper, too, repeats the first pose before it lets go.)
        """
        s = self._shape
        rng = np.random.default_rng([seed, 0x5EED])
        drawn = rng.standard_normal(s["style"] - len(self._energy)).astype(np.float32)
        noise = burned_in(rng.standard_normal((BURN_IN, s["noise"])).astype(np.float32))
        own = bands = np.zeros(0, np.float32)
        if self.drive is not None:
            own = directions(rng.standard_normal((s["noise"], FEATURES)).astype(np.float32))
            bands = self.drive.start()
        state = GeneratorState(
            np.zeros((1, s["motion"]), np.float32),
            np.zeros((1, s["motion"]), np.float32),
            np.zeros((1, s["window"], s["width"]), np.float32),
            np.zeros((1, s["window"], s["width"]), np.float32),
            np.full((1, s["window"]), -1e4, np.float32),
            np.concatenate([self._energy, drawn])[None],
            noise,
            bands,
            own,
            rng,
        )
        silence = np.full((self.timing.steps, BANDS), FEATURE_RANGE[0], np.float32)
        return self._advance(state, silence, hold=True)[0]

    def block(self, state: GeneratorState, sound: Array) -> tuple[GeneratorState, Array]:
        """One block of motion.

        Args:
            state: from :meth:`start` or the call before; it is not changed.
            sound: ``(timing.steps, 26)`` features around the block.
        Returns:
            the next state and ``(timing.block, D)`` rows in the motion space's units.
        """
        return self._advance(state, sound, hold=False)

    def closures(self, sound: Array) -> Array:
        """Where the sound asks the lips to touch, in the block's frames ``(timing.block,)``: 1 there, 0 where they part
        as they like; 0 throughout in a model without such a net.

        Args:
            sound: as for :meth:`block`.
        """
        if self._closure is None:
            return np.zeros(self.timing.block, np.float32)
        # And one frame on each side, for the way into and out of a closure. Where the look-ahead is shorter than what
        # the net hears after a frame, closures come late rather than never.
        after = -(-(CLOSURE_STEPS - CLOSURE_BEFORE) // STEPS_PER_FRAME)
        frames = np.arange(-1, self.timing.block + 1) - max(0, after + 1 - self.timing.lookahead)
        first = STEPS_PER_FRAME * (self.timing.context + frames) - CLOSURE_BEFORE
        logit = self._closure.run({"sound": sound[first[:, None] + np.arange(CLOSURE_STEPS)]})[0]
        above = (logit - self._touching).max(1)
        free = 1.0 / (1.0 + np.exp(np.clip(above * CLOSURE_SLOPE, -30.0, 30.0)))
        eased = 0.5 * free[1:-1] + 0.25 * (free[:-2] + free[2:])
        return np.asarray(1.0 - np.minimum(free[1:-1], eased), np.float32)

    def _advance(self, state: GeneratorState, sound: Array, *, hold: bool) -> tuple[GeneratorState, Array]:
        levels = self._sound.run({"sound": sound[None]})[0]
        rng = np.random.default_rng()
        rng.bit_generator.state = state.rng.bit_generator.state
        white = rng.standard_normal((levels.shape[1], self._shape["noise"])).astype(np.float32)
        noise, noise_state = smooth(white, state.noise)
        amount = amounts(noise)
        bands = state.bands
        if self.drive is not None:
            first = STEPS_PER_FRAME * (self.timing.context + self.drive.lead)
            ahead = sound[first - STEPS_PER_FRAME : first + STEPS_PER_FRAME * len(noise)]
            driven, bands = self.drive.filter(ahead, bands)
            noise = project(driven, state.directions, noise)
        now = {n: getattr(state, n) for n in NETWORK_STATE}
        rows = np.empty((levels.shape[1], self.columns), np.float32)
        for t in range(levels.shape[1]):
            extra = np.concatenate([state.style, noise[t : t + 1]], 1)
            out = self._step.run({**now, "sound": levels[:, t], "extra": extra})
            mask = np.concatenate([now["mask"][:, 1:], np.zeros((1, 1), np.float32)], 1)
            pose, velocity = (state.pose, np.zeros_like(state.velocity)) if hold else (out[0], out[1])
            now = {"pose": pose, "velocity": velocity, "keys": out[2], "values": out[3], "mask": mask}
            rows[t] = out[0][0]
        if self._articulation is not None:
            rows[:, self._mouth] = self._articulated(self._articulation, rows[:, self._mouth], sound, amount)
        same = {"style": state.style, "directions": state.directions}
        return GeneratorState(**now, **same, noise=noise_state, bands=bands, rng=rng), rows * self._scales

    def _articulated(self, net: Network, own: Array, sound: Array, amount: Array) -> Array:
        """The mouth ``(n, columns)``: what the block's sound asks for, varied by the generator's own; normalised."""
        first = self._first_heard
        heard = sound[first : first + STEPS_PER_FRAME * (HEARD_FRAMES + len(own))]
        mouth = net.run({"sound": heard[None], "own": own[None], "amount": amount[None]})[0][0]
        return np.asarray(mouth, np.float32)


def _graphs(
    s: Mapping[str, int], timing: Timing, articulation: Mapping[str, Any] | None
) -> dict[str, tuple[_Shapes, _Shapes]]:
    """Inputs and outputs of the graphs, by file name."""
    heard: _Shapes = {"sound": (1, timing.steps, s["bands"])}
    state: _Shapes = {
        "pose": (1, s["motion"]), "velocity": (1, s["motion"]),
        "keys": (1, s["window"], s["width"]), "values": (1, s["window"], s["width"]),
    }  # fmt: skip
    step: _Shapes = {
        **state,
        "mask": (1, s["window"]), "sound": (1, LEVELS, s["channels"]), "extra": (1, s["style"] + s["noise"]),
    }  # fmt: skip
    first, end = articulation["columns"] if articulation else (0, 0)
    mouth: tuple[int | None, ...] = (1, timing.block, end - first)
    heard_frames = STEPS_PER_FRAME * (HEARD_FRAMES + timing.block)
    return {
        "sound.onnx": (heard, {"levels": (1, timing.block, LEVELS, s["channels"])}),
        "step.onnx": (step, {f"next_{name}": shape for name, shape in state.items()}),
        "closure.onnx": ({"sound": (None, CLOSURE_STEPS, s["bands"])}, {"logits": (None, 2)}),
        "articulation.onnx": (
            {"sound": (1, heard_frames, s["bands"]), "own": mouth, "amount": (1, timing.block, 1)},
            {"mouth": mouth},
        ),
    }

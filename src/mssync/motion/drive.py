"""Noise that follows the voice: its features at many time scales, each projected on a direction that the take draws.

Two takes of one sentence differ, and yet both move *with* it: what a take draws is how the head answers, not when it
moves. The voice is described by a few features per frame (cepstrum of the filterbank energies, and their onset),
band-passed at time constants from a blink to a sentence, whitened; each noise column is one band along the take's
direction. Independent noise (:mod:`mssync.motion.noise`) adds a small share, a larger one in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mssync.arrays import Array
from mssync.motion.noise import time_constants
from mssync.speech.features import BANDS, FEATURE_RANGE
from mssync.timing import STEPS_PER_FRAME

CEPSTRA: Final = 8
FEATURES: Final = CEPSTRA + 1
BANDWIDTH: Final = 4.0  # a band ends where a low-pass of so many times its time constant still follows
LIMIT: Final = 2.5  # standard deviations: the first word after a long silence is no earthquake
INDEPENDENT: Final = 0.08  # share of the variance while somebody speaks
INDEPENDENT_IN_SILENCE: Final = 0.3  # variance of a band in silence
SILENT_POWER: Final = 1 / 3  # of a band's usual power: less counts as silence, step by step
LEAD: Final = 6  # frames that heads are early: people begin to move before the stress that they move for

_ORDER, _PLACE = np.arange(CEPSTRA)[:, None], np.arange(BANDS)[None]
_COSINES: Final = np.asarray(np.cos(np.pi * _ORDER * (_PLACE + 0.5) / BANDS) * np.sqrt(2.0 / BANDS), np.float32).T


def voice_features(sound: Array) -> Array:
    """What the voice does, frame by frame ``(N, 9)``: eight cepstral coefficients (loudness, tilt, vowel) and the rise.

    Args:
        sound: ``(4 (N + 1), 26)`` filterbank features, from one frame before the first.
    """
    rise = np.maximum(np.diff(sound, axis=0), 0.0).mean(1, keepdims=True)[STEPS_PER_FRAME - 1 :]
    steps = np.concatenate([sound[STEPS_PER_FRAME:] @ _COSINES, rise], 1)
    return np.asarray(steps.reshape(-1, STEPS_PER_FRAME, FEATURES).mean(1), np.float32)


def band_pass(voice: Array, state: Array) -> tuple[Array, Array]:
    """Split the voice's course into bands.

    Each is the difference of two low-passes (two equal first-order ones in a row) whose time constants are
    :func:`mssync.motion.noise.time_constants` and :data:`BANDWIDTH` times as long.

    Args:
        voice: ``(N, 9)`` of :func:`voice_features`.
        state: ``(4, columns, 9)``.
    Returns:
        ``(N, columns, 9)`` and the next state; filtering in parts is filtering at once.
    """
    tau = time_constants(state.shape[1])
    keep = np.exp(-1.0 / np.stack([tau, BANDWIDTH * tau])).astype(np.float32)[..., None]
    take = np.float32(1.0) - keep
    first, second = state[:2], state[2:]
    out = np.empty((len(voice), *state.shape[1:]), np.float32)
    for t, now in enumerate(voice):
        first = keep * first + take * now
        second = keep * second + take * first
        out[t] = second[0] - second[1]
    return out, np.concatenate([first, second])


@dataclass(frozen=True)
class Drive:
    """Filter from a voice to noise, measured on people's voices.

    Attributes:
        centre: ``(9,)`` the mean of the features.
        matrices: ``(columns, 9, 9)`` that bring each band to unit covariance.
        lead: frames that the voice is read ahead, at most the generator's look-ahead.
    """

    centre: Array
    matrices: Array
    lead: int = LEAD

    @staticmethod
    def fit(sounds: Sequence[Array], columns: int, lead: int = LEAD) -> Drive:
        """From the filterbank features ``(4 T, 26)`` of many voices.

        The matrices are symmetric (ZCA), so that each direction keeps its meaning.
        """
        centre = np.concatenate([voice_features(s) for s in sounds if len(s) > 2 * STEPS_PER_FRAME]).mean(0)
        plain = Drive(centre, np.broadcast_to(np.eye(FEATURES, dtype=np.float32), (columns, FEATURES, FEATURES)), lead)
        rows = np.concatenate([plain.band_passed(s) for s in sounds]).astype(np.float64)
        matrices = []
        for band in np.moveaxis(rows, 1, 0):
            values, vectors = np.linalg.eigh(band.T @ band / len(band))
            matrices.append((vectors / np.sqrt(np.maximum(values, 1e-4 * values.max() + 1e-12))) @ vectors.T)
        # As a manifest writes it down, so that a run that was stopped goes on to the bit.
        return Drive.from_json(Drive(centre, np.asarray(matrices, np.float32), lead).as_json(), columns)

    @property
    def columns(self) -> int:
        """Of noise."""
        return len(self.matrices)

    def start(self) -> Array:
        """The filters' state ``(4, columns, 9)`` as if the features had long been at their mean."""
        return np.broadcast_to(self.centre, (4, self.columns, FEATURES)).astype(np.float32)

    def filter(self, sound: Array, state: Array) -> tuple[Array, Array]:
        """The next frames.

        Args:
            sound: ``(4 (N + 1), 26)``, from one frame before the first (which lies :attr:`lead` frames ahead).
            state: of :meth:`start` or the call before; it is not changed.
        Returns:
            ``(N, columns, 9)`` of unit covariance, softly limited, and the next state.
        """
        band, state = band_pass(voice_features(sound), state)
        z = np.einsum("tck,ckl->tcl", band, self.matrices)
        return np.asarray(LIMIT * np.tanh(z / LIMIT), np.float32), state

    def recording(self, sound: Array) -> Array:
        """The same ``(T, columns, 9)`` over a whole recording ``(4 T, 26)``, silence before and after it."""
        return self.filter(self._ahead(sound), self.start())[0]

    def band_passed(self, sound: Array) -> Array:
        """The bands of a whole recording, as they are."""
        return band_pass(voice_features(self._ahead(sound)), self.start())[0]

    def _ahead(self, sound: Array) -> Array:
        def silence(frames: int) -> Array:
            return np.full((STEPS_PER_FRAME * frames, BANDS), FEATURE_RANGE[0], np.float32)

        return np.concatenate([silence(1), sound, silence(self.lead)])[STEPS_PER_FRAME * self.lead :]

    def as_json(self) -> dict[str, Any]:
        """For a manifest."""
        matrices = [[[round(float(x), 5) for x in row] for row in m] for m in self.matrices]
        return {"centre": [round(float(x), 5) for x in self.centre], "matrices": matrices, "lead": self.lead}

    @staticmethod
    def from_json(values: Mapping[str, Any], columns: int) -> Drive:
        """From :meth:`as_json`.

        Raises:
            KeyError, TypeError, ValueError: these are none for so many columns.
        """
        centre, matrices = (np.asarray(values[k], np.float32) for k in ("centre", "matrices"))
        lead = int(values["lead"])
        if centre.shape != (FEATURES,) or matrices.shape != (columns, FEATURES, FEATURES) or lead < 0:
            raise ValueError("a drive of another net")
        if not np.isfinite(centre).all() or not np.isfinite(matrices).all():
            raise ValueError("a drive with numbers that are not finite")
        return Drive(centre, matrices, lead)


def directions(normal: Array) -> Array:
    """A take's own unit vectors ``(..., 9)`` from standard normal numbers."""
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)


def project(driven: Array, own: Array, noise: Array) -> Array:
    """Variation ``(N, columns)``: what was driven, along a take's directions, and a little noise.

    Args:
        driven: ``(N, columns, 9)``.
        own: ``(columns, 9)`` of :func:`directions`.
        noise: ``(N, columns)`` of unit variance.
    """
    silent = np.maximum(1.0 - np.square(driven).mean(-1) / SILENT_POWER, 0.0)
    independent = np.sqrt(INDEPENDENT + (INDEPENDENT_IN_SILENCE - INDEPENDENT) * silent)
    return np.asarray(np.sqrt(1.0 - INDEPENDENT) * (driven * own).sum(-1) + independent * noise, np.float32)

"""The voice as an input: read piece by piece, from a file or from what a program holds in memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

from numpy.typing import NDArray

from mssync.arrays import Array
from mssync.errors import InputError
from mssync.files import PathLike, scratch_folder
from mssync.media.audio import MIN_SECONDS, iter_sound, probe_sound, save_wav
from mssync.media.held import KeptFile, array_of, content_of, rate_and_samples, samples_of
from mssync.speech.loudness import LoudnessMeter, amplified
from mssync.timing import SAMPLE_RATE, SAMPLES_PER_FRAME

# What may be held in memory instead of a file: see mssync.media.held.
Voice = PathLike | NDArray[Any] | bytes | IO[bytes] | tuple[int, NDArray[Any]]


# Levels of the loudest 40 ms in dBFS, and a length, under which no speech can be expected.
_SILENT: Final = -85.0
_VERY_QUIET: Final = -60.0
_SHORT_SECONDS: Final = 0.5

# Headers of these kinds say exactly how long the sound is, so that a file that was cut off is refused. Others may be
# right (MP3 that was cut on purpose keeps its header) or estimates, so that a note must do.
_EXACT_LENGTH: Final = ("wav", "flac", "mp4")
# Programs that write into a pipe put a very large number into the header instead of the length.
_PLACEHOLDER_SECONDS: Final = 3600.0
_PLACEHOLDER_BYTES: Final = 2**31 - 2**16


@dataclass(frozen=True)
class Speech:
    """A voice: a file that is read again whenever it is needed, or samples.

    Attributes:
        samples: how many at 16 kHz.
        path: the file.
        array: ``(samples,)`` float32 mono in [-1, 1] at 16 kHz, where there is no file.
        kept: holds the file on the disk where it was made from what a program held in memory.
        meter: how loud it is.
    """

    samples: int
    path: Path | None = None
    array: Array | None = None
    kept: KeptFile | None = None
    meter: LoudnessMeter = field(default_factory=LoudnessMeter)

    @staticmethod
    def open(source: Voice) -> Speech:
        """Take a sound file (or the sound of a video), its bytes, samples at 16 kHz, or a pair (rate, samples).

        The file is decoded once from end to end, so that its length is known and damage shows before the long work.

        Raises:
            InputError: it cannot be read, breaks off, or holds under 0.2 seconds.
        """
        if not isinstance(source, str | os.PathLike):
            return _held_speech(source)
        path = Path(source)
        promised, exact = _promised_seconds(path)
        meter, samples = LoudnessMeter(), 0
        for piece in iter_sound(path):
            meter.push(piece)
            samples += len(piece)
        heard = samples / SAMPLE_RATE
        if 0.95 * promised - 0.5 > heard:
            told = f"The sound {path} breaks off after {heard:.1f} of {promised:.1f} s"
            if exact:
                raise InputError(f"{told}; copy or save it again.")
            warnings.warn(f"{told} that its header tells; it may have been cut off.", stacklevel=2)
        return Speech(samples, path, meter=meter)

    @property
    def frames(self) -> int:
        """Video frames at 25 fps that the sound lasts, to the nearest, at least one."""
        return max(1, round(self.samples / SAMPLES_PER_FRAME))

    def chunks(self) -> Iterator[Array]:
        """The samples ``(n,)`` from the beginning, about a second at a time; quiet speech is raised to be heard."""
        gain = self.meter.gain
        if self.path is not None:
            for piece in iter_sound(self.path, tell=False):
                yield amplified(piece, gain)
        elif self.array is not None:
            for start in range(0, self.samples, SAMPLE_RATE):
                yield amplified(self.array[start : start + SAMPLE_RATE], gain)

    @contextmanager
    def file(self) -> Iterator[Path]:
        """The sound as a file, for the time of the ``with`` block."""
        if self.path is not None:
            yield self.path
            return
        assert self.array is not None
        with scratch_folder() as folder:
            path = folder / "speech.wav"
            save_wav(path, self.array, SAMPLE_RATE, force=True)
            yield path

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        return "the speech" if self.path is None or self.kept is not None else str(self.path)

    def why_no_speech(self) -> str:
        """A sentence for the user of a voice in which no speech was heard."""
        seconds, level = self.samples / SAMPLE_RATE, self.meter.loudest
        if level < _SILENT:
            why = "it is silent; look whether the right microphone or track was recorded"
        elif seconds < _SHORT_SECONDS:
            why = f"it is only {seconds:.1f} s long; give a whole word"
        elif self.meter.speech_level is None:
            why = "it holds only steady noise; give a recording with speech"
        elif level < _VERY_QUIET:
            why = f"it is very quiet (at most {level:.0f} dB of full scale); record it again, nearer to the microphone"
        else:
            why = "its sound is not like speech (music or noise, perhaps); give a recording with clear speech"
        return f"No speech was heard in {self.name}, so the mouth stays shut: {why}."


def _promised_seconds(path: Path) -> tuple[float, bool]:
    """How long the sound is by its header, 0 where the header does not say it, and whether that is exact."""
    info = probe_sound(path)
    if info.seconds is None or info.seconds > _PLACEHOLDER_SECONDS:
        return 0.0, False
    exact = any(kind in info.format for kind in _EXACT_LENGTH)
    if "wav" in info.format:
        # FFmpeg counts what is there; what should be there is in the first chunk of the file.
        with path.open("rb") as file:
            head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"RIFF" and size < _PLACEHOLDER_BYTES:
            return info.seconds * max(1.0, (size + 8) / path.stat().st_size), exact
    return info.seconds, exact


def _held_speech(source: object) -> Speech:
    """A voice that is no file name: one channel at 16 kHz stays an array, all else becomes a file for its lifetime."""
    content = content_of(source, "speech")
    if content is not None:
        kept = KeptFile("speech")
        kept.path.write_bytes(content)
        return _opened(kept)
    rate, samples = rate_and_samples(source) or (SAMPLE_RATE, samples_of(array_of(source, "speech")))
    if len(samples) < MIN_SECONDS * rate:
        raise InputError(f"The speech has only {len(samples) / rate:.2f} s of sound; give at least {MIN_SECONDS} s.")
    if samples.ndim == 1 and rate == SAMPLE_RATE:
        meter = LoudnessMeter()
        meter.push(samples)
        return Speech(len(samples), array=samples, meter=meter)
    kept = KeptFile("speech.wav")
    save_wav(kept.path, samples, rate, force=True)
    return _opened(kept)


def _opened(kept: KeptFile) -> Speech:
    """The voice in a kept file; its scratch name is nothing that a user knows."""
    try:
        return replace(Speech.open(kept.path), kept=kept)
    except InputError as error:
        raise InputError(
            str(error).replace(f"sound {kept.path}", "speech").replace(str(kept.path), "speech")
        ) from error

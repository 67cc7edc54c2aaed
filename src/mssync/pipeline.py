"""The pipeline: photo and speech in, talking head out. :class:`TalkingHead` is the whole of it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Final, Literal, TypedDict, Unpack

import numpy as np

from mssync import __version__
from mssync.animation import Animation, Canvas, Origin, Progress, Take
from mssync.arrays import Array, Rgb
from mssync.errors import AssetError, InputError
from mssync.face.tracking import Face, FaceTracker
from mssync.files import PathLike
from mssync.inputs import (
    SMILE,
    Photo,
    Size,
    Speech,
    Voice,
    check_shares,
    choose_face,
    load_motion,
    load_photo,
    on_white,
)
from mssync.media.video import iter_frames, probe_video
from mssync.models import DEFAULT, Model, load_model
from mssync.motion.columns import GAZE_NAMES, HEAD_NAMES, width
from mssync.motion.generator import MotionGenerator
from mssync.motion.joined_shots import encode_shots, handed_over
from mssync.motion.options import MotionOptions
from mssync.motion.pose_limits import ShiftLimits, within_limits
from mssync.motion.space import Motion, MotionSpace, Rest
from mssync.motion.spaces import load_space
from mssync.motion.stages import Setting, stages_of
from mssync.motion.stream import MotionStream
from mssync.render.renderers import Prepared, Renderer, renderer_of, with_mouth
from mssync.texts import clean
from mssync.timing import FPS

Background = Literal["keep", "none"]

_CUTS_TOLD: Final = 10


class Options(TypedDict, total=False):
    """The options of :meth:`TalkingHead.animate`, by name."""

    seed: int
    head: float
    mouth: float | None
    blink: float
    smile: float
    body: float
    size: Size
    face: int
    head_from: Motion | PathLike | None
    background: Background


class TalkingHead:
    """A motion model with its renderer, ready to animate photos. Make one with :meth:`load`.

    Several threads may share one, and each result is the same as if they had come one after the other. Photos are made
    ready one at a time.

    Args:
        model: the verified model.
        device: where the generator runs: ``cpu``, ``cuda`` or ``auto``.
    """

    def __init__(self, model: Model, *, device: str = "cpu") -> None:
        self.model, self.device = model, device
        self.space = load_space(model.file("space.npz"), model.data["space.npz"])
        said, mark = model.manifest["space"], model.manifest.get("mark", "")
        same = said == self.space.kind and (not mark or self.space.has_mark(mark))
        if not same or len(self.space.names) != model.manifest["shape"]["motion"]:
            raise AssetError(f"The model {model.folder} and its space.npz have other columns; export the model again.")
        self.renderer = renderer_of(self.space.renderer)
        self._generator: MotionGenerator | None = None
        self._tracker: FaceTracker | None = None
        self._last: tuple[object, tuple[Prepared, Face]] | None = None
        self._lock = RLock()  # around the networks' start, the work on a photo and the kept scene

    @staticmethod
    def load(model: str | Path = DEFAULT, *, device: str = "cpu") -> TalkingHead:
        """Find a model by name or folder and check its files; the networks are started when first used.

        Raises:
            InputError: there is no such model.
            AssetError: one of its files is missing or damaged.
        """
        return TalkingHead(load_model(model), device=device)

    @property
    def generator(self) -> MotionGenerator:
        """Sound to motion."""
        with self._lock:
            if self._generator is None:
                model = self.model
                self._generator = MotionGenerator(model.folder, model.manifest, data=model.data, device=self.device)
            return self._generator

    @property
    def tracker(self) -> FaceTracker:
        """Finds faces; fetches its model file when it is used for the first time on this computer."""
        with self._lock:
            if self._tracker is None:
                self._tracker = FaceTracker()
            return self._tracker

    def stream(self, options: MotionOptions) -> MotionStream:
        """Sound in, rows of motion out, in pieces of any size: the part of the pipeline that works live."""
        setting = Setting(self.space.groups, self.model.manifest, options)
        return MotionStream(self.generator, stages_of(self.model.stages, setting), options.seed)

    def animate(
        self,
        photo: Photo,
        speech: Voice,
        *,
        seed: int = 0,
        head: float = 1.0,
        mouth: float | None = None,
        blink: float = 1.0,
        smile: float = SMILE,
        body: float = 1.0,
        size: Size = None,
        face: int = 1,
        head_from: Motion | PathLike | None = None,
        background: Background = "keep",
    ) -> Animation:
        """Let a photo speak.

        Args:
            photo: a picture file, its bytes, a file open in binary mode, a Pillow picture (its EXIF orientation is
                applied), or an array or tensor: (H, W), or (H, W, 1, 3 or 4), uint8, uint16, or floats in [0, 1].
            speech: a sound file or video, its bytes, a file open in binary mode, samples at 16 kHz, or a pair
                ``(rate, samples)``. Samples are (n,), (n, channels) or (channels, n); integers are scaled by their
                type, floats lie in [-1, 1]. At least 0.2 s.
            seed: another motion for the same speech; the same seed gives the same motion again.
            head: amount of head motion, 0 (still) to 3; 1 = as generated, or as recorded with ``head_from``.
            mouth: how far the mouth opens, 0 to 3; None: as generated, and not at all where the photo's is covered.
            blink: rate of blinking, 0 (never) to 10.
            smile: how much of the photo's own smile stays while it speaks, 0 to 1. Below 1 the mouth starts from its
                neutral shape: a photo taken in the middle of an "oh" does not keep rounded lips.
            body: how much the shoulders follow the head and breathe, 0 (still) to 1.
            size: longer side of the video in pixels, or ``"native"``; default: the photo's own, at most 1080.
            face: which face, 1 = the largest.
            head_from: head pose and gaze from this motion (see :meth:`track`) instead of generated ones. It is played
                once from its start; where the speech is longer, the generated head takes over within a second.
            background: ``"none"`` makes frames with transparency.
        Returns:
            the animation; nothing but the photo is worked on before its frames are asked for.
        Raises:
            InputError: an option, the photo, the speech or the motion cannot be used.
            AssetError: a model file is missing or damaged.
        """
        options = MotionOptions(seed, head, 1.0 if mouth is None else mouth, blink)
        check_shares(smile=smile, body=body)
        recorded = None if head_from is None else self._recorded_head(head_from, head)
        voice = Speech.open(speech)
        scene, found = self._scene(photo, size, face, background)
        rest = self.space.prepare(found, smile)
        if recorded is not None:
            recorded[:, : len(HEAD_NAMES)] = _within_limits(recorded[:, : len(HEAD_NAMES)], rest, scene)
        rows = _spoken(self.stream(options), voice, self.space, recorded)
        facts = {"seed": str(seed), "head": str(head), "mouth": str(options.mouth), "blink": str(blink)}
        scene = with_mouth(scene, mouth is not None)
        return Animation(
            Canvas(scene, rest, self.space, self.renderer, background == "none", body, seed),
            Take(rows, voice.frames, self._header(facts), voice),
            Origin(self.model.title, seed, _paths(photo, speech, head_from)),
        )

    def render(
        self,
        photo: Photo,
        motion: Motion | PathLike,
        speech: Voice | None = None,
        *,
        smile: float = SMILE,
        body: float = 1.0,
        size: Size = None,
        face: int = 1,
        background: Background = "keep",
        renderer: str | None = None,
    ) -> Animation:
        """Put a motion on a photo. The motion sets the length; the sound is cut or filled with silence.

        Args:
            photo, smile, body, size, face, background: as for :meth:`animate`.
            motion: a motion or its file; brought to 25 frames per second.
            speech: the voice to lay under it.
            renderer: ``"warp"`` moves the photo, ``"lines"`` draws the lines of its face; None: the motion space's own.
        Raises:
            InputError: the photo, the speech or the motion cannot be used.
        """
        check_shares(smile=smile, body=body)
        drawing = self.renderer if renderer is None else renderer_of(renderer)
        moves = self._checked(motion)
        voice = None if speech is None else Speech.open(speech)
        scene, found = self._scene(photo, size, face, background, drawing)
        scene, rest = with_mouth(scene, forced=False), self.space.prepare(found, smile)
        head = self.space.groups.head
        if "seed" not in moves.meta and width(head):  # recorded; what a seed was drawn for stays where a photo shows it
            values = moves.values.copy()
            values[:, head] = _within_limits(values[:, head], rest, scene)
            moves = moves.with_values(values)
        model, seed = clean(moves.meta.get("model", self.model.title)), _seed(moves.meta.get("seed", ""))
        return Animation(
            Canvas(scene, rest, self.space, drawing, background == "none", body, seed or 0),
            Take(iter([moves.values]), len(moves), moves, voice),
            Origin(model, seed, _paths(photo, motion, speech)),
        )

    def track(self, video: PathLike, *, progress: Callable[[int, int | None], None] | None = None) -> Motion:
        """The motion of the person in a video, relative to that person's own middle pose.

        The face is followed at the video's own rate, the points are brought to 25 per second, gaps are bridged. After a
        cut the motion is relative to the middle of the new shot and comes to it smoothly; a note says when.

        Args:
            video: the file.
            progress: called with (frames done, all frames if known).
        Returns:
            the motion; ``meta["gaps"]`` lists the stretches without a face as JSON ``[[start, end], ...]`` in seconds,
            ``meta["cuts"]`` the times at which a new shot begins as JSON ``[seconds, ...]``.
        Raises:
            InputError: the video cannot be read or shows no face.
        """
        if not isinstance(video, str | os.PathLike):
            raise InputError(f"A video must be the name of a file, not {type(video).__name__}; save it and name that.")
        info = probe_video(video)
        total = info.frames

        def counted() -> Iterator[tuple[float, Rgb]]:
            for done, pair in enumerate(iter_frames(video), 1):
                yield pair
                if progress is not None:
                    progress(done, total)

        track = self.tracker.track(counted())
        gaps = [[round(t, 3) for t in gap] for gap in track.gaps()]
        seen = float(track.times[-1]) + 1.0 / info.fps
        if info.seconds is not None and 0.95 * info.seconds - 0.5 > seen:
            warnings.warn(
                f"The video {video} breaks off after {seen:.1f} of {info.seconds:.1f} s; it may have been cut off.",
                stacklevel=2,
            )
        cuts = [round(float(track.times[cut]), 3) for cut in track.cuts]
        if cuts:
            when = ", ".join(f"{t:.2f} s" for t in cuts[:_CUTS_TOLD]) + (", ..." if len(cuts) > _CUTS_TOLD else "")
            warnings.warn(
                f"{Path(video).name} is cut at {when}; the largest face of each shot is followed, and the motion goes "
                "smoothly from one to the next.",
                stacklevel=2,
            )
        facts = {"source": Path(video).name, "gaps": json.dumps(gaps), "cuts": json.dumps(cuts)}
        return replace(encode_shots(self.space, track), meta=self._header(facts).meta)

    # ---- photo ------------------------------------------------------------------------------------------------

    def _scene(
        self, photo: Photo, size: Size, number: int, background: Background, renderer: Renderer | None = None
    ) -> tuple[Prepared, Face]:
        """The photo at its size, its face found and its layers cut; the last one is kept for the next take."""
        if background not in ("keep", "none"):
            raise InputError(f"--background is keep or none, not {background!r}.")
        renderer = renderer or self.renderer
        with self._lock:
            key = None
            if isinstance(photo, str | os.PathLike):
                path = Path(photo)
                key = (path, path.stat().st_mtime_ns if path.exists() else 0, size, number, background, type(renderer))
                if self._last is not None and self._last[0] == key:
                    return self._last[1]
            image, scale = load_photo(photo, size)
            face = choose_face(self.tracker, image, number, scale)
            if background == "keep" and image.alpha is not None:
                image = on_white(image)
            made = renderer.ready(image, face, self.tracker, alpha=background == "none"), face
            self._last = (key, made) if key is not None else None
            return made

    # ---- motion -----------------------------------------------------------------------------------------------

    def _header(self, facts: dict[str, str]) -> Motion:
        """A motion without rows that says what made it."""
        meta = {"generator": f"mssync {__version__}", "model": self.model.title, **facts}
        return self.space.motion(np.zeros((0, len(self.space.names)), np.float32), meta)

    def _checked(self, motion: Motion | PathLike) -> Motion:
        """A motion of this model's space at 25 fps."""
        name = "The motion" if isinstance(motion, Motion) else f"The motion {motion}"
        moves = motion if isinstance(motion, Motion) else load_motion(motion)
        if not self.space.has(moves):
            raise InputError(
                f"{name} was made with another model ({clean(moves.meta.get('model', 'unknown'))}); "
                "name that one with --model, or make the motion again."
            )
        if not len(moves):
            raise InputError(f"{name} has no frames; make it again.")
        return moves.resampled(FPS)

    def _recorded_head(self, motion: Motion | PathLike, amount: float) -> Array:
        """Head and gaze columns ``(T, 8)`` of a motion, of any model: they mean the same in all."""
        moves = motion if isinstance(motion, Motion) else load_motion(motion)
        wanted = {*HEAD_NAMES, *GAZE_NAMES}
        if not wanted <= set(self.space.names):
            raise InputError(
                f"The model {self.model.title} has no head of its own to be replaced; leave out --head-from."
            )
        if not wanted <= set(moves.names):
            raise InputError(
                f"The motion has no columns of a head and gaze (it is of the kind {moves.space!r}); use another motion."
            )
        moves = moves.resampled(FPS)
        head = np.stack([moves.column(n) for n in HEAD_NAMES], 1) * amount
        gaze = np.stack([moves.column(n) for n in GAZE_NAMES], 1) * min(amount, 1.0)
        return np.concatenate([head, gaze], 1).astype(np.float32)


def animate(
    photo: Photo,
    speech: Voice,
    out: PathLike,
    *,
    model: str | Path = DEFAULT,
    device: str = "cpu",
    force: bool = False,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Path:
    """One photo and one voice to one video file: :meth:`TalkingHead.animate` and :meth:`Animation.save` in one call."""
    made = TalkingHead.load(model, device=device).animate(photo, speech, **options)
    return made.save(out, force=force, progress=progress)


def _spoken(stream: MotionStream, voice: Speech, space: MotionSpace, recorded: Array | None) -> Iterator[Array]:
    """The motion to a voice, block by block; head and gaze from ``recorded`` as long as it lasts."""
    columns = np.r_[space.groups.head, space.groups.gaze]
    made = 0

    def blocks() -> Iterator[Array]:
        for chunk in voice.chunks():
            yield stream.push(chunk)
        yield stream.flush()

    for rows in blocks():
        if recorded is not None and len(rows):
            rows = rows.copy()
            rows[:, columns] = handed_over(recorded, rows[:, columns], made)
        made += len(rows)
        yield rows
    if not stream.speaking and made >= voice.frames:
        warnings.warn(voice.why_no_speech(), stacklevel=2)


def _within_limits(head: Array, rest: Rest, scene: Prepared) -> Array:
    """A recorded head held where the photo can show it."""
    height, width = scene.photo.shape[:2]
    return within_limits(head, ShiftLimits.around(rest, width, height))


def _seed(text: str) -> int | None:
    """The seed that a motion was drawn with, where its file tells one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 19 else None


def _paths(*sources: object) -> tuple[Path, ...]:
    return tuple(Path(s) for s in sources if isinstance(s, str | os.PathLike))

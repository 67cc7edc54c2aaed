"""Sample videos during training: a few seconds of the demo voice on one photo, every so many steps."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib import get_data_path

from mssync.face.tracking import FaceTracker, check_face
from mssync.media.audio import load_sound, save_wav
from mssync.media.image import load_image
from mssync.media.video import VideoWriter
from mssync.motion.space import MotionSpace
from mssync.render.renderers import renderer_of
from mssync.speech.activity import speech_probability
from mssync.speech.features import default_features
from mssync.timing import FPS, SAMPLE_RATE
from mssync.training.data.listing import Entry
from mssync.training.data.samples import Sample, clip_energy
from mssync.training.probe import generate

if TYPE_CHECKING:
    from mssync.training.generator import Trainer

SECONDS: Final = 6
SIDE: Final = 320


class SampleVideo:
    """Writes ``samples/step-<n>.mp4`` into a run's folder.

    Args:
        space: motion space.
        photo: a face; None takes the demo's.
    """

    def __init__(self, space: MotionSpace, photo: Path | None = None) -> None:
        path = photo or Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"
        image = load_image(path).resized(SIDE)
        self.size = (image.width, image.height)
        tracker = FaceTracker()
        face = check_face(tracker.detect(image.rgb)[0], image.width, image.height, path.name)
        self.space, self.renderer = space, renderer_of(space.renderer)
        self.rest = space.prepare(face)
        self.scene = self.renderer.ready(image, face, tracker, alpha=False)
        self.sound = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")[: SECONDS * SAMPLE_RATE]
        still = np.zeros((round(SECONDS * FPS), len(space.names)), np.float32)
        speech = speech_probability(self.sound)
        entry = Entry("demo", "dev", "", "")
        found, unknown = np.ones(len(still), bool), np.full(len(still), -1, np.int8)
        self.sample = Sample(
            entry,
            still,
            default_features(self.sound),
            speech,
            found,
            clip_energy(still, space.groups),
            unknown,
            space.groups,
        )

    def __call__(self, trainer: Trainer) -> None:
        """Render what the averaged weights say."""
        folder = trainer.out / "samples"
        folder.mkdir(exist_ok=True)
        wav = folder / "voice.wav"
        save_wav(wav, self.sound, SAMPLE_RATE, True)
        facts = trainer.facts
        frames = len(self.sample.motion)
        rows = generate(trainer.averaged(), facts, [self.sample], 0, frames)[0]
        out = folder / f"step-{trainer.step:06d}.mp4"
        with VideoWriter(out, *self.size, sound=wav, metadata={}, force=True) as video:
            for row in rows[:frames]:
                video.write(self.renderer.render(self.scene, self.space.decode(self.rest, row)))

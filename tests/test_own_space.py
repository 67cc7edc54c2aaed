"""A motion space that another package brings goes the whole way: preprocess, train, export, animate.

It knows three numbers: where the face is in the picture, and how far the lips part. No room knows of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest

from mssync import TalkingHead
from mssync.batch.pairs import Pair
from mssync.batch.work import Take, Work, make
from mssync.errors import InputError
from mssync.media.audio import load_sound, save_wav
from mssync.media.image import load_image
from mssync.media.video import VideoWriter, probe_video
from mssync.motion import spaces
from mssync.motion.curves import export_curves
from mssync.motion.space import Motion
from mssync.training.data.clips import load_clip
from mssync.training.data.index import read_report
from mssync.training.data.preprocess import preprocess
from mssync.training.export import export_model
from mssync.training.run import train_generator, train_syncer

SPACE = """
from collections.abc import Mapping

import numpy as np

from mssync.arrays import Wanted
from mssync.errors import InputError
from mssync.face import shape as fs
from mssync.face import topology as topo
from mssync.motion.columns import Column
from mssync.motion.space import Controls, MotionSpace, Rest, ViewOfMotion


class TinySpace(MotionSpace):
    kind = "tiny"
    wanted = {"most": Wanted("f", 0, 8)}

    def __init__(self, most):
        self.most = float(most)

    @property
    def columns(self):
        return tuple(
            Column(name, "eye distances", "", -self.most, self.most, "points", point)
            for name, point in (("x", 0), ("y", 0), ("jaw", 1))
        )

    def arrays(self):
        return {"most": np.float32(self.most)}

    @classmethod
    def of_arrays(cls, arrays):
        if not 0 < float(arrays["most"]) < 10:
            raise ValueError("a range that is none")
        return cls(arrays["most"])

    def encode(self, track, *, smooth=1):
        rows = []
        eyes = [topo.EYE_CORNERS_LEFT[0], topo.EYE_CORNERS_RIGHT[0]]
        unit = np.median(np.linalg.norm(track.points[:, eyes[0]] - track.points[:, eyes[1]], axis=1))
        place = track.points.mean(1)[:, :2]
        jaw = track.points[:, topo.LIPS_INNER_LOWER[5], 1] - track.points[:, topo.LIPS_INNER_UPPER[5], 1]
        rows = np.concatenate([place - np.median(place, 0), jaw[:, None]], 1) / unit
        return self.motion(np.clip(rows, *self.ranges).astype(np.float32))

    def prepare(self, face, smile=1.0):
        unit = np.linalg.norm(face.points[topo.EYE_CORNERS_LEFT[0]] - face.points[topo.EYE_CORNERS_RIGHT[0]])
        pose = fs.HeadPose(np.eye(3), face.points.mean(0).astype(float), np.asarray(float(unit)))
        return Rest(pose.to_head(face.points), pose)

    def decode(self, rest, row):
        x, y, jaw = np.clip(row, *self.ranges)
        shape = rest.shape.copy()
        shape[list(topo.LIPS_INNER_LOWER), 1] += max(0.0, jaw)
        points = rest.pose.to_pixels(shape + np.array([x, y, 0], np.float32))
        unit = float(rest.pose.scale)
        rigid = np.concatenate([np.eye(3), np.array([[x * unit], [y * unit], [0]])], 1).astype(np.float32)
        return Controls(points, rigid, max(0.0, float(jaw)) * unit, np.zeros(2, np.float32))

    def mirror(self):
        return np.diag([-1.0, 1.0, 1.0]).astype(np.float32)

    def lip_reach(self):
        return np.array([0.0, 0.0, 1.0], np.float32)

    def view(self, name):
        if name != "all":
            raise InputError(f"Motion of the kind tiny has no view {name!r}; use all.")
        return ViewOfMotion(10 * np.eye(3, dtype=np.float32), 0)
"""
ENTRY = "[mssync.motion_spaces]\ntiny = tiny_space:TinySpace\n"
RECIPE = """
steps: 2
batch: 2
frames: 16
warm_max: 4
save_every: 2
dev_every: 2
roles: {a: 1.0}
loss: {synchrony: {all: 0.1}, adversarial: 0.1, adversarial_from: 1}
net: {channels: 8, width: 16, hidden: 8, branch: 12, window: 8, style_noise: 2, noise: 2}
"""
SYNCER = "{steps: 1, clips: 2, windows: 2, width: 8, out: 4, dev_every: 1, views: [all], roles: {a: 1.0}}\n"
FRAMES = 50


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An installed package with a motion space, as its own processes find it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "tiny_space.py").write_text(SPACE)
    (folder / "tiny_space-1.0.dist-info").mkdir()
    (folder / "tiny_space-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-space\nVersion: 1\n"
    )
    (folder / "tiny_space-1.0.dist-info" / "entry_points.txt").write_text(ENTRY)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setattr(spaces, "_KINDS", dict(spaces._KINDS))
        yield folder
        sys.modules.pop("tiny_space", None)


@pytest.fixture(scope="module")
def photo() -> Path:
    return Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


@pytest.fixture(scope="module")
def model(package: Path, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of a swaying picture, preprocessed, trained on, exported."""
    folder = tmp_path_factory.mktemp("work")
    rgb = load_image(photo).resized(192).rgb
    voice = load_sound(Path(str(resources.files("mssync"))) / "data" / "demo.flac")
    lines = ["path,split,family,speaker"]
    for i, split in enumerate(("train", "dev")):
        save_wav(folder / f"{i}.wav", voice[i * 24000 : i * 24000 + 640 * FRAMES], 16000, True)
        video = folder / "videos" / f"{i}.mp4"
        video.parent.mkdir(exist_ok=True)
        with VideoWriter(video, rgb.shape[1], rgb.shape[0], sound=folder / f"{i}.wav", metadata={}) as w:
            for t in range(FRAMES):
                w.write(np.roll(rgb, round(6 * np.sin(t / 4 + i)), 1))
        lines.append(f"{i}.mp4,{split},a,s{i}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "syncer.yaml").write_text(SYNCER)
    import tiny_space  # type: ignore[import-not-found]

    tiny_space.TinySpace(2.0).save(folder / "space.npz")
    made = list(preprocess(folder / "videos", folder / "clips", folder / "space.npz"))
    assert [problem for *_, problem in made] == ["", ""]
    words = (folder / "clips", folder / "clips.csv", folder / "space.npz")
    train_syncer(*words, folder / "syncer.yaml", folder / "syncer", report=lambda *_: None)
    train_generator(
        *words, folder / "recipe.yaml", folder / "run", syncers=folder / "syncer", init="none", report=lambda *_: None
    )
    assert export_model(folder / "run", folder / "model") < 1e-4
    return folder


def test_clips_are_of_the_space(model: Path) -> None:
    clip = load_clip(model / "clips" / "0.npz", "0")
    assert clip.space == read_report(model / "clips")["0"].space == spaces.load_space(model / "space.npz").mark
    sway = clip.motion[:, 0]
    assert clip.motion.shape == (FRAMES, 3) and np.corrcoef(sway, np.sin(np.arange(FRAMES) / 4))[0, 1] > 0.95


def test_the_model_animates(model: Path, photo: Path, tmp_path: Path) -> None:
    assert sorted(p.name for p in (model / "model").iterdir()) == [
        "MODEL_CARD.md", "manifest.json", "sound.onnx", "space.npz", "step.onnx",
    ]  # fmt: skip
    head = TalkingHead.load(model / "model")
    assert head.space.kind == "tiny" and head.model.stages == () and head.model.manifest["mark"] == head.space.mark
    voice = load_sound(model / "0.wav")[:16000]
    made = head.animate(photo, voice, size=192)
    made.save(tmp_path / "out.mp4", motion_out=tmp_path / "m.npz")
    assert probe_video(tmp_path / "out.mp4").frames == 25
    motion = Motion.load(tmp_path / "m.npz")
    assert (motion.space, motion.mark, motion.names) == ("tiny", head.space.mark, ("x", "y", "jaw"))
    # Motion of the model that is asked to move is drawn: another place, another picture.
    aside = motion.with_values(motion.values + np.array([0.3, 0.0, 0.0], np.float32))
    one, other = (next(iter(head.render(photo, m, size=192))) for m in (motion, aside))
    assert np.abs(one.astype(int) - other).mean() > 2
    tracked = head.track(model / "videos" / "0.mp4")
    assert tracked.space == "tiny" and len(tracked) == FRAMES


def test_what_does_not_fit_is_refused_in_one_sentence(model: Path, photo: Path, tmp_path: Path) -> None:
    head, shipped = TalkingHead.load(model / "model"), TalkingHead.load()
    motion = head.space.motion(np.zeros((5, 3), np.float32))
    voice = np.zeros(16000, np.float32)
    with pytest.raises(InputError, match="made with another model"):
        shipped.render(photo, motion)
    with pytest.raises(InputError, match="no columns of a head"):
        shipped.animate(photo, voice, head_from=motion)
    with pytest.raises(InputError, match="no head of its own"):
        head.animate(photo, voice, head_from=shipped.space.motion(np.zeros((5, 43), np.float32)))
    with pytest.raises(InputError, match="kind 'mesh' alone, not 'tiny'"):
        export_curves(motion, head.space, tmp_path / "m.csv")
    pair = Pair(photo, model / "0.wav", tmp_path / "out.mp4")
    take = Take(tmp_path / "out.mp4", tmp_path / "out.mp4", None, tmp_path / "out.csv", 0)
    with pytest.raises(InputError, match="kind 'mesh' alone"):
        list(make(head, pair, [take], Work()))
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="another motion space"):
        train_generator(
            model / "clips", model / "clips.csv", shipped.model.file("space.npz"), model / "recipe.yaml",
            tmp_path / "run", syncers=model / "syncer", init="none", report=lambda *_: None,
        )  # fmt: skip
    assert not head.space.has(replace(motion, mark=shipped.space.mark))

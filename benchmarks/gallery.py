"""Pictures of a folder, each moved to its limits: a contact sheet to look at after every change of the renderer.

    python benchmarks/gallery.py PICTURES            # writes out/gallery/sheet_1.png, ...
    python benchmarks/gallery.py PICTURES --side 240 --rows 8

PICTURES is a folder of pictures or videos (of which the middle frame is taken), or one file. For each: the photo, at
rest, lips open, wide open, rounded and shut, turned left, right, up and down, moved aside, and a blink. What is
refused is named.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sheets import cut, sheet
from zones import height_of

from mssync import TalkingHead
from mssync.errors import InputError
from mssync.face import topology as topo
from mssync.inputs import choose_face, load_photo, on_white
from mssync.media.image import Image
from mssync.media.video import iter_frames

Array = NDArray[np.float32]
Rgb = NDArray[np.uint8]

VIDEOS = (".mp4", ".webm", ".mov", ".mpg", ".mkv")
# What is asked of the columns: radians, inter-ocular distances, shares.
POSES: dict[str, dict[str, float]] = {
    "rest": {},
    "open": {"lip_gap": 0.1},
    "wide open": {"lip_gap": 0.28},
    "rounded": {"lip_gap": 0.08, "round": 1.0},
    "shut": {"lip_gap": 0.0},
    "left": {"rot_y": 0.26, "lip_gap": 0.04},
    "right": {"rot_y": -0.26, "lip_gap": 0.04},
    "up": {"rot_x": -0.2, "lip_gap": 0.1},
    "down": {"rot_x": 0.2, "trans_y": 0.1},
    "aside": {"trans_x": 0.22, "rot_z": 0.1, "log_scale": -0.05},
    "blink": {"lid_left": 1.0, "lid_right": 1.0},
}


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out") / "gallery")
    parser.add_argument("--side", type=int, default=170, help="of a tile")
    parser.add_argument("--rows", type=int, default=10, help="of one sheet")
    parser.add_argument("--most", type=int, default=60, help="pictures")
    parser.add_argument("--whole", action="store_true", help="tiles of the whole picture, not of the head")
    options = parser.parse_args()
    head = TalkingHead.load()
    rows: list[tuple[str, list[Rgb]]] = []
    for name, image in list(pictures(options.pictures))[: options.most]:
        try:
            rows.append((name, list(tiles(head, image, options.side, options.whole))))
        except InputError as error:
            print(f"{name}: {error}")
    for start in range(0, len(rows), options.rows):
        path = options.out / f"sheet_{start // options.rows + 1}.png"
        sheet(rows[start : start + options.rows], ["photo", *POSES], path)
        print(f"written to {path}")


def pictures(source: Path) -> Iterator[tuple[str, Image]]:
    """All pictures of a folder, at most 512 pixels wide or high, by name."""
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        try:
            if path.suffix.lower() in VIDEOS:
                frames = [rgb for _, rgb in iter_frames(path)]
                yield path.stem, Image(frames[len(frames) // 2], None, path.name)
            elif path.is_file():
                image = load_photo(path, None)[0]
                yield path.stem, image.resized(min(512, max(image.width, image.height)))
        except InputError as error:
            print(error)


def tiles(head: TalkingHead, image: Image, side: int, whole: bool) -> Iterator[Rgb]:
    """The photo and its poses.

    Raises:
        InputError: it shows no face that can be moved.
    """
    face = choose_face(head.tracker, image, 1, 1.0)
    if image.alpha is not None:
        image = on_white(image)
    scene, rest = head.renderer.prepare(image, face), head.space.prepare(face)
    (x, y), high = face.points[:, :2].mean(0), height_of(face.points)
    box = (0, 0, image.width, image.height)
    if not whole:
        box = int(x - 1.05 * high), int(y - 1.2 * high), int(x + 1.05 * high), int(y + 0.9 * high)
    yield cut(image.rgb, box, side)
    for asked in POSES.values():
        yield cut(head.renderer.render(scene, head.space.decode(rest, row_of(head, asked))), box, side)


def row_of(head: TalkingHead, asked: dict[str, float]) -> Array:
    """A row of motion; ``round`` is the expression of rounded lips."""
    space = head.space
    row = np.zeros(len(space.names), np.float32)
    for name, value in asked.items():
        if name == "round":
            pucker, funnel = (space.blend[topo.BLENDSHAPE_NAMES.index(n)] for n in ("mouthPucker", "mouthFunnel"))
            change = value * (0.7 * pucker + 0.5 * funnel).reshape(-1).astype(np.float64)
            basis = space.basis.reshape(len(space.basis), -1).astype(np.float64)
            row[head.space.groups.expression] = np.linalg.lstsq(basis.T, change, rcond=None)[0]
        else:
            row[space.names.index(name)] = value
    return row


if __name__ == "__main__":
    main()

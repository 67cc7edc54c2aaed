"""How points of turning heads move beyond a rigid turn, and how large the turns of rendered heads are read.

    python benchmarks/turns.py fit CLIPS --list clips.csv [--write src/mssync/weights/mesh/turning.npz]
    python benchmarks/turns.py read [PICTURE_OR_FOLDER ...]

``fit`` takes the tracked points of real heads (CLIPS is a folder of `mssync preprocess --points`, train clips of the
list) and regresses, per clip, where the points lie beyond the rigid shape of the person on pitch and yaw
(docs/adr/0004-renderer.md). It also prints the tracker's own gain: its turns against those of a shape and poses
fitted to the two-dimensional points of all frames of a clip together, which know nothing of the network's depth.
``read`` turns each picture by up to 15 degrees about each axis, tracks the rendered frames and prints the slope of
what is read against what was asked; without pictures the demo faces are used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from common import demo_photo, show
from dev_set import list_with_roles

from mssync.arrays import Array64, Rgb
from mssync.evaluation.footage import pinned_space
from mssync.face import shape as fs
from mssync.face.topology import EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT, MIRROR, POINTS, RIGID
from mssync.face.tracking import Face, FaceTracker, Track
from mssync.media.image import Image, load_image
from mssync.motion.mesh import MeshSpace
from mssync.render.relief import with_relief
from mssync.render.warp import WarpRenderer
from mssync.training.data.clips import load_points

EYES = [*EYE_CORNERS_LEFT, *EYE_CORNERS_RIGHT]
ANGLES = (-15, -10, -5, 0, 5, 10, 15)
FAR = np.radians(18.0)  # turns beyond this are left out of the fit
FEWEST, STILL = 60, np.radians(2.5)  # frames, and how much a head has to turn to say something
# How much farther than on real heads points are moved, pitch and yaw: the network reads a warped photo, whose light
# and outline do not turn, a little towards upright.
EMPHASIS = (1.1, 1.0)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit")
    fit.add_argument("clips", type=Path)
    fit.add_argument("--list", type=Path, required=True)
    fit.add_argument("--write", type=Path)
    read = commands.add_parser("read")
    read.add_argument("pictures", type=Path, nargs="*")
    read.add_argument("--sheet", type=Path, help="a folder for contact sheets")
    args = parser.parse_args()
    if args.command == "fit":
        fit_turning(args.clips, args.list, args.write)
    else:
        read_back(args.pictures, args.sheet)


# ---- real heads ---------------------------------------------------------------------------------------------------


def fit_turning(clips: Path, listing: Path, write: Path | None) -> None:
    """The mean over clips of what the points do beyond the rigid turn, weighted by how much the head turns."""
    space = pinned_space()
    total, weights, rigid_total = np.zeros((2, POINTS, 3)), np.zeros(2), np.zeros((2, POINTS, 3))
    gains = []
    for entry in list_with_roles(listing):
        path = clips / "points" / (entry.name + ".npz")
        if entry.split != "train" or entry.role == "read" or not path.exists():
            continue
        track = load_points(path).track
        if track.valid.sum() < FEWEST:
            continue
        found = beyond_rigid(space, track)
        if found is None:
            continue
        more, rigid, spread, count = found
        weight = min(count, 300) * np.minimum(spread, np.radians(8.0)) ** 2
        total += more * weight[:, None, None]
        rigid_total += rigid * weight[:, None, None]
        weights += weight
        if spread[1] > 2 * STILL:
            gains.append(own_gain(space, track))
    more, rigid = (mirrored(x / weights[:, None, None]) for x in (total, rigid_total))
    more += (np.array(EMPHASIS)[:, None, None] - 1.0) * (more + rigid)
    if write is not None:
        write.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(write, beyond=more[..., :2].astype(np.float16))
    size = [float(np.sqrt((x[..., :2] ** 2).sum(-1).mean())) for x in (*more, *rigid)]
    middle = np.median(np.asarray(gains), axis=0)
    rows = [
        ("beyond the rigid turn, rms, pitch, yaw [eye distances per radian]", f"{size[0]:.3f}  {size[1]:.3f}"),
        ("rigid turn, rms, pitch, yaw", f"{size[2]:.3f}  {size[3]:.3f}"),
        (f"tracker's own gain, pitch, yaw, roll (median of {len(gains)} clips)", "  ".join(f"{g:.2f}" for g in middle)),
    ]
    show("turning heads, real footage", rows, {"size": size, "own gain": middle.tolist()}, "turns_fit")


def beyond_rigid(space: MeshSpace, track: Track) -> tuple[Array64, Array64, Array64, int] | None:
    """Slopes ``(2, 478, 3)`` on pitch and yaw of the points beyond the rigid shape and of that shape; the amount."""
    rest = space.rest_of(track)
    points = track.points[track.valid]
    pose = fs.fit_pose(points, rest.shape)
    turn = fs.rotation_vector(pose.rotation @ rest.pose.rotation.T)
    near = (np.abs(turn[:, :2]) < FAR).all(1)
    spread = turn[near, :2].std(0) if near.sum() >= FEWEST else np.zeros(2)
    if spread.max() < STILL:
        return None
    seen = (points - pose.translation[:, None]) / pose.scale[:, None, None]
    rigid = np.einsum("tij,nj->tni", pose.rotation, rest.shape)
    c, s = np.cos(-turn[:, 2:]), np.sin(-turn[:, 2:])
    both = []
    for x in (seen, rigid):
        level = np.stack([c * x[..., 0] - s * x[..., 1], s * x[..., 0] + c * x[..., 1], x[..., 2]], -1)[near]
        both.append((level - level[:, EYES].mean(1, keepdims=True)).reshape(len(level), -1))
    x = turn[near, :2]
    design = np.concatenate([x, x**2, x[:, :1] * x[:, 1:], np.ones((len(x), 1))], 1)
    slopes = [np.linalg.lstsq(design, y, rcond=None)[0][:2].reshape(2, POINTS, 3) for y in both]
    return slopes[0] - slopes[1], slopes[1], spread, int(near.sum())


def mirrored(slopes: Array64) -> Array64:
    """The mean with the mirror image: people turn both ways alike."""
    sign = np.array([[-1, 1, 1], [1, -1, -1]])[:, None]
    return (slopes + slopes[:, list(MIRROR)] * sign) / 2


def own_gain(space: MeshSpace, track: Track) -> Array64:
    """The tracker's turns over those of a rigid head fitted to its points in the picture alone, pitch, yaw, roll."""
    points = track.points[track.valid][::2].astype(np.float64)
    rest = space.rest_of(track)
    pose = fs.fit_pose(points.astype(np.float32), rest.shape)
    seen = points[:, list(RIGID), :2]
    seen = seen - seen.mean(1, keepdims=True)
    shape = rest.shape[list(RIGID)].astype(np.float64)
    shape -= shape.mean(0)
    rotation = pose.rotation.copy()
    for _ in range(40):
        for _ in range(2):
            moved = np.einsum("tij,nj->tni", rotation, shape)
            scale = (moved[..., :2] * seen).sum((1, 2)) / (moved[..., :2] ** 2).sum((1, 2))
            left = seen - scale[:, None, None] * moved[..., :2]
            change = np.zeros((*left.shape, 3))
            change[..., 0, 1], change[..., 0, 2] = moved[..., 2], -moved[..., 1]
            change[..., 1, 0], change[..., 1, 2] = -moved[..., 2], moved[..., 0]
            a = (change * scale[:, None, None, None]).reshape(len(seen), -1, 3)
            normal = np.swapaxes(a, 1, 2) @ a + 1e-9 * np.eye(3)
            step = np.linalg.solve(normal, np.swapaxes(a, 1, 2) @ left.reshape(len(seen), -1, 1))[..., 0]
            rotation = fs.rotation_matrix(np.clip(step, -0.3, 0.3)) @ rotation
        views = (scale[:, None, None] * rotation[:, :2]).reshape(-1, 3)
        fitted = np.linalg.lstsq(views, np.swapaxes(seen, 1, 2).reshape(len(views), -1), rcond=None)[0].T
        shape = fitted * np.linalg.norm(shape) / np.linalg.norm(fitted)
    u, _, vt = np.linalg.svd(np.einsum("tji,tjk->ik", pose.rotation, rotation))
    rotation = rotation @ (u @ vt).T
    spreads = []
    for turns in (pose.rotation, rotation):
        u, _, vt = np.linalg.svd(turns.mean(0))
        spreads.append(np.sqrt((fs.rotation_vector(turns @ (u @ vt).T) ** 2).sum(0)))
    return np.asarray(spreads[0] / spreads[1])


# ---- rendered heads -----------------------------------------------------------------------------------------------


def read_back(pictures: list[Path], sheets: Path | None) -> None:
    """Slope of read against asked turns, picture by picture."""
    files = [f for p in pictures for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    photos = {f.stem: load_image(f) for f in files} or {
        "hopper": Image(demo_photo()), "astronaut": Image(skimage.data.astronaut())
    }  # fmt: skip
    tracker, space, renderer = FaceTracker(), pinned_space(), WarpRenderer()
    rows, slopes = [], {}
    for name, photo in photos.items():
        faces = tracker.detect(photo.rgb)
        if not faces:
            rows.append((name, "no face"))
            continue
        slopes[name], sheet = gain_of(photo, faces[0], tracker, space, renderer)
        rows.append((name, "  ".join(f"{g:.2f}" for g in slopes[name])))
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(sheets / f"turns-{name}.png"), sheet[..., ::-1])
    table = np.array(list(slopes.values()))
    rows.append(("median", "  ".join(f"{g:.2f}" for g in np.median(table, axis=0))))
    rows.append(("10 % / 90 %", "  ".join(f"{a:.2f}-{b:.2f}" for a, b in np.percentile(table, [10, 90], axis=0).T)))
    show("read / asked: pitch, yaw, roll", rows, {"gain": slopes}, "turns")


def gain_of(
    photo: Image, face: Face, tracker: FaceTracker, space: MeshSpace, renderer: WarpRenderer
) -> tuple[list[float], Rgb]:
    """Slopes for pitch, yaw and roll, and a row of frames."""
    rest, scene = space.prepare(face), with_relief(renderer.prepare(photo, face), renderer, tracker)
    gap = max(0.0, float(fs.lip_gap(rest.pose.to_head(face.points))) - space.gap_zero)

    def frame(axis: int, angle: float) -> Rgb:
        row = np.zeros(len(space.names), np.float32)
        row[space.names.index("lip_gap")] = gap
        row[axis] = np.radians(angle)
        return renderer.render(scene, space.decode(rest, row))

    def seen(rgb: Rgb) -> np.ndarray:
        return tracker.track([(0.0, rgb)]).points[0]

    still = seen(frame(0, 0.0))
    start = fs.fit_pose(still, space.template)
    own = start.to_head(still)
    slopes = []
    for axis in range(3):
        poses = [fs.fit_pose(seen(frame(axis, a)), own).rotation @ start.rotation.T for a in ANGLES]
        turns = np.degrees([fs.rotation_vector(p)[axis] for p in poses])
        slopes.append(float(np.polyfit(ANGLES, turns, 1)[0]))
    views = [frame(1, -15), frame(1, 0), frame(1, 15), frame(0, 15), frame(0, -15), frame(2, 15)]
    return slopes, np.hstack(views)


if __name__ == "__main__":
    main()

"""How deep a photo's face has to be for its turns to be read back as large as they are asked.

The tracker guesses the depth of a face from one picture, and reads the turns of a rendered one by the depth it guesses
again: some faces come out a tenth too flat, some a tenth too deep. Turned to both sides and nodded up and down once,
before anything else is drawn, each photo tells its own factor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from mssync.errors import InputError
from mssync.face.shape import fit_pose, lip_gap, rotation_matrix, rotation_vector
from mssync.face.topology import TEMPLES
from mssync.face.tracking import Tracker
from mssync.motion.space import Controls
from mssync.render.eyes import prepare_eyes
from mssync.render.facemesh import FaceMesh
from mssync.render.field import head_field
from mssync.render.mouth import prepare_mouth
from mssync.render.turning import Turning
from mssync.render.warp import Scene, WarpRenderer, drawing_steps

ANGLE: Final = 12.0  # degrees to each side
LEAST, MOST = 0.85, 1.2
_ENOUGH = 200.0  # face height in pixels at which it is read
_ANSWER = 1.2  # a tenth more depth is read as some 8 % more turn


def with_relief(scene: Scene, renderer: WarpRenderer, tracker: Tracker) -> Scene:
    """The scene with the depth by which its turns are read back as asked; unchanged where its face is not found."""
    read = _read(_reduced(scene), renderer, tracker)
    if read is None:
        return scene
    across, down = (float(np.clip(gain**-_ANSWER, LEAST, MOST)) for gain in read)
    return replace(scene, relief=(across, down))


def _read(scene: Scene, renderer: WarpRenderer, tracker: Tracker) -> tuple[float, float] | None:
    """Read over asked turns to the sides and up and down; None where the tracker sees no face in every frame."""
    turns = [(0.0, 0.0), (0.0, ANGLE), (0.0, -ANGLE), (ANGLE, 0.0), (-ANGLE, 0.0)]

    found = []
    for pitch, yaw in turns:
        try:
            track = tracker.track([(0.0, renderer.region(scene, _turned(scene, pitch, yaw)))])
        except InputError:
            return None
        found.append(track.points[0])
    upright = fit_pose(found[0], scene.mesh.source / scene.turning.unit)
    pose = fit_pose(np.stack(found), upright.to_head(found[0]))
    seen = np.degrees(rotation_vector(pose.rotation @ upright.rotation.T))
    yaw, pitch = float(seen[1, 1] - seen[2, 1]) / (2 * ANGLE), float(seen[3, 0] - seen[4, 0]) / (2 * ANGLE)
    return None if min(yaw, pitch) < 0.3 else (yaw, pitch)


def _turned(scene: Scene, pitch: float, yaw: float) -> Controls:
    """The photo's own face turned by degrees about the middle between its temples."""
    origin = np.array([*scene.box[:2], 0], np.float64)
    points = scene.mesh.source.astype(np.float64) + origin
    turn = rotation_matrix(np.radians([pitch, yaw, 0.0]))
    centre = points[list(TEMPLES)].mean(0)
    rigid = np.concatenate([turn, (centre - turn @ centre)[:, None]], 1)
    moved = (points - centre) @ turn.T + centre
    gap = float(lip_gap(scene.mesh.source))
    return Controls(moved.astype(np.float32), rigid.astype(np.float32), gap, np.zeros(2, np.float32))


def _reduced(scene: Scene) -> Scene:
    """The region alone, no larger than its face can be read."""
    x0, y0, x1, y1 = scene.box
    factor = min(1.0, _ENOUGH / scene.mesh.height)
    size = (max(8, round(factor * (x1 - x0))), max(8, round(factor * (y1 - y0))))
    photo, person, plate = (
        np.asarray(cv2.resize(layer, size, interpolation=cv2.INTER_AREA), np.uint8)
        for layer in (scene.photo[y0:y1, x0:x1], scene.person, scene.plate)
    )
    points = scene.mesh.source * np.float32(factor)
    step, wide = drawing_steps(scene.mesh.height * factor)
    yy, xx = np.indices((size[1], size[0]), np.float32)
    return replace(
        scene,
        photo=photo,
        matte=np.ascontiguousarray(person[..., 3]),
        near=(0, 0, *size),
        box=(0, 0, *size),
        person=person,
        plate=plate,
        mesh=FaceMesh(points, size, step),
        field=head_field(points, size, wide, (False, False, False, False)),
        eyes=prepare_eyes(photo, points),
        mouth=prepare_mouth(photo, points),
        turning=Turning.of(points),
        identity=np.stack([xx, yy], -1),
    )

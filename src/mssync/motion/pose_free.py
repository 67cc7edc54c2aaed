"""Expression that is freed of what only follows the head's turns.

The tracker's shape of a face is a guess from flat pictures: it is a little too flat or too deep for each person, and
whatever it misses comes back as an "expression" that goes with every nod and turn. On another face that is a wrong
face, and on the same one the turn is drawn twice, since the renderer moves points as real heads' points move.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mssync.arrays import Array
from mssync.motion.space import Motion

_TURNS: Final = ("rot_x", "rot_y")
# A head that hardly turns says nothing of it: so many radians of standard deviation count as much as a prior of no
# dependence at all.
_PRIOR: Final = np.radians(1.0)


def freed_of_pose(motion: Motion) -> Motion:
    """The motion with expression columns less their regression on pitch and yaw over the whole motion.

    Args:
        motion: of one person in one shot, as a motion space encoded it.
    """
    turns = [motion.names.index(n) for n in _TURNS if n in motion.names]
    expression = [i for i, n in enumerate(motion.names) if n.startswith("expr_")]
    if len(turns) < 2 or not expression or len(motion) < 2:
        return motion
    values = motion.values.astype(np.float64)
    x = values[:, turns] - values[:, turns].mean(0)
    y = values[:, expression] - values[:, expression].mean(0)
    slopes = np.linalg.solve(x.T @ x + len(x) * _PRIOR**2 * np.eye(len(turns)), x.T @ y)
    out: Array = motion.values.copy()
    out[:, expression] -= (values[:, turns] @ slopes).astype(np.float32)
    return motion.with_values(out)

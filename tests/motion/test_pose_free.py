from __future__ import annotations

import numpy as np

from mssync.motion.mesh import MeshSpace
from mssync.motion.pose_free import freed_of_pose
from mssync.motion.space import Motion


def test_expression_that_only_follows_the_turns_goes_and_the_rest_stays(space: MeshSpace) -> None:
    rng, frames = np.random.default_rng(3), 400
    names, t = space.names, np.arange(frames) / 25
    expression = [i for i, n in enumerate(names) if n.startswith("expr_")]
    values = np.zeros((frames, len(names)), np.float32)
    values[:, 0], values[:, 1] = 0.12 * np.sin(1.3 * t), 0.2 * np.sin(0.7 * t + 1)
    values[:, names.index("lip_gap")] = 0.1
    own = rng.normal(size=(frames, len(expression))).astype(np.float32)
    slopes = rng.normal(0, 20, (2, len(expression)))
    values[:, expression] = own + values[:, :2] @ slopes
    freed = freed_of_pose(Motion(values, names))
    left = freed.values[:, expression]
    assert np.abs(left - own).mean() < 0.15 < np.abs(values[:, expression] - own).mean() / 4
    others = [i for i in range(len(names)) if i not in expression]
    assert np.array_equal(freed.values[:, others], values[:, others])
    # A head that hardly turns says nothing of how its expression depends on that.
    still = values.copy()
    still[:, :2] *= 0.01
    np.testing.assert_allclose(freed_of_pose(Motion(still, names)).values, still, atol=0.05 * np.abs(still).max())
    assert np.array_equal(freed_of_pose(Motion(values[:1], names)).values, values[:1])

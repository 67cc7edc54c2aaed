"""Names for places in the 478-point face mesh.

Indices follow the public face-mesh topology (468 surface points, then 5 points per iris). "left" and "right" are
the subject's own; the subject's right eye stands on the left of the picture.
"""

from __future__ import annotations

from typing import Final

POINTS: Final = 478
SURFACE_POINTS: Final = 468

# Points on the middle line, and for every point its partner on the other half of the face. Past the middle line the
# topology lists the subject's right half first, then the left half in the same order.
MIDLINE: Final = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
)  # fmt: skip


def _mirror() -> tuple[int, ...]:
    right = [i for i in range(248) if i not in MIDLINE] + [468, 469, 470, 471, 472]
    left = [*range(248, SURFACE_POINTS), 473, 476, 475, 474, 477]
    partner = {i: i for i in MIDLINE} | dict(zip(right, left, strict=True)) | dict(zip(left, right, strict=True))
    return tuple(partner[i] for i in range(POINTS))


MIRROR: Final = _mirror()

# Lips, each ring from the subject's right corner over the upper lip to the left corner and back below.
LIPS_OUTER_UPPER: Final = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_OUTER_LOWER: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIPS_INNER_UPPER: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIPS_INNER_LOWER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIPS_OUTER: Final = LIPS_OUTER_UPPER + LIPS_OUTER_LOWER[-2:0:-1]
LIPS_INNER: Final = LIPS_INNER_UPPER + LIPS_INNER_LOWER[-2:0:-1]
# Rings between the inner and the outer edge of the lips, same order as the rings above.
LIPS_MIDDLE_UPPER: Final = (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306)
LIPS_MIDDLE_LOWER: Final = (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306)

# Eyes: upper and lower lid from the outer to the inner corner.
RIGHT_LID_UPPER: Final = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LID_LOWER: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_LID_UPPER: Final = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LID_LOWER: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_EYE: Final = RIGHT_LID_UPPER + RIGHT_LID_LOWER[-2:0:-1]
LEFT_EYE: Final = LEFT_LID_UPPER + LEFT_LID_LOWER[-2:0:-1]
# The crease ring just outside the lids, upper then lower, outer to inner corner.
RIGHT_CREASE_UPPER: Final = (130, 247, 30, 29, 27, 28, 56, 190, 243)
RIGHT_CREASE_LOWER: Final = (130, 25, 110, 24, 23, 22, 26, 112, 243)
LEFT_CREASE_UPPER: Final = (359, 467, 260, 259, 257, 258, 286, 414, 463)
LEFT_CREASE_LOWER: Final = (359, 255, 339, 254, 253, 252, 256, 341, 463)

RIGHT_IRIS: Final = (468, 469, 470, 471, 472)
LEFT_IRIS: Final = (473, 474, 475, 476, 477)

RIGHT_BROW: Final = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW: Final = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)

# Closed outline of the face, clockwise in the picture from the middle of the forehead.
FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# Points that move with the skull and hardly with the jaw, the lips, the brows or the lids: the pose is fitted on them.
RIGID: Final = (
    10, 109, 338, 67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 234, 454,
    151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 122, 351, 193, 417, 188, 412, 174, 399, 236, 456,
    33, 133, 263, 362, 130, 359, 226, 446, 143, 372, 116, 345, 117, 346, 111, 340, 35, 265,
)  # fmt: skip

# The pairs (upper, lower) whose mean distance is the lip gap.
LIP_GAP_PAIRS: Final = ((82, 87), (13, 14), (312, 317))
# The pairs whose mean distance, over the width between the corners, is how far an eye is open.
RIGHT_LID_PAIRS: Final = ((160, 144), (159, 145), (158, 153))
LEFT_LID_PAIRS: Final = ((387, 373), (386, 374), (385, 380))
EYE_CORNERS_RIGHT: Final = (33, 133)
EYE_CORNERS_LEFT: Final = (263, 362)
OUTER_EYE_CORNERS: Final = (33, 263)
TEMPLES: Final = (127, 356)

# The 68-point view (iBUG 300-W order) of the mesh.
IBUG68: Final = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip

# The points that the expression classifier reads.
BLENDSHAPE_POINTS: Final = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78,
    80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152,
    153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246,
    249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310,
    311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379,
    380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470,
    471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip

BLENDSHAPE_NAMES: Final = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen",
    "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)  # fmt: skip

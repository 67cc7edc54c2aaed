"""Contact sheets: rows of small pictures with words beside and above them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mssync.media.image import save_png

Rgb = NDArray[np.uint8]
_HEAD, _GAP = 18, 2


def cut(rgb: Rgb, box: tuple[int, int, int, int], side: int) -> Rgb:
    """A square tile of a part x0, y0, x1, y1 of a picture, cut to the picture and fitted on grey."""
    x0, y0, x1, y1 = max(0, box[0]), max(0, box[1]), min(rgb.shape[1], box[2]), min(rgb.shape[0], box[3])
    part = rgb[y0:y1, x0:x1]
    scale = side / max(part.shape[:2])
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    tile = np.full((side, side, 3), 90, np.uint8)
    y, x = (side - size[1]) // 2, (side - size[0]) // 2
    tile[y : y + size[1], x : x + size[0]] = small
    return tile


def sheet(rows: Sequence[tuple[str, Sequence[Rgb]]], heads: Sequence[str], path: Path) -> None:
    """Write a sheet as PNG.

    Args:
        rows: a name and its tiles, all of one size.
        heads: words above the columns.
    """
    side = rows[0][1][0].shape[0]
    most = max(len(tiles) for _, tiles in rows)
    out = np.full((_HEAD + len(rows) * (side + _HEAD), most * (side + _GAP), 3), 30, np.uint8)
    for i, head in enumerate(heads):
        _write(out, head, i * (side + _GAP) + 3, 13)
    for r, (name, tiles) in enumerate(rows):
        top = _HEAD + r * (side + _HEAD)
        _write(out, name, 3, top + side + 13)
        for i, tile in enumerate(tiles):
            out[top : top + side, i * (side + _GAP) : i * (side + _GAP) + side] = tile
    path.parent.mkdir(parents=True, exist_ok=True)
    save_png(path, out, force=True)


def _write(out: Rgb, text: str, x: int, y: int) -> None:
    cv2.putText(out, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA)

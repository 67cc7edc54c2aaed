"""Soft edges from colours: the matte between what is surely person and surely background, and both sides' colours.

Closed-form matting (Levin, Lischinski, Weiss 2008): in every window of 3 x 3 pixels the matte is an affine function of
the colour. The equations of the unknown pixels alone are solved by conjugate gradients, coarse to fine. The colours on
both sides follow from the matte by the multi-level method of Germer, Uelwer, Conrad and Harmeling (2020).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mssync.arrays import Array, Mask

_EPS = 1e-5  # variance of colours below which a window counts as flat
_PRIOR = 1e-4  # weight of the guess in places about which colours say nothing
_HALVE_ABOVE = 96  # pixels of the longer side
_STEPS, _TOLERANCE = 100, 3e-3
_WINDOW = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
_STENCIL = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]


def closed_form(rgb: Array, guess: Array, known: Mask) -> Array:
    """The matte of a picture.

    Args:
        rgb: ``(H, W, 3)`` float32 in [0, 1].
        guess: ``(H, W)`` float32 matte: true where ``known``, a guess elsewhere.
        known: ``(H, W)`` bool.
    Returns:
        ``(H, W)`` float32 in [0, 1], equal to ``guess`` where ``known``.
    """
    if known.all() or not known.any() or min(known.shape) < 3:
        return np.asarray(np.clip(guess, 0, 1), np.float32)
    start = guess
    if max(known.shape) > _HALVE_ABOVE:
        half = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
        sure = cv2.resize(known.astype(np.float32), half, interpolation=cv2.INTER_AREA) > 0.99
        small, rough = (np.asarray(cv2.resize(x, half, interpolation=cv2.INTER_AREA), np.float32) for x in (rgb, guess))
        below = closed_form(small, rough, sure)
        start = np.asarray(cv2.resize(below, known.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return _solved(rgb, guess, np.where(known, guess, start).astype(np.float32), known)


def _solved(rgb: Array, guess: Array, start: Array, known: Mask) -> Array:
    """One level: conjugate gradients over the unknown pixels."""
    width = known.shape[1]
    unknown = np.flatnonzero(~known)
    number = np.full(known.size, len(unknown), np.int32)
    number[unknown] = np.arange(len(unknown), dtype=np.int32)
    stencil = _laplacian(rgb, known, number, len(unknown))
    places = unknown[:, None] + np.array([dy * width + dx for dy, dx in _STENCIL])
    places = np.clip(places, 0, known.size - 1)  # what lies outside the picture has no weight
    at = number[places]
    fixed = np.where(at == len(unknown), start.ravel()[places], 0)
    stencil[:, 12] += _PRIOR
    right = _PRIOR * guess.ravel()[unknown] - np.einsum("nk,nk->n", stencil, fixed)
    scale = 1 / np.maximum(stencil[:, 12], 1e-6)
    padded = np.zeros(len(unknown) + 1, np.float32)

    def product(x: Array) -> Array:
        padded[:-1] = x
        return np.asarray(np.einsum("nk,nk->n", stencil, padded[at]), np.float32)

    x = start.ravel()[unknown].astype(np.float32)
    rest = right - product(x)
    direction = scale * rest
    energy = _dot(rest, direction)
    enough = _TOLERANCE**2 * energy
    for _ in range(_STEPS):
        if energy <= max(enough, 1e-12):
            break
        turned = product(direction)
        step = energy / max(_dot(direction, turned), 1e-20)
        x += step * direction
        rest -= step * turned
        before, energy = energy, _dot(rest, scale * rest)
        direction = scale * rest + (energy / before) * direction
    out = start.ravel().copy()
    out[unknown] = np.clip(x, 0, 1)
    return out.reshape(known.shape)


def _dot(a: Array, b: Array) -> float:
    """Digit for digit the same on any number of processors, which a BLAS library does not promise."""
    return float(np.einsum("n,n->", a, b, optimize=False))


def _laplacian(rgb: Array, known: Mask, number: NDArray[np.int32], count: int) -> Array:
    """The rows of the matting Laplacian that belong to unknown pixels ``(count, 25)``, over the 5 x 5 around each."""
    width = known.shape[1]
    touched = cv2.dilate((~known).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    touched[[0, -1]] = touched[:, [0, -1]] = False
    centres = np.flatnonzero(touched)
    windows = centres[:, None] + np.array([dy * width + dx for dy, dx in _WINDOW])
    colours = rgb.reshape(-1, 3)[windows]
    colours -= colours.mean(1, keepdims=True)
    spread = np.einsum("nki,nkj->nij", colours, colours) / 9 + np.float32(_EPS / 9) * np.eye(3, dtype=np.float32)
    turned = colours @ np.linalg.inv(spread)
    affinity = np.eye(9, dtype=np.float32) - (1 + turned @ colours.transpose(0, 2, 1)) / 9
    rows = number[windows]
    out = np.zeros((count + 1, len(_STENCIL)), np.float32)  # the last row takes what belongs to known pixels
    for a, (ya, xa) in enumerate(_WINDOW):
        for b, (yb, xb) in enumerate(_WINDOW):
            out[rows[:, a], (yb - ya + 2) * 5 + xb - xa + 2] += affinity[:, a, b]
    return out[:count]


_COLOUR_STEPS = (10, 3)  # in small and in large levels
_LARGE = 32
_SLACK = 1e-5  # how much even colours are asked to be smooth


def both_colours(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    """Colours of the person and of the background in every pixel, each ``(H, W, 3)`` float32.

    Args:
        rgb: ``(H, W, 3)`` float32 in [0, 1].
        alpha: ``(H, W)`` float32 matte.
    """
    h, w = alpha.shape
    levels = int(np.ceil(np.log2(max(h, w, 2))))
    weight = np.array([alpha.mean(), 1 - alpha.mean()]) + 1e-6
    person = np.full((1, 1, 3), (rgb * alpha[..., None]).mean((0, 1)) / weight[0], np.float32)
    behind = np.full((1, 1, 3), (rgb * (1 - alpha[..., None])).mean((0, 1)) / weight[1], np.float32)
    for level in range(1, levels + 1):
        size = max(1, round(w ** (level / levels))), max(1, round(h ** (level / levels)))
        picture = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)
        a = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)[..., None]
        person, behind = (
            np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_NEAREST), np.float32) for x in (person, behind)
        )
        person, behind = _colour_level(picture, a, person, behind, _COLOUR_STEPS[max(size) > _LARGE])
    return person, behind


def _colour_level(picture: Array, a: Array, person: Array, behind: Array, steps: int) -> tuple[Array, Array]:
    """One level: each pixel's two colours make its own and are like those of its neighbours, more so across edges."""
    weights = [_SLACK + np.abs(a[..., 0] - w)[..., None] for w in _neighbours(a[..., 0])]
    total = np.sum(weights, 0)
    b = 1 - a
    first, second, cross = a * a + total, b * b + total, a * b
    determinant = first * second - cross * cross
    for _ in range(steps):
        around = []
        for colours in (person, behind):
            around.append(np.sum([w * n for w, n in zip(weights, _neighbours(colours), strict=True)], 0))
        x, y = a * picture + around[0], b * picture + around[1]
        person = np.clip((second * x - cross * y) / determinant, 0, 1)
        behind = np.clip((first * y - cross * x) / determinant, 0, 1)
    return person, behind


def _neighbours(middle: Array) -> tuple[Array, Array, Array, Array]:
    padded = np.asarray(cv2.copyMakeBorder(middle, 1, 1, 1, 1, cv2.BORDER_REPLICATE), np.float32)
    return padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]

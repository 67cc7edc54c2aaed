"""Which renderers there are. A motion space names the one that draws its motion; any of them draws any motion."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Final, Protocol

from mssync.arrays import Rgb
from mssync.errors import InputError
from mssync.face.tracking import Face, Tracker
from mssync.motion.space import Controls
from mssync.render.lines import LineRenderer, Sheet
from mssync.render.relief import with_relief
from mssync.render.warp import Picture, Scene, WarpRenderer
from mssync.texts import clean


class Prepared(Protocol):
    """A photo made ready to be drawn."""

    @property
    def photo(self) -> Rgb:
        """``(H, W, 3)``, of the size of the frames."""
        ...


class Renderer(Protocol):
    """Draws frames of a photo that was made ready once."""

    def ready(self, image: Picture, face: Face, tracker: Tracker, *, alpha: bool) -> Prepared:
        """The photo made ready: all that needs a network is asked here.

        Args:
            image: the photo.
            face: the face to move, in pixels of the photo.
            tracker: finds faces.
            alpha: frames with transparency will be asked for.
        """
        ...

    def render(self, scene: Any, controls: Controls) -> Rgb:
        """One frame ``(H, W, 3)`` uint8."""
        ...

    def render_rgba(self, scene: Any, controls: Controls) -> Rgb:
        """One frame ``(H, W, 4)`` uint8, straight alpha."""
        ...


class Warp(WarpRenderer):
    """The photo itself, moved."""

    def ready(self, image: Picture, face: Face, tracker: Tracker, *, alpha: bool) -> Scene:
        scene = with_relief(self.prepare(image, face), self, tracker)
        if alpha:
            _ = scene.whole_matte
        return scene


class Lines(LineRenderer):
    """The lines of the face."""

    def ready(self, image: Picture, face: Face, tracker: Tracker, *, alpha: bool) -> Sheet:
        return self.prepare(image.rgb, face)


RENDERERS: Final[dict[str, type[Warp] | type[Lines]]] = {"warp": Warp, "lines": Lines}


def renderer_of(name: str) -> Renderer:
    """A renderer by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in RENDERERS:
        raise InputError(f"There is no renderer {clean(name, 40)!r}; use one of {', '.join(RENDERERS)}.")
    return RENDERERS[name]()


def with_mouth(scene: Prepared, forced: bool) -> Prepared:
    """The photo as it shall be drawn where something covers its mouth: a note says that the mouth is left alone.

    Args:
        scene: a photo made ready.
        forced: the mouth is moved all the same, without a word.
    """
    if not isinstance(scene, Scene) or not scene.mouth.covered:
        return scene
    if forced:
        return replace(scene, mouth=replace(scene.mouth, covered=False))
    warnings.warn(
        "Something seems to cover the mouth in the photo, so head, eyes and brows move and no mouth is drawn; "
        "--mouth 1 draws it all the same.",
        stacklevel=3,
    )
    return scene

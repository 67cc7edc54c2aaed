"""mssync: one photo and one voice become a talking head.

>>> from mssync import TalkingHead
>>> TalkingHead.load().animate("me.jpg", "hello.wav", seed=0).save("out.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mssync.pipeline import TalkingHead, animate

__version__ = "0.2.0"
__all__ = ["TalkingHead", "__version__", "animate"]


def __getattr__(name: str) -> Any:
    # The pipeline's libraries take a second to import: only who animates pays for them.
    if name in ("TalkingHead", "animate"):
        from mssync import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'mssync' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

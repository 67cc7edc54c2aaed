"""Errors a user can cause. Each carries one clear sentence that says what to do.

The command line prints the sentence and ends with :attr:`MssyncError.exit_code`; Python callers catch
:class:`MssyncError`. Anything else that escapes is a bug of ours.
"""

from __future__ import annotations

import platform

from mssync.texts import sentence


class MssyncError(Exception):
    """Base of every mistake that the caller can put right.

    Args:
        message: one sentence, naming the file or option and what to do about it. Names and texts from files may be
            in it as they are: what would steer a terminal, or run over lines, is replaced (:mod:`mssync.texts`).
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(sentence(message))


class InputError(MssyncError):
    """A photo, sound, motion file or option cannot be used."""


class OutputError(MssyncError):
    """The result cannot be written (exists, no permission, disk full)."""


class AssetError(MssyncError):
    """A model file is missing, damaged, or cannot be fetched."""


class PlatformError(MssyncError):
    """A package that mssync runs on is missing, or cannot be loaded on this computer."""

    @classmethod
    def of(cls, error: ImportError) -> PlatformError:
        """From the failed import."""
        reason = " ".join(str(error).split())[:200]
        here = f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}"
        return cls(
            f"A package that mssync needs cannot be loaded here ({here}): {reason}. There are packages for Linux with "
            "glibc, Macs with Apple silicon and Windows on x86-64; on one of these, install mssync again."
        )

    @classmethod
    def of_kernels(cls, error: RuntimeError) -> PlatformError:
        """From LiteRT's refusal to prepare a network: its fast kernels were not started and nothing replaces them."""
        reason = " ".join(str(error).split())[:200]
        return cls(
            f"LiteRT cannot run one of the networks here ({reason}). On Linux it asks /proc and /sys what the "
            "processor can do: in a container or a chroot, mount both."
        )

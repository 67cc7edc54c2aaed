"""Errors a user can cause. Each carries one clear sentence that says what to do.

The command line prints the sentence and ends with :attr:`MssyncError.exit_code`; Python callers catch
:class:`MssyncError`. Anything else that escapes is a bug of ours.
"""

from __future__ import annotations


class MssyncError(Exception):
    """Base of every mistake that the caller can put right.

    Args:
        message: one sentence, naming the file or option and what to do about it.
    """

    exit_code = 2


class InputError(MssyncError):
    """A photo, sound, motion file or option cannot be used."""


class OutputError(MssyncError):
    """The result cannot be written (exists, no permission, disk full)."""


class AssetError(MssyncError):
    """A model file is missing, damaged, or cannot be fetched."""

"""A lock on an open file that the system takes back by itself when the process ends, however it ends."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    def try_lock(number: int) -> bool:
        """Lock an open file (by its descriptor) until it is closed; False where somebody else holds it.

        Raises:
            OSError: the file system has no locks.
        """
        os.lseek(number, 0, os.SEEK_SET)
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def try_lock(number: int) -> bool:
        """Lock an open file (by its descriptor) until it is closed; False where somebody else holds it.

        Raises:
            OSError: the file system has no locks.
        """
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

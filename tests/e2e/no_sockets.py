"""Run mssync in a process that dies at the first socket, Python's or a native library's: ``no_sockets.py animate ...``.

On Linux a seccomp filter ends the process (SIGSYS) at the system call ``socket``; it holds for every thread and child,
and needs no rights. Elsewhere, and where the kernel has no such filter, Python's own sockets are watched alone.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

# Number of the system call socket, and the kernel's number of the architecture.
SOCKET = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # instructions of the filter: load a word, compare, return
ALLOW, KILL = 0x7FFF0000, 0x80000000
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


def forbid_native_sockets() -> bool:
    """True when any later ``socket`` of this process or its children ends it."""
    if not sys.platform.startswith("linux") or platform.machine() not in SOCKET:
        return False
    number, architecture = SOCKET[platform.machine()]
    code = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (LOAD, 0, 0, 4),
            (EQUAL, 0, 2, architecture),
            (LOAD, 0, 0, 0),
            (EQUAL, 1, 0, number),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, KILL),
        )
    )
    instructions = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8, ctypes.addressof(instructions)))
    libc = ctypes.CDLL(None)
    return libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and libc.prctl(SET_SECCOMP, FILTER, program, 0, 0) == 0


def forbid_python_sockets(event: str, arguments: object) -> None:
    """An audit hook: no look-up and no socket."""
    if event.startswith("socket."):
        print(f"a socket was asked for: {event}", file=sys.stderr, flush=True)
        os._exit(99)


if __name__ == "__main__":
    print("native sockets are forbidden" if forbid_native_sockets() else "native sockets are not watched", flush=True)
    sys.addaudithook(forbid_python_sockets)
    from mssync.cli import main

    main()

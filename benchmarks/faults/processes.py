"""Functions in processes of their own, and file systems that only these see."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NEW_MOUNTS = 0x00020000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 32, 4096, 16384, 1 << 18


class MountError(OSError):
    """Mounting is not allowed on this machine."""


def in_child(function: Callable[[], Any]) -> tuple[int, Any]:
    """Call a function in a forked process; return its exit status (negative: a signal's number) and what it returned.

    What a child returns comes back through a pipe; one that dies before returns None. This process must not have
    started threads.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        # A program in the background of a shell is not interrupted, nor are its children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = 1
        try:
            result = pickle.dumps(function())
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(result)
            status = 0
        except BaseException:  # noqa: BLE001 - nothing else would tell
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, pickle.loads(told) if told else None  # noqa: S301 - of our own child


def small_disk(folder: Path, size: int) -> None:
    """Put a file system of `size` bytes in memory in a folder's place, for this process and its children."""
    _own_mounts()
    _mount(b"none", folder, b"tmpfs", 0, f"size={size}".encode())


def larger_disk(folder: Path, size: int) -> None:
    """Give what `small_disk` made more room."""
    _mount(b"none", folder, b"tmpfs", _REMOUNT, f"size={size}".encode())


def read_only(folder: Path) -> None:
    """Make a folder one that nobody can write to, root included, for this process and its children."""
    _own_mounts()
    _mount(bytes(folder), folder, None, _BIND, None)
    _mount(None, folder, None, _BIND | _REMOUNT | _READ_ONLY, None)


def _own_mounts() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_MOUNTS):
        raise MountError(ctypes.get_errno(), "unshare")
    _mount(None, Path("/"), None, _RECURSIVE | _PRIVATE, None)


def _mount(source: bytes | None, target: Path, kind: bytes | None, flags: int, data: bytes | None) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.mount(source, bytes(target), kind, ctypes.c_ulong(flags), data):
        raise MountError(ctypes.get_errno(), f"mount {target}")

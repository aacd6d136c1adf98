"""Files that are there whole or not at all, also after a kill or a loss of power, and a lock between processes."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from xr_inr.exceptions import RequestError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED_BYTE = 2**30
"""Beyond the text in the file: Windows lets nobody read a byte that is locked."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there, so that it never holds less than `data`."""
    beside = path.with_name(f"{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(data)
        flush(file)
    beside.replace(path)


def flush(file: IO[bytes]) -> None:
    """Wait until what was written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names of the files of a folder are on the disk, where the system can say so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def flush_tree(path: Path) -> None:
    """Wait until a file, or a folder with all that is below it, is on the disk."""
    for found in [*path.rglob("*"), path]:
        if found.is_dir():
            flush_folder(found)
        else:
            with found.open("rb+") as file:
                flush(file)


@contextmanager
def only_process(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file, which is made where there is none and says who holds it.

    The system gives the lock back when its process ends, however it ends.

    Parameters
    ----------
    path
        The file.
    what
        What is locked, for the message.

    Raises
    ------
    RequestError
        When another process holds it, or the file system knows no locks.
    """
    with _locked(path, what) as file:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        file.flush()
        yield


@contextmanager
def _locked(path: Path, what: str) -> Iterator[IO[bytes]]:
    while True:
        with path.open("ab+") as file:
            try:
                _lock(file)
            except (BlockingIOError, PermissionError):
                file.seek(0)
                raise RequestError(f"{what} is being written by {file.read().decode(errors='replace')}") from None
            except OSError as error:
                raise RequestError(f"{what} must lie on a file system with locks of files: {error}") from error
            # Whoever held the lock before may have removed the file, which then locks nothing any more.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                yield file
                return


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

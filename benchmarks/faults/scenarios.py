"""What goes wrong while a store is written, and what is found of the store afterwards."""

from __future__ import annotations

import errno
import os
import resource
import signal
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.core.sync import sync
from zarr.storage import LocalStore, MemoryStore

from benchmarks.faults import processes
from benchmarks.fuzz import seeds
from xr_inr.api import write
from xr_inr.codecs.zarr import InrCodec
from xr_inr.zip_store import open_zip

CHUNKS = 80
"""Of the store that is written: each takes a page of a disk in memory."""

AMID = 30
"""Which file of the new store is written when something happens."""

SMALL_DISK = 2**18
SMALL_FILE = 2**14

AS_BEFORE, COMPLETE, IN_PART, ASIDE = "as before", "complete", "in part", "as before, under its other name"

Prepare = Callable[[Path], None]


@dataclass(frozen=True)
class Scenario:
    """One thing that goes wrong."""

    what: str
    """In a few words."""

    arm: Prepare
    """Makes it happen, in the process that writes to the path given."""

    surround: Prepare = lambda _: None
    """Makes the file system what it is to be, in the process around the one that writes; it is given the folder."""

    amend: Prepare = lambda _: None
    """Makes it well again before the next write, likewise."""

    covers: bool = False
    """Whether that hides what lies in the folder, so that nothing can be there before."""

    replacing: bool = False
    """Whether it takes a store to replace."""

    packing: bool = False
    """Whether it takes a store in one file."""

    workers_killed: int = 0
    """How many of the two workers of dask.distributed that then fit are killed amid; where none, this process fits."""


def at_file(number: int, act: Callable[[], Any], kind: type[LocalStore | MemoryStore] = LocalStore) -> Prepare:
    """Return what does something when that many files have been written to stores of a kind."""

    def arm(_path: Path) -> None:
        written, plain = iter(range(number)), kind.set

        async def counted(self: Any, *arguments: Any, **named: Any) -> None:
            if next(written, None) is None:
                act()
            await plain(self, *arguments, **named)

        kind.set = counted  # type: ignore[method-assign]

    return arm


def _between_renames(_path: Path) -> None:
    plain = Path.rename

    def last(self: Path, target: Any) -> Path:
        moved = plain(self, target)
        if str(target).endswith(".before"):
            send(signal.SIGKILL)
        return moved

    Path.rename = last  # type: ignore[method-assign, assignment]


def _small_files(_path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILE, resource.RLIM_INFINITY))


def fail() -> None:
    """Raise the error of a disk that breaks."""
    raise OSError(errno.EIO, "the device does not answer")


def send(number: signal.Signals) -> None:
    """Send a signal to this process."""
    os.kill(os.getpid(), number)


SCENARIOS = (
    Scenario("nothing", lambda _: None),
    Scenario("killed (SIGKILL) amid writing", at_file(AMID, lambda: send(signal.SIGKILL))),
    Scenario("terminated (SIGTERM) amid writing", at_file(AMID, lambda: send(signal.SIGTERM))),
    Scenario("interrupted (SIGINT) amid writing", at_file(AMID, lambda: send(signal.SIGINT))),
    Scenario("killed between the two renames", _between_renames, replacing=True),
    Scenario("a file cannot be written", at_file(AMID, fail)),
    Scenario("no file may be that large", _small_files, packing=True),
    Scenario("the disk is full", lambda _: None, lambda folder: processes.small_disk(folder, SMALL_DISK), covers=True),
    Scenario("the folder is read-only", lambda _: None, processes.read_only),
)
"""In the order of the table."""


def make_source(path: Path) -> None:
    """Write a store of `CHUNKS` payloads without fitting any."""
    payload = (seeds.FOLDER / "siren_fast_uint16_little.bin").read_bytes()
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    array = group.create_array(
        "scene",
        shape=(3, 8, 8 * CHUNKS),
        chunks=(3, 8, 8),
        dtype="u2",
        serializer=InrCodec(bpppb=16.0),
        filters=None,
        compressors=None,
        dimension_names=("band", "y", "x"),
    )
    for number in range(CHUNKS):
        key = array.metadata.encode_chunk_key((0, 0, number))
        buffer = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(payload)
        sync((array.store_path / key).set(buffer))


def write_from(source: Path, target: Any, generation: str) -> str:
    """Copy the payloads of a store to another; return the error, or nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = xr.open_zarr(source, consolidated=False).assign_attrs(generation=generation)
        try:
            write(opened, target, mode="w")
        except BaseException as error:  # noqa: BLE001 - an interrupt is one of them
            return f"{type(error).__name__}"
    return ""


def left(source: Path, target: Any, before: str | None) -> str:
    """Return what a target holds: what it held before ('before' or None), the new store, or neither."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = target if isinstance(target, Path) else None
        if path is not None and not path.exists():
            aside = list(path.parent.glob(f".{path.name}.*.before"))
            return AS_BEFORE if before is None else ASIDE if aside else IN_PART
        store = open_zip(path) if path is not None and path.is_file() else target
        try:
            found = xr.open_zarr(store, consolidated=False).load()
            wanted = xr.open_zarr(source, consolidated=False).load()
        except (OSError, ValueError, KeyError):
            return IN_PART
        if "scene" not in found or not np.array_equal(found["scene"], wanted["scene"]):
            return IN_PART
        return AS_BEFORE if found.attrs.get("generation") == before else COMPLETE


def in_place(source: Path) -> tuple[str, str, str]:
    """Write to a store that is no folder and fails amid; return the error, what is left, how the next write ends."""
    store, plain = MemoryStore(), MemoryStore.set
    at_file(AMID, fail, MemoryStore)(source)
    said = write_from(source, store, "new")
    MemoryStore.set = plain  # type: ignore[method-assign]
    return said, left(source, store, None), write_from(source, store, "again")

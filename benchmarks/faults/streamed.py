"""What goes wrong while a store is fitted and written batch by batch, and how the next write goes on."""

from __future__ import annotations

import importlib
import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.faults import processes
from benchmarks.faults.scenarios import AMID, CHUNKS, Scenario, at_file, fail, send
from xr_inr import durable, partial, variable_fit

AFTER_CHUNKS = 2**19
"""Bytes of a disk that has room for finished chunks and not for the store."""

BEFORE_CHUNKS = 2**18
ROOM = 2**22

_SIDE = 8
_CHUNKS_AT_ONCE = 4


def scene(generation: str) -> xr.Dataset:
    """Return a scene of chunks that are constant, each at a value of its own: there is nothing to fit."""
    values = np.repeat(np.arange(CHUNKS, dtype="u2"), _SIDE)
    samples = np.broadcast_to(values, (3, _SIDE, _SIDE * CHUNKS)).copy()
    return xr.Dataset({"scene": (("band", "y", "x"), samples)}, attrs={"generation": generation})


def stream(target: Path, generation: str, *, client: Any = None) -> str:
    """Stream the scene to a store, or go on with that; return the error, or nothing."""
    setattr(variable_fit, "_SAMPLES_AT_ONCE", _CHUNKS_AT_ONCE * 3 * _SIDE**2)  # noqa: B010 - a name of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        planned = scene(generation).inr.compress(
            bpppb=16.0, preset="fast", device="cpu", chunks={"y": _SIDE, "x": _SIDE}, compute=False, progress=False
        )
        try:
            planned.inr.to_zarr(target, mode="w", resume=True, client=client)
        except BaseException as error:  # noqa: BLE001 - an interrupt is one of them
            return f"{type(error).__name__}"
    return ""


def stream_on_cluster(target: Path, generation: str) -> str:
    """Stream the scene by workers of dask.distributed, one of which is killed amid."""
    distributed = importlib.import_module("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
            pids = sorted(client.run(os.getpid).values())
            at_chunk(AMID, lambda: os.kill(pids.pop(), signal.SIGKILL) if len(pids) > 1 else None)(target)
            return stream(target, generation, client=client)


def at_chunk(number: int, act: Callable[[], Any]) -> Callable[[Path], None]:
    """Return what does something when that many finished chunks have been kept."""

    def arm(_path: Path) -> None:
        kept, plain = iter(range(number)), durable.write_whole

        def counted(path: Path, data: bytes) -> None:
            if next(kept, None) is None:
                act()
            plain(path, data)

        # Where the name is looked up when a chunk is kept.
        setattr(partial, "write_whole", counted)  # noqa: B010 - not exported there

    return arm


def full_disk(size: int) -> Callable[[Path], None]:
    """Return what gives a folder a disk of some bytes."""
    return lambda folder: processes.small_disk(folder, size)


def more_room(folder: Path) -> None:
    """Give the disk of a folder room for all."""
    processes.larger_disk(folder, ROOM)


STREAMED = (
    Scenario("nothing", lambda _: None),
    Scenario("killed (SIGKILL) amid fits", at_chunk(AMID, lambda: send(signal.SIGKILL))),
    Scenario("terminated (SIGTERM) amid fits", at_chunk(AMID, lambda: send(signal.SIGTERM))),
    Scenario("interrupted (SIGINT) amid fits", at_chunk(AMID, lambda: send(signal.SIGINT))),
    Scenario("killed (SIGKILL) amid writing", at_file(AMID, lambda: send(signal.SIGKILL))),
    Scenario("interrupted (SIGINT) amid writing", at_file(AMID, lambda: send(signal.SIGINT))),
    Scenario("a finished chunk cannot be written", at_chunk(AMID, fail)),
    Scenario("a file cannot be written", at_file(AMID, fail)),
    Scenario("a worker is killed", lambda _: None, clustered=True),
    Scenario("the disk is full amid fits", lambda _: None, full_disk(BEFORE_CHUNKS), more_room, covers=True),
    Scenario("the disk is full amid writing", lambda _: None, full_disk(AFTER_CHUNKS), more_room, covers=True),
    Scenario("the folder is read-only", lambda _: None, processes.read_only),
)
"""In the order of the table."""

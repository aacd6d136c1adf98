"""What goes wrong while a store is fitted and written batch by batch, and how the next write goes on."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack
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

_WORKERS = 2
_WORKERS_WITHIN, _WORKER_TIMEOUT = 60, 2.0
"""Seconds in which workers start, and after which a write without any ends."""


def scene(generation: str) -> xr.Dataset:
    """Return a scene of chunks that are constant, each at a value of its own: there is nothing to fit."""
    values = np.repeat(np.arange(CHUNKS, dtype="u2"), _SIDE)
    samples = np.broadcast_to(values, (3, _SIDE, _SIDE * CHUNKS)).copy()
    return xr.Dataset({"scene": (("band", "y", "x"), samples)}, attrs={"generation": generation})


def stream(target: Path, generation: str, **on_cluster: Any) -> str:
    """Stream the scene to a store, or go on with that; return the error, or nothing."""
    setattr(variable_fit, "_SAMPLES_AT_ONCE", _CHUNKS_AT_ONCE * 3 * _SIDE**2)  # noqa: B010 - a name of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        planned = scene(generation).inr.compress(
            bpppb=16.0, preset="fast", device="cpu", chunks={"y": _SIDE, "x": _SIDE}, compute=False, progress=False
        )
        try:
            planned.inr.to_zarr(target, mode="w", resume=True, **on_cluster)
        except BaseException as error:  # noqa: BLE001 - an interrupt is one of them
            return f"{type(error).__name__}"
    return ""


def stream_on_cluster(target: Path, generation: str, killed: int) -> str:
    """Stream the scene by two workers of dask.distributed, some of which are killed amid and not started again."""
    distributed = importlib.import_module("distributed")
    options = {"n_workers": 0, "processes": True, "dashboard_address": ":0"}
    with warnings.catch_warnings(), ExitStack() as ending:
        warnings.simplefilter("ignore")
        cluster = ending.enter_context(distributed.LocalCluster(**options))
        client = ending.enter_context(distributed.Client(cluster))
        command = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, "--nthreads", "1"]
        workers = [subprocess.Popen([*command, "--no-nanny"]) for _ in range(_WORKERS)]  # noqa: S603 - our own
        for worker in workers:
            ending.callback(worker.wait)
            ending.callback(worker.kill)
        client.wait_for_workers(_WORKERS, timeout=_WORKERS_WITHIN)

        def kill() -> None:
            for worker in workers[:killed]:
                worker.kill()

        at_chunk(AMID, kill)(target)
        return stream(target, generation, client=client, worker_timeout=_WORKER_TIMEOUT)


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
    Scenario("a worker is killed", lambda _: None, workers_killed=1),
    Scenario("all workers are killed", lambda _: None, workers_killed=_WORKERS),
    Scenario("the disk is full amid fits", lambda _: None, full_disk(BEFORE_CHUNKS), more_room, covers=True),
    Scenario("the disk is full amid writing", lambda _: None, full_disk(AFTER_CHUNKS), more_room, covers=True),
    Scenario("the folder is read-only", lambda _: None, processes.read_only),
)
"""In the order of the table."""

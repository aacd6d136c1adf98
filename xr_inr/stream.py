"""Fitting planned variables while they are written: batch by batch, kept as they are finished, resumable."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import xarray as xr
import zarr

from xr_inr.batch_fit import BatchTask
from xr_inr.chunk_record import ChunkIndex
from xr_inr.cluster import Cluster
from xr_inr.core import device as devices
from xr_inr.exceptions import ChunksError, RequestError, StoreExistsError
from xr_inr.known import payloads_of
from xr_inr.local_fits import Done, fit_here, told
from xr_inr.partial import Batch, Partial, Plans, holds_work, opened, partial_folder, put_back, unfinished_write
from xr_inr.planned import plan_of
from xr_inr.progress import FitDisplay
from xr_inr.store import Groups, Mode, ZarrFormat, check_target, local_path, write_store
from xr_inr.zip_store import is_zip_name, open_zip


@dataclass(frozen=True)
class StreamOptions:
    """How planned variables are fitted; parameters of `xr_inr.write`."""

    resume: bool = False
    """Go on with a write that was interrupted."""

    client: Any = None
    """A client of dask.distributed, True for the current one; None to fit here."""

    resources: Mapping[str, float] | None = None
    """What a worker must declare to get a fit."""

    retries: int = 2
    """How often a batch that failed on a worker is tried again."""

    worker_timeout: float = 600.0
    """Seconds that batches wait while the cluster has no worker for them; then all that lack are named in a
    `ChunksError`. `math.inf` waits as long as it takes, as for a queue."""


class StreamingOptions(TypedDict, total=False):
    """The fields of `StreamOptions`, for keyword arguments."""

    resume: bool
    client: Any
    resources: Mapping[str, float] | None
    retries: int
    worker_timeout: float


Datasets = Mapping[str, xr.Dataset]
"""The Dataset of each group, by its path; "/" first."""


def write_datasets(
    datasets: Datasets, store: Any, *, mode: Mode, zarr_format: ZarrFormat, options: StreamOptions
) -> None:
    """Write Datasets to the groups of a store; fit what is planned, copy what has payloads; see `xr_inr.write`."""
    plans = _plans_of(datasets)
    if not plans:
        if options != StreamOptions():
            raise RequestError(
                "resume, client, resources, retries and worker_timeout are for what compress(..., compute=False) "
                "returned. Got something without a plan."
            )
        known = {path: (ds, payloads_of(ds)) for path, ds in datasets.items()}
        write_store(known, store, mode=mode, zarr_format=zarr_format)
        return
    at_the_end = check_stream_target(store, mode, zarr_format, resume=options.resume)
    path = local_path(store)
    fitting = _fitting(plans, options)
    with opened(path, plans, resume=options.resume) as partial:
        left = [batch for batch in _batches(plans) if partial.left_of(batch)]
        if at_the_end:
            if left or not _stands_in(plans, partial, path):
                raise StoreExistsError(f"{path} exists; mode='w' (--overwrite) replaces it")
            return
        _fit(plans, partial, left, fitting)
        groups = _with_kept(datasets, partial)
        write_store(groups, store, mode=mode, zarr_format=zarr_format, partial=None if path is None else partial)


def check_stream_target(store: Any, mode: str, zarr_format: int, *, resume: bool) -> bool:
    """Refuse, before any work, a target to which nothing can be streamed.

    Returns
    -------
    bool
        Whether the store seems to be written already, by a process that ended before it had cleaned up.

    Raises
    ------
    RequestError, StoreExistsError
        As `check_target`, and when a write that was interrupted lies there and `resume` is not set.
    """
    path = local_path(store)
    if path is None:
        if resume:
            raise RequestError(f"only a write to a store on a local disk can be resumed. Got {store}.")
        check_target(store, mode, zarr_format)
        return False
    unfinished = holds_work(path)
    if unfinished:
        put_back(path)
    if unfinished and not resume:
        raise StoreExistsError(unfinished_write(partial_folder(path)))
    at_the_end = unfinished and mode == "w-" and path.exists()
    check_target(store, "w" if at_the_end else mode, zarr_format)
    return at_the_end


Fitting = Callable[[Iterable[tuple[Batch, BatchTask]], FitDisplay, int], Done]


def _fitting(plans: Plans, options: StreamOptions) -> Fitting:
    """Return how batches are fitted; everything that can be wrong with it is found here."""
    requests = [plan.config.request for plan in plans.values()]
    asked_devices = {request.device for request in requests}
    if options.client is None:
        spread = [devices.spread(name) for name in asked_devices]
        spread_over = spread[0] if len(spread) == 1 else []
        return lambda tasks, display, count: fit_here(tasks, spread_over, display, count)
    cluster = Cluster.of(options.client, options.resources, options.retries, options.worker_timeout, asked_devices)

    return lambda tasks, display, count: told(cluster.run(tasks), display.next_fit("cluster"), count)


def _fit(plans: Plans, partial: Partial, left: Sequence[Batch], fitting: Fitting) -> None:
    """Fit batches and keep what comes of them; raises `ChunksError` at the end if chunks failed."""
    tasks = ((batch, plans[batch[0]].task(partial.left_of(batch))) for batch in left)
    failures: dict[tuple[str, ChunkIndex], str] = {}
    progress = next(iter(plans.values())).progress
    # Closed, whatever ends it, so that fits which nobody waits for any more do not go on.
    with FitDisplay(progress, len(left)) as display, closing(fitting(tasks, display, len(left))) as batches:
        for batch, result in batches:
            partial.keep(batch, result.encoded)
            failures |= {(batch[0], index): failure.reason for index, failure in result.failures.items()}
    if failures:
        raise ChunksError(failures, partial.what_remains())


def _batches(plans: Plans) -> list[Batch]:
    return [(name, number) for name, plan in plans.items() for number in range(len(plan.fit.batches))]


def _plans_of(datasets: Datasets) -> Plans:
    found = {}
    for path, ds in datasets.items():
        for name, variable in ds.data_vars.items():
            plan = plan_of(variable)
            if plan is not None:
                found[_place(path, name)] = plan
    return found


def _with_kept(datasets: Datasets, partial: Partial) -> Groups:
    """Return the payloads of all variables, those of planned ones from files."""
    groups = {}
    for path, ds in datasets.items():
        planned = [name for name, variable in ds.data_vars.items() if plan_of(variable) is not None]
        groups[path] = (ds, {**payloads_of(ds), **{name: partial.kept(_place(path, name)) for name in planned}})
    return groups


def _stands_in(plans: Plans, partial: Partial, path: Path | None) -> bool:
    """Whether a store on the local disk holds the payloads of finished variables."""
    source = open_zip(path) if path is not None and is_zip_name(path) else path
    opened_store = zarr.open_group(source, mode="r", use_consolidated=False)
    found = {name: opened_store.get(name) for name in plans}
    return all(isinstance(array, zarr.Array) and partial.kept(name).stand_in(array) for name, array in found.items())


def _place(path: str, name: Hashable) -> str:
    return f"{path.strip('/')}/{name}".lstrip("/")

"""Batches on a cluster of dask.distributed: one task each, only a few under way at a time, retried where they fail."""

from __future__ import annotations

import importlib
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xr_inr.batch_fit import BatchResult, BatchTask, ChunkFailure, run_elsewhere
from xr_inr.core.request import real_number, whole_number
from xr_inr.exceptions import DependencyError, RequestError, XrInrError
from xr_inr.partial import Batch

_FEWEST_UNDER_WAY = 8
_UNDER_WAY_PER_THREAD = 2
_LARGEST_WAY = 2**20
"""Bytes of a pickled task, up to which it is sent as it is, even where its samples would take less."""


@dataclass(frozen=True)
class Cluster:
    """Where to send batches, and how."""

    client: Any
    """A `distributed.Client`."""

    resources: Mapping[str, float]
    """What a worker must declare."""

    retries: int
    """How often a batch that failed is tried again."""

    @classmethod
    def of(cls, client: Any, resources: Mapping[str, float] | None, retries: int, devices: set[str]) -> Cluster:
        """Check everything that can be before the first fit.

        Parameters
        ----------
        client
            A client of dask.distributed, or True for the current one.
        resources
            What a worker must declare; if None, one GPU where a device of CUDA is asked for, else nothing.
        retries
            How often a batch that failed is tried again.
        devices
            The names of the devices asked for.

        Raises
        ------
        RequestError
            When there is no such client, or no worker declares the resources.
        DependencyError
            When dask.distributed is not installed.
        """
        if whole_number("retries", retries) < 0:
            raise RequestError(f"retries must not be negative. Got {retries}.")
        found = _client(client)
        if resources is None:
            resources = {"GPU": 1} if any(name.startswith("cuda") for name in devices) else {}
        wanted = {name: real_number(f"the resource {name!r}", amount) for name, amount in resources.items()}
        workers = found.scheduler_info(n_workers=-1)["workers"].values()
        able = [
            worker
            for worker in workers
            if all(worker["resources"].get(name, 0) >= amount for name, amount in wanted.items())
        ]
        if workers and not able:
            # The tasks would wait for ever. Where there are no workers yet, some may come.
            raise RequestError(
                f"a worker must declare the resources {wanted}, as by dask worker --resources 'GPU=1'; where each has "
                f"a device of its own, as with dask-cuda, pass resources={{}}. None of {len(workers)} workers does."
            )
        return cls(found, wanted, retries)

    def run(self, tasks: Iterable[tuple[Batch, BatchTask]]) -> Iterator[tuple[Batch, BatchResult]]:
        """Fit batches; yield what became of each as it is known, in any order.

        No more are under way than keep the workers busy, so that neither samples nor payloads pile up anywhere. A
        worker that dies loses its batches to the others.
        """
        waiting = iter(tasks)
        under_way: dict[Any, tuple[Batch, BatchTask, int]] = {}
        ways: dict[str, bool] = {}
        ended = _distributed().as_completed()
        try:
            while True:
                while len(under_way) < self._most_under_way() and (following := next(waiting, None)) is not None:
                    batch, task = following
                    task = _sendable(task, batch[0], ways)
                    future = self._submit(task)
                    under_way[future] = (batch, task, 0)
                    ended.add(future)
                if not under_way:
                    return
                future = next(ended)
                batch, task, attempt = under_way.pop(future)
                result = _result(future, task)
                future.release()
                if result.may_pass and attempt < self.retries:
                    future = self._submit(task)
                    under_way[future] = (batch, task, attempt + 1)
                    ended.add(future)
                else:
                    yield batch, result
        finally:
            self.client.cancel(list(under_way))

    def _submit(self, task: BatchTask) -> Any:
        with warnings.catch_warnings():
            # Samples in memory have no other way, and go a few batches at a time.
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            name = f"xr_inr-fit-{uuid.uuid4().hex}"
            return self.client.submit(run_elsewhere, task, key=name, pure=False, resources=dict(self.resources) or None)

    def _most_under_way(self) -> int:
        threads = sum(self.client.nthreads().values())
        return max(_FEWEST_UNDER_WAY, _UNDER_WAY_PER_THREAD * int(threads))


def _distributed() -> Any:
    """Import dask.distributed, which only clusters need."""
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise DependencyError("client= needs dask.distributed: pip install 'xr-inr[cluster]'") from error


def _client(client: Any) -> Any:
    distributed = _distributed()
    if client is True:
        try:
            client = distributed.default_client()
        except ValueError as error:
            raise RequestError("client=True needs a distributed.Client that is connected. There is none.") from error
    if not isinstance(client, distributed.Client):
        raise RequestError(f"client must be a distributed.Client, True for the current one, or None. Got {client!r}.")
    if client.status != "running" or client.asynchronous:
        raise RequestError(f"the client must be connected, and not asynchronous. Got {client!r}.")
    return client


def _sendable(task: BatchTask, name: str, ways: dict[str, bool]) -> BatchTask:
    """Return a task that can be sent: with the way to its samples, or with these where there is no short way."""
    if name not in ways:
        ways[name] = _has_short_way(task)
    return task.culled() if ways[name] else task.with_samples()


def _has_short_way(task: BatchTask) -> bool:
    try:
        size = len(importlib.import_module("cloudpickle").dumps(task.culled()))
    except Exception:  # noqa: BLE001 - whatever a source raises that cannot travel
        return False
    return size <= max(task.nbytes, _LARGEST_WAY)


def _result(future: Any, task: BatchTask) -> BatchResult:
    """Return what became of a batch.

    Raises
    ------
    XrInrError
        When no batch can be fitted: a worker without torch or with another version, a cluster that is gone.
    """
    if future.status == "finished":
        result: BatchResult = future.result()
        return result
    if future.status == "cancelled":
        raise XrInrError("the cluster has gone, or its tasks were cancelled; resume=True (--resume) goes on")
    error = future.exception()
    if isinstance(error, XrInrError):
        raise error
    return BatchResult({}, dict.fromkeys(task.parts, ChunkFailure.of(error)))

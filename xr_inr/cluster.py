"""Batches on a cluster of dask.distributed: one task each, only a few under way at a time, retried where they fail.

dask lets tasks wait for a worker without end. So while no batch ends the workers are looked at: where none is left for
some time, every batch that lacks has failed, and the call ends.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xr_inr.batch_fit import BatchResult, BatchTask, ChunkFailure, run_elsewhere
from xr_inr.core.request import real_number, whole_number
from xr_inr.exceptions import DependencyError, RequestError, XrInrError
from xr_inr.partial import Batch

_LOG = logging.getLogger(__name__)

_FEWEST_UNDER_WAY = 8
_UNDER_WAY_PER_THREAD = 2
_LARGEST_WAY = 2**20
"""Bytes of a pickled task, up to which it is sent as it is, even where its samples would take less."""

_WAKE_EVERY = 0.05
_LOOK_EVERY = 2.0
"""Seconds between two looks at the batches under way, and at the workers while none of them ends."""

_WAY_BACK = 5.0
"""Seconds in which a result comes from its worker before it is looked whether any is there; then twice as many."""

GONE = "the cluster has gone, or its tasks were cancelled"

UnderWay = dict[Batch, tuple[BatchTask, int]]
"""What is being fitted, and how many attempts of each there were before."""


class _ClusterLostError(XrInrError):
    """No batch under way will end; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """Where to send batches, and how."""

    client: Any
    """A `distributed.Client`."""

    resources: Mapping[str, float]
    """What a worker must declare."""

    retries: int
    """How often a batch that failed is tried again."""

    worker_timeout: float
    """Seconds that batches wait while no worker is there that declares the resources."""

    @classmethod
    def of(
        cls, client: Any, resources: Mapping[str, float] | None, retries: int, worker_timeout: float, devices: set[str]
    ) -> Cluster:
        """Check everything that can be before the first fit.

        Parameters
        ----------
        client
            A client of dask.distributed, or True for the current one.
        resources
            What a worker must declare; if None, one GPU where a device of CUDA is asked for, else nothing.
        retries
            How often a batch that failed is tried again.
        worker_timeout
            Seconds that batches wait while no such worker is there; infinite to wait as long as it takes.
        devices
            The names of the devices asked for.

        Raises
        ------
        RequestError
            When there is no such client, no worker declares the resources, or a number is out of range.
        DependencyError
            When dask.distributed is not installed.
        """
        if whole_number("retries", retries) < 0:
            raise RequestError(f"retries must not be negative. Got {retries}.")
        if not real_number("worker_timeout", worker_timeout) > 0:
            raise RequestError(f"worker_timeout must be positive. Got {worker_timeout}.")
        found = _client(client)
        if resources is None:
            resources = {"GPU": 1} if any(name.startswith("cuda") for name in devices) else {}
        wanted = {name: real_number(f"the resource {name!r}", amount) for name, amount in resources.items()}
        workers, able = _workers(found, wanted)
        if workers and not able:
            # Where there are no workers yet, some may come.
            raise RequestError(
                f"a worker must declare the resources {wanted}, as by dask worker --resources 'GPU=1'; where each has "
                f"a device of its own, as with dask-cuda, pass resources={{}}. None of {workers} workers does."
            )
        return cls(found, wanted, retries, float(worker_timeout))

    def run(self, tasks: Iterable[tuple[Batch, BatchTask]]) -> Iterator[tuple[Batch, BatchResult]]:
        """Fit batches; yield what became of each as it is known, in any order.

        No more are under way than keep the workers busy, so that neither samples nor payloads pile up anywhere. A
        worker that dies loses its batches to the others. Where no worker is left for `worker_timeout`, or the
        scheduler is gone, all batches that lack have failed.
        """
        waiting = iter(tasks)
        under_way: UnderWay = {}
        try:
            yield from self._ended(waiting, under_way)
        except _ClusterLostError as lost:
            left = [(batch, task) for batch, (task, _) in under_way.items()]
            for batch, task in itertools.chain(left, waiting):
                yield batch, BatchResult({}, dict.fromkeys(task.parts, ChunkFailure(str(lost), may_pass=True)))

    def _ended(
        self, waiting: Iterator[tuple[Batch, BatchTask]], under_way: UnderWay
    ) -> Iterator[tuple[Batch, BatchResult]]:
        """Fit batches as `run` does; raises `_ClusterLostError` where what is `under_way` or waiting cannot end."""
        ways: dict[str, bool] = {}
        futures: dict[Any, Batch] = {}
        ended = _distributed().as_completed()
        way_back = _WAY_BACK

        def begin(batch: Batch, task: BatchTask, attempt: int) -> None:
            under_way[batch] = task, attempt
            future = _asked(self.client, lambda: self._submit(task))
            futures[future] = batch
            ended.add(future)

        try:
            while True:
                while len(under_way) < self._most_under_way() and (following := next(waiting, None)) is not None:
                    batch, task = following
                    begin(batch, _sendable(task, batch[0], ways), 0)
                if not under_way:
                    return
                self._wait(ended.has_ready)
                future = next(ended)
                batch = futures[future]
                task, attempt = under_way[batch]
                try:
                    result = _result(future, task, way_back)
                except TimeoutError:
                    # On a long way, or lost with its worker; only where another is left it makes sense to ask again.
                    self._wait(lambda: _workers(self.client, self.resources)[1] > 0)
                    way_back *= 2
                    result = None
                if result is None:
                    ended.add(future)
                    continue
                del futures[future]
                future.release()
                if result.may_pass and attempt < self.retries:
                    begin(batch, task, attempt + 1)
                else:
                    del under_way[batch]
                    yield batch, result
        finally:
            if self.client.status == "running":
                self.client.cancel(list(futures))

    def _wait(self, there: Callable[[], bool]) -> None:
        """Wait until something is there; raises `_ClusterLostError` when there was no worker for `worker_timeout`."""
        looked = seen = time.monotonic()
        while not there():
            time.sleep(_WAKE_EVERY)
            now = time.monotonic()
            if now - looked < min(_LOOK_EVERY, self.worker_timeout):
                continue
            looked = now
            if _workers(self.client, self.resources)[1]:
                seen = now
            elif now - seen >= self.worker_timeout:
                declaring = f" that declares {dict(self.resources)}" if self.resources else ""
                raise _ClusterLostError(
                    f"no worker{declaring} was there for {self.worker_timeout:g} s, which is the worker_timeout"
                )

    def _submit(self, task: BatchTask) -> Any:
        with warnings.catch_warnings():
            # Samples in memory have no other way, and go a few batches at a time.
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            name = f"xr_inr-fit-{uuid.uuid4().hex}"
            return self.client.submit(run_elsewhere, task, key=name, pure=False, resources=dict(self.resources) or None)

    def _most_under_way(self) -> int:
        threads = sum(_asked(self.client, self.client.nthreads).values())
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


def _workers(client: Any, wanted: Mapping[str, float]) -> tuple[int, int]:
    """Return how many workers there are, and how many of them declare some resources."""
    workers = _asked(client, lambda: client.scheduler_info(n_workers=-1))["workers"].values()
    able = (all(worker["resources"].get(name, 0) >= wanted[name] for name in wanted) for worker in workers)
    return len(workers), sum(able)


def _asked(client: Any, question: Callable[[], Any]) -> Any:
    """Return what the scheduler says; raises `_ClusterLostError` where there is none any more."""
    try:
        return question()
    except Exception as error:
        if client.status == "running" and not isinstance(error, OSError):
            raise
        raise _ClusterLostError(GONE) from error


def _result(future: Any, task: BatchTask, seconds: float) -> BatchResult | None:
    """Return what became of a batch; None where it was lost with its worker, and dask has it fitted again.

    Raises
    ------
    TimeoutError
        When the result is not here after some seconds.
    _ClusterLostError
        When the scheduler has forgotten it.
    XrInrError
        When no batch can be fitted: a worker without torch or with another version.
    """
    if future.status == "finished":
        try:
            result: BatchResult = future.result(timeout=seconds)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - of what was fitted again meanwhile: the status says what came of it
            _LOG.debug("%s: %s", future.key, error)
        else:
            return result
    if future.status == "cancelled":
        raise _ClusterLostError(GONE)
    if future.status != "error":
        return None
    raised = future.exception()
    if isinstance(raised, XrInrError):
        raise raised
    return BatchResult({}, dict.fromkeys(task.parts, ChunkFailure.of(raised)))

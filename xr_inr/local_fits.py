"""Fitting batches on the devices of this machine: one batch at a time on each, the next ones read meanwhile."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from xr_inr.batch_fit import BatchResult, BatchTask, LoadedBatch
from xr_inr.core.monitor import Monitor, Progress
from xr_inr.partial import Batch
from xr_inr.progress import FitDisplay

Done = Generator[tuple[Batch, BatchResult], None, None]
"""Batches and what became of them, as they are finished."""


def fit_here(tasks: Iterable[tuple[Batch, BatchTask]], devices: Sequence[str], display: FitDisplay, count: int) -> Done:
    """Yield batches as they are fitted.

    The samples of as many batches as there are devices are read beforehand, beside the fits.

    Parameters
    ----------
    tasks
        The batches; taken one by one, in this thread.
    devices
        Names of the devices to spread batches over; each has a thread of its own, and batches are told of when they
        are done. With fewer than two, the fits run in this thread, on the device that a batch asks for, and tell of
        every iteration.
    display
        Who is told.
    count
        How many batches there are.
    """
    more = max(len(devices), 1)
    with ThreadPoolExecutor(more, "xr_inr-read") as readers:
        ahead = _read_ahead(tasks, readers, more)
        if more == 1:
            yield from _in_turn(ahead, display)
        else:
            yield from told(_side_by_side(ahead, devices), display.next_fit("devices"), count)


def told(results: Iterable[tuple[Batch, BatchResult]], monitor: Monitor, count: int) -> Done:
    """Yield results, and tell after each how many of so many batches are done, and the worst PSNR of a chunk so far."""
    worst = math.inf
    for done, (batch, result) in enumerate(results, 1):
        yield batch, result
        worst = min([worst, *(found.figures.psnr for found in result.encoded.values())])
        monitor.report(Progress("batches", done, count, worst))


@dataclass(frozen=True)
class _Ahead:
    """A batch whose samples are being read, or have been."""

    batch: Batch
    task: BatchTask
    loading: Future[LoadedBatch]

    def fitted(self, monitor: Monitor) -> BatchResult:
        return self.task.fitted(self.loading.result(), monitor)

    def fitted_on(self, device: str, monitor: Monitor) -> BatchResult:
        return self.task.on(device).fitted(self.loading.result(), monitor)


def _read_ahead(tasks: Iterable[tuple[Batch, BatchTask]], readers: ThreadPoolExecutor, more: int) -> Iterator[_Ahead]:
    """Yield batches in turn, each only when so many more are being read, as far as there are any."""
    ahead: deque[_Ahead] = deque()
    for batch, task in tasks:
        ahead.append(_Ahead(batch, task, readers.submit(task.loaded)))
        if len(ahead) > more:
            yield ahead.popleft()
    while ahead:
        yield ahead.popleft()


def _in_turn(ahead: Iterator[_Ahead], display: FitDisplay) -> Done:
    while (one := next(ahead, None)) is not None:
        batch = one.batch
        result = one.fitted(display.next_fit(batch[0]))
        # Its samples are not needed while the next ones are waited for.
        del one
        yield batch, result


class _StoppedError(Exception):
    """Nobody waits for a fit any more."""


def _side_by_side(ahead: Iterator[_Ahead], devices: Sequence[str]) -> Done:
    stopped = threading.Event()

    def go_on(_: Progress) -> None:
        if stopped.is_set():
            raise _StoppedError

    free = list(devices)
    under_way: dict[Future[BatchResult], tuple[Batch, str]] = {}
    with ThreadPoolExecutor(len(devices), "xr_inr-fit") as lanes:
        try:
            while True:
                while free and (one := next(ahead, None)) is not None:
                    device = free.pop(0)
                    future = lanes.submit(one.fitted_on, device, Monitor(report=go_on))
                    under_way[future] = one.batch, device
                    del one
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    batch, device = under_way.pop(future)
                    free.append(device)
                    yield batch, future.result()
        finally:
            stopped.set()

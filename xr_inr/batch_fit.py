"""The chunks that are fitted at once, as one task: in this process, or sent to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import xarray as xr
from dask.base import is_dask_collection, optimize
from numpy.typing import NDArray

from xr_inr._version import __version__
from xr_inr.chunk_record import ChunkIndex
from xr_inr.codecs.chunks import ChunkAxes
from xr_inr.codecs.config import CodecConfig
from xr_inr.core.encode import Encoded, encode_arrays
from xr_inr.core.monitor import Monitor
from xr_inr.exceptions import BatchError, BudgetError, DependencyError, RequestError, XrInrError
from xr_inr.spool import computed, spooled


@dataclass(frozen=True)
class ChunkFailure:
    """Why a chunk could not be fitted."""

    reason: str
    """What went wrong."""

    may_pass: bool
    """Whether another attempt may end otherwise: a file that could not be read, but no target that cannot be met."""

    out_of_reach: bool = False
    """Whether it is that no payload can be that small or that good."""

    @classmethod
    def of(cls, error: BaseException) -> ChunkFailure:
        """Return what an error says."""
        if isinstance(error, XrInrError):
            return cls(str(error), may_pass=False, out_of_reach=isinstance(error, BudgetError))
        return cls(f"{type(error).__name__}: {error}", may_pass=True)


@dataclass(frozen=True)
class BatchResult:
    """What became of the chunks of a batch."""

    encoded: Mapping[ChunkIndex, Encoded]
    """What was fitted."""

    failures: Mapping[ChunkIndex, ChunkFailure]
    """The other chunks."""

    @property
    def may_pass(self) -> bool:
        """Whether another attempt may end better."""
        return any(failure.may_pass for failure in self.failures.values())


@dataclass(frozen=True)
class LoadedBatch:
    """The samples of a batch."""

    scenes: Mapping[ChunkIndex, NDArray[Any]]
    """Each (bands, height, width)."""

    failures: Mapping[ChunkIndex, ChunkFailure]
    """The chunks that could not be loaded."""


@dataclass(frozen=True)
class BatchTask:
    """Some chunks of a variable, and how to fit them; of samples in files it holds the way to them, pickled or not."""

    parts: Mapping[ChunkIndex, xr.Variable]
    """The samples of each chunk, wherever they are."""

    budgets: Mapping[ChunkIndex, int] | None
    """Bytes each payload may take; None where the target is not a size."""

    axes: ChunkAxes
    """The axes of the variable."""

    config: CodecConfig
    """How to fit."""

    version: str = __version__
    """The package that made the task: another one would fit other payloads."""

    def scene(self, index: ChunkIndex, scheduler: str | None = None) -> NDArray[Any]:
        """Load a chunk; return its samples, (bands, height, width), those of a large one mapped from a file.

        Parameters
        ----------
        index
            Of the chunk.
        scheduler
            Of dask, for samples that dask computes; what dask is set to if None.
        """
        return self.axes.to_scene(computed(spooled(self.parts[index], self.axes, scheduler), scheduler))

    def encode(self, scenes: Mapping[ChunkIndex, NDArray[Any]], monitor: Monitor) -> list[Encoded]:
        """Fit chunks at once; raises what `encode_arrays` raises."""
        return encode_arrays(
            list(scenes.values()),
            self.config.request,
            nodata=self.config.nodata,
            budgets=None if self.budgets is None else [self.budgets[index] for index in scenes],
            allow_void=True,
            bad_bands=self.config.bad_bands,
            monitor=monitor,
        )

    def run(self, monitor: Monitor, scheduler: str | None = None) -> BatchResult:
        """Load and fit all chunks; one that fails does not take the others with it.

        Raises
        ------
        DependencyError
            When torch is missing: then no chunk can be fitted.
        """
        return self.fitted(self.loaded(scheduler), monitor)

    def loaded(self, scheduler: str | None = None) -> LoadedBatch:
        """Load all chunks, `scheduler` as for `scene`; whatever a source raises is told of its chunk."""
        scenes: dict[ChunkIndex, NDArray[Any]] = {}
        failures: dict[ChunkIndex, ChunkFailure] = {}
        for index in self.parts:
            try:
                scenes[index] = self.scene(index, scheduler)
            except Exception as error:  # noqa: BLE001 - a source can raise anything
                failures[index] = ChunkFailure.of(error)
        return LoadedBatch(scenes, failures)

    def fitted(self, loaded: LoadedBatch, monitor: Monitor) -> BatchResult:
        """Fit what was loaded; raises as `run`."""
        scenes, failures = loaded.scenes, dict(loaded.failures)
        encoded: dict[ChunkIndex, Encoded] = {}
        while scenes:
            indices = list(scenes)
            try:
                encoded = dict(zip(indices, self.encode(scenes, monitor), strict=True))
                break
            except DependencyError:
                raise
            except BatchError as error:
                failures |= {indices[place]: ChunkFailure.of(reason) for place, reason in error.failures.items()}
                encoded = {indices[place]: found for place, found in error.encoded.items()}
                # Where a chunk breaks a rule none is fitted yet: the others are, without it.
                scenes = {} if encoded else {index: scenes[index] for index in indices if index not in failures}
            except Exception as error:  # noqa: BLE001 - memory that does not suffice, a device that fails
                failures |= dict.fromkeys(indices, ChunkFailure.of(error))
                break
        return BatchResult(encoded, failures)

    def on(self, device: str) -> BatchTask:
        """Return the same task for another device."""
        return replace(self, config=replace(self.config, request=replace(self.config.request, device=device)))

    def with_samples(self) -> BatchTask:
        """Return the task with its samples loaded, for those that cannot be loaded elsewhere."""
        parts = {index: xr.Variable(part.dims, part.to_numpy()) for index, part in self.parts.items()}
        return replace(self, parts=parts)

    def culled(self) -> BatchTask:
        """Return the task with no more of dask's graphs than its chunks need."""
        lazy = {index: part for index, part in self.parts.items() if is_dask_collection(part)}
        culled = optimize(*lazy.values())  # type: ignore[no-untyped-call]
        parts = {**self.parts, **dict(zip(lazy, culled, strict=True))}
        return replace(self, parts=parts)

    @property
    def nbytes(self) -> int:
        """Bytes of the samples of all chunks, once loaded."""
        return sum(part.size * part.dtype.itemsize for part in self.parts.values())


def run_elsewhere(task: BatchTask) -> BatchResult:
    """Load and fit the chunks of a task on a worker; raises `RequestError` where that has another version."""
    if task.version != __version__:
        raise RequestError(f"workers must have the xr_inr of the client, {task.version}. Got {__version__}.")
    # The threads of a worker belong to its tasks: a task that hands work to the cluster and waits could block it.
    return task.run(Monitor(), scheduler="synchronous")

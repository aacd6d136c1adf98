"""Fitting one variable, chunk by chunk or several small ones at once."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.batch_fit import BatchTask
from xr_inr.chunk_record import ChunkIndex
from xr_inr.codecs.config import CodecConfig
from xr_inr.core.encode import Prospect, foresee
from xr_inr.core.request import FitRequest, budget_bytes
from xr_inr.core.source import WHOLE_SAMPLES, tiles
from xr_inr.exceptions import BatchError, BudgetError, RequestError
from xr_inr.lazy import Fitted
from xr_inr.original import Original
from xr_inr.progress import FitDisplay
from xr_inr.spool import spooled
from xr_inr.variables import (
    Chunks,
    LabelWatch,
    SceneAxes,
    bad_bands_of,
    band_weights_of,
    chunk_shape,
    find_axes,
    nodata_of,
    refuse_labels,
)

_SAMPLES_AT_ONCE = 2**24
"""Samples of the chunks that are fitted at once."""

Budgets = dict[ChunkIndex, int]
"""Bytes for each chunk."""


@dataclass(frozen=True)
class Checked:
    """What is known of a variable once all its samples have been looked through."""

    budgets: Budgets | None
    """The bytes each chunk may take; None where the target is not a size."""

    samples_crc: int
    """CRC-32 of all samples, chunk by chunk; 0 if nobody asked for it."""


@dataclass(frozen=True)
class FitOptions:
    """How the variables of one call shall be fitted; the parameters of `xr_inr.compress`."""

    request: FitRequest
    chunks: Chunks
    band_dim: Hashable | None
    nodata: float | None
    allow_labels: bool
    bad_bands: Sequence[int] | None = None


@dataclass(frozen=True)
class VariableFit:
    """The fitting of one variable."""

    name: Hashable
    """What it is called."""

    variable: xr.DataArray
    """Its samples, numpy- or dask-backed or in a file."""

    axes: SceneAxes
    """Which of its dimensions are bands, y and x."""

    fitted: Fitted
    """Where the payloads go."""

    watch: LabelWatch | None
    """Looks out for categories; None if they are welcome."""

    kept: dict[ChunkIndex, xr.Variable] = field(default_factory=dict)
    """The samples of large chunks that were read when they were checked, until they are fitted."""

    @classmethod
    def plan(cls, variable: xr.DataArray, name: Hashable, options: FitOptions) -> VariableFit:
        """Check all that can be said without reading a sample; raises `RequestError`."""
        axes = find_axes(variable, options.band_dim)
        if not options.allow_labels:
            refuse_labels(name, variable)
        marker = nodata_of(variable) if options.nodata is None else options.nodata
        bad_bands = bad_bands_of(variable, axes) if options.bad_bands is None else tuple(options.bad_bands)
        request = options.request
        # A bound holds for all bands alike.
        if request.band_weights is None and request.max_error is None:
            request = replace(request, band_weights=band_weights_of(variable, axes))
        config = CodecConfig(request, axes.chunk_axes.band_axis, marker, bad_bands)
        shape = chunk_shape(axes, variable.shape, options.chunks)
        config.check_array(shape, variable.dtype)
        watch = None if options.allow_labels else LabelWatch(name)
        fitted = Fitted(variable.shape, variable.dtype, shape, config, original=Original(variable))
        return cls(name, variable, axes, fitted, watch)

    @cached_property
    def batches(self) -> list[list[ChunkIndex]]:
        """The chunks that are fitted at once: as many of equal shape as `_SAMPLES_AT_ONCE` allow."""
        of_shapes: dict[tuple[int, ...], list[ChunkIndex]] = {}
        for index in self._indices():
            shape = tuple(part.stop - part.start for part in self._part(index))
            of_shapes.setdefault(shape, []).append(index)
        found = []
        for shape, indices in of_shapes.items():
            most = max(1, _SAMPLES_AT_ONCE // math.prod(shape))
            found += [indices[start : start + most] for start in range(0, len(indices), most)]
        return found

    def check(self, *, each_alone: bool = False, with_crc: bool = False, keep: bool = False) -> Checked:
        """Look through all samples, so that whatever breaks a rule does so before the first fit.

        Parameters
        ----------
        each_alone
            Whether every chunk must meet the target by itself, as when a codec encodes it.
        with_crc
            Whether the samples shall be known again later.
        keep
            Whether `run` follows, so that large chunks are not read a second time.

        Returns
        -------
        Checked
            What there is to know.

        Raises
        ------
        RequestError
            When a sample or all of them break a rule, or the samples look like categories.
        BudgetError
            When the payloads cannot be as small as asked for.
        """
        prospects = {}
        crc = 0
        for index in self._indices():
            part = spooled(self.variable.variable[self._part(index)], self.axes.chunk_axes)
            scene = self.axes.chunk_axes.to_scene(part.to_numpy())
            prospects[index] = (self._foreseen(scene), scene.size)
            if keep and scene.size > WHOLE_SAMPLES:
                self.kept[index] = part
            if self.watch is not None:
                self._watch(self.watch, scene)
            if with_crc:
                crc = zlib.crc32(np.ascontiguousarray(scene).data, crc)
        if not any(prospect.valid_samples for prospect, _ in prospects.values()):
            raise RequestError(
                f"variable {self.name!r} must have at least one valid sample. "
                f"All {self.variable.size} are nodata ({self._config.nodata}) or NaN."
            )
        if self.watch is not None:
            self.watch.decide()
        bpppb = self._config.request.bpppb
        if bpppb is None:
            return Checked(None, crc)
        smallest = {index: prospect.smallest for index, (prospect, _) in prospects.items()}
        samples = {index: size for index, (_, size) in prospects.items()}
        if each_alone:
            for index, size in smallest.items():
                share_budget(f"{self.name}, chunk {index}", bpppb, {index: size}, {index: samples[index]})
        return Checked(share_budget(str(self.name), bpppb, smallest, samples), crc)

    def run(self, budgets: Budgets | None, display: FitDisplay) -> None:
        """Fit every chunk to its budget, one batch loaded at a time.

        Raises
        ------
        BudgetError
            When the payload of a chunk cannot be that good; the message names it.
        """
        for batch in self.batches:
            task = self.task(batch, budgets)
            try:
                scenes = {index: task.scene(index) for index in batch}
                encoded = task.encode(scenes, display.next_fit(str(self.name)))
            except BatchError as error:
                number, reason = next(iter(error.failures.items()))
                kind = BudgetError if isinstance(reason, BudgetError) else RequestError
                raise kind(f"variable {self.name!r}, chunk {batch[number]}: {reason}") from reason
            for index in batch:
                self.kept.pop(index, None)
            self.fitted.encoded.update(zip(batch, encoded, strict=True))

    def task(self, batch: Sequence[ChunkIndex], budgets: Budgets | None) -> BatchTask:
        """Return the fitting of some chunks at once."""
        return BatchTask(
            parts={index: self.kept.get(index, self.variable.variable[self._part(index)]) for index in batch},
            budgets=None if budgets is None else {index: budgets[index] for index in batch},
            axes=self.axes.chunk_axes,
            config=self._config,
        )

    @property
    def _config(self) -> CodecConfig:
        return self.fitted.config

    def _foreseen(self, scene: NDArray[Any]) -> Prospect:
        config = self._config
        return foresee(scene, config.request, nodata=config.nodata, bad_bands=config.bad_bands)

    def _indices(self) -> Iterator[ChunkIndex]:
        counts = (-(-size // step) for size, step in zip(self.fitted.shape, self.fitted.chunk_shape, strict=True))
        return itertools.product(*(range(count) for count in counts))

    def _part(self, index: ChunkIndex) -> tuple[slice, ...]:
        sizes = zip(index, self.fitted.chunk_shape, self.fitted.shape, strict=True)
        return tuple(slice(i * step, min((i + 1) * step, size)) for i, step, size in sizes)

    def _watch(self, watch: LabelWatch, scene: NDArray[Any]) -> None:
        for start, stop in tiles(scene.shape):
            watch.see(scene[:, start:stop], self._config.nodata)


def share_budget(name: str, bpppb: float, smallest: Budgets, samples: Budgets) -> Budgets:
    """Share the bytes a variable may take among its chunks, by their samples.

    A chunk too small for its share (a sliver at the edge) gets what it needs, at the cost of the others.

    Parameters
    ----------
    name
        The variable, for the error message.
    bpppb
        Bits for each sample, over all chunks.
    smallest
        Bytes each chunk needs at least.
    samples
        Samples of each chunk.

    Raises
    ------
    BudgetError
        When the chunks need more together.
    """
    total = sum(samples.values())
    budget = budget_bytes(bpppb, total)
    needed = sum(smallest.values())
    if needed > budget:
        what = "payload takes" if len(samples) == 1 else f"payloads, in {len(samples)} chunks, take"
        raise BudgetError(
            f"a budget of {budget:,} bytes ({bpppb:.4g} bpppb) is too small for variable {name!r}: "
            f"its smallest {what} {needed:,} bytes ({needed * 8 / total:.4g} bpppb)"
        )
    shares = dict(smallest)
    open_chunks = set(smallest)
    while open_chunks:
        left = budget - sum(size for index, size in smallest.items() if index not in open_chunks)
        rate = left / sum(samples[index] for index in open_chunks)
        short = {index for index in open_chunks if rate * samples[index] < smallest[index]}
        if not short:
            return shares | {index: int(rate * samples[index]) for index in open_chunks}
        open_chunks -= short
    return shares

"""Fitting one variable chunk by chunk."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import xarray as xr
from numpy.typing import NDArray

from xr_inr.codecs.config import CodecConfig
from xr_inr.core.encode import check_feasible, encode_array
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import RequestError
from xr_inr.lazy import ChunkIndex, Fitted
from xr_inr.progress import FitDisplay
from xr_inr.variables import Chunks, LabelWatch, SceneAxes, chunk_shape, find_axes, nodata_of, refuse_labels


@dataclass(frozen=True)
class VariableFit:
    """The fitting of one variable, chunk by chunk."""

    name: Hashable
    """What it is called."""

    variable: xr.DataArray
    """Its samples, numpy- or dask-backed or in a file."""

    axes: SceneAxes
    """Which of its dimensions are bands, y and x."""

    fitted: Fitted
    """Where the payloads go."""

    @classmethod
    def plan(
        cls,
        variable: xr.DataArray,
        name: Hashable,
        *,
        request: FitRequest,
        chunks: Chunks,
        band_dim: Hashable | None,
        nodata: float | None,
    ) -> VariableFit:
        """Check all that can be said without reading a sample; raises `RequestError`."""
        axes = find_axes(variable, band_dim)
        marker = nodata_of(variable) if nodata is None else nodata
        config = CodecConfig(request, axes.chunk_axes.band_axis, marker)
        shape = chunk_shape(axes, variable.shape, chunks)
        config.check_array(shape, variable.dtype)
        return cls(name, variable, axes, Fitted(variable.shape, variable.dtype, shape, config))

    @property
    def count(self) -> int:
        """How many chunks there are."""
        return sum(1 for _ in self._indices())

    def check(self, *, allow_labels: bool) -> None:
        """Look through all samples, so that whatever breaks a rule does so before the first fit.

        Raises
        ------
        RequestError
            When a sample or all of them break a rule, or the samples look like categories.
        BudgetError
            When a chunk cannot be as small as asked for.
        """
        watch = LabelWatch(self.name)
        if not allow_labels:
            refuse_labels(self.name, self.variable)
        valid = 0
        for index in self._indices():
            scene = self._scene(index)
            valid += check_feasible(scene, self._config.request, nodata=self._config.nodata)
            watch.see(scene, self._config.nodata)
        if not valid:
            raise RequestError(
                f"variable {self.name!r} must have at least one valid sample. "
                f"All {self.variable.size} are nodata ({self._config.nodata}) or NaN."
            )
        if not allow_labels:
            watch.decide()

    def run(self, display: FitDisplay) -> None:
        """Fit every chunk, one loaded at a time."""
        for index in self._indices():
            self.fitted.encoded[index] = encode_array(
                self._scene(index),
                self._config.request,
                nodata=self._config.nodata,
                allow_void=True,
                monitor=display.next_fit(str(self.name)),
            )

    @property
    def _config(self) -> CodecConfig:
        return self.fitted.config

    def _indices(self) -> Iterator[ChunkIndex]:
        counts = (-(-size // step) for size, step in zip(self.fitted.shape, self.fitted.chunk_shape, strict=True))
        return itertools.product(*(range(count) for count in counts))

    def _scene(self, index: ChunkIndex) -> NDArray[Any]:
        steps = self.fitted.chunk_shape
        part = tuple(slice(i * step, (i + 1) * step) for i, step in zip(index, steps, strict=True))
        return self.axes.chunk_axes.to_scene(self.variable.variable[part].to_numpy())

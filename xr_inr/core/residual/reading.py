"""Samples of a payload that has a residual layer, tile by tile."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.mask import VALID
from xr_inr.core.repeats import Repeats
from xr_inr.core.residual.stored import ResidualLayer, Span
from xr_inr.core.residual.walk import decode_tile
from xr_inr.core.scene_layout import SceneLayout


class Around(Protocol):
    """Gives samples of fitted bands at positions, in the scene's dtype and range."""

    def samples(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp], layout: SceneLayout
    ) -> NDArray[Any]:
        """Return (bands, ...) at indices that broadcast together."""


class Model(Protocol):
    """What the residual layer comes on top of."""

    @property
    def repeats(self) -> Repeats | None:
        """Which pixels repeat others; None where that is not told."""

    def within(self, rows: Span, columns: Span) -> Around:
        """Return what gives the samples of a part of the scene."""


class ResidualReader:
    """Gives samples of fitted bands within the bound.

    A tile is decoded when a sample in it is first asked for, up to the last band asked for. As many tiles are kept as
    lie side by side, so that a scene can be read row by row.

    Parameters
    ----------
    section
        The residual section.
    layout
        The scene.
    model
        Gives what the residuals are added to.

    Raises
    ------
    PayloadError
        When the section is out of range.
    """

    def __init__(self, section: bytes, layout: SceneLayout, model: Model) -> None:
        self.layer = ResidualLayer.from_bytes(section, layout)
        self._layout, self._model = layout, model
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def samples(self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return samples, (bands, ...) in the scene's dtype.

        Parameters
        ----------
        rows, columns
            Indices inside the scene that broadcast together.
        bands
            Which of the fitted bands.

        Raises
        ------
        PayloadError
            When a stream does not hold a tile.
        """
        down, across = np.broadcast_arrays(rows, columns)
        tiling = self.layer.tiling
        numbers = down // tiling.side * tiling.across + across // tiling.side
        found = np.empty((len(bands), *down.shape), self._layout.dtype)
        for number in np.unique(numbers).tolist():
            (top, _), (left, _) = tiling.spans(number)
            inside = numbers == number
            tile = self._tile(number, int(bands.max(initial=-1)) + 1)
            found[:, inside] = tile[bands[:, None], down[inside] - top, across[inside] - left]
        return found

    def _tile(self, number: int, bands: int) -> NDArray[Any]:
        """Return at least the first fitted bands of a tile, (bands, height, width)."""
        with self._lock:
            kept = self._kept.get(number)
            if kept is None or len(kept) < bands:
                kept = self._kept[number] = self._decoded(number, bands)
            self._kept.move_to_end(number)
            while len(self._kept) > self.layer.tiling.across:
                self._kept.popitem(last=False)
            return kept

    def _decoded(self, number: int, bands: int) -> NDArray[Any]:
        layer, layout = self.layer, self._layout
        rows, columns = layer.tiling.spans(number)
        positions = np.arange(*rows)[:, None], np.arange(*columns)[None]
        valid = layout.mask.classes(layout.fitted_bands, *positions) == VALID
        repeats = self._model.repeats
        if repeats is not None:
            valid &= ~repeats.within_tiles(layer.tiling.side)[positions]
        residuals = decode_tile(layer.laws, layer.grid.step, valid, layer.streams[number], bands)
        model = self._model.within(rows, columns).samples(*positions, np.arange(bands), layout)
        samples = layer.grid.samples(layer.grid.numbers(model) + residuals)
        if repeats is not None:
            free = repeats.within_tiles(layer.tiling.side)[positions]
            down, across = (index[positions][free] for index in repeats.sources)
            samples[:, free] = samples[:, down - rows[0], across - columns[0]]
        return samples

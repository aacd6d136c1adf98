"""Samples that are told of one by one: dead or hot ones, cosmic rays, which stand alone in their band and pixel.

A transform spreads such a sample over a dozen coefficients, each of which is then worth its bits; told of by itself it
takes some thirty bits. The model is fitted to the scene without it, and what it decodes to is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.decoded_values import restore
from xr_inr.core.scene_layout import SceneLayout
from xr_inr.core.source import Rows, SampleSource


@dataclass(frozen=True)
class Outliers:
    """Some samples of the fitted bands, by rising pixel and, within a pixel, by rising band; all arrays (samples,)."""

    pixels: NDArray[np.int64]
    """Row times width plus column."""

    bands: NDArray[np.int64]
    """Which of the fitted bands."""

    levels: NDArray[np.int64]
    """Their values: from 0 for the lowest of the scene to `top` for the highest."""

    bits: int
    """Bits of a level."""

    @property
    def top(self) -> int:
        """The highest level there is."""
        return (1 << self.bits) - 1

    def values(self, layout: SceneLayout, chosen: NDArray[np.intp] | slice = slice(None)) -> NDArray[Any]:
        """Return the samples, or some of them by index, in the scene's dtype."""
        return restore(self.levels[chosen] / self.top, layout)

    def overwrite(
        self,
        samples: NDArray[Any],
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        bands: NDArray[np.intp],
        layout: SceneLayout,
    ) -> None:
        """Put the values where they belong.

        Parameters
        ----------
        samples
            (bands, ...) in the scene's dtype and in C order; written to.
        rows, columns
            Positions in the scene, indices that broadcast to the other axes.
        bands
            Which of the fitted bands.
        layout
            The scene.
        """
        pixels = (rows * layout.shape[2] + columns).ravel()
        first, last = (self.pixels.searchsorted(pixels, side) for side in ("left", "right"))
        counts = last - first
        hit = np.flatnonzero(counts)
        if not len(hit):
            return
        counts = counts[hit]
        where = np.repeat(hit, counts)
        starts = np.cumsum(counts) - counts
        entries = np.arange(len(where)) + np.repeat(first[hit] - starts, counts)
        entry, band = np.nonzero(self.bands[entries][:, None] == bands)
        flat = samples.reshape(len(bands), -1)
        flat[band, where[entry]] = self.values(layout, entries[entry])


class Mended:
    """The samples of a scene with others in place of some.

    Parameters
    ----------
    source
        Where the samples come from.
    pixels, bands
        (samples,) which are replaced: by rising pixel (row times width plus column), and by band of the scene.
    values
        (samples,) what they are replaced with, in the dtype of the source.
    """

    def __init__(
        self, source: SampleSource, pixels: NDArray[np.int64], bands: NDArray[np.int64], values: NDArray[Any]
    ) -> None:
        self._source = source
        self._pixels, self._bands, self._values = pixels, bands, values

    @property
    def shape(self) -> tuple[int, ...]:
        """(bands, height, width)."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The sample type."""
        return self._source.dtype

    def read(self, rows: Rows) -> NDArray[Any]:
        """Return some rows, (bands, rows, width)."""
        width = self.shape[2]
        first, last = self._pixels.searchsorted([rows[0] * width, rows[1] * width])
        found = self._source.read(rows)
        if first == last:
            return found
        found = found.copy()
        down, across = np.divmod(self._pixels[first:last] - rows[0] * width, width)
        found[self._bands[first:last], down, across] = self._values[first:last]
        return found

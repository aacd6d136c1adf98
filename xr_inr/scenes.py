"""The samples behind a report: what was decoded, and, where it can still be had, what it was made from."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.band_axis import BandAxis
from xr_inr.codecs.found import config_of
from xr_inr.exceptions import RequestError
from xr_inr.lazy import Fitted
from xr_inr.original import Gone, Original
from xr_inr.scene_reader import SceneReader, left_out, same_form
from xr_inr.variables import find_axes
from xr_inr.views import Errors, Views, measure

NO_ORIGINAL = (
    "the original is not at hand: report.with_original(scene) gives it, report.to_html(path, original=scene) too, "
    "and on the command line xr-inr compare ORIGINAL STORE --html report.html"
)


@dataclass(frozen=True)
class Scenes:
    """A decoded variable and the way back to its original."""

    decoded: xr.DataArray
    """What `compress` returned, or what was opened from a store."""

    original: Original | Gone
    """The way back."""

    band_dim: Hashable
    """The band dimension."""

    nodata: float | None
    """The value that marks samples without measurement, where the attributes do not say."""

    block_rows: int
    """The height of a chunk."""

    stored_dtype: str
    """The sample type as stored."""

    bad_bands: tuple[int, ...] = ()
    """The bands that do not count."""

    @classmethod
    def of_fitted(cls, variable: xr.DataArray, fitted: Fitted) -> Scenes:
        """Return the scenes of a variable that has just been fitted."""
        config = fitted.config
        y = [axis for axis in range(variable.ndim) if axis != config.band_axis][-2]
        return cls(
            variable,
            fitted.original,
            band_dim=variable.dims[config.band_axis],
            nodata=config.nodata,
            block_rows=fitted.chunk_shape[y],
            stored_dtype=fitted.dtype.name,
            bad_bands=config.bad_bands,
        )

    @classmethod
    def of_stored(cls, variable: xr.DataArray, dtype: str, bands: int) -> Scenes:
        """Return the scene of a variable of a store, of which the stored dtype and the number of bands are known."""
        try:
            band_dim = find_axes(variable).band
        except RequestError:
            band_dim = next((dim for dim, size in variable.sizes.items() if size == bands), variable.dims[0])
        chunks = variable.encoding.get("chunks") or ()
        chunks = chunks if len(chunks) == variable.ndim else variable.shape
        y = [axis for axis, dim in enumerate(variable.dims) if dim != band_dim][-2:][0]
        config = config_of(variable)
        return cls(
            variable,
            Gone(),
            band_dim=band_dim,
            nodata=None if config is None else config.nodata,
            block_rows=int(chunks[y]),
            stored_dtype=dtype,
            bad_bands=() if config is None else config.bad_bands,
        )

    @classmethod
    def of_pair(cls, original: xr.DataArray, decoded: xr.DataArray) -> Scenes:
        """Return two scenes of which nothing else is known; raises `RequestError` if they are of different form."""
        decoded = same_form(original, decoded)
        found = cls.of_stored(decoded, original.dtype.name, 0)
        band_dim, bad_bands = find_axes(original).band, left_out(original, decoded)
        return replace(found, original=Original.kept(original), band_dim=band_dim, bad_bands=bad_bands)

    @property
    def spatial_axes(self) -> tuple[int, int]:
        """The axes y and x of the decoded variable."""
        y, x = [axis for axis, dim in enumerate(self.decoded.dims) if dim != self.band_dim][-2:]
        return y, x

    @property
    def band_axis(self) -> BandAxis:
        """What plots over bands are drawn over."""
        return BandAxis.of(self.decoded, self.band_dim)

    def with_original(self, scene: xr.DataArray) -> Scenes:
        """Return the same with an original that is given; raises `RequestError` for one of another shape."""
        same_form(scene, self.decoded)
        return replace(self, original=Original.kept(scene))

    def readers(self) -> tuple[SceneReader | None, SceneReader]:
        """Return how to read the original, None if it is gone, and the decoded scene.

        Raises
        ------
        RequestError
            When the scene has not three axes, one of them of bands, or the original is of another shape.
        """
        found = self.original.get()
        if found is None:
            return None, self._reader(self.decoded, self.band_dim)
        # The band dimension may be called otherwise there, but stands at the same place.
        decoded = same_form(found, self.decoded)
        band_dim = self.band_dim
        if band_dim not in found.dims:
            band_dim = found.dims[self.decoded.dims.index(band_dim)]
        return self._reader(found, band_dim), self._reader(decoded, band_dim)

    def views(self, longest_edge: int | None = None) -> Views:
        """Return what there is to see; see `xr_inr.views.measure`."""
        original, decoded = self.readers()
        return measure(original, decoded, longest_edge=longest_edge, block_rows=self.block_rows)

    def views_with_errors(self, longest_edge: int | None = None) -> tuple[Views, Errors]:
        """Return the same and what needs the original; raises `RequestError` where that is gone."""
        if self.original.get() is None:
            raise RequestError(f"this picture needs the original; {NO_ORIGINAL}")
        views = self.views(longest_edge)
        if views.errors is None:
            raise RequestError("the original is gone since this was asked for")
        return views, views.errors

    def spectra(self, pixels: NDArray[np.int64]) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
        """Return the original's spectra, None if it is gone, and the decoded ones, of (pixels, 2) rows and columns.

        Raises
        ------
        RequestError
            When a pixel lies outside, beside what `readers` refuses.
        """
        original, decoded = self.readers()
        _, height, width = decoded.shape
        for row, column in pixels.tolist():
            if not (0 <= row < height and 0 <= column < width):
                raise RequestError(f"pixels must lie in {height} x {width}. Got ({row}, {column}).")
        first = None if original is None else original.spectra(pixels[:, 0], pixels[:, 1])
        return first, decoded.spectra(pixels[:, 0], pixels[:, 1])

    def _reader(self, scene: xr.DataArray, band_dim: Hashable) -> SceneReader:
        return SceneReader(
            scene, band_dim=band_dim, nodata=self.nodata, stored_dtype=self.stored_dtype, bad_bands=self.bad_bands
        )

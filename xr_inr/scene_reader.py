"""Reading the samples of scenes as they are stored, by rows or pixels, whatever the order of their axes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from xr_inr.codecs.found import config_of
from xr_inr.core.sample_rules import good_bands
from xr_inr.exceptions import RequestError
from xr_inr.variables import SceneAxes, bad_bands_of, find_axes, nodata_of


class SceneReader:
    """A scene as (bands, height, width).

    Parameters
    ----------
    scene
        With a band axis and two spatial axes.
    band_dim
        The band dimension, where its name does not tell.
    nodata
        The value that marks samples without measurement; what the attributes say if None.
    stored_dtype
        The sample type as stored. Of a scene of another type that was masked and scaled when it was opened, the stored
        samples are given.
    bad_bands
        Bands of which no sample counts.

    Raises
    ------
    RequestError
        When the scene has not three axes, one of them of bands.
    """

    def __init__(
        self,
        scene: xr.DataArray,
        *,
        band_dim: Hashable | None = None,
        nodata: float | None = None,
        stored_dtype: str | None = None,
        bad_bands: Sequence[int] = (),
    ) -> None:
        self.axes: SceneAxes = find_axes(scene, band_dim)
        if len(self.axes.dims) != 3:
            raise RequestError(f"a scene to look at must have 3 dimensions. Got {self.axes.dims}.")
        self.scene = scene
        self._order = [self.axes.dims.index(dim) for dim in (self.axes.band, self.axes.y, self.axes.x)]
        bands, height, width = (scene.shape[axis] for axis in self._order)
        self.shape: tuple[int, int, int] = (bands, height, width)
        self._good = good_bands(bad_bands, bands)
        self._nodata = nodata_of(scene) if nodata is None else nodata
        self._stored = None if stored_dtype in (None, scene.dtype.name) else np.dtype(stored_dtype)

    def rows(self, start: int, stop: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the samples of some rows, (bands, stop - start, width), and which of them count."""
        parts = [slice(None), slice(start, stop), slice(None)]
        key = tuple(parts[self._order.index(axis)] for axis in range(3))
        block = np.transpose(self.scene.variable[key].to_numpy(), self._order)
        return self._as_stored(block), self._valid(block) & self._good[:, None, None]

    def spectra(self, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.float64]:
        """Return the spectra of some pixels, (pixels, bands), NaN where a sample does not count."""
        places = {self.axes.y: xr.Variable("pixel", rows), self.axes.x: xr.Variable("pixel", columns)}
        picked = self.scene.variable.isel(places).transpose("pixel", self.axes.band).to_numpy()
        return np.where(self._valid(picked) & self._good, self._as_stored(picked).astype(np.float64), np.nan)

    def _valid(self, block: NDArray[Any]) -> NDArray[np.bool_]:
        valid = ~np.isnan(block) if block.dtype.kind == "f" else np.ones(block.shape, bool)
        if self._nodata is not None and not np.isnan(self._nodata):
            valid = valid & (block != np.asarray(self._nodata).astype(block.dtype))
        return np.asarray(valid)

    def _as_stored(self, block: NDArray[Any]) -> NDArray[Any]:
        if self._stored is None:
            return block
        said = self.scene.encoding
        values = (block.astype(np.float64) - said.get("add_offset", 0)) / said.get("scale_factor", 1)
        return np.asarray(np.rint(values)) if self._stored.kind in "iu" else values


def left_out(original: xr.DataArray, decoded: xr.DataArray) -> tuple[int, ...]:
    """Return the bands that do not count between two scenes.

    Those that the codec of `decoded` left out; where that is no variable of a store, those that a coordinate of
    `original` says are bad.
    """
    config = config_of(decoded)
    return bad_bands_of(original, find_axes(original)) if config is None else config.bad_bands


def same_form(original: xr.DataArray, decoded: xr.DataArray) -> xr.DataArray:
    """Return `decoded` with the dimensions of `original`, matched by name, or else by their order.

    Raises
    ------
    RequestError
        When the shapes differ.
    """
    if set(decoded.dims) == set(original.dims):
        decoded = decoded.transpose(*original.dims)
    if original.shape != decoded.shape:
        raise RequestError(f"both scenes must have the same shape. Got {original.shape} and {decoded.shape}.")
    if decoded.dims == original.dims:
        return decoded
    variable = xr.Variable(original.dims, decoded.variable._data, decoded.attrs)  # noqa: SLF001 - stays lazy
    renamed = xr.DataArray(variable, coords=original.coords, name=decoded.name)
    renamed.encoding = decoded.encoding
    return renamed


def check_masks(start: int, valid: NDArray[np.bool_], also: NDArray[np.bool_]) -> None:
    """Refuse scenes that do not mask the same samples from a row on; raises `RequestError`."""
    if not np.array_equal(valid, also):
        count = int((valid != also).sum())
        raise RequestError(f"both scenes must mask the same samples. {count:,} from row {start} on differ.")

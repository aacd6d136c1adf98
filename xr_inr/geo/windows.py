"""Which pixels of the raster that was read an array still holds, as its coordinates tell."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine

from xr_inr.exceptions import RequestError

# Pixels; single-precision coordinates come close to it.
_SNAP = 0.05


@dataclass(frozen=True)
class PixelWindow:
    """Pixels of a raster: the outer edge of the first, and how far it is from one to the next."""

    column: float = 0
    """Where the first column begins, in columns of the raster."""

    row: float = 0
    """Where the first row begins, in rows of the raster."""

    column_step: float = 1
    """Columns of the raster from one column to the next; negative where they run backwards."""

    row_step: float = 1
    """Rows of the raster from one row to the next."""

    def of(self, grid: Affine) -> Affine:
        """Return the transform of the window from that of the raster; to the last bit where it is the whole."""
        if self == PixelWindow():
            return grid
        a, b, c, d, e, f = grid[:6]
        return Affine(
            a * self.column_step,
            b * self.row_step,
            a * self.column + b * self.row + c,
            d * self.column_step,
            e * self.row_step,
            d * self.column + e * self.row + f,
        )


def ends_of(da: xr.DataArray, y_dim: Hashable, x_dim: Hashable) -> tuple[list[float], list[float]] | None:
    """Return x and y of the centres of the first and the last pixel; None without coordinates of pixels.

    Raises
    ------
    RequestError
        When 1-D coordinates are not numbers in even steps.
    """
    if x_dim in da.coords and y_dim in da.coords:
        return _even_ends(da, x_dim), _even_ends(da, y_dim)
    if all(name in da.coords and da.coords[name].dims == (y_dim, x_dim) for name in ("xc", "yc")):
        x, y = ([float(da.coords[name][i, i]) for i in (0, -1)] for name in ("xc", "yc"))
        return x, y
    return None


def window_of(ends: tuple[list[float], list[float]], height: int, width: int, grid: Affine) -> PixelWindow:
    """Return the pixels of a grid that an array of some size holds, from its `ends_of`."""
    a, b, c, d, e, f = grid[:6]
    determinant = a * e - b * d
    x, y = ends
    columns = [(e * (px - c) - b * (py - f)) / determinant for px, py in zip(x, y, strict=True)]
    rows = [(a * (py - f) - d * (px - c)) / determinant for px, py in zip(x, y, strict=True)]
    (column, column_step), (row, row_step) = _corner(columns, width), _corner(rows, height)
    return PixelWindow(column, row, column_step, row_step)


def stored_transform(mapping: Mapping[Any, Any]) -> Affine | None:
    """Return the ``GeoTransform`` of the attributes of a grid mapping; None without.

    Raises
    ------
    RequestError
        When it is not six numbers, or gives pixels no area.
    """
    text = mapping.get("GeoTransform")
    if text is None:
        return None
    try:
        stored = Affine.from_gdal(*(float(number) for number in str(text).split()))
    except (TypeError, ValueError) as error:
        raise RequestError(f"GeoTransform must be six numbers; got {text!r}") from error
    if stored.determinant == 0:
        raise RequestError(f"GeoTransform must give pixels an area; got {text!r}")
    return stored


def _even_ends(da: xr.DataArray, dim: Hashable) -> list[float]:
    """Return the first and last of a dimension's coordinates."""
    values = da.coords[dim].to_numpy()
    if values.dtype.kind not in "iuf":
        raise RequestError(f"coordinates of pixels must be numbers; {dim!r} holds {values.dtype}")
    even, step = np.linspace(values[0], values[-1], values.size, retstep=True)
    if values.size > 1 and (step == 0 or np.abs(values - even).max() > 0.1 * abs(step)):
        raise RequestError(f"coordinates must have even steps; those of {dim!r} have not: {values[:5]}, ...")
    return [float(values[0]), float(values[-1])]


def _corner(centres: list[float], count: int) -> tuple[float, float]:
    """Return the edge and step, in pixels of the stored grid, of pixels with these first and last centres.

    Both are whole numbers, but for rounding errors of the coordinates, unless the array was resampled.
    """
    step = (centres[1] - centres[0]) / (count - 1) if count > 1 else 1.0
    step = round(step) if abs(step - round(step)) * count < _SNAP else step
    edge = centres[0] - step / 2
    return (round(edge) if abs(edge - round(edge)) < _SNAP else edge), step

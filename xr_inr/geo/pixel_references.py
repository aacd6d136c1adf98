"""What places a raster by the numbers of its pixels, ground control points and RPCs, moved along with a selection.

GDAL counts ground control points from the outer corner of the first pixel, LINE_OFF and SAMP_OFF of rational
polynomials (RPC, domain of that name) from its centre.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine

from xr_inr.exceptions import RequestError
from xr_inr.geo.names import GDAL_DOMAINS
from xr_inr.geo.windows import PixelWindow, ends_of, stored_transform, window_of


def with_pixel_numbers(da: xr.DataArray, y_dim: Hashable, x_dim: Hashable) -> xr.DataArray:
    """Return an array without coordinates of pixels with the numbers of their centres: 0.5, 1.5, and so on."""
    return da.assign_coords({dim: np.arange(da.sizes[dim]) + 0.5 for dim in (y_dim, x_dim)})


def moved_along(da: xr.DataArray, y_dim: Hashable, x_dim: Hashable) -> xr.DataArray:
    """Return an array whose ground control points and RPCs are those of the pixels it holds.

    The coordinates tell which pixels of the raster they are, against the ``GeoTransform`` of the grid mapping, which
    is brought up to date. An array without either is returned as it is.

    Parameters
    ----------
    da : xarray.DataArray
        As `open_raster` gives it, or a selection of it. Left as it is.
    y_dim, x_dim : hashable
        Names of the spatial dimensions.

    Warns
    -----
    UserWarning
        If points or polynomials are dropped: the pixels that are left have no even steps, or, for polynomials, run
        backwards.
    """
    name = da.rio.grid_mapping
    mapping = dict(da.coords[name].attrs) if name in da.coords else {}
    domains = da.attrs.get(GDAL_DOMAINS, {})
    polynomials = domains.get("dataset", {}).get("RPC") if isinstance(domains, Mapping) else None
    if "gcps" not in mapping and polynomials is None:
        return da
    grid = stored_transform(mapping)
    try:
        ends = ends_of(da, y_dim, x_dim)
    except RequestError as error:
        _warn(f"are dropped: {error}")
        mapping.pop("gcps", None)
        numbered = grid in (None, Affine.identity())
        return _with(with_pixel_numbers(da, y_dim, x_dim) if numbered else da, name, mapping, None)
    if ends is None or grid is None:
        return da
    window = window_of(ends, da.sizes[y_dim], da.sizes[x_dim], grid)
    if window == PixelWindow():
        return da
    if "gcps" in mapping:
        mapping["gcps"] = _moved_points(mapping["gcps"], window)
    if grid == Affine.identity():
        # Numbers of pixels, which begin anew.
        da = with_pixel_numbers(da, y_dim, x_dim)
    else:
        mapping["GeoTransform"] = " ".join(str(number) for number in window.of(grid).to_gdal())
    return _with(da, name, mapping, None if polynomials is None else _moved_polynomials(polynomials, window))


def _moved_points(text: str, window: PixelWindow) -> str:
    """Return ground control points, as rioxarray keeps them in GeoJSON, in pixels of the window."""
    points = json.loads(text)
    for feature in points["features"]:
        point = feature["properties"]
        point["row"] = (point["row"] - window.row) / window.row_step
        point["col"] = (point["col"] - window.column) / window.column_step
    return json.dumps(points)


def _moved_polynomials(tags: Mapping[str, str], window: PixelWindow) -> dict[str, str] | None:
    """Return the RPC domain in pixels of the window; None where they run backwards, for which it has no scale."""
    if min(window.row_step, window.column_step) <= 0:
        _warn("are dropped: pixels run backwards, which RPCs cannot say")
        return None
    moved = dict(tags)
    for axis, edge, step in (("LINE", window.row, window.row_step), ("SAMP", window.column, window.column_step)):
        offset, scale = (float(tags[f"{axis}_{what}"]) for what in ("OFF", "SCALE"))
        # From the centre of the raster's first pixel to that of the window's.
        moved[f"{axis}_OFF"] = repr((offset + 0.5 - edge) / step - 0.5)
        moved[f"{axis}_SCALE"] = repr(scale / step)
    return moved


def _with(
    da: xr.DataArray, name: Hashable, mapping: Mapping[Any, Any], polynomials: Mapping[str, str] | None
) -> xr.DataArray:
    """Return an array with other attributes of its grid mapping and other RPCs, or none."""
    domains = da.attrs.get(GDAL_DOMAINS, {})
    if "RPC" in domains.get("dataset", {}):
        dataset = {domain: tags for domain, tags in domains["dataset"].items() if domain != "RPC"}
        if polynomials is not None:
            dataset["RPC"] = dict(polynomials)
        da = da.assign_attrs({GDAL_DOMAINS: {**domains, "dataset": dataset}})
    if name in da.coords:
        reference = da.coords[name].copy()
        reference.attrs = dict(mapping)
        da = da.assign_coords({name: reference})
    return da


def _warn(message: str) -> None:
    warnings.warn(f"the ground control points or RPCs of the raster {message}", UserWarning, stacklevel=4)

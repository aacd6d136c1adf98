"""Where georeferencing and GDAL metadata stand on an xarray object and in a Zarr group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from affine import Affine
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rioxarray.exceptions import RioXarrayError

from xr_inr.exceptions import RequestError

BAND_TAGS = "band_tags"
"""Tags per band, by column: ``{tag: text, the same for every band, or [text or None for each band]}``."""

GDAL_DOMAINS = "gdal_domains"
"""Other metadata domains: ``{"dataset": {domain: {tag: text}}, "band": {domain: columns as in band_tags}}``.

Dataset tags that cannot be attributes of their own stand under the domain ``""``, GDAL's default one.
"""

COLOR_INTERPRETATION = "color_interpretation"
"""GDAL colour interpretation, one name for all bands or a list; absent for gray followed by undefined."""

_CONVENTION_PREFIXES = ("proj:", "spatial:")

_RESERVED = frozenset(
    {
        BAND_TAGS,
        COLOR_INTERPRETATION,
        GDAL_DOMAINS,
        # CF, xarray and Zarr
        "_ARRAY_DIMENSIONS",
        "_FillValue",
        "_Unsigned",
        "xr_inr",  # a store's report describes the store, not a raster written from it
        "add_offset",
        "ancillary_variables",
        "bounds",
        "calendar",
        "cell_measures",
        "coordinates",
        "dtype",
        "fill_value",
        "formula_terms",
        "grid_mapping",
        "long_name",
        "missing_value",
        "scale_factor",
        "units",
        "zarr_conventions",
        # rioxarray, and xarray.open_rasterio before it
        "crs",
        "gcps",
        "is_tiled",
        "nodata",
        "nodatavals",
        "offsets",
        "res",
        "scales",
        "transform",
    }
)

# Pixels; single-precision coordinates come close to it.
_SNAP = 0.05

# The entries validators compare letter by letter: tags v0.1 of the two specifications.
_PROJ = {
    "uuid": "f17cb550-5864-4468-aeb7-f3180cfb622f",
    "schema_url": "https://raw.githubusercontent.com/zarr-conventions/proj/refs/tags/v0.1/schema.json",
    "spec_url": "https://github.com/zarr-conventions/proj/blob/v0.1/README.md",
    "name": "proj",
    "description": "Coordinate reference system information for geospatial data",
}
_SPATIAL = {
    "uuid": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4",
    "schema_url": "https://raw.githubusercontent.com/zarr-conventions/spatial/refs/tags/v0.1/schema.json",
    "spec_url": "https://github.com/zarr-conventions/spatial/blob/v0.1/README.md",
    "name": "spatial",
    "description": "Spatial coordinate information",
}


def is_reserved(name: str) -> bool:
    """Tell whether an attribute of this name means something to xarray, rioxarray or this package."""
    return name in _RESERVED or name.startswith(_CONVENTION_PREFIXES)


def read_crs(da: xr.DataArray) -> CRS | None:
    """Return the CRS of the array's grid mapping.

    Parameters
    ----------
    da : xarray.DataArray

    Returns
    -------
    rasterio.crs.CRS or None

    Raises
    ------
    RequestError
        If the grid mapping holds a CRS that cannot be read.
    """
    try:
        return da.rio.crs
    except (CRSError, ProjError) as error:
        raise RequestError(f"the grid mapping {da.rio.grid_mapping!r} holds no readable CRS: {error}") from error


def read_transform(da: xr.DataArray, y_dim: Hashable, x_dim: Hashable) -> Affine | None:
    """Return the affine transform of the pixels the array holds.

    The ``GeoTransform`` of the grid mapping is exact, but describes the raster as it was read; the
    coordinates tell which pixels of it are left. Where they say all of it, the result is the stored
    transform to the last bit; after ``isel`` it is that of the window, stride or flip, also on a
    rotated grid, whose coordinates are ``xc`` and ``yc`` of shape (y, x).

    Parameters
    ----------
    da : xarray.DataArray
    y_dim, x_dim : hashable
        Names of the spatial dimensions.

    Returns
    -------
    affine.Affine or None
        From (column, row) of pixel corners to coordinates; None where pixels have no place.

    Raises
    ------
    RequestError
        If 1-D coordinates are not numbers in even steps, or there is one only and no ``GeoTransform``.
    """
    mapping = da.coords[da.rio.grid_mapping].attrs if da.rio.grid_mapping in da.coords else {}
    if "gcps" in mapping:
        return None
    stored = _stored_transform(mapping)
    height, width = da.sizes[y_dim], da.sizes[x_dim]
    if x_dim in da.coords and y_dim in da.coords:
        x, y = (_even_ends(da, dim) for dim in (x_dim, y_dim))
    elif all(name in da.coords and da.coords[name].dims == (y_dim, x_dim) for name in ("xc", "yc")):
        x, y = ([float(da.coords[name][i, i]) for i in (0, -1)] for name in ("xc", "yc"))
    else:
        return None if stored in (None, Affine.identity()) else stored

    if stored is None:
        if 1 in (height, width):
            raise RequestError(f"a single coordinate gives no pixel size: {height} x {width} pixels, no GeoTransform")
        stored = Affine((x[1] - x[0]) / (width - 1), 0, x[0], 0, (y[1] - y[0]) / (height - 1), y[0])
        return _window(stored, -0.5, -0.5, 1, 1)
    a, b, c, d, e, f = stored[:6]
    determinant = a * e - b * d
    columns = [(e * (px - c) - b * (py - f)) / determinant for px, py in zip(x, y, strict=True)]
    rows = [(a * (py - f) - d * (px - c)) / determinant for px, py in zip(x, y, strict=True)]
    (column, column_step), (row, row_step) = _corner(columns, width), _corner(rows, height)
    if (column, row, column_step, row_step) != (0, 0, 1, 1):
        stored = _window(stored, column, row, column_step, row_step)
    return None if stored == Affine.identity() else stored


def _stored_transform(mapping: Mapping[Any, Any]) -> Affine | None:
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


def _window(grid: Affine, column: float, row: float, column_step: float, row_step: float) -> Affine:
    a, b, c, d, e, f = grid[:6]
    return Affine(
        a * column_step,
        b * row_step,
        a * column + b * row + c,
        d * column_step,
        e * row_step,
        d * column + e * row + f,
    )


def attach_georeference(ds: xr.Dataset, names: Iterable[Hashable]) -> xr.Dataset:
    """Prepare variables so that a plain ``xr.open_zarr`` finds their CRS and transform.

    xarray writes a grid mapping as a data variable unless ``encoding["coordinates"]`` names it, and an
    explicit ``encoding["coordinates"]`` replaces xarray's own list. So every auxiliary coordinate of the
    variable is listed. Where there is a CRS, the group also gets the attributes of the Zarr conventions
    ``proj`` and ``spatial`` (``proj:code`` or ``proj:wkt2``, ``spatial:dimensions``, ``spatial:shape`` and
    ``spatial:transform``, declared in ``zarr_conventions``); variables on different grids carry them
    themselves. After a selection of pixels, the ``GeoTransform`` of the grid mapping is
    brought up to date. Rasters placed by ground control points have no affine grid, so they get none.

    Parameters
    ----------
    ds : xarray.Dataset
        Left as it is.
    names : iterable of hashable
        Data variables to prepare. Those without a grid mapping are left alone.

    Returns
    -------
    xarray.Dataset
        A shallow copy, sharing the data, with new ``encoding`` and ``attrs``.

    Raises
    ------
    RequestError
        If a name is not a data variable, or a grid mapping holds a CRS that cannot be read.
    """
    names = list(names)
    for name in names:
        if name not in ds.data_vars:
            raise RequestError(f"names must be data variables, one of {list(ds.data_vars)!r}; got {name!r}")
    mappings = {name: mapping for name in names if (mapping := _grid_mapping(ds, name)) is not None}
    prepared = ds.copy(deep=False).set_coords(set(mappings.values()))
    grids = {}
    for name, mapping in mappings.items():
        variable = prepared.variables[name]
        # xarray refuses these two names where both attrs and encoding have them. The grid mapping goes
        # to attrs: what is passed to to_zarr(encoding=...) replaces encoding, after coordinates are read.
        variable.attrs.pop("coordinates", None)
        variable.encoding.pop("grid_mapping", None)
        variable.attrs["grid_mapping"] = mapping
        auxiliary = (str(c) for c in prepared[name].coords if c not in prepared[name].dims)
        # A name with a blank cannot be listed; xarray warns of it and writes a data variable.
        variable.encoding["coordinates"] = " ".join(sorted(c for c in auxiliary if " " not in c))
    for mapping in set(mappings.values()):
        _refresh_transform(prepared, mapping, [name for name in mappings if mappings[name] == mapping])
    for name in mappings:
        if grid := _grid_attributes(prepared[name]):
            grids[name] = grid

    shared = next(iter(grids.values()), None)
    if shared is not None and all(grid == shared for grid in grids.values()):
        prepared.attrs = _declare(prepared.attrs, shared)
    else:
        for name, grid in grids.items():
            variable = prepared.variables[name]
            variable.attrs = _declare(variable.attrs, grid)
    return prepared


def _grid_mapping(ds: xr.Dataset, name: Hashable) -> str | None:
    variable = ds.variables[name]
    mapping = variable.encoding.get("grid_mapping", variable.attrs.get("grid_mapping"))
    if mapping is None and "spatial_ref" in ds[name].coords:
        # Arithmetic drops encoding, so rioxarray falls back on this name; so does this.
        mapping = "spatial_ref"
    return mapping if mapping in ds.variables else None


def _grid_attributes(da: xr.DataArray) -> dict[str, Any] | None:
    """Return the ``proj:`` and ``spatial:`` attributes of an array with a CRS and an affine grid."""
    crs = read_crs(da)
    if crs is None or "gcps" in da.coords[da.rio.grid_mapping].attrs:
        return None
    # to_authority() also answers for a CRS that merely resembles a registered one.
    authority = crs.to_authority()
    if authority is not None and CRS.from_authority(*authority) == crs:
        grid: dict[str, Any] = {"proj:code": ":".join(authority)}
    else:
        grid = {"proj:wkt2": crs.to_wkt(version="WKT2_2019")}
    dims = _spatial_dims(da)
    if dims is None:
        return grid
    grid["spatial:dimensions"] = [str(dim) for dim in dims]
    grid["spatial:shape"] = [da.sizes[dim] for dim in dims]
    transform = _affine_grid(da)
    if transform is not None:
        grid["spatial:transform"] = list(transform[:6])
    return grid


def _refresh_transform(ds: xr.Dataset, mapping: str, names: Iterable[Hashable]) -> None:
    """Make the stored transform that of the pixels which are left, if the variables agree on it.

    rioxarray recomputes a north-up transform from coordinates, but takes a rotated one as it is stored.
    """
    attrs = ds.variables[mapping].attrs
    transforms = {_affine_grid(ds[name]) for name in names}
    transform = transforms.pop()
    if transform is not None and not transforms and "GeoTransform" in attrs:
        attrs["GeoTransform"] = " ".join(str(number) for number in transform.to_gdal())


def _affine_grid(da: xr.DataArray) -> Affine | None:
    dims = _spatial_dims(da)
    try:
        return read_transform(da, *dims) if dims is not None else None
    except RequestError:
        # An irregular grid may be stored; it just has no transform.
        return None


def _spatial_dims(da: xr.DataArray) -> tuple[Hashable, Hashable] | None:
    try:
        return da.rio.y_dim, da.rio.x_dim
    except RioXarrayError:
        return None


def _declare(attrs: Mapping[Any, Any], grid: Mapping[str, Any]) -> dict[Any, Any]:
    """Merge grid attributes into attrs, replacing those of an earlier grid."""
    kept = {k: v for k, v in attrs.items() if not str(k).startswith(_CONVENTION_PREFIXES)}
    declared = [_PROJ, *([_SPATIAL] if "spatial:dimensions" in grid else [])]
    ours = (_PROJ["uuid"], _SPATIAL["uuid"])
    others = [c for c in kept.get("zarr_conventions", []) if not isinstance(c, Mapping) or c.get("uuid") not in ours]
    return {**kept, **grid, "zarr_conventions": [*others, *(dict(c) for c in declared)]}

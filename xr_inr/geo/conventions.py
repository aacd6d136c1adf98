"""Where georeferencing and GDAL metadata stand on an xarray object and in a Zarr group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from affine import Affine
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rioxarray.exceptions import RioXarrayError

from xr_inr.exceptions import RequestError
from xr_inr.geo.names import CONVENTION_PREFIXES
from xr_inr.geo.pixel_references import moved_along
from xr_inr.geo.windows import PixelWindow, ends_of, stored_transform, window_of

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
    stored = stored_transform(mapping)
    height, width = da.sizes[y_dim], da.sizes[x_dim]
    ends = ends_of(da, y_dim, x_dim)
    if ends is not None and stored is None:
        if 1 in (height, width):
            raise RequestError(f"a single coordinate gives no pixel size: {height} x {width} pixels, no GeoTransform")
        x, y = ends
        centres = Affine((x[1] - x[0]) / (width - 1), 0, x[0], 0, (y[1] - y[0]) / (height - 1), y[0])
        stored = PixelWindow(-0.5, -0.5).of(centres)
    elif ends is not None and stored is not None:
        stored = window_of(ends, height, width, stored).of(stored)
    return None if stored == Affine.identity() else stored


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
    prepared = _moved_along(prepared, mappings)
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


def _moved_along(ds: xr.Dataset, mappings: Mapping[Hashable, str]) -> xr.Dataset:
    """Return a Dataset whose ground control points and RPCs are those of the pixels it holds."""
    moved = {}
    for name, mapping in mappings.items():
        da = ds[name]
        dims = _spatial_dims(da)
        after = da if dims is None else moved_along(da, *dims)
        if after is not da and dims is not None:
            moved[name] = after.attrs, {key: after.coords[key] for key in (*dims, mapping) if key in after.coords}
    for name, (attrs, coords) in moved.items():
        ds[name].attrs.update(attrs)
        ds = ds.assign_coords(coords)
    return ds


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
    kept = {k: v for k, v in attrs.items() if not str(k).startswith(CONVENTION_PREFIXES)}
    declared = [_PROJ, *([_SPATIAL] if "spatial:dimensions" in grid else [])]
    ours = (_PROJ["uuid"], _SPATIAL["uuid"])
    others = [c for c in kept.get("zarr_conventions", []) if not isinstance(c, Mapping) or c.get("uuid") not in ours]
    return {**kept, **grid, "zarr_conventions": [*others, *(dict(c) for c in declared)]}

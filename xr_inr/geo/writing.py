"""Xarray to GeoTIFF, with the metadata that `xr_inr.geo.open_raster` keeps."""

from __future__ import annotations

import math
import shutil
import tempfile
import warnings
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window
from rioxarray.exceptions import RioXarrayError

from xr_inr.exceptions import RequestError, StoreExistsError
from xr_inr.geo.conventions import read_crs, read_transform
from xr_inr.geo.metadata import collect_metadata, write_metadata

_BLOCK_BYTES = 64 * 2**20
_TILE = 256
_DTYPES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64", "complex64", "complex128"),
)
# What GDAL puts beside a GeoTIFF and would read into whatever takes its place.
_SIDECARS = (".aux.xml", ".ovr", ".msk")


def write_raster(
    da: xr.DataArray,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    blocks: int | None = None,
    y_dim: Hashable | None = None,
    x_dim: Hashable | None = None,
    **profile: Any,
) -> None:
    """Write an array as a GeoTIFF, block by block, with all the metadata it carries.

    The inverse of `open_raster`, also after a stay in a Zarr store. Per-band attributes follow the
    ``band`` coordinate, so that a selection of bands keeps its own. Where band tags do not say the
    wavelengths but a coordinate does, they are written from it. An array that xarray has masked and
    scaled is packed again as its encoding says.

    Parameters
    ----------
    da : xarray.DataArray
        Shape (band, y, x) in any order of dimensions, or (y, x); a lazy or dask array is computed
        by blocks of rows, so that memory holds a block (and GDAL's cache, see ``GDAL_CACHEMAX``).
    path : str or path-like
        A file in a folder that exists. It appears once it is complete.
    overwrite : bool
        Whether to replace a file that is there.
    blocks : int, optional
        Rows to compute at once; by default some 64 MiB, in whole chunks of the array if they fit.
    y_dim, x_dim : hashable, optional
        The spatial dimensions where rioxarray does not find them.
    **profile
        Creation options for rasterio, e.g. ``compress="deflate"``.

    Raises
    ------
    StoreExistsError
        If there is a file, and ``overwrite`` is False.
    RequestError
        If dimensions, dtype, coordinates, metadata or options cannot make a GeoTIFF.
    """
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        raise RequestError(f"path must be a file in a folder that exists; got {target}")
    if target.exists() and not overwrite:
        raise StoreExistsError(f"{target} exists; pass overwrite=True to replace it")
    y_dim, x_dim, band_dim = _dimensions(da, y_dim, x_dim)
    height, width = da.sizes[y_dim], da.sizes[x_dim]
    order = [dim for dim in (band_dim, y_dim, x_dim) if dim is not None]
    first = _pack(da.isel({y_dim: slice(0, 1)}))
    metadata = collect_metadata(da, first.attrs, band_dim)
    options = _options(first, len(metadata.bands), height, width, profile)
    rows = _rows_per_block(da, y_dim, math.prod(first.shape) * first.dtype.itemsize, options, blocks)
    crs, gcps = read_crs(da), da.rio.get_gcps()
    transform = read_transform(da, y_dim, x_dim)
    if not gcps:
        options = {"crs": crs, "transform": transform, **options}

    with _beside(target) as partial:
        try:
            with warnings.catch_warnings():
                # A raster without a place is what was asked for.
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                sink = rasterio.open(partial, "w", **options)
        except (RasterioError, TypeError, ValueError) as error:
            raise RequestError(f"cannot write {target} as a GeoTIFF: {error}") from error
        with sink:
            if gcps:
                sink.gcps = (gcps, crs)
            write_metadata(sink, metadata)
            for start in range(0, height, rows):
                block = _pack(da.isel({y_dim: slice(start, start + rows)})).transpose(*order).to_numpy()
                block = block.reshape(options["count"], -1, width).astype(options["dtype"], copy=False)
                sink.write(block, window=Window(0, start, width, block.shape[1]))


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give a path to write to, and move what was written to the target unless an error was raised."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        partial = folder / target.name
        yield partial
        partial.replace(target)
        for suffix in _SIDECARS:
            written, stale = Path(f"{partial}{suffix}"), Path(f"{target}{suffix}")
            if written.exists():
                written.replace(stale)
            else:
                stale.unlink(missing_ok=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _dimensions(
    da: xr.DataArray, y_dim: Hashable | None, x_dim: Hashable | None
) -> tuple[Hashable, Hashable, Hashable | None]:
    try:
        y_dim, x_dim = y_dim or da.rio.y_dim, x_dim or da.rio.x_dim
    except RioXarrayError as error:
        raise RequestError(f"no spatial dimensions among {da.dims}; name them by y_dim= and x_dim=") from error
    if not {y_dim, x_dim} <= set(da.dims):
        raise RequestError(f"y_dim and x_dim must be among {da.dims}; got {y_dim!r} and {x_dim!r}")
    others = [dim for dim in da.dims if dim not in (y_dim, x_dim)]
    if len(others) > 1:
        raise RequestError(f"a GeoTIFF has at most one dimension besides rows and columns; got {da.dims}")
    if 0 in da.shape:
        raise RequestError(f"a GeoTIFF has no empty dimension; got sizes {dict(da.sizes)}")
    return y_dim, x_dim, others[0] if others else None


def _pack(da: xr.DataArray) -> xr.DataArray:
    """Undo xarray's masking and scaling, which it notes in the encoding."""
    if all(da.encoding.get(key) is None for key in ("_FillValue", "missing_value", "scale_factor", "add_offset")):
        return da
    variable = xr.conventions.encode_cf_variable(da.variable, name=da.name)
    return da.copy(data=variable.data).assign_attrs(variable.attrs)


def _options(first: xr.DataArray, count: int, height: int, width: int, profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return what rasterio needs to create the file."""
    dtype = first.dtype.name
    if dtype not in _DTYPES:
        raise RequestError(f"a GeoTIFF holds {', '.join(_DTYPES)}; got {first.dtype}")
    profile = {key.lower(): value for key, value in profile.items()}
    given = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": dtype}
    for key, value in given.items():
        if key in profile and profile[key] != value:
            raise RequestError(f"{key} follows from the array, {value!r}; got {profile[key]!r}")
    nodata = first.attrs.get("_FillValue", first.attrs.get("missing_value"))
    if nodata is not None:
        nodata = np.asarray(nodata).item()
        # GDAL's nodata is a double.
        if first.dtype.kind in "iu" and (nodata != np.clip(nodata, *_limits(first.dtype)) or int(nodata) != nodata):
            raise RequestError(f"nodata must be a {dtype}, at most 2**53; got {nodata!r}")
    tiled = {"tiled": True, "blockxsize": _TILE, "blockysize": _TILE} if min(height, width) >= 2 * _TILE else {}
    defaults = {"nodata": nodata, "bigtiff": "IF_SAFER", "interleave": "band", **tiled}
    # Unless told otherwise, GDAL takes three or four bands of bytes for a picture.
    defaults["photometric"] = "minisblack"
    return {**defaults, **profile, **given}


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return max(int(info.min), -(2**53)), min(int(info.max), 2**53)


def _rows_per_block(
    da: xr.DataArray, y_dim: Hashable, row_bytes: int, options: Mapping[str, Any], blocks: int | None
) -> int:
    if blocks is not None:
        if blocks < 1:
            raise RequestError(f"blocks must be at least 1 row; got {blocks}")
        return blocks
    most = max(1, _BLOCK_BYTES // row_bytes)
    chunks = da.variable.chunksizes  # of the array alone: coordinates from a store may be chunked otherwise
    if chunks:
        chunk = max(chunks[y_dim])
        most = max(most, chunk)  # dask computes whole chunks whatever is asked for
    else:
        chunk = da.encoding.get("preferred_chunks", {}).get(y_dim, 1)
    tile = options.get("blockysize", 1)
    # A chunk read in two blocks is decoded twice, a tile written in two is compressed twice.
    unit = next((unit for unit in (math.lcm(chunk, tile), chunk, tile) if unit <= most), 1)
    return most - most % unit

"""Xarray to GeoTIFF, with the metadata that `xr_inr.geo.open_raster` keeps."""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from xr_inr.exceptions import RequestError
from xr_inr.geo.planning import check_raster_path, pack, plan_raster, written_beside

_BLOCK_BYTES = 64 * 2**20
_TILE = 256
# With these, and without those, GDAL gives back the samples it was given.
_EXACT_COMPRESSION = frozenset({"none", "packbits", "lzw", "deflate", "zstd", "lzma"})
_INEXACT_OPTIONS = frozenset({"nbits", "discard_lsb"})


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
        The spatial dimensions where neither rioxarray nor `xr_inr.compress` would find them.
    **profile
        Creation options for rasterio, e.g. ``compress="deflate"``.

    Raises
    ------
    StoreExistsError
        If there is a file, and ``overwrite`` is False.
    RequestError
        If dimensions, dtype, coordinates, metadata or options cannot make a GeoTIFF.
    OSError
        If the file cannot be written, or does not give back what was written to it, as on a full disk.
    """
    target = check_raster_path(path, overwrite=overwrite)
    plan = plan_raster(da, y_dim=y_dim, x_dim=x_dim)
    count, height, width = plan.shape
    options = {**_defaults(height, width), **{key.lower(): value for key, value in profile.items()}}
    rows = _rows_per_block(da, plan.dims[0], count * width * plan.dtype.itemsize, options, blocks)

    with written_beside(target) as partial:
        written: dict[Window, int] = {}
        with plan.create(partial, "GTiff", options, target) as sink:
            for start in range(0, height, rows):
                block = pack(da.isel({plan.dims[0]: slice(start, start + rows)})).transpose(*plan.order).to_numpy()
                block = block.reshape(count, -1, width).astype(plan.dtype, copy=False)
                window = Window(0, start, width, block.shape[1])
                sink.write(block, window=window)
                written[window] = _checksum(block)
        _check_written(partial, written, target, exact=_is_exact(options))


def _check_written(path: Path, written: Mapping[Window, int], target: Path, *, exact: bool) -> None:
    """Refuse a raster that lacks samples; raises `OSError`.

    GDAL writes much of a file when it is closed, and what fails then, for want of room, reaches nobody.

    Parameters
    ----------
    path
        The closed file.
    written
        The `_checksum` of the samples of each window.
    target
        What an error calls it.
    exact
        Whether the samples that are read must be those that were written.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning), rasterio.open(path) as source:
            whole = all(
                _checksum(source.read(window=window)) == found or not exact for window, found in written.items()
            )
    except RasterioError as error:
        raise OSError(f"{target} could not be written whole; is there room on the disk? {error}") from error
    if not whole:
        raise OSError(f"{target} could not be written whole; is there room on the disk?")


def _checksum(samples: NDArray[Any]) -> int:
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return zlib.crc32(np.ascontiguousarray(native).data)


def _is_exact(options: Mapping[str, Any]) -> bool:
    return str(options.get("compress", "none")).lower() in _EXACT_COMPRESSION and not _INEXACT_OPTIONS & options.keys()


def _defaults(height: int, width: int) -> dict[str, Any]:
    """Return the creation options of a GeoTIFF of which nothing else is asked."""
    tiled = {"tiled": True, "blockxsize": _TILE, "blockysize": _TILE} if min(height, width) >= 2 * _TILE else {}
    # Unless told otherwise, GDAL takes three or four bands of bytes for a picture.
    return {"bigtiff": "IF_SAFER", "interleave": "band", "photometric": "minisblack", **tiled}


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

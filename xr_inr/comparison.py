"""Two scenes side by side: GeoTIFFs, Zarr stores, or arrays of xarray."""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Hashable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.core.metrics import Figures, compare
from xr_inr.exceptions import RequestError
from xr_inr.geo import open_raster
from xr_inr.variables import find_axes, is_scene, nodata_of

_SAMPLES_AT_ONCE = 2**24


def open_scene(source: str | PathLike[str], variable: Hashable | None = None) -> xr.DataArray:
    """Open the scene of a raster file or a Zarr store, its samples as they are stored, read when they are needed.

    Parameters
    ----------
    source
        A Zarr store, or anything that rasterio opens.
    variable
        Which variable of a store; its only scene if None.

    Raises
    ------
    RequestError
        When it does not exist, or does not hold exactly one scene and none was named.
    """
    scenes = {scene.name: scene for scene in open_scenes(source)}
    if variable is not None:
        if variable not in scenes:
            raise RequestError(f"variable must be one of {list(scenes)}. Got {variable!r}.")
        return scenes[variable]
    if len(scenes) != 1:
        raise RequestError(f"{source} must hold one scene, or one must be named. Got {list(scenes)}.")
    return next(iter(scenes.values()))


def open_scenes(source: str | PathLike[str]) -> list[xr.DataArray]:
    """Open all scenes of a raster file or a Zarr store; raises `RequestError` where there is nothing to open."""
    if not is_store(source):
        if str(source).rstrip("/").endswith(".zarr"):
            raise RequestError(f"the store must exist. Got {source}.")
        return [open_raster(source)]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Failed to open Zarr store with consolidated", category=RuntimeWarning
            )
            ds = xr.open_zarr(str(source), mask_and_scale=False, chunks=None)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise RequestError(f"{source} is not a Zarr store that can be read: {error}") from error
    scenes = [scene for scene in ds.data_vars.values() if is_scene(scene)]
    if not scenes:
        raise RequestError(f"{source} must hold a scene. Got the variables {list(ds.data_vars)}.")
    return scenes


def is_store(source: str | PathLike[str]) -> bool:
    """Whether a scene is in a Zarr store: a folder, or a URL that ends in .zarr; GDAL opens everything else."""
    return Path(source).is_dir() or ("://" in str(source) and str(source).rstrip("/").endswith(".zarr"))


def compare_scenes(original: xr.DataArray, decoded: xr.DataArray) -> Figures:
    """Measure how far `decoded` is from `original`, row by row.

    Samples that are NaN or nodata in the original do not count; those that are so only in the decoded scene are an
    error of form and refused.

    Parameters
    ----------
    original, decoded
        Of the same shape, with a band axis and two spatial axes; where both name their dimensions the same, in any
        order.

    Returns
    -------
    Figures
        With R the largest absolute value of the original.

    Raises
    ------
    RequestError
        When the shapes differ, or the masks.
    """
    axes = find_axes(original)
    if set(decoded.dims) == set(original.dims):
        decoded = decoded.transpose(*original.dims)
    if original.shape != decoded.shape:
        raise RequestError(f"both scenes must have the same shape. Got {original.shape} and {decoded.shape}.")
    if len(axes.dims) != 3:
        raise RequestError(f"a scene to compare must have 3 dimensions. Got {axes.dims}.")
    order = [axes.dims.index(dim) for dim in (axes.band, axes.y, axes.x)]
    row_axis = axes.dims.index(axes.y)
    step = max(1, _SAMPLES_AT_ONCE * original.shape[row_axis] // original.size)
    parts = []
    for start in range(0, original.shape[row_axis], step):
        rows = tuple(slice(start, start + step) if axis == row_axis else slice(None) for axis in range(original.ndim))
        first, second = (scene.variable[rows].to_numpy().transpose(order) for scene in (original, decoded))
        valid, also = valid_samples(first, original), valid_samples(second, decoded)
        if not np.array_equal(valid, also):
            count = int((valid != also).sum())
            raise RequestError(f"both scenes must mask the same samples. {count:,} from row {start} on differ.")
        parts.append(compare(first, second, valid))
    return functools.reduce(operator.add, parts)


def figures_dict(figures: Figures) -> dict[str, Any]:
    """Return figures as plain values: errors in data units, PSNR in dB with its peak, SAM in degrees."""
    return {
        "psnr": figures.psnr,
        "peak": figures.peak,
        "mse": figures.mse,
        "sam": figures.sam,
        "max_error": figures.max_error,
        "valid_samples": int(figures.valid_samples.sum()),
        "bands": [
            {"band": band + 1, "psnr": psnr, "mse": mse, "max_error": largest}
            for band, (psnr, mse, largest) in enumerate(
                zip(figures.band_psnr.tolist(), figures.band_mse.tolist(), figures.max_errors.tolist(), strict=True)
            )
        ],
    }


def valid_samples(block: NDArray[Any], scene: xr.DataArray) -> NDArray[np.bool_]:
    """Return which samples of a block of `scene` are neither NaN nor what its attributes call nodata."""
    nodata = nodata_of(scene)
    valid = ~np.isnan(block) if block.dtype.kind == "f" else np.ones(block.shape, bool)
    if nodata is not None and not np.isnan(nodata):
        valid &= block != np.asarray(nodata).astype(block.dtype)
    return valid

"""Two scenes side by side."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.core.metrics import Figures, compare
from xr_inr.exceptions import RequestError
from xr_inr.variables import find_axes, nodata_of

_SAMPLES_AT_ONCE = 2**24


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

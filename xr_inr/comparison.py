"""Two scenes side by side."""

from __future__ import annotations

import functools
import operator
from typing import Any

import xarray as xr

from xr_inr.core.metrics import Figures, compare
from xr_inr.scene_reader import SceneReader, check_masks, left_out, same_form

_SAMPLES_AT_ONCE = 2**24


def compare_scenes(original: xr.DataArray, decoded: xr.DataArray) -> Figures:
    """Measure how far `decoded` is from `original`, row by row.

    Samples that are NaN or nodata in the original do not count; those that are so only in the decoded scene are an
    error of form and refused. Nor do bad bands, as `xr_inr.scene_reader.left_out` knows them.

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
    bad_bands = left_out(original, decoded)
    first = SceneReader(original, bad_bands=bad_bands)
    second = SceneReader(same_form(original, decoded), bad_bands=bad_bands)
    height = first.shape[1]
    step = max(1, _SAMPLES_AT_ONCE * height // original.size)
    parts = []
    for start in range(0, height, step):
        (samples, valid), (others, also) = (reader.rows(start, start + step) for reader in (first, second))
        check_masks(start, valid, also)
        parts.append(compare(samples, others, valid))
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

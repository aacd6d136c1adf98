"""What samples a scene may have; whatever breaks a rule is refused before any work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.exceptions import RequestError

DTYPES = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"))
"""The sample types a payload can hold, by their code in the header."""

MOST_BANDS, LARGEST_SIDE = 65_535, 2**31 - 1
EXACT_INTEGER = 2**53

LARGEST = 1e140
"""The largest magnitude of a sample: its square still fits in a float64."""


def good_bands(bad_bands: Sequence[int], bands: int) -> NDArray[np.bool_]:
    """Return which of the bands count, (bands,); raises `RequestError` when none does, or a bad one is not there."""
    good = np.ones(bands, bool)
    for band in bad_bands:
        if not 0 <= band < bands:
            raise RequestError(f"bad_bands must name bands in [0, {bands}). Got {band}.")
        good[band] = False
    if not good.any():
        raise RequestError(f"at least one band must count. All {bands} are bad.")
    return good


def check_form(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a shape or dtype no scene can have; raises `RequestError`."""
    if len(shape) != 3:
        raise RequestError(f"a scene must have 3 axes (band, y, x). Got shape {shape}.")
    if min(shape) < 1 or shape[0] > MOST_BANDS or max(shape[1:]) > LARGEST_SIDE:
        raise RequestError(
            f"a scene must have 1 to {MOST_BANDS} bands and sides of 1 to {LARGEST_SIDE}. Got shape {shape}."
        )
    # Strings of any length have no byte order to change, and numpy raises where one is asked for.
    if dtype.kind not in "iuf" or dtype.newbyteorder("<") not in DTYPES:
        names = ", ".join(known.name for known in DTYPES)
        raise RequestError(f"dtype must be one of {names}. Got {dtype}.")


def unmasked(array: Any) -> Any:
    """Return an array as it is, a masked one without masked samples as a plain one.

    Raises
    ------
    RequestError
        When samples are masked: nothing says which value they shall have.
    """
    if not isinstance(array, np.ma.MaskedArray):
        return array
    if np.ma.is_masked(array):
        count = np.count_nonzero(array.mask)
        raise RequestError(
            f"a masked array must be given as array.filled(value), with nodata=value. Got {count} masked."
        )
    return array.data


def check_nodata(nodata: float | None, dtype: np.dtype[Any]) -> Any:
    """Return `nodata` in `dtype`, rounded to its precision; raises `RequestError` when it cannot hold it."""
    if nodata is None:
        return None
    try:
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if int(nodata) == nodata and limits.min <= nodata <= limits.max:
                return dtype.type(int(nodata))
        else:
            with np.errstate(over="ignore", under="ignore"):
                marker = dtype.type(nodata)
            if np.isfinite(marker) == math.isfinite(nodata) and (marker == 0) == (nodata == 0):
                return marker
    except (ValueError, OverflowError):
        # NaN or an infinity as integer, or an integer beyond any float.
        pass
    raise RequestError(f"nodata must be a value that {dtype} can hold. Got {nodata}.")


def check_finite(array: NDArray[Any], valid: NDArray[np.bool_] | bool, *, first_row: int = 0) -> None:
    """Refuse infinite samples and integers that a float64 cannot hold exactly; raises `RequestError`.

    Parameters
    ----------
    array
        Samples of some rows, (bands, rows, width).
    valid
        Which of them count.
    first_row
        Where those rows begin.
    """
    if array.dtype.kind == "f":
        infinite = np.isinf(array) & valid
        if infinite.any():
            band, row, column = (int(index) for index in np.argwhere(infinite)[0])
            raise RequestError(
                f"samples must be finite, NaN or nodata. {int(infinite.sum())} are infinite, "
                f"the first at band {band}, row {first_row + row}, column {column}."
            )
        # No smaller type reaches that far, nor could it be compared with a number it cannot hold.
        beyond = valid & (np.abs(array) > LARGEST) if array.dtype.itemsize == 8 else np.zeros(1, bool)
        if beyond.any():
            raise RequestError(f"samples must lie within +-{LARGEST:g}. Got {array[beyond].ravel()[0]}.")
    elif array.dtype.itemsize == 8:
        beyond = valid & ((array > EXACT_INTEGER) | (array < (-EXACT_INTEGER if array.dtype.kind == "i" else 0)))
        if beyond.any():
            raise RequestError(
                f"integers must lie within +-2**53. Got {array[beyond].ravel()[0]}; scale or offset them first."
            )

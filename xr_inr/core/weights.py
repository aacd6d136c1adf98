"""What the errors of bands count: checked, and scaled so that the fitted bands count as much as without.

A model is fitted to samples times their band's weight, and its basis stored divided by it: squared error of the fit is
then weighted squared error, and a decoder needs to know nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.exceptions import RequestError

LARGEST_RATIO = 1000.0
"""Of the largest weight to the smallest that is not zero."""


def checked_weights(weights: Any) -> tuple[float, ...]:
    """Return weights of bands as floats.

    Parameters
    ----------
    weights
        A sequence of non-negative numbers, or an array of one axis; 0 is that of a bad band.

    Raises
    ------
    RequestError
        When they are anything else, or the largest is more than `LARGEST_RATIO` times the smallest but zero.
    """
    try:
        found = np.asarray(weights)
        numbers = found.astype(np.float64) if found.ndim == 1 and found.dtype.kind in "iuf" and found.size else None
    except (TypeError, ValueError):
        numbers = None
    if numbers is None:
        raise RequestError(f"band_weights must be a number for each band. Got {weights!r:.40}.")
    wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)))
    if len(wrong):
        raise RequestError(
            f"band_weights must be finite and not negative. Got {numbers[wrong[0]]:g} for band {wrong[0]}."
        )
    some = numbers[numbers > 0]
    if len(some) and some.max() > LARGEST_RATIO * some.min():
        raise RequestError(
            f"band_weights must lie within a factor of {LARGEST_RATIO:g}, or be 0. "
            f"Got {some.min():g} for band {np.flatnonzero(numbers == some.min())[0]} "
            f"and {some.max():g} for band {numbers.argmax()}."
        )
    return tuple(numbers.tolist())


def weightless_bands(weights: Sequence[float] | None) -> tuple[int, ...]:
    """Return the indices of the bands of weight 0, which count as bad."""
    return () if weights is None else tuple(np.flatnonzero(np.asarray(weights) == 0).tolist())


def check_count(weights: Sequence[float] | None, bands: int) -> None:
    """Raise `RequestError` when weights are not as many as bands."""
    if weights is not None and len(weights) != bands:
        raise RequestError(f"band_weights must be as many as bands. Got {len(weights)} for {bands} bands.")


def fitted_weights(weights: Sequence[float] | None, fitted_bands: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Return the weights of the fitted bands, their mean square 1.

    Parameters
    ----------
    weights
        Of all bands; None if none were given.
    fitted_bands
        Indices of the bands that are fitted, none of weight 0.

    Returns
    -------
    ndarray or None
        (fitted bands,); None where all count the same.
    """
    if weights is None or not len(fitted_bands):
        return None
    of_fitted = np.asarray(weights, np.float64)[fitted_bands]
    if (of_fitted == of_fitted[0]).all():
        return None
    relative: NDArray[np.float64] = of_fitted / of_fitted.max()
    relative /= math.sqrt(float(np.square(relative).mean()))
    return relative

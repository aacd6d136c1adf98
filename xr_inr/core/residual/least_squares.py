"""Weights of regressors: how many a band gets, how precisely they are stored, and what they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.residual.prediction import LARGEST_WEIGHT

_BITS_OF_WEIGHT = 7.0
"""About what a stored weight takes."""

_RIDGE = 1e-11
_STEP_SHARE = 0.3
"""Standard deviation of what rounding to a step hides, in steps."""

Floats = NDArray[np.float64]


def places_of(regressors: Floats, values: Floats, step: int) -> Floats:
    """Return how many binary places the weights deserve: so many that another one would cost what it saves.

    Parameters
    ----------
    regressors
        (count, pixels).
    values
        (pixels,) what they shall foretell.
    step
        Units to which residuals are rounded.
    """
    factor = _factor(regressors, values, np.ones(len(values)))
    variance = factor[-1, -1] ** 2 / max(len(values), 1) + step**2 / 12.0
    found: Floats = -np.log2(np.sqrt(12.0 * variance) / np.maximum(np.abs(np.diag(factor)[:-1]), 1e-9))
    return found


def fit_weights(regressors: Floats, values: Floats, shifts: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Return the weights of the first regressors, in steps of 2**-shift; as many as are worth their bits.

    The squares of all pixels are summed once; what is off by much counts less the second time, since code lengths
    grow with magnitudes rather than with squares. Weights are rounded from the last to the first, each of the others
    making up for it (Babai's nearest plane).

    Parameters
    ----------
    regressors, values, step
        As for `places_of`.
    shifts
        (count,) the shift of each weight.
    """
    count, pixels = regressors.shape
    if pixels <= count:
        return np.zeros(0, np.int64)
    factor = _factor(regressors, values, np.ones(pixels))
    missed = np.abs(values - np.linalg.solve(factor[:-1, :-1], factor[:-1, -1]) @ regressors)
    usual = float(missed.mean()) + _STEP_SHARE * step
    counts = 1.0 / np.sqrt(missed / usual + 0.5)
    factor = _factor(regressors, values, counts)
    left = np.cumsum(np.square(factor[::-1, -1]))[::-1] / pixels / float(np.square(counts).mean())
    bits = 0.5 * pixels * np.log2(left + (_STEP_SHARE * step) ** 2) + _BITS_OF_WEIGHT * np.arange(count + 1)
    kept = int(bits.argmin())
    weights, steps = np.zeros(kept, np.int64), np.exp2(-shifts[:kept].astype(np.float64))
    for index in reversed(range(kept)):
        others = float(factor[index, index + 1 : kept] @ (weights * steps)[index + 1 :])
        exact = (factor[index, -1] - others) / factor[index, index] / steps[index]
        largest = LARGEST_WEIGHT / steps[index]
        weights[index] = round(min(max(float(exact), -largest), largest))
    return weights


def _factor(regressors: Floats, values: Floats, counts: Floats) -> Floats:
    """Return the upper triangular factor of the normal equations, values last; every pixel counts as often as told."""
    rows = np.concatenate([regressors, values[None]]) * counts
    sizes = np.sqrt(np.square(rows).sum(axis=1)) + 1e-9
    rows /= sizes[:, None]
    products = rows @ rows.T
    products[np.diag_indices(len(products))] += _RIDGE
    factor: Floats = np.linalg.cholesky(products).T * sizes
    return factor

"""What a band's residual is expected to be, from those of the bands before it: integer arithmetic throughout.

Bands are coded one after the other, so of the bands before the whole neighbourhood of a pixel is known. Weights are
fitted to the scene and stored (as in C-DPCM: Mielikainen and Toivanen, IEEE TGRS 41(12), 2003), not adapted sample by
sample, so that a band is predicted in one go.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.residual.neighbours import Whole, cross, diagonal

PLACES = 16
"""Binary places of a prediction."""

NAMED = 6
"""Regressors beside the differences of earlier bands."""

MOST_REGRESSORS = 64
"""Regressors a band can have."""

LARGEST_WEIGHT = 2**8
"""Magnitude of a weight: with it no sum leaves an int64."""

LARGEST_VALUE = 2**27
"""Magnitude of a residual, and of a prediction, in units of the grid."""

COUPLING_PLACES = 8
"""Binary places of the weight of neighbours within the band."""

LARGEST_COUPLING = 127
"""Magnitude of that weight, in steps of 2**-8."""


class History:
    """The residuals of the bands before, and what is made of them to predict the next.

    Parameters
    ----------
    shape
        (height, width) of the tile.
    regressors
        How many regressors may be asked for.
    """

    def __init__(self, shape: tuple[int, int], regressors: int) -> None:
        zeros = np.zeros(shape, np.int64)
        kept = max(2, regressors - NAMED + 2)
        self._bands: deque[Whole] = deque([zeros] * kept, maxlen=kept)
        self._crosses: deque[Whole] = deque([zeros, zeros], maxlen=2)

    def push(self, residual: Whole) -> None:
        """Take in the residual of the next band, (height, width)."""
        self._bands.appendleft(residual)
        self._crosses.appendleft(cross(residual) - 4 * residual)

    def regressors(self, count: int) -> list[Whole]:
        """Return the first `count` regressors, each (height, width).

        In this order: 1; the band before; how its cross of neighbours differs from it; the band before that less the
        band before; the difference of its cross; that of the diagonals of the band before; the differences of
        further bands, each less the one after it.
        """
        bands, found = self._bands, []
        for index in range(count):
            if index == 0:
                found.append(np.ones_like(bands[0]))
            elif index == 1:
                found.append(bands[0])
            elif index == 2:
                found.append(self._crosses[0])
            elif index == 3:
                found.append(bands[1] - bands[0])
            elif index == 4:
                found.append(self._crosses[1])
            elif index == 5:
                found.append(diagonal(bands[0]) - 4 * bands[0])
            else:
                back = index - NAMED + 2
                found.append(bands[back] - bands[back - 1])
        return found


def available(band: int) -> int:
    """Return how many regressors are more than zeros in band `band`, counted from 0."""
    return (1, 3)[band] if band < 2 else NAMED + band - 2


def predicted(history: History, weights: NDArray[np.int64], shifts: NDArray[np.int64]) -> Whole:
    """Return the prediction of a band, (height, width), in steps of 2**-`PLACES`.

    Parameters
    ----------
    history
        The bands before.
    weights
        One whole number for each of the first regressors, in steps of 2**-shift.
    shifts
        The shift of each regressor, 0 to `PLACES`.
    """
    regressors = history.regressors(max(len(weights), 1))
    total = np.zeros_like(regressors[0])
    for regressor, weight, shift in zip(regressors, weights.tolist(), shifts.tolist(), strict=False):
        if weight:
            total += regressor * (weight << (PLACES - shift))
    return _limited(total)


def errors_of_first(prediction: Whole, residual: Whole, second: NDArray[np.bool_]) -> Whole:
    """Return by how much the residuals of the first pass exceed their prediction, in eighths; 0 in the second."""
    errors = ((residual << PLACES) - prediction) >> (PLACES - 3)
    return np.where(second, 0, errors)


def coupled(prediction: Whole, errors: Whole, coupling: int) -> Whole:
    """Return a prediction that leans towards the errors of its four neighbours, as `errors_of_first` gives them."""
    return _limited(prediction + ((cross(errors) * coupling) << (PLACES - 3 - COUPLING_PLACES)))


def split(prediction: Whole, step: int) -> tuple[Whole, Whole]:
    """Return the whole number nearest to a prediction, and what is left, in eighths of a step of the residual."""
    centre = (prediction + (1 << PLACES - 1)) >> PLACES
    eighths = (prediction >> (PLACES - 3)) - (centre << 3)
    return centre, (2 * eighths + step) // (2 * step)


def rebuilt(centre: Whole, symbols: Whole, step: int) -> Whole:
    """Return the residuals that symbols stand for."""
    found: Whole = np.clip(centre + step * symbols, -LARGEST_VALUE, LARGEST_VALUE)
    return found


def checkerboard(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which positions of a tile belong to the second pass: those whose row and column sum to an odd number."""
    odd: NDArray[np.bool_] = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2 == 1
    return odd


def _limited(prediction: Whole) -> Whole:
    found: Whole = np.clip(prediction, -LARGEST_VALUE << PLACES, LARGEST_VALUE << PLACES)
    return found

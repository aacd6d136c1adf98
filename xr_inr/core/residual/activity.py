"""How much a band's residual varies from place to place, told from what is known around: the scale of its law."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.laws import SCALES
from xr_inr.core.residual.neighbours import Whole, cross, diagonal

CONTEXTS = 16
"""Contexts of a law in either pass."""

PASSES = 2

_LARGEST_MAGNITUDE = 2**12
_USUAL = 90_852
"""What a magnitude comes to on average: 2 ln 2, in steps of 2**-16."""

_OF_OCTAVE = (Fraction(41_285, 2**15), Fraction(52_016, 2**15), Fraction(1))
"""2**(1/3), 2**(2/3) and 1: thirds of an octave, rounded to 15 binary places."""


def _inverse_scales() -> NDArray[np.int64]:
    """Return 2**16 over each scale, floored."""
    found = []
    for index in range(SCALES):
        third, octave = (12 - index) % 3, (12 - index) // 3
        part = (Fraction(1), *_OF_OCTAVE[:2])[third]
        found.append(int(part * Fraction(2) ** (octave + 16)))
    return np.array(found, np.int64)


INVERSE_SCALES = _inverse_scales()

LIMITS = np.array([int(_USUAL * 64 * (181, 256)[n % 2] * Fraction(2) ** (n // 2 - 11)) for n in range(CONTEXTS - 1)])
"""Sums of 64 magnitudes that part contexts: half octaves, the ninth at about the usual."""


class Activity:
    """The magnitudes of the two bands before, and the contexts they give.

    Parameters
    ----------
    shape
        (height, width) of the tile.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        usual = np.full(shape, _USUAL * 16, np.int64)
        self._sums: deque[Whole] = deque([usual, usual], maxlen=2)

    def push(self, magnitudes: Whole) -> None:
        """Take in the magnitudes of a whole band, as `normalised` gives them."""
        self._sums.appendleft(4 * magnitudes + 2 * cross(magnitudes) + diagonal(magnitudes))

    def contexts(self, magnitudes: Whole | None) -> NDArray[np.intp]:
        """Return the context of every position, 0 to `CONTEXTS` - 1, (height, width).

        Parameters
        ----------
        magnitudes
            Those of the first pass of this band in the second pass, 0 elsewhere; None in the first.
        """
        total = 3 * self._sums[0] + self._sums[1]
        if magnitudes is not None:
            total = (total + 16 * cross(magnitudes)) >> 1
        return np.searchsorted(LIMITS, total, side="left")


def normalised(symbols: Whole, scale: int) -> Whole:
    """Return the magnitudes of symbols over the scale of their band, in steps of 2**-16."""
    return np.minimum(np.abs(symbols), _LARGEST_MAGNITUDE) * int(INVERSE_SCALES[scale])

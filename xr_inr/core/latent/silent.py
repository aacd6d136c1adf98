"""Latents that pixels which repeat others need not have.

In the lifting scheme a latent of the finest details belongs to one pixel of odd row or column. Where that pixel repeats
another, planes may take any value there, and take the one at which the latent is 0: its law is the narrowest, about 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.wavelet import DIAGONAL, Subband

_FIRST = {0: (0, 1), 1: (1, 0), DIAGONAL: (1, 1)}
"""Row and column of the first pixel that a latent of each orientation belongs to; all others are even ones away."""


def lattice_of(subband: Subband) -> tuple[slice, slice] | None:
    """Return which pixels the latents of a subband belong to, rows and columns; None where it is not of the finest."""
    if subband.level != 0 or subband.orientation not in _FIRST:
        return None
    row, column = _FIRST[subband.orientation]
    return slice(row, None, 2), slice(column, None, 2)


def silent_in(repeated: NDArray[np.bool_] | None, subband: Subband) -> NDArray[np.bool_] | None:
    """Return which latents of a subband are silent, (chunks, height, width) as `repeated`; None where none are."""
    lattice = lattice_of(subband)
    if repeated is None or lattice is None:
        return None
    found: NDArray[Any] = repeated[:, *lattice]
    return found

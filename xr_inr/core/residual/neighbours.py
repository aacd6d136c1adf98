"""Sums over the neighbours of every position of a tile, beyond whose borders it is mirrored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
"""Whole numbers, (height, width)."""


def cross(values: Whole) -> Whole:
    """Return the sum of the four neighbours across and down of every position, (height, width)."""
    around = _mirrored(values)
    found: Whole = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    return found


def diagonal(values: Whole) -> Whole:
    """Return the sum of the four diagonal neighbours of every position, (height, width)."""
    around = _mirrored(values)
    found: Whole = around[:-2, :-2] + around[:-2, 2:] + around[2:, :-2] + around[2:, 2:]
    return found


def _mirrored(values: Whole) -> Whole:
    """Add a border: beyond an end stands what stands before it, so that a checkerboard goes on."""
    found: Whole = values[np.ix_(_index(values.shape[0]), _index(values.shape[1]))]
    return found


def _index(size: int) -> NDArray[np.intp]:
    index: NDArray[np.intp] = np.r_[min(1, size - 1), np.arange(size), max(size - 2, 0)]
    return index

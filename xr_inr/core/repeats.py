"""Pixels that have the spectrum of the one left of them, or above, to the last bit.

Scenes that were laid on a map by the nearest neighbour are full of them, along the curves where the map's grid gets
ahead of the sensor's. Of two such pixels the one of odd row or column repeats the other, so that chains end: each step
makes a row or a column even, and a pixel where both are never repeats another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.mask import VALID

Plane = NDArray[np.bool_]
"""(height, width)."""


@dataclass(frozen=True)
class Repeats:
    """Which pixels of a scene are like their neighbours."""

    left: Plane
    """Those like the one left of them; none in the first column."""

    above: Plane
    """Those like the one above them; none in the first row."""

    @cached_property
    def sources(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns, (height, width) each, of the pixel that each one repeats in the end; its own if none."""
        rows, columns = (np.ascontiguousarray(index, np.intp) for index in np.indices(self.left.shape))
        odd_row, odd_column = rows % 2 == 1, columns % 2 == 1
        right, below = np.zeros_like(self.left), np.zeros_like(self.above)
        right[:, :-1], below[:-1] = self.left[:, 1:], self.above[1:]
        # The first that holds.
        steps = (
            (odd_column & self.left, 0, -1),
            (odd_column & right, 0, 1),
            (odd_row & self.above, -1, 0),
            (odd_row & below, 1, 0),
        )
        moved = np.zeros_like(self.left)
        down, across = rows.copy(), columns.copy()
        for holds, step_down, step_across in steps:
            here = holds & ~moved
            down[here] += step_down
            across[here] += step_across
            moved |= here
        return down[down, across], across[down, across]

    @cached_property
    def repeated(self) -> Plane:
        """The pixels that repeat another."""
        rows, columns = self.sources
        height, width = rows.shape
        found: Plane = (rows != np.arange(height)[:, None]) | (columns != np.arange(width))
        return found

    def within_tiles(self, side: int) -> Plane:
        """Return which pixels repeat another of the same tile, tiles being squares of a side."""
        rows, columns = self.sources
        height, width = rows.shape
        same = rows // side == np.arange(height)[:, None] // side
        same &= columns // side == np.arange(width) // side
        found: Plane = same & self.repeated
        return found

    @property
    def counts(self) -> NDArray[np.float32]:
        """(height, width) how many pixels each one stands for: 0 where it repeats another."""
        rows, columns = self.sources
        height, width = rows.shape
        found = np.bincount((rows * width + columns).ravel(), minlength=height * width)
        return found.reshape(height, width).astype(np.float32)


class RepeatsSeen:
    """Finds such pixels tile by tile.

    Parameters
    ----------
    good
        (bands,) the bands in which pixels must be alike.
    """

    def __init__(self, good: Plane) -> None:
        self._bands = np.flatnonzero(good).tolist()
        self._left: list[Plane] = []
        self._above: list[Plane] = []
        self._last: tuple[NDArray[Any], NDArray[np.uint8] | None] | None = None

    def see(self, tile: NDArray[Any], classes: NDArray[np.uint8] | None) -> None:
        """Look at some more rows, (bands, rows, width), and their classes; None if all samples are valid."""
        rows, width = tile.shape[1:]
        left, above = np.zeros((rows, width), np.bool_), np.zeros((rows, width), np.bool_)
        own = tile, classes
        left[:, 1:] = self._alike(_part(own, (slice(None), slice(1, None))), _part(own, (slice(None), slice(-1))))
        above[1:] = self._alike(_part(own, (slice(1, None), slice(None))), _part(own, (slice(-1), slice(None))))
        if self._last is not None:
            above[:1] = self._alike(_part(own, (slice(1), slice(None))), self._last)
        self._left.append(left)
        self._above.append(above)
        last, of_last = _part(own, (slice(-1, None), slice(None)))
        self._last = last.copy(), None if of_last is None else of_last.copy()

    def found(self) -> Repeats | None:
        """Return which pixels are alike; None if none are."""
        found = Repeats(np.concatenate(self._left), np.concatenate(self._above))
        return found if found.left.any() or found.above.any() else None

    def _alike(
        self, own: tuple[NDArray[Any], NDArray[np.uint8] | None], other: tuple[NDArray[Any], NDArray[np.uint8] | None]
    ) -> Plane:
        """Return which pixels have the same valid samples, and at least one."""
        (samples, classes), (beside, of_beside) = own, other
        alike = np.ones(samples.shape[1:], np.bool_)
        measured = np.full(samples.shape[1:], bool(self._bands) and classes is None)
        for band in self._bands:
            same = samples[band] == beside[band]
            if classes is not None or of_beside is not None:
                valid, of_other = _valid(classes, band), _valid(of_beside, band)
                same = (same | ~valid) & (valid == of_other)
                measured |= valid
            alike &= same
            if not alike.any():
                break
        found: Plane = alike & measured
        return found


def _part(
    own: tuple[NDArray[Any], NDArray[np.uint8] | None], part: tuple[slice, slice]
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    samples, classes = own
    return samples[:, *part], None if classes is None else classes[:, *part]


def _valid(classes: NDArray[np.uint8] | None, band: int) -> Plane:
    return np.array(True) if classes is None else classes[band] == VALID

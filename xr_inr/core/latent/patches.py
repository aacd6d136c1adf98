"""What stands for all of a large scene: patches side by side as planes of their own, or pixels one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Rows and columns of a patch."""

MOST_PIXELS = 2**17
"""Pixels of all patches; planes of no more are taken whole."""


class Part(Protocol):
    """Some pixels of planes."""

    def cut(self, planes: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return these pixels of planes, (components, height, width), of any shape behind the components."""


@dataclass(frozen=True)
class Patches:
    """Evenly spaced patches of planes, rows of patches where columns of patches cross."""

    rows: NDArray[np.intp]
    """Rows of the planes that are looked at, in order."""

    columns: NDArray[np.intp]
    """Columns, likewise."""

    share: float
    """Pixels of the planes for each pixel that is looked at; 1 where all are."""

    @classmethod
    def of(cls, size: tuple[int, int]) -> Patches:
        """Return the patches of planes.

        Parameters
        ----------
        size
            (height, width) of the planes.
        """
        height, width = size
        if height * width <= MOST_PIXELS:
            return cls(np.arange(height), np.arange(width), 1.0)
        sides = min(SIDE, height), min(SIDE, width)
        most = max(1, MOST_PIXELS // math.prod(sides))
        # As many patches to a length of rows as of columns.
        across = round(math.sqrt(most * (height / sides[0]) / (width / sides[1])))
        down = min(max(across, 1), most, height // sides[0])
        beside = min(most // down, width // sides[1])
        down = min(most // beside, height // sides[0])
        found = cls(_spaced(height, sides[0], down), _spaced(width, sides[1], beside), 1.0)
        return cls(found.rows, found.columns, height * width / (len(found.rows) * len(found.columns)))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the patches side by side."""
        return len(self.rows), len(self.columns)

    def cut(self, planes: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the patches of planes, (components, height, width), side by side; a view where they are all."""
        if self.share == 1.0:
            return planes
        return planes[:, self.rows[:, None], self.columns]


@dataclass(frozen=True)
class Drawn:
    """Pixels drawn from those that were measured, for what looks at each on its own.

    Patches could lie where little was measured, or nothing.
    """

    index: NDArray[np.intp]
    """Which pixels, row by row, in order."""

    share: float
    """Pixels that were measured for each of these; 1 where they are all."""

    @classmethod
    def of(cls, measured: NDArray[np.bool_]) -> Drawn:
        """Return all pixels that were measured, (height, width), or as many of them as all patches have."""
        found = np.flatnonzero(measured)
        if len(found) <= MOST_PIXELS:
            return cls(found, 1.0)
        chosen = np.random.default_rng(0).choice(len(found), MOST_PIXELS, replace=False)
        return cls(found[np.sort(chosen)], len(found) / MOST_PIXELS)

    def cut(self, planes: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return these pixels of planes, (components, pixels)."""
        return planes.reshape(len(planes), -1)[:, self.index]


def _spaced(length: int, side: int, count: int) -> NDArray[np.intp]:
    """Return the indices of some stretches, the first at the start and the last at the end, or one in the middle."""
    starts = np.linspace(0, length - side, count) if count > 1 else np.array([(length - side) / 2])
    found: NDArray[np.intp] = (np.floor(starts).astype(np.intp)[:, None] + np.arange(side)).ravel()
    return found

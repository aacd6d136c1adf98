"""Where the samples of a scene come from: an array in memory or in a file, or whatever gives rows when asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

TILE_SAMPLES = 2**21
"""Samples of a tile of a large scene."""

WHOLE_SAMPLES = 2**23
"""Samples of the largest scene that is taken as one tile."""

Rows = tuple[int, int]
"""(start, stop)."""


@runtime_checkable
class SampleSource(Protocol):
    """Gives the samples of a scene by rows, again and again, always the same."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(bands, height, width)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The sample type."""

    def read(self, rows: Rows) -> NDArray[Any]:
        """Return the samples of some rows, (bands, rows, width); they may be a view and are not written to."""


class ArraySource:
    """The samples of an array, or of a file that is mapped into memory.

    Parameters
    ----------
    array
        Samples, shape (bands, height, width).
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    @property
    def shape(self) -> tuple[int, ...]:
        """(bands, height, width)."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The sample type."""
        return self._array.dtype

    def read(self, rows: Rows) -> NDArray[Any]:
        """Return a view of some rows, (bands, rows, width)."""
        return self._array[:, rows[0] : rows[1]]


Samples = NDArray[Any] | SampleSource
"""What can be encoded."""


def source_of(samples: Samples) -> SampleSource:
    """Return an array as a source; a source as it is."""
    return ArraySource(samples) if isinstance(samples, np.ndarray) else samples


def tiles(shape: tuple[int, ...]) -> Iterator[Rows]:
    """Yield the rows of each tile of a scene, (bands, height, width): one of a small scene, many of a large one."""
    bands, height, width = shape
    step = height if bands * height * width <= WHOLE_SAMPLES else max(1, TILE_SAMPLES // (bands * width))
    for start in range(0, height, step):
        yield start, min(start + step, height)

"""Coded integers read in C: what `SymbolDecoder` does by way of `constriction` and numpy, in one call of a kernel.

The coder's state lies in an array between calls: the code, the range, and how many words were read.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.laws import LARGEST_INTEGER, left_bounds
from xr_inr.core.latent.wavelet import LARGEST_LATENT
from xr_inr.exceptions import PayloadError

_LARGEST_RANGE = 2**64 - 1
_MOST_LEFT_OVER = 2**33 - 1
"""What the code of a stream that ended where it should stays below: `constriction` allows as much."""

INVALID = "the coded integers are not ones that xr_inr writes"
LATENT_TOO_LARGE = f"a latent must lie within +-{LARGEST_LATENT}"
TOO_LARGE = f"a coded integer must lie within +-{LARGEST_INTEGER}"


class CompiledDecoder:
    """A range decoder, the integers that it gives, and the columns.

    Parameters
    ----------
    kernels
        The compiled module.
    words
        uint32, the stream.
    """

    def __init__(self, kernels: types.ModuleType, words: NDArray[np.uint32]) -> None:
        self._kernels = kernels
        self._words = words
        first, second = (*words[:2].tolist(), 0, 0)[:2]
        self._state = np.array([first << 32 | second, _LARGEST_RANGE, min(len(words), 2)], np.uint64)
        self._laws = _laws(kernels)

    def take(self, scales: NDArray[np.integer[Any]], means: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Return the next integers; arguments as for `SymbolDecoder.take`.

        Raises
        ------
        PayloadError
            When the stream does not hold such integers.
        """
        values = np.empty(len(scales), np.int32)
        laws = np.ascontiguousarray(scales, np.int32), np.ascontiguousarray(means, np.int32)
        self._check(self._kernels.take(self._state, self._words, self._laws, *laws, values))
        return values

    def take_fine(
        self, half_indices: NDArray[np.int32], means: NDArray[np.int32], fine_from: int, states: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the latents of a call and the states after it; arguments as for `SymbolDecoder.take_fine`.

        Raises
        ------
        PayloadError
            When the stream does not hold such latents.
        """
        latents, after = np.empty(means.shape, np.int32), np.array(states, np.int32)
        laws = np.array(half_indices, np.int32), np.array(means, np.int32)
        self._check(self._kernels.take_fine(self._state, self._words, self._laws, fine_from, *laws, after, latents))
        return latents, after

    def take_columns(self, weights: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
        """Return the entries of columns, (rows, columns), both at least 1.

        Parameters
        ----------
        weights
            (3, columns) how each column is foretold, as `columns.KINDS` has it.
        rows
            How many entries a column has.

        Raises
        ------
        PayloadError
            When the stream does not hold such entries.
        """
        levels = np.empty((rows, weights.shape[1]), np.int64)
        given = np.ascontiguousarray(weights, np.int64)
        self._check(self._kernels.read_columns(self._state, self._words, self._laws, given, levels))
        return levels

    def take_latents(
        self, *side: NDArray[Any], size: tuple[int, int], fine_from: int, numbers: int
    ) -> NDArray[np.int32]:
        """Return all latents of planes, each subband with a border of one, one after the other.

        Parameters
        ----------
        side
            What goes before them, as `_kernels.pyi` has it: network, logarithms, scales, mean weights, offsets
            and repeated pixels.
        size
            (height, width) of the planes.
        fine_from
            Index of the lowest scale whose latents are fine; `SCALES` where none are.
        numbers
            How many numbers that makes.

        Raises
        ------
        PayloadError
            When the stream does not hold such latents.
        """
        latents = np.zeros(numbers, np.int32)
        given = [np.ascontiguousarray(part) for part in side]
        self._check(self._kernels.read_latents(self._state, self._words, self._laws, *given, *size, fine_from, latents))
        return latents

    def maybe_exhausted(self) -> bool:
        """Return whether nothing says that the stream goes on, as `constriction` would."""
        code, size, position = self._state.tolist()
        return bool(position == len(self._words) and (size == _LARGEST_RANGE or code < _MOST_LEFT_OVER))

    def _check(self, status: int) -> None:
        if status == self._kernels.INVALID_STREAM:
            raise PayloadError(INVALID)
        if status == self._kernels.TOO_LARGE:
            raise PayloadError(TOO_LARGE)
        if status == self._kernels.LATENT_TOO_LARGE:
            raise PayloadError(LATENT_TOO_LARGE)


@functools.cache
def _laws(kernels: types.ModuleType) -> Any:
    return kernels.laws(left_bounds())

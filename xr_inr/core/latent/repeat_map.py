"""The stored form of `Repeats`: two planes of bits, row by row, each bit under a law that learns from those above it.

Curves of repeated pixels go on from row to row, so eleven bits that are known tell much of the next one. A bit is coded
as a whole number, 0 where it is what came oftener so far, under one of twelve laws by how often the other came.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.core.repeats import Repeats
from xr_inr.exceptions import PayloadError

_LAW_SCALES = np.array([0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 4, 0])
_LAW_MEANS = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4])
_LAW_BOUNDS = np.array([7, 33, 60, 134, 258, 404, 613, 827, 1051, 1312, 1621])
"""4096ths from which on the next law, of which scale and mean are above, takes fewer bits than the one before."""

_SEEN_OF_LEFT = (
    *((0, -1, across) for across in (-2, -1, 0, 1, 2)),
    *((0, -2, across) for across in (-1, 0, 1)),
    *((1, -1, across) for across in (-1, 0, 1)),
)
_SEEN_OF_ABOVE = (
    *((1, -1, across) for across in (-2, -1, 0, 1, 2)),
    *((0, 0, across) for across in (-1, 0, 1)),
    *((1, -2, across) for across in (-1, 0, 1)),
)
"""What is known of a bit: (plane, rows down, columns across) of others; plane 0 is `Repeats.left`, 1 `above`."""

_ROWS, _COLUMNS = 2, 2
"""Zeros that go before the first row, and on either side."""

Exchange = Callable[[NDArray[np.int32] | None, NDArray[np.int64], NDArray[np.int64]], NDArray[np.int32]]
"""Codes or finds whole numbers, given with the scales and the means of their laws; None where they are not known."""


def write_repeats(repeats: Repeats) -> bytes:
    """Return the stored form."""
    encoder = SymbolEncoder()

    def exchange(
        values: NDArray[np.int32] | None, scales: NDArray[np.int64], means: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        if values is None:
            raise TypeError("bits must be given to be encoded")
        encoder.put(values, scales, means)
        return values

    _walk(repeats.left.shape, repeats, exchange)
    return encoder.getvalue()


def read_repeats(data: bytes, size: tuple[int, int]) -> Repeats:
    """Read what `write_repeats` wrote of a scene of a size, (height, width); raises `PayloadError`."""
    decoder = SymbolDecoder(data)

    def exchange(
        _values: NDArray[np.int32] | None, scales: NDArray[np.int64], means: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        found = decoder.take(scales, means)
        if len(found) and not 0 <= int(found.min()) <= int(found.max()) <= 1:
            raise PayloadError("a bit of the map of repeated pixels must be 0 or 1")
        return found

    found = _walk(size, None, exchange)
    decoder.finish()
    return found


def _walk(size: tuple[int, ...], known: Repeats | None, exchange: Exchange) -> Repeats:
    """Go through all bits in the order they are coded, and return them."""
    height, width = size
    planes = np.zeros((2, height + _ROWS, width + 2 * _COLUMNS), np.int64)
    given = None if known is None else (known.left, known.above)
    counts = [np.zeros((2 ** len(seen), 2), np.int64) for seen in (_SEEN_OF_LEFT, _SEEN_OF_ABOVE)]
    for row in range(height):
        for number, seen in enumerate((_SEEN_OF_LEFT, _SEEN_OF_ABOVE)):
            # No pixel is like one that lies outside.
            first = 1 if number == 0 else 0
            if (number == 1 and row == 0) or first == width:
                continue
            contexts = np.zeros(width - first, np.int64)
            for bit, (plane, down, across) in enumerate(seen):
                start = _COLUMNS + first + across
                contexts += planes[plane, _ROWS + row + down, start : start + width - first] << bit
            own = counts[number][contexts]
            oftener = (own[:, 1] > own[:, 0]).astype(np.int32)
            fewer, both = own.min(axis=1), own.sum(axis=1)
            laws = _LAW_BOUNDS.searchsorted(4096 * (5 * fewer + 2) // (5 * both + 4), side="right")
            values = None if given is None else given[number][row, first:] ^ oftener
            bits = exchange(values, _LAW_SCALES[laws], _LAW_MEANS[laws]) ^ oftener
            np.add.at(counts[number], (contexts, bits), 1)
            planes[number, _ROWS + row, _COLUMNS + first : _COLUMNS + width] = bits
    inner = planes[:, _ROWS:, _COLUMNS : _COLUMNS + width] > 0
    return Repeats(inner[0], inner[1])

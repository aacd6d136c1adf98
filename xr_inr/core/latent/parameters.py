"""Small sets of whole numbers, such as weights or a basis, coded under one law a set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader
from xr_inr.core.latent.laws import (
    FRACTIONS,
    PER_OCTAVE,
    REACH,
    SCALES,
    TABLED_SCALES,
    index_of_scale,
    probabilities,
)
from xr_inr.core.latent.symbols import LARGEST_INTEGER, SymbolDecoder, SymbolEncoder
from xr_inr.exceptions import PayloadError

_LOGISTIC_MEAN = 1.386
"""Mean magnitude of a logistic law over its scale: 2 ln 2."""


def write_parameters(sets: Sequence[NDArray[np.int64]]) -> bytes:
    """Return sets of whole numbers: a byte that names each one's scale, then one stream.

    Raises
    ------
    ValueError
        When a magnitude exceeds `symbols.LARGEST_INTEGER`.
    """
    encoder = SymbolEncoder()
    scales = bytearray()
    for values in sets:
        if len(values) and np.abs(values).max() > LARGEST_INTEGER:
            raise ValueError(f"a stored parameter must lie within +-{LARGEST_INTEGER}")
        index = best_scale(values)
        scales.append(index)
        encoder.put(values.astype(np.int32), np.full(len(values), index), np.zeros(len(values), np.int64))
    return bytes(scales) + encoder.getvalue()


def read_parameters(data: bytes, counts: Sequence[int], largest: int) -> list[NDArray[np.int64]]:
    """Read what `write_parameters` wrote.

    Parameters
    ----------
    data
        The bytes.
    counts
        How many numbers each set has.
    largest
        The largest magnitude allowed.

    Raises
    ------
    PayloadError
        When the bytes do not hold such numbers.
    """
    reader = ByteReader(data, "coded parameters")
    scales = [reader.u8("scale", high=SCALES - 1) for _ in counts]
    decoder = SymbolDecoder(reader.rest())
    found = []
    for count, index in zip(counts, scales, strict=True):
        values = decoder.take(np.full(count, index), np.zeros(count, np.int64)).astype(np.int64)
        if count and np.abs(values).max() > largest:
            raise PayloadError(f"a stored parameter must lie within +-{largest}")
        found.append(values)
    decoder.finish()
    return found


def best_scale(values: NDArray[np.int64]) -> int:
    """Return the index of the scale under which `values` take fewest bits, estimated by their mean magnitude."""
    mean = float(np.abs(values).mean()) if len(values) else 0.0
    index = min(round(float(index_of_scale(np.array(max(mean / _LOGISTIC_MEAN, 0.08))))), SCALES - 1)
    near = range(max(index - 2, 0), min(index + 3, SCALES))
    return min(near, key=lambda found: _bits(values, found))


def _bits(values: NDArray[np.int64], index: int) -> float:
    """Estimate the bits of whole numbers under a law of mean 0."""
    shift = max(0, -(-(index - TABLED_SCALES + 1) // PER_OCTAVE))
    table = probabilities()[(index - PER_OCTAVE * shift) * FRACTIONS + FRACTIONS // 2]
    leading = np.abs((values + (1 << shift >> 1)) >> shift)
    inside = np.minimum(leading, REACH)
    excess = np.maximum(leading - REACH, 0)
    return float(
        -np.log2(table[REACH + inside]).sum() + shift * len(values) + (4 + 2 * np.log2(1 + excess))[excess > 0].sum()
    )

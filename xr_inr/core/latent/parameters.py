"""Small sets of whole numbers, such as weights or a basis, coded under one law a set."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader
from xr_inr.core.latent.laws import (
    FRACTIONS,
    LARGEST_INTEGER,
    PER_OCTAVE,
    REACH,
    SCALES,
    TABLED_SCALES,
    index_of_scale,
    probabilities,
)
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.exceptions import PayloadError

_LOGISTIC_MEAN = 1.386
"""Mean magnitude of a logistic law over its scale: 2 ln 2."""


def write_parameters(sets: Sequence[NDArray[np.int64]]) -> bytes:
    """Return sets of whole numbers: a byte that names each one's scale, then one stream.

    Raises
    ------
    ValueError
        When a magnitude exceeds `laws.LARGEST_INTEGER`.
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
    near = np.arange(max(index - 2, 0), min(index + 3, SCALES))
    return int(near[bits_under(values[None], near[:, None], np.array(0)).sum(axis=1).argmin()])


def bits_under(
    values: NDArray[np.int64], scales: NDArray[np.integer[Any]], means: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """Estimate the bits of whole numbers under laws.

    Parameters
    ----------
    values
        Whole numbers, of any shape.
    scales
        Index of each one's scale; of a shape that broadcasts to that of the values.
    means
        Mean of each one's law, in eighths; likewise.
    """
    rows, columns, more = symbols_under(values, scales, means)
    found: NDArray[np.float32] = (table_bits()[rows, columns] + more).astype(np.float32)
    return found


def symbols_under(
    values: NDArray[np.integer[Any]], scales: NDArray[np.integer[Any]], means: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """Return the row and the column that stand for each number under its law, and how many bits follow them.

    Parameters
    ----------
    values, scales, means
        As for `bits_under`.
    """
    base = (means + FRACTIONS // 2) >> 3
    shifts = np.maximum(-((TABLED_SCALES - 1 - scales) // PER_OCTAVE), 0)
    fractions = np.where(shifts > 0, FRACTIONS // 2, means + FRACTIONS // 2 - (base << 3))
    leading = (values - base + (1 << shifts >> 1)) >> shifts
    excess = np.maximum(np.abs(leading) - REACH, 0)
    beyond = np.where(leading > 0, 2 * REACH + 1, 2 * REACH + 2)
    columns = np.where(excess > 0, beyond, leading + REACH)
    more = shifts
    if excess.any():
        # An Exp-Golomb code of order 2.
        more = shifts + np.where(excess > 0, 2 * np.frexp(excess + 3.0)[1] - 3, 0)
    return (scales - PER_OCTAVE * shifts) * FRACTIONS + fractions, columns, more


@functools.cache
def table_bits() -> NDArray[np.float32]:
    """Return the bits of each symbol under each tabled law, `laws.probabilities` by shape."""
    bits: NDArray[np.float32] = -np.log2(probabilities())
    return bits

"""The laws a latent can have: tables of probabilities, the same on every machine.

A law is named by the scale of a logistic density, in thirds of an octave, and by where its mean lies between two
integers, in eighths. Tables are made with additions, multiplications and divisions of float64 alone, whose rounding
IEEE 754 fixes, and are rounded to multiples of 2**-15 before they are used.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALES = 48
"""Indices of a scale: index i stands for 2**((i - 12) / 3)."""

UNIT_SCALE = 12
PER_OCTAVE = 3

FRACTIONS = 8
"""Places of a mean between two integers."""

REACH = 12
"""The largest magnitude that has a probability of its own; beyond it an escape follows."""

LARGEST_INTEGER = 2**26
"""Magnitude of an integer that can be coded."""

TABLED_SCALES = 16
"""Scales that have tables; a wider law is coded as a tabled one of its leading bits, the others being uniform."""

SHIFTS = np.maximum(-(-(np.arange(SCALES) - (TABLED_SCALES - 1)) // PER_OCTAVE), 0).astype(np.int32)
"""How many low bits are uniform under a law of each scale."""

COLUMNS = 2 * REACH + 3
"""-REACH to REACH, then beyond them upwards, then downwards."""

_ONE = 2**15
TAIL_SHARE, TAIL_WIDTH = 0.04, 2.0
"""Share and relative scale of the second logistic density: tails are heavier than one such density has."""
_CODER_BITS = 24
"""Of the probabilities that the range coder works with."""

_LN2 = 0.6931471805599453
_EXP_TERMS = 18


def scale_of_index(index: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the scale, in quantiser steps, that (fractional) indices stand for."""
    scale: NDArray[np.floating] = np.exp2((index - UNIT_SCALE) / PER_OCTAVE)
    return scale


def index_of_scale(scale: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the (fractional) index of scales in quantiser steps."""
    index: NDArray[np.floating] = PER_OCTAVE * np.log2(scale) + UNIT_SCALE
    return index


@functools.cache
def probabilities() -> NDArray[np.float32]:
    """Return the tables, shape (`TABLED_SCALES` * `FRACTIONS`, `COLUMNS`); multiples of 2**-15 that sum to 1."""
    scales = np.array([_power_of_two((index - UNIT_SCALE) / PER_OCTAVE) for index in range(TABLED_SCALES)])
    means = (np.arange(FRACTIONS) - FRACTIONS // 2) / FRACTIONS
    edges = np.arange(-REACH - 1, REACH + 1) + 0.5
    distances = edges[None, None] - means[None, :, None]
    narrow = _logistic(distances / scales[:, None, None])
    wide = _logistic(distances / (TAIL_WIDTH * scales[:, None, None]))
    cumulative = (1.0 - TAIL_SHARE) * narrow + TAIL_SHARE * wide
    inner = cumulative[..., 1:] - cumulative[..., :-1]
    table = np.concatenate([inner, 1.0 - cumulative[..., -1:], cumulative[..., :1]], axis=-1)
    counts = np.maximum(np.rint(table * _ONE), 1.0)
    # What rounding left over goes to the likeliest symbol.
    likeliest = counts.argmax(axis=-1)[..., None]
    spare = _ONE - counts.sum(axis=-1, keepdims=True)
    np.put_along_axis(counts, likeliest, np.take_along_axis(counts, likeliest, -1) + spare, -1)
    shared: NDArray[np.float32] = (counts / _ONE).reshape(-1, COLUMNS).astype(np.float32)
    shared.setflags(write=False)
    return shared


@functools.cache
def left_bounds() -> NDArray[np.uint32]:
    """Return where each column begins in counts of 2**-24, (`TABLED_SCALES` * `FRACTIONS`, `COLUMNS` + 1), to 2**24.

    That is what `constriction` makes of `probabilities`, one for every column and the rest by share, in float32.
    """
    below = np.cumsum(probabilities(), axis=1, dtype=np.float32)
    shares = np.trunc(below * np.float32(2**_CODER_BITS - COLUMNS))
    bounds = np.zeros((len(below), COLUMNS + 1), np.uint32)
    bounds[:, 1:] = np.arange(1, COLUMNS + 1) + shares.astype(np.int64)
    bounds.setflags(write=False)
    return bounds


def places_of(
    scales: NDArray[np.integer[Any]], means: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32] | None]:
    """Return the table rows of laws, the integers they are centred on, and the low bits that are uniform (or None)."""
    above = means + FRACTIONS // 2
    base = above >> 3
    above &= FRACTIONS - 1
    if scales.max() < TABLED_SCALES:
        return (scales * FRACTIONS + above).astype(np.intp), base.astype(np.int32, copy=False), None
    shifts = SHIFTS[scales]
    rows = (scales - PER_OCTAVE * shifts) * FRACTIONS + np.where(shifts > 0, FRACTIONS // 2, above)
    return rows.astype(np.intp), base.astype(np.int32, copy=False), shifts


def _power_of_two(exponent: float) -> float:
    """Return 2**exponent from what IEEE 754 fixes."""
    return float(_exponential(np.array([exponent * _LN2]))[0])


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    small = _exponential(-np.abs(values))
    lower = small / (1.0 + small)
    return np.where(values < 0.0, lower, 1.0 - lower)


def _exponential(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e**values within [e**-700, e**700], from a power of two and a Taylor sum: no library call may differ."""
    octaves = np.rint(np.clip(values, -700.0, 700.0) / _LN2)
    rest = np.clip(values, -700.0, 700.0) - octaves * _LN2
    total = np.ones_like(rest)
    for term in range(_EXP_TERMS, 0, -1):
        total = 1.0 + total * rest / term
    return np.ldexp(total, octaves.astype(np.intc))

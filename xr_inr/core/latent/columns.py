"""Columns of whole numbers along the bands, coded under laws that follow from what was coded before.

An entry's mean is foretold from the two entries above it, and its scale from how far such foretelling was out of late,
along its column and along its row: spectra are smooth here and noisy there, and a noisy band is noisy in all columns.
All of it is in integers, so every machine finds the same laws. Entries go by fronts: those whose row and column numbers
have the same sum are coded at once.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.exceptions import PayloadError

LARGEST_LEVEL = 2**26
"""Magnitude of an entry."""


@dataclass(frozen=True)
class Kind:
    """How a column is foretold."""

    last: int
    """Weight of the entry above, in eighths."""

    before: int
    """Weight of the entry above that one, in eighths."""

    follows: bool
    """Whether what is foretold grows and shrinks from row to row as the first column does."""


KINDS = {
    -2: Kind(0, 0, follows=False),
    -1: Kind(14, -6, follows=False),
    0: Kind(8, 0, follows=False),
    1: Kind(8, 0, follows=True),
    2: Kind(14, -6, follows=True),
}
"""Every way to foretell a column, by the number that stands for it. The first column has 0."""

_LEAST_KIND, _MOST_KIND = min(KINDS), max(KINDS)
_WEIGHTS = np.array(
    [[getattr(KINDS[number], name) for number in sorted(KINDS)] for name in ("last", "before", "follows")], np.int64
)
_KIND_SCALE = 9
"""Index of the scale of a kind's number."""

_GROWTH_BITS = 6
_LARGEST_GROWTH = 2 << _GROWTH_BITS

_MISS_BITS = 6
"""Averages of misses are kept in eighths of 2**-6."""

_ALONG_SHARE, _ACROSS_SHARE = 16, 10
"""What the latest miss counts in the averages along its column and along its row, in 32nds; tuned, as what follows."""

_FIRST_MISS = 1024
"""What the averages start from: a miss of 2."""

_ALONG_WEIGHT, _ACROSS_WEIGHT, _LEAST_SCALE = 21, 9, 2800
"""Scale of a law, in 64ths, over the averages along its column and along its row; and what is always added."""

_FIRST_LIMITS = (36, 45, 57)
"""Scales at which the first three indices end, in 2**-9; all others lie octaves above."""

_LIMITS = np.array([_FIRST_LIMITS[index % 3] << index // 3 for index in range(SCALES - 1)], np.int64)

_NEAR_ZERO = 0.35
"""Added to a miss before its logarithm stands for its bits."""

_TOO_LARGE = f"an entry of a column must lie within +-{LARGEST_LEVEL}"

Entries = NDArray[np.int64]


class ColumnLaws:
    """The laws of entries, given those of all fronts before.

    What belongs to a front lies side by side: entries are kept by front and column, and what belongs to rows from the
    last row to the first.

    Parameters
    ----------
    rows
        How many entries a column has.
    kinds
        (columns,) numbers of `KINDS`; the first is 0.
    """

    def __init__(self, rows: int, kinds: Entries) -> None:
        self._rows = rows
        self._weights = weights_of(kinds)
        self._known = np.zeros((rows + len(kinds) + 1, len(kinds)), np.int64)
        self._along = np.full(len(kinds), _FIRST_MISS)
        self._across = np.full(rows, _FIRST_MISS)
        self._grown = np.zeros(rows, np.int64)
        self._means = np.zeros(0, np.int64)

    @property
    def levels(self) -> Entries:
        """(rows, columns) the entries known, 0 where unknown."""
        column = np.arange(self._known.shape[1])
        levels: Entries = self._known[np.arange(self._rows)[:, None] + column + 2, column]
        return levels

    def fronts(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the rows and columns of entries in the order they are coded, all of a front at once."""
        rows, columns = self._rows, self._known.shape[1]
        numbers = np.arange(columns)
        for front in range(rows + columns - 1):
            column = numbers[max(0, front - rows + 1) : front + 1]
            yield front - column, column

    def above(self, row: NDArray[np.intp], column: NDArray[np.intp]) -> Entries:
        """Return the entries one row before a front, 0 before the first row."""
        front, columns, _ = self._place(row, column)
        return self._known[front + 1, columns]

    def of(self, row: NDArray[np.intp], column: NDArray[np.intp]) -> tuple[Entries, Entries]:
        """Return the indices of the scales of a front's laws, and their means in eighths."""
        front, columns, rows = self._place(row, column)
        last, before = self._known[front + 1, columns], self._known[front, columns]
        self._means = _foretold(last, before, self._weights[:, columns], self._grown[rows])
        sums = _ALONG_WEIGHT * self._along[columns]
        sums += _ACROSS_WEIGHT * self._across[rows]
        sums += _LEAST_SCALE
        sums >>= 6
        return _LIMITS.searchsorted(sums), self._means

    def learn(self, row: NDArray[np.intp], column: NDArray[np.intp], values: Entries) -> None:
        """Take note of the entries of the front whose laws were asked for last."""
        front, columns, rows = self._place(row, column)
        self._known[front + 2, columns] = values
        if columns.start == 0:
            self._grown[rows.start] = _growth(int(values[0]), int(self._known[front + 1, 0]))
        misses = np.abs(8 * values - self._means)
        misses <<= _MISS_BITS
        # The first entry of a column is all of it, not a change, and says nothing of the changes.
        changes = len(misses) - (rows.stop == self._rows)
        for averages, part, share in ((self._along, columns, _ALONG_SHARE), (self._across, rows, _ACROSS_SHARE)):
            average = averages[part][:changes]
            average += (share * (misses[:changes] - average)) >> 5

    def _place(self, row: NDArray[np.intp], column: NDArray[np.intp]) -> tuple[int, slice, slice]:
        """Return a front's number, and what of all columns, and of all rows from the last to the first, it holds."""
        first, stop = int(column[0]), int(column[-1]) + 1
        front = int(row[0]) + first
        shift = self._rows - 1 - front
        return front, slice(first, stop), slice(first + shift, stop + shift)


def growth(now: Entries, before: Entries) -> Entries:
    """Return by how much entries of the first column differ from those above them, over those, in 64ths."""
    grown: Entries = np.vectorize(_growth, otypes=[np.int64])(now, before)
    return grown


def _growth(now: int, before: int) -> int:
    if before == 0:
        return 0
    return min(max(((now - before) << _GROWTH_BITS) // before, -(1 << _GROWTH_BITS)), _LARGEST_GROWTH)


def foretold(last: Entries, before: Entries, kinds: Entries, grown: Entries) -> Entries:
    """Return what entries are foretold to be, in eighths.

    Parameters
    ----------
    last, before
        The entries above them, and those above these.
    kinds
        Numbers of `KINDS`.
    grown
        The first column's `growth` in their rows.
    """
    return _foretold(last, before, weights_of(kinds), grown)


def weights_of(kinds: Entries) -> Entries:
    """Return what kinds are: weights of both entries above, and 1 where the first column is followed; (3, ...)."""
    return _WEIGHTS[:, kinds - _LEAST_KIND]


def _foretold(last: Entries, before: Entries, weights: Entries, grown: Entries) -> Entries:
    of_last, of_before, follows = weights
    means: Entries = of_last * last + of_before * before
    means += follows * ((means * grown) >> _GROWTH_BITS)
    return np.minimum(np.maximum(means, -8 * LARGEST_LEVEL), 8 * LARGEST_LEVEL)


def choose_kinds(levels: Entries) -> Entries:
    """Return for each column of (rows, columns) entries the number of the kind, of `KINDS`, that foretells it best."""
    rows, columns = levels.shape
    known = np.concatenate([np.zeros((2, columns), np.int64), levels])
    grown = growth(known[2:, :1], known[1:-1, :1])
    numbers = np.array(sorted(KINDS, key=abs))
    bits = np.zeros((len(numbers), columns))
    for index, number in enumerate(numbers):
        means = foretold(known[1:-1], known[:-2], np.full((rows, columns), number), grown)
        bits[index] = np.log2(np.abs(levels - means / 8) + _NEAR_ZERO).sum(axis=0)
    kinds: Entries = numbers[bits.argmin(axis=0)]
    kinds[:1] = 0
    return kinds


def write_columns(encoder: SymbolEncoder, levels: Entries) -> None:
    """Append columns: how each is foretold, then its entries.

    Parameters
    ----------
    encoder
        Takes them.
    levels
        (rows, columns) entries, at least one row and one column.

    Raises
    ------
    ValueError
        When a magnitude exceeds `LARGEST_LEVEL`.
    """
    if np.abs(levels).max() > LARGEST_LEVEL:
        raise ValueError(_TOO_LARGE)
    kinds = choose_kinds(levels)
    encoder.put(kinds[1:].astype(np.int32), *_laws_of_kinds(len(kinds)))
    if kernels.KERNELS is not None:
        encoder.put_calls(*_told(kernels.KERNELS, levels, kinds))
        return
    laws = ColumnLaws(len(levels), kinds)
    for row, column in laws.fronts():
        values = levels[row, column]
        encoder.put(values.astype(np.int32), *laws.of(row, column))
        laws.learn(row, column, values)


def _told(
    compiled: types.ModuleType, levels: Entries, kinds: Entries
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], Entries]:
    """Return entries in the order of the stream, their scale indices and means, and how many each front has."""
    values, scales, means = (np.empty(levels.size, np.int32) for _ in range(3))
    sizes = np.empty(sum(levels.shape) - 1, np.int64)
    given = (np.ascontiguousarray(part, np.int64) for part in (weights_of(kinds), levels))
    compiled.tell_columns(*given, values, scales, means, sizes)
    return values, scales, means, sizes


def read_columns(decoder: SymbolDecoder, rows: int, columns: int) -> Entries:
    """Return the (rows, columns) entries that `write_columns` appended; raises `PayloadError`."""
    kinds = np.zeros(columns, np.int64)
    kinds[1:] = decoder.take(*_laws_of_kinds(columns))
    if not _LEAST_KIND <= kinds.min() <= kinds.max() <= _MOST_KIND:
        raise PayloadError(f"the kind of a column must be in [{_LEAST_KIND}, {_MOST_KIND}]")
    levels = _read_levels(decoder, rows, kinds)
    if np.abs(levels).max() > LARGEST_LEVEL:
        raise PayloadError(_TOO_LARGE)
    return levels


def _read_levels(decoder: SymbolDecoder, rows: int, kinds: Entries) -> Entries:
    if decoder.compiled is not None:
        return decoder.compiled.take_columns(weights_of(kinds), rows)
    laws = ColumnLaws(rows, kinds)
    for row, column in laws.fronts():
        laws.learn(row, column, decoder.take(*laws.of(row, column)).astype(np.int64))
    return laws.levels


def _laws_of_kinds(columns: int) -> tuple[Entries, Entries]:
    return np.full(columns - 1, _KIND_SCALE), np.zeros(columns - 1, np.int64)

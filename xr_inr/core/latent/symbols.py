"""Integers to bits and back under the laws of `laws`, with the range coder of `constriction`.

The order of calls is the order in the stream. Every call codes an array at once: first one table symbol for each
integer, then the low bits of those under a wide law, then what lies beyond the tables.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.latent.compiled import INVALID, LATENT_TOO_LARGE, TOO_LARGE, CompiledDecoder
from xr_inr.core.latent.fine import FINE_UNIT, FineLaws
from xr_inr.core.latent.laws import (
    LARGEST_INTEGER,
    REACH,
    places_of,
    probabilities,
)
from xr_inr.core.latent.wavelet import LARGEST_LATENT
from xr_inr.exceptions import PayloadError

_MOST_ESCAPE_BITS = 24
_ESCAPE_ORDER = 2
_AT_ONCE = 2**12
"""Integers whose tables are laid out at a time: memory does not grow with an array."""

_GATHERED = 2**14
"""Integers after which calls to an encoder are coded."""

_categorical = constriction.stream.model.Categorical(perfect=False)
_coin = constriction.stream.model.Uniform(2)
_UP, _DOWN = 2 * REACH + 1, 2 * REACH + 2
_POWERS = 1 << np.arange(_MOST_ESCAPE_BITS + _ESCAPE_ORDER, -1, -1, dtype=np.int32)

Integers = NDArray[np.int32]
Whole = NDArray[np.integer[Any]]

_Call = tuple[Integers, Whole, Whole, NDArray[np.bool_]]
"""Integers, scales, means, and which have their lowest bit told first."""


class SymbolEncoder:
    """Collects integers: calls are gathered, and coded many at a time."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()
        self._calls: list[_Call] = []
        self._gathered = 0

    def put(self, values: Integers, scales: Whole, means: Whole, told: NDArray[np.bool_] | None = None) -> None:
        """Append integers; none of the arrays may change before all are coded.

        Parameters
        ----------
        values
            Integers, shape (count,).
        scales
            Index of each one's scale.
        means
            Mean of each one's law, in eighths.
        told
            Which have their lowest bit told before all else; none if None. Their laws have uniform low bits.

        Raises
        ------
        ValueError
            When a magnitude exceeds `LARGEST_INTEGER`.
        """
        if not len(values):
            return
        if max(int(values.max()), -int(values.min())) > LARGEST_INTEGER:
            raise ValueError(TOO_LARGE)
        self._calls.append((values, scales, means, np.zeros(len(values), np.bool_) if told is None else told))
        self._gathered += len(values)
        if self._gathered >= _GATHERED:
            self._flush()

    def put_calls(
        self,
        values: Integers,
        scales: Whole,
        means: Whole,
        sizes: NDArray[np.int64],
        told: NDArray[np.bool_] | None = None,
    ) -> None:
        """Append the integers of several calls, which lie end to end; `sizes` says how many each has, at least 1."""
        self._flush()
        ends = np.cumsum(sizes)
        first = 0
        while first < len(ends):
            start = int(ends[first - 1]) if first else 0
            last = max(int(ends.searchsorted(start + _GATHERED, side="right")), first + 1)
            part = slice(start, int(ends[last - 1]))
            of_part = None if told is None else told[part]
            self._code(values[part], scales[part], means[part], of_part, ends[first:last] - start)
            first = last

    def getvalue(self) -> bytes:
        """Return all bytes of the stream."""
        self._flush()
        words: NDArray[np.uint32] = self._coder.get_compressed()
        data = words.astype("<u4").tobytes()
        # The decoder takes what is missing at the end for zeros.
        return data.rstrip(b"\0")

    def _flush(self) -> None:
        """Code all calls that were gathered."""
        if self._calls:
            ends = np.cumsum([len(call[0]) for call in self._calls])
            values, scales, means, told = (np.concatenate(parts) for parts in zip(*self._calls, strict=True))
            self._calls, self._gathered = [], 0
            self._code(values, scales, means, told, ends)

    def _code(
        self,
        values: Integers,
        scales: Whole,
        means: Whole,
        told: NDArray[np.bool_] | None,
        ends: Whole,
    ) -> None:
        """Code calls that lie end to end, in their order."""
        rows, base, shifts = places_of(scales, means)
        relative = values - base
        low = relative
        if shifts is not None:
            relative = relative + _centre(shifts)
            low = relative & ((1 << shifts) - 1)
            relative = relative >> shifts
        outside = np.abs(relative) > REACH
        column = np.where(outside, np.where(relative > 0, _UP, _DOWN), relative + REACH).astype(np.int32)
        more, left = outside, shifts
        if shifts is not None:
            more = outside | (shifts > 0)
            left = shifts if told is None else shifts - told
        coded = 0
        # Calls that are table symbols alone follow each other in the stream as if they were one.
        for call in np.unique(ends.searchsorted(np.flatnonzero(more), side="right")).tolist():
            end = int(ends[call])
            own = slice(int(ends[call - 1]) if call else 0, end)
            if told is not None and told[own].any():
                self._symbols(column[coded : own.start], rows[coded : own.start])
                self._bits(low[own][told[own]] & 1, 1)
                low[own] >>= told[own]
                coded = own.start
            self._symbols(column[coded:end], rows[coded:end])
            if left is not None:
                for count in np.unique(left[own][left[own] > 0]).tolist():
                    self._bits(low[own][left[own] == count], count)
            if outside[own].any():
                self._escape(np.abs(relative[own][outside[own]]) - REACH - 1)
            coded = end
        self._symbols(column[coded:], rows[coded:])

    def _symbols(self, column: Integers, rows: NDArray[np.intp]) -> None:
        for start in range(0, len(column), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            self._coder.encode(column[part], _categorical, probabilities()[rows[part]])

    def _bits(self, values: Integers, count: int) -> None:
        for bit in reversed(range(count)):
            self._coder.encode(((values >> bit) & 1).astype(np.int32), _coin)

    def _escape(self, excess: Integers) -> None:
        """Exp-Golomb code: how many bits in unary, then the bits."""
        shifted = excess.astype(np.int64) + (1 << _ESCAPE_ORDER)
        lengths = np.frexp(shifted.astype(np.float64))[1] - 1 - _ESCAPE_ORDER
        for length in range(int(lengths.max()) + 1):
            self._coder.encode((lengths[lengths >= length] > length).astype(np.int32), _coin)
        for length in np.unique(lengths):
            count = int(length) + _ESCAPE_ORDER
            self._bits((shifted[lengths == length] - (1 << count)).astype(np.int32), count)


class SymbolDecoder:
    """Gives back what a `SymbolEncoder` collected, call by call.

    Parameters
    ----------
    data
        The stream.

    Attributes
    ----------
    compiled
        Reads it in C; None where `constriction` and numpy do, which give the same.
    """

    def __init__(self, data: bytes) -> None:
        self._ends_in_zero = data.endswith(b"\0")
        padded = data + bytes(-len(data) % 4)
        words = np.frombuffer(padded, "<u4").astype(np.uint32)
        self.compiled = None if kernels.KERNELS is None else CompiledDecoder(kernels.KERNELS, words)
        self._coder: Any = self.compiled or constriction.stream.queue.RangeDecoder(words)

    def take(self, scales: NDArray[np.integer[Any]], means: NDArray[np.integer[Any]]) -> Integers:
        """Return the next integers, one for each law; arguments as for `SymbolEncoder.put`.

        Raises
        ------
        PayloadError
            When the stream does not hold such integers.
        """
        if not len(scales):
            return np.zeros(0, np.int32)
        if self.compiled is not None:
            return self.compiled.take(scales, means)
        rows, base, shifts = places_of(scales, means)
        return self._finished(self._columns(rows), base, shifts)

    def take_fine(
        self, half_indices: Integers, means: Integers, fine_from: int, states: Integers
    ) -> tuple[Integers, Integers]:
        """Return the latents of the next call, in sixteenths, and the states after it.

        Parameters
        ----------
        half_indices, means
            Of their laws, as for `FineLaws.of`, (components, latents of each).
        fine_from
            Index of the lowest scale whose latents are fine.
        states
            (components,) the states before the call.

        Raises
        ------
        PayloadError
            When the stream does not hold such latents.
        """
        if self.compiled is not None:
            return self.compiled.take_fine(half_indices, means, fine_from, states)
        laws = FineLaws.of(half_indices, means, fine_from)
        lowest = np.zeros(means.shape, np.int32)
        if laws.told.any():
            lowest[laws.told] = self._bits(int(laws.told.sum()), 1)
        if laws.led.any():
            column, odd, states = laws.led_along(lowest, states, self._column)
            _, base, shifts = places_of(laws.scales.ravel(), laws.means_of(odd).ravel())
        else:
            odd, states = laws.along(laws.bits_of_lowest(lowest), states)
            rows, base, shifts = places_of(laws.scales.ravel(), laws.means.ravel())
            column = self._columns(rows)
        integers = self._finished(column, base, shifts, lowest.ravel(), laws.told.ravel())
        found = laws.latents(integers.reshape(odd.shape), odd)
        # At once, since sums of neighbours must stay within an int32.
        if np.abs(found).max() > FINE_UNIT * LARGEST_LATENT:
            raise PayloadError(LATENT_TOO_LARGE)
        return found.astype(np.int32), states

    def _column(self, row: int) -> int:
        """Return the column of one integer."""
        return int(self._decoded(_categorical, probabilities()[row : row + 1])[0])

    def _columns(self, rows: NDArray[np.intp]) -> Integers:
        """Return the columns of a call."""
        parts = [
            self._decoded(_categorical, probabilities().take(rows[start : start + _AT_ONCE], axis=0))
            for start in range(0, len(rows), _AT_ONCE)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _finished(
        self,
        column: Integers,
        base: Integers,
        shifts: Integers | None,
        lowest: Integers | None = None,
        told: NDArray[np.bool_] | None = None,
    ) -> Integers:
        """Return the integers of a call from its columns and what follows them; `lowest` are bits that went before."""
        escapes = column.max() > 2 * REACH
        relative = column - REACH
        low = None
        if shifts is not None:
            left = shifts if told is None else shifts - told
            low = np.zeros(len(column), np.int32)
            for count, number in enumerate(np.bincount(left).tolist()):
                if count and number:
                    low[left == count] = self._bits(number, count)
            if lowest is not None and told is not None:
                low = np.where(told, 2 * low + lowest, low)
        if escapes:
            outside = column > 2 * REACH
            magnitudes = self._escape(int(outside.sum())) + REACH + 1
            # Before they are shifted, which an int32 must survive.
            if (magnitudes > (2 * LARGEST_INTEGER >> (0 if shifts is None else shifts[outside]))).any():
                raise PayloadError(TOO_LARGE)
            relative[outside] = np.where(column[outside] == _UP, magnitudes, -magnitudes)
        if shifts is not None and low is not None:
            relative = (relative << shifts) + low - _centre(shifts)
        relative += base
        return relative.astype(np.int32, copy=False)

    def finish(self) -> None:
        """Refuse a stream that goes on after the last integer taken; raises `PayloadError`."""
        if self._ends_in_zero or not self._coder.maybe_exhausted():
            raise PayloadError("coded integers must end where their stream does")

    def _decoded(self, model: Any, *parameters: Any) -> Integers:
        try:
            decoded: Integers = self._coder.decode(model, *parameters)
        except (AssertionError, ValueError):
            raise PayloadError(INVALID) from None
        return decoded

    def _bits(self, number: int, count: int) -> Integers:
        bits = self._decoded(_coin, number * count).reshape(count, number)
        values: Integers = _POWERS[len(_POWERS) - count :] @ bits
        return values

    def _escape(self, number: int) -> Integers:
        lengths = np.zeros(number, np.int32)
        growing = np.arange(number)
        for _ in range(_MOST_ESCAPE_BITS + 1):
            growing = growing[self._decoded(_coin, len(growing)) == 1]
            lengths[growing] += 1
            if not len(growing):
                break
        else:
            raise PayloadError(TOO_LARGE)
        values = np.zeros(number, np.int32)
        for length, found in enumerate(np.bincount(lengths).tolist()):
            if found:
                count = length + _ESCAPE_ORDER
                values[lengths == length] = self._bits(found, count) + (1 << count) - (1 << _ESCAPE_ORDER)
        return values


def _centre(shifts: Integers) -> Integers:
    """Half a bin, so that bins of 2**shift integers lie symmetrically about zero."""
    return (1 << shifts) >> 1

"""What is known of a latent before it is decoded, and the law a small integer network makes of it.

Subbands are coded coarse to fine. In each, four passes take the positions (even, even), (odd, odd), (even, odd) and
(odd, even) in turn; in each pass the components follow in groups that double in size. So a latent knows its
neighbours of earlier passes in every component, the subbands before its own, and, where it stands, the components of
earlier groups. The same code serves numpy and torch; what torch needs to fit, `soft_features` has.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.latent.fine import FINE_UNIT
from xr_inr.core.latent.wavelet import APPROXIMATION, Pyramid

PASSES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""First row and column of each pass; it takes every second of both."""

FEATURES = 13
"""Eleven that a pass knows of all components, then two that follow from the groups before."""

PASS_FEATURES = 11
STORED_FEATURES = 3
"""The last of a pass's features, which the side information alone tells."""

_OF_A_SCALE = 2
"""Feature units of a stored scale's index."""

LARGEST_FEATURE = 127
OCTAVE = 16
"""Of a magnitude's logarithm, in feature units."""

_ACROSS, _DOWN = ((0, -1), (0, 1)), ((-1, 0), (1, 0))
_DIAGONAL = ((-1, -1), (1, 1), (-1, 1), (1, -1))
PAIRS = (_ACROSS, _DOWN, _DIAGONAL)
"""The neighbours whose means the first features are, (down, across)."""

KNOWN = ((), (_DIAGONAL,), (_ACROSS, _DOWN), (_ACROSS, _DOWN, _DIAGONAL))
"""The pairs of neighbours that each pass knows."""

MEAN_WEIGHTS = sum(len(pairs) for pairs in KNOWN)
"""Weights of neighbours in a mean, for one class of subbands."""

MEAN_CLASSES = 9
"""Three classes of level (finest, next, others) by three orientations; approximations have means of zero."""

MEAN_UNIT = 64
"""A weight of 1, as stored."""


def groups(rank: int) -> list[tuple[int, int]]:
    """Return the (start, stop) of groups of components: 1, 1, 2, 4, 8, ... of them."""
    found, start, size = [], 0, 1
    while start < rank:
        found.append((start, min(start + size, rank)))
        size, start = max(1, start + size) if start else 1, start + size
    return found


def _logarithms(count: int, unit: int) -> NDArray[np.float32]:
    """Return the magnitudes of 0, 1, 2 and so on over `unit`; none is near a half: every machine rounds them alike."""
    exact = OCTAVE * np.log2(1.0 + np.arange(count) / unit)
    logarithms: NDArray[np.float32] = np.minimum(np.rint(exact), LARGEST_FEATURE).astype(np.float32)
    return logarithms


_LOGARITHMS = _logarithms(512, 1)
_FINE_LOGARITHMS = _logarithms(512 * FINE_UNIT, FINE_UNIT)
_LOGARITHMS_OF = {1: _LOGARITHMS, FINE_UNIT: _FINE_LOGARITHMS}


def kernel_logarithms(unit: int = 1) -> NDArray[np.uint8]:
    """Return what `magnitudes` gives of 0, 1, 2 and so on, as the C kernel of latents takes it."""
    logarithms: NDArray[np.uint8] = _LOGARITHMS_OF[unit].astype(np.uint8)
    return logarithms


def component_numbers(count: int) -> NDArray[np.float32]:
    """Return the feature that tells components apart, (count,): the first is 0, then 16 for each doubling."""
    numbers: NDArray[np.float32] = _LOGARITHMS.take(np.arange(count), mode="clip")
    return numbers


def stored_features(scales: NDArray[np.integer[Any]], numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the side information tells of the components of each level, (levels, 3, components).

    Parameters
    ----------
    scales
        (levels, components) index of each one's scale, coarse to fine.
    numbers
        (components,) their `component_numbers`.
    """
    coarser = np.concatenate([scales[:1], scales[:-1]])
    return np.stack([_OF_A_SCALE * scales, _OF_A_SCALE * coarser, np.broadcast_to(numbers, scales.shape)], 1).astype(
        np.float32
    )


def magnitudes(latents: Array, arrays: Arrays = NUMPY, unit: int = 1) -> Array:
    """Return how large latents are on a logarithmic scale: whole numbers, 16 an octave of ``1 + |z|``, up to 127.

    Latents count steps over `unit`, which is 1 or `fine.FINE_UNIT`; z counts steps.
    """
    return arrays.look_up(_LOGARITHMS_OF[unit], abs(latents))


@dataclass(frozen=True)
class Place:
    """A pass of a subband."""

    subband: int
    """Which of the pyramid's subbands."""

    number: int
    """Which of its four passes."""

    rows: int
    """How many rows the pass takes."""

    columns: int
    """How many columns the pass takes."""

    def of(self, padded: Array, down: int = 0, across: int = 0) -> Array:
        """Return what stands `down` and `across` of the pass's positions, in planes with a border of one."""
        row, column = PASSES[self.number]
        return padded[
            :,
            1 + row + down : 1 + row + down + 2 * self.rows - 1 : 2,
            1 + column + across : 1 + column + across + 2 * self.columns - 1 : 2,
        ]


def places(pyramid: Pyramid) -> list[Place]:
    """Return all passes that are not empty, in the order they are coded."""
    found = []
    for index, subband in enumerate(pyramid.subbands):
        for number, (row, column) in enumerate(PASSES):
            rows, columns = (subband.shape[0] - row + 1) // 2, (subband.shape[1] - column + 1) // 2
            if rows > 0 and columns > 0:
                found.append(Place(index, number, rows, columns))
    return found


class Surroundings:
    """Gives the features of a pass from the padded magnitudes of all subbands.

    Parameters
    ----------
    xp
        numpy or torch.
    pyramid
        The subbands.
    padded
        One array a subband, (rank, height + 2, width + 2), magnitudes with a border of zeros. Those not known yet are
        not read.
    stored
        (subbands, `STORED_FEATURES`, rank) what the side information tells of the components in each.
    """

    def __init__(self, xp: types.ModuleType, pyramid: Pyramid, padded: Sequence[Array], stored: Array) -> None:
        self._xp = xp
        self._pyramid = pyramid
        self._padded = padded
        self._stored = stored
        self._rings: dict[int, Array] = {}

    def of_pass(self, place: Place, out: Array | None = None) -> Array:
        """Return the features that depend on no groups, (`PASS_FEATURES`, rank, rows, columns), rounded down.

        They are put in `out` if that is given.
        """
        xp = self._xp
        own = self._padded[place.subband]
        nothing = xp.zeros_like(place.of(own))
        sums = {pairs: self._sum(place, own, pairs) for pairs in KNOWN[place.number]}
        across, down, diagonal = (
            sums[pairs] / divisor if pairs in sums else nothing
            for pairs, divisor in ((_ACROSS, 2), (_DOWN, 2), (_DIAGONAL, 4))
        )
        around = functools.reduce(operator.add, sums.values()) / sum(map(len, sums)) if sums else nothing
        zero = nothing[:1]
        parent, ring = self._parent(place, nothing)
        features = [
            across,
            down,
            diagonal,
            parent,
            ring / 8,
            xp.concatenate([zero, around[:-1]]),
            xp.concatenate([around[1:], zero]),
            self._siblings(place, nothing),
            *(nothing + told[:, None, None] for told in self._stored[place.subband]),
        ]
        if out is None:
            return xp.floor(xp.stack(features))
        for row, feature in zip(out, features, strict=True):
            xp.floor(feature, out=row)
        return out

    def _sum(self, place: Place, padded: Array, offsets: tuple[tuple[int, int], ...]) -> Array:
        return functools.reduce(operator.add, (place.of(padded, *offset) for offset in offsets))

    def _parent(self, place: Place, nothing: Array) -> tuple[Array, Array]:
        subband = self._pyramid.subbands[place.subband]
        if subband.orientation == APPROXIMATION:
            return nothing, nothing
        if subband.level == self._pyramid.levels - 1:
            approximation = self._padded[0]
            return place.of(approximation), self._sum(place, approximation, _ACROSS + _DOWN + _DIAGONAL)
        parent = self._padded[place.subband - 3]
        rows, columns = slice(1, 1 + place.rows), slice(1, 1 + place.columns)
        return parent[:, rows, columns], self._ring(place.subband - 3)[:, : place.rows, : place.columns]

    def _ring(self, subband: int) -> Array:
        """Sum of the eight around each position and around those just beyond the far edges."""
        if subband not in self._rings:
            padded = self._padded[subband]
            zero = self._xp.zeros_like(padded[:, :1])
            padded = self._xp.concatenate([padded, zero], 1)
            zero = self._xp.zeros_like(padded[:, :, :1])
            padded = self._xp.concatenate([padded, zero], 2)
            rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
            self._rings[subband] = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] - padded[:, 1:-1, 1:-1]
        return self._rings[subband]

    def _siblings(self, place: Place, nothing: Array) -> Array:
        orientation = self._pyramid.subbands[place.subband].orientation
        if orientation in (0, APPROXIMATION):
            return nothing
        row, column = PASSES[place.number]
        found = []
        for back in range(1, orientation + 1):
            sibling = self._padded[place.subband - back]
            part = sibling[
                :, 1 + row : 1 + row + 2 * place.rows - 1 : 2, 1 + column : 1 + column + 2 * place.columns - 1 : 2
            ]
            found.append(part)
        return functools.reduce(operator.add, found) / orientation


def of_groups(arrays: Arrays, before: Array, last: Array, last_size: int) -> tuple[Array, Array]:
    """Return the features that follow from the groups before, each (rows, columns), whole numbers.

    Parameters
    ----------
    arrays
        What kind of arrays they are.
    before
        Sum of the magnitudes of all earlier components, (rows, columns).
    last
        The same of the last group.
    last_size
        How many components that has.
    """
    logarithm = arrays.look_up(_LOGARITHMS, arrays.cast(before / OCTAVE, "int64"))
    return logarithm, last if last_size == 1 else arrays.xp.floor(last / last_size)

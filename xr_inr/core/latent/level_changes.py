"""How changes of latents bear on the error of others: the wavelet is not quite orthonormal.

Latents are changed in the order they are coded, coarse to fine. What they change is kept as planes of the level they
are of, in units in which planes of finer levels have about the same squared error; so what a change does to a latent of
its level, or of a finer one, is the product of both their shapes there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.context import PASSES, Place
from xr_inr.core.latent.wavelet import APPROXIMATION, GAIN, Pyramid, merged

_REACH = 4
"""Pixels to each side of a latent that its shape takes at its level."""

_NEAR = 20
"""Pixels from an edge beyond which shapes are alike."""

Changes = NDArray[np.float32]


@functools.lru_cache(maxsize=64)
def _shapes(length: int) -> tuple[Changes, Changes]:
    """Return what low-pass samples and details are along an axis of so many pixels, (samples, 2 `_REACH` + 1) each.

    The middle of a shape is the sample's own pixel: every second one for low-pass samples, those between for details.
    """
    # Those near an edge differ; all others are alike.
    short = min(length, 2 * _NEAR + length % 2)
    found = []
    for detail, scale in ((0, 1.0 / GAIN), (1, GAIN)):
        counts = (short + 1) // 2, short // 2
        unit = np.eye(counts[detail]) * scale
        nothing = np.zeros((counts[detail], counts[1 - detail]))
        lines = np.pad(merged(nothing, unit) if detail else merged(unit, nothing), ((0, 0), (_REACH, _REACH)))
        own = np.arange(counts[detail])[:, None]
        shapes = lines[own, 2 * own + detail + np.arange(2 * _REACH + 1)].astype(np.float32)
        middle = counts[detail] // 2
        more = np.repeat(shapes[middle : middle + 1], (length - short) // 2, axis=0)
        found.append(np.concatenate([shapes[:middle], more, shapes[middle:]]))
    return found[0], found[1]


class LevelChanges:
    """Planes of what was changed so far.

    Parameters
    ----------
    pyramid
        The subbands.
    components
        How many components there are.
    """

    def __init__(self, pyramid: Pyramid, components: int) -> None:
        self._pyramid = pyramid
        self._level = pyramid.levels
        self._planes = self._empty(components, pyramid.sizes[pyramid.levels])

    def felt(self, place: Place, components: Sequence[int] | NDArray[np.intp]) -> Changes:
        """Return the half slope of the squared error that the changes so far give latents of a pass.

        Parameters
        ----------
        place
            The pass; none may come before that of the call before.
        components
            (count,) which components.

        Returns
        -------
        ndarray
            (count, rows, columns) float32, in steps.
        """
        self._go_to(place)
        if self._is_approximation(place):
            return np.zeros((len(components), place.rows, place.columns), np.float32)
        return self._seen(self._planes[np.asarray(components)], place)

    def felt_of(self, place: Place, planes: Changes) -> Changes:
        """Return the same of changes that planes have for other reasons.

        Parameters
        ----------
        place
            The pass, not of the approximation.
        planes
            (count, height, width) those changes, in steps.
        """
        for level in range(self._pyramid.subbands[place.subband].level):
            planes = self._coarser(planes, self._pyramid.sizes[level + 1])
        return self._seen(np.pad(planes, ((0, 0), (_REACH, _REACH + 2), (_REACH, _REACH + 2))), place)

    def whole(self, place: Place, count: int) -> Changes:
        """Return what was changed so far of the first `count` planes, (count, height, width), in steps."""
        self._go_to(place)
        planes = self._inner(self._planes[:count], self._level)
        for level in reversed(range(self._level)):
            planes = self._inner(self._finer(planes, self._pyramid.sizes[level]), level)
        return planes

    def _seen(self, planes: Changes, place: Place) -> Changes:
        """Return the products of planes of a pass's level with the shapes of its latents, (count, rows, columns)."""
        (first_row, first_column), (along_y, along_x) = self._first(place), self._axes(place)
        lines = sum(
            weights[:, None] * planes[:, first_row + n :: 4][:, : place.rows] for n, weights in enumerate(along_y.T)
        )
        found: Changes = sum(
            weights * lines[:, :, first_column + n :: 4][:, :, : place.columns] for n, weights in enumerate(along_x.T)
        )
        return found

    def add(self, place: Place, components: Sequence[int] | NDArray[np.intp], changes: Changes) -> None:
        """Take in by how much latents of a pass were changed; arguments as those of `felt`, and what it returns."""
        self._go_to(place)
        (first_row, first_column), planes = self._first(place), self._planes
        chosen = np.asarray(components)
        if self._is_approximation(place):
            rows = slice(first_row + _REACH, first_row + _REACH + 2 * place.rows - 1, 2)
            columns = slice(first_column + _REACH, first_column + _REACH + 2 * place.columns - 1, 2)
            planes[chosen, rows, columns] += changes
            return
        along_y, along_x = self._axes(place)
        lines = np.zeros((len(chosen), place.rows, planes.shape[2]), np.float32)
        for n, weights in enumerate(along_x.T):
            lines[:, :, first_column + n :: 4][:, :, : place.columns] += weights * changes
        for n, weights in enumerate(along_y.T):
            start = first_row + n
            planes[chosen, start : start + 4 * place.rows - 3 : 4] += weights[:, None] * lines

    def _is_approximation(self, place: Place) -> bool:
        return self._pyramid.subbands[place.subband].orientation == APPROXIMATION

    def _first(self, place: Place) -> tuple[int, int]:
        """Return the first row and column of a pass in the planes of its level, less the reach of shapes."""
        orientation = self._pyramid.subbands[place.subband].orientation
        row, column = PASSES[place.number]
        if orientation == APPROXIMATION:
            return row, column
        return 2 * row + (orientation > 0), 2 * column + (orientation != 1)

    def _axes(self, place: Place) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the shapes of a pass's latents, down and across."""
        subband = self._pyramid.subbands[place.subband]
        height, width = self._pyramid.sizes[subband.level]
        row, column = PASSES[place.number]
        return _shapes(height)[subband.orientation > 0][row::2], _shapes(width)[subband.orientation != 1][column::2]

    def _go_to(self, place: Place) -> None:
        """Go on to the level of a pass: what was changed so far is low-pass there."""
        subband = self._pyramid.subbands[place.subband]
        wanted = self._pyramid.levels if subband.orientation == APPROXIMATION else subband.level
        while self._level > wanted:
            coarse = self._inner(self._planes, self._level)
            self._level -= 1
            self._planes = self._finer(coarse, self._pyramid.sizes[self._level])

    def _inner(self, planes: Changes, level: int) -> Changes:
        """Return planes of a level without what is around them."""
        rows, columns = self._pyramid.sizes[level]
        return planes[:, _REACH : _REACH + rows, _REACH : _REACH + columns]

    def _coarser(self, planes: Changes, size: tuple[int, int]) -> Changes:
        """Return the products of planes with the shapes of low-pass samples: the transpose of `_finer`."""
        (rows, columns), (height, width) = size, planes.shape[1:]
        around = np.pad(planes, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)))
        low_y, low_x = _shapes(height)[0].T, _shapes(width)[0].T
        lines = sum(weights[:, None] * around[:, n : n + 2 * rows - 1 : 2] for n, weights in enumerate(low_y))
        found: Changes = sum(weights * lines[:, :, n : n + 2 * columns - 1 : 2] for n, weights in enumerate(low_x))
        return found

    def _finer(self, coarse: Changes, size: tuple[int, int]) -> Changes:
        """Return low-pass planes as they are one level finer."""
        finer = self._empty(len(coarse), size)
        rows, columns = coarse.shape[1:]
        lines = np.zeros((len(coarse), rows, finer.shape[2]), np.float32)
        for n, weights in enumerate(_shapes(size[1])[0].T):
            lines[:, :, n : n + 2 * columns - 1 : 2] += weights * coarse
        for n, weights in enumerate(_shapes(size[0])[0].T):
            finer[:, n : n + 2 * rows - 1 : 2] += weights[:, None] * lines
        return finer

    @staticmethod
    def _empty(components: int, size: tuple[int, int]) -> Changes:
        return np.zeros((components, size[0] + 2 * _REACH + 2, size[1] + 2 * _REACH + 2), np.float32)

"""The CDF 9/7 wavelet: planes to subbands in floats, subbands to planes in arithmetic that is the same everywhere.

Lifting after Daubechies and Sweldens, 'Factoring wavelet transforms into lifting steps' (1998), with symmetric
extension, for planes of any size. Synthesis works on whole float32 numbers that count steps of 2**-6: every sum of two
of them, and every product with a lifting coefficient, is one IEEE rounding, so every machine gives the same bits.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.arrays import NUMPY, Array, Arrays

PLANE_BITS = 6
"""Fraction bits of a synthesised plane, in quantiser steps."""

LARGEST_LATENT = 2**17 - 1
"""Magnitude of a latent, in quantiser steps."""

LARGEST_PLANE = 2**27
"""What no synthesised plane reaches, in steps of 2**-6: latents grow by less than 16 in a synthesis."""

MOST_LEVELS = 6
_SMALLEST_SIDE = 6
_LIFTING = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
GAIN = 1.149604398860241
"""What low-pass samples of the lifting are multiplied with, and high-pass ones divided by, to be nearly orthonormal."""

_REACH = len(_LIFTING)
"""Latents on either side that a sample depends on in one level: each lifting step adds one pair of neighbours."""

DIAGONAL, APPROXIMATION = 2, 3
"""Orientation of the coarsest, low-pass subband; details have 0 (along x), 1 (along y), 2 (both)."""

Planes = NDArray[np.float32]
"""(rank, height, width)."""

Span = tuple[int, int]
"""(start, stop) along an axis."""

Window = tuple[Span, Span]
"""Rows and columns."""


@dataclass(frozen=True)
class Subband:
    """One subband of every plane."""

    level: int
    """How often the plane was halved to get here, less one: 0 is the finest."""

    orientation: int
    """0 details along x, 1 along y, 2 along both, `APPROXIMATION`."""

    shape: tuple[int, int]
    """(height, width) in latents."""


@dataclass(frozen=True)
class Pyramid:
    """The subbands of a plane, coarse to fine: the approximation first, then three details of each level."""

    size: tuple[int, int]
    """(height, width) of the plane."""

    levels: int
    """How often the plane is halved."""

    @classmethod
    def of(cls, size: tuple[int, int]) -> Pyramid:
        """Return the pyramid of planes of that size: halved while the shorter side stays at least 6."""
        levels = 0
        side = min(size)
        while levels < MOST_LEVELS and (side + 1) // 2 >= _SMALLEST_SIDE:
            side = (side + 1) // 2
            levels += 1
        return cls(size, levels)

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """Size of the low-pass plane after 0, 1, ... `levels` halvings."""
        sizes = [self.size]
        for _ in range(self.levels):
            height, width = sizes[-1]
            sizes.append(((height + 1) // 2, (width + 1) // 2))
        return sizes

    @cached_property
    def subbands(self) -> list[Subband]:
        """All subbands, in the order they are coded."""
        found = [Subband(self.levels, APPROXIMATION, self.sizes[-1])]
        for level in reversed(range(self.levels)):
            height, width = self.sizes[level]
            high, wide = (height + 1) // 2, (width + 1) // 2
            found += [
                Subband(level, 0, (high, width // 2)),
                Subband(level, 1, (height // 2, wide)),
                Subband(level, 2, (height // 2, width // 2)),
            ]
        return found

    @property
    def whole(self) -> Window:
        """The window of all rows and columns."""
        return (0, self.size[0]), (0, self.size[1])

    def windows(self, window: Window) -> list[Window]:
        """Return what of the low-pass planes after 0, 1, ... `levels` halvings a window of the plane depends on."""
        found = [window]
        for size in self.sizes[:-1]:
            rows, columns = (
                (max(start // 2 - _REACH, 0), min((stop + 1) // 2 + _REACH, (length + 1) // 2))
                for (start, stop), length in zip(found[-1], size, strict=True)
            )
            found.append((rows, columns))
        return found

    def reads(self, window: Window) -> list[Window]:
        """Return what of each subband a window of the plane depends on."""
        windows = self.windows(window)
        found = []
        for subband in self.subbands:
            rows, columns = windows[min(subband.level + 1, self.levels)]
            high, wide = subband.shape
            found.append(((rows[0], min(rows[1], high)), (columns[0], min(columns[1], wide))))
        return found

    def cost(self, window: Window) -> int:
        """Return how many latents of a component a window of the plane depends on."""
        return sum((bottom - top) * (right - left) for (top, bottom), (left, right) in self.reads(window))

    def gain(self, subband: Subband) -> float:
        """Return what a latent of the orthonormalised subband is worth in the lifting's own scale."""
        low = 1.0 / GAIN
        if subband.orientation == APPROXIMATION:
            return low ** (2 * self.levels)
        own = {0: low * GAIN, 1: low * GAIN, 2: GAIN * GAIN}[subband.orientation]
        return float(low ** (2 * subband.level) * own)


@functools.lru_cache(maxsize=16)
def squared_norms(pyramid: Pyramid) -> list[NDArray[np.float32]]:
    """Return the squared error that an error of 1 in one latent makes in the plane, (height, width) a subband.

    About 1 inside, since the wavelet is nearly orthonormal, and several times that at far edges of even length.
    """
    sides = [_norms_along(size, pyramid.levels) for size in pyramid.size]
    found = []
    for subband in pyramid.subbands:
        level = subband.level - 1 if subband.orientation == APPROXIMATION else subband.level
        high_x, high_y = subband.orientation in (0, DIAGONAL), subband.orientation in (1, DIAGONAL)
        if pyramid.levels == 0:
            found.append(np.ones(subband.shape, np.float32))
            continue
        down, across = sides[0][level][high_y], sides[1][level][high_x]
        gain = pyramid.gain(subband)
        found.append((np.outer(down, across) * gain * gain).astype(np.float32))
    return found


def _norms_along(size: int, levels: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the squared norms of low-pass and high-pass responses of each level along one axis, not normalised."""
    lengths = [size]
    for _ in range(levels):
        lengths.append((lengths[-1] + 1) // 2)
    found = []
    for level in range(levels):
        low, high = lengths[level + 1], lengths[level] // 2
        responses = _merge(np.eye(low + high, low), np.eye(low + high, high, -low), np, _unrounded)
        for length in reversed(lengths[:level]):
            responses = _merge(responses, np.zeros((low + high, length // 2)), np, _unrounded)
        norms = np.square(responses).sum(axis=1)
        found.append((norms[:low], norms[low:]))
    return found


def _unrounded(values: Array) -> Array:
    return values


def analyse(planes: Array, pyramid: Pyramid, xp: types.ModuleType = np) -> list[Array]:
    """Return the subbands of planes, (rank, height, width), in the pyramid's order and nearly orthonormal.

    Parameters
    ----------
    planes
        Floats, of numpy or torch.
    pyramid
        What to part them into.
    xp
        numpy or torch.
    """
    details: list[list[Array]] = []
    low = planes
    for _ in range(pyramid.levels):
        low, *own = details_of(low, xp)
        details.append(own)
    flat = [low] + [part for level in reversed(details) for part in level]
    return [part / pyramid.gain(subband) for part, subband in zip(flat, pyramid.subbands, strict=True)]


def details_of(planes: Array, xp: types.ModuleType) -> tuple[Array, Array, Array, Array]:
    """Return the low-pass planes after one halving, and details along x, along y and along both, not normalised."""
    low_x, high_x = split(planes, xp)
    low, along_y = (part.swapaxes(-1, -2) for part in split(low_x.swapaxes(-1, -2), xp))
    along_x, both = (part.swapaxes(-1, -2) for part in split(high_x.swapaxes(-1, -2), xp))
    return low, along_x, along_y, both


def whole_of(halves: Sequence[Array], xp: types.ModuleType, rounded: Callable[[Array], Array] = _unrounded) -> Array:
    """Undo `details_of`, each lifting step rounded as told."""
    low, along_x, along_y, both = halves
    return _merge(_merge(low, along_y, xp, rounded, -2), _merge(along_x, both, xp, rounded, -2), xp, rounded)


def synthesise(
    latents: list[Array], pyramid: Pyramid, window: Window | None = None, arrays: Arrays = NUMPY, unit: int = 1
) -> Array:
    """Return the planes of integer latents, or a window of them.

    Parameters
    ----------
    latents
        One array a subband, (rank, height, width), magnitudes up to `LARGEST_LATENT` times `unit`.
    pyramid
        What they are subbands of.
    window
        The rows and columns to synthesise, not empty; only latents that these depend on are read. All if None.
    arrays
        What kind of array the latents are.
    unit
        The latents count quantiser steps over this, a power of two.

    Returns
    -------
    ndarray or Tensor
        float32 integers that count steps of 2**-6, shape (rank, height, width) or those of the window: the same bits
        as the slice of the whole planes.
    """
    window = pyramid.whole if window is None else window
    scaled = []
    for part, subband, (rows, columns) in zip(latents, pyramid.subbands, pyramid.reads(window), strict=True):
        # Rounded to float32 by hand, so that a product has one rounding wherever it is made.
        gain = float(np.float32(pyramid.gain(subband) * 2**PLANE_BITS)) / unit
        scaled.append(arrays.xp.round(arrays.cast(part[:, slice(*rows), slice(*columns)], "float32") * gain))
    return _joined(scaled, pyramid, arrays.xp, arrays.xp.round, window)


def synthesise_unrounded(latents: list[Array], pyramid: Pyramid, xp: types.ModuleType) -> Array:
    """Return the planes of latents that need not be whole, in quantiser steps and plain floats, as a fit needs them."""
    scaled = [part * pyramid.gain(subband) for part, subband in zip(latents, pyramid.subbands, strict=True)]
    return _joined(scaled, pyramid, xp, _unrounded)


def _joined(
    scaled: list[Array],
    pyramid: Pyramid,
    xp: types.ModuleType,
    rounded: Callable[[Array], Array],
    window: Window | None = None,
) -> Array:
    windows = pyramid.windows(pyramid.whole if window is None else window)
    low = scaled[0]
    for index in range(pyramid.levels):
        along_x, along_y, both = scaled[1 + 3 * index : 4 + 3 * index]
        if kernels.KERNELS is not None and xp is np and rounded is np.round:
            merged = _merged(kernels.KERNELS, low, along_x, along_y, both)
        else:
            merged = whole_of((low, along_x, along_y, both), xp, rounded)
        # What was read begins with an even row and column, and reaches beyond what is asked for.
        read, asked = windows[pyramid.levels - index], windows[pyramid.levels - index - 1]
        rows, columns = (
            slice(start - 2 * first, stop - 2 * first) for (first, _), (start, stop) in zip(read, asked, strict=True)
        )
        low = merged[..., rows, columns]
    return low


def _merged(compiled: types.ModuleType, low: Planes, *details: Planes) -> Planes:
    """Return what a low-pass plane and details along x, along y and along both make, by the C kernel."""
    parts = [np.ascontiguousarray(part) for part in (low, *details)]
    shape = len(low), low.shape[1] + details[2].shape[1], low.shape[2] + details[2].shape[2]
    planes = np.empty(shape, np.float32)
    compiled.merge(*parts, planes)
    return planes


def split(planes: Array, xp: types.ModuleType) -> tuple[Array, Array]:
    """Part planes along their last axis into low-pass and high-pass, without normalisation."""
    even, odd = planes[..., 0::2], planes[..., 1::2]
    if not odd.shape[-1]:
        return even, odd
    for index, coefficient in enumerate(_LIFTING):
        if index % 2 == 0:
            odd = odd + coefficient * _beside_odd(even, odd.shape[-1], xp)
        else:
            even = even + coefficient * _beside_even(odd, even.shape[-1], xp)
    return even, odd


def _merge(even: Array, odd: Array, xp: types.ModuleType, rounded: Callable[[Array], Array], axis: int = -1) -> Array:
    """Undo `split`, along the last axis or the last but one (-2), each lifting step rounded as told."""
    count = odd.shape[axis]
    if not count:
        return even
    for index, coefficient in reversed(list(enumerate(_LIFTING))):
        # A Python float times float32 is rounded once, to float32.
        if index % 2 == 0:
            odd = odd - rounded(coefficient * _beside_odd(even, count, xp, axis))
        else:
            even = even - rounded(coefficient * _beside_even(odd, even.shape[axis], xp, axis))
    first, rest = even[_part(axis, 0, count)], even[_part(axis, count)]
    paired = xp.stack([first, odd], axis)
    shape = list(odd.shape)
    shape[axis] = 2 * count
    return xp.concatenate([paired.reshape(shape), rest], axis)


def merged(low: Array, high: Array) -> Array:
    """Undo `split`, of numpy arrays and unrounded."""
    return _merge(low, high, np, _unrounded)


def _beside_odd(even: Array, count: int, xp: types.ModuleType, axis: int = -1) -> Array:
    """Sum of the two even samples beside each odd one, mirrored at the end."""
    after = even[_part(axis, 1)]
    if after.shape[axis] < count:
        after = xp.concatenate([after, even[_part(axis, -1)]], axis)
    return even[_part(axis, 0, count)] + after


def _beside_even(odd: Array, count: int, xp: types.ModuleType, axis: int = -1) -> Array:
    """Sum of the two odd samples beside each even one, mirrored at both ends."""
    before = xp.concatenate([odd[_part(axis, 0, 1)], odd], axis)
    after = odd if odd.shape[axis] == count else xp.concatenate([odd, odd[_part(axis, -1)]], axis)
    return before[_part(axis, 0, count)] + after


def _part(axis: int, start: int, stop: int | None = None) -> tuple[Any, ...]:
    """Return the index of a part along the last axis or the last but one."""
    return (..., slice(start, stop)) if axis == -1 else (..., slice(start, stop), slice(None))

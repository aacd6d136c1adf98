"""Latents so that squared error plus lambda times bits is small: fine ones by a way through a trellis.

What a fine latent can be hangs on a state, which the fine latents before it make. A chain is what shares a state: the
latents of one component. The cheapest way to each state is kept from latent to latent, and the cheapest of all is gone
back in the end (Viterbi). Latents that are not fine leave states alone: each is the cheapest of its candidates.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.latent.fine import FINE_SPACING, FINE_UNIT, NEXT_STATES, STATES, FineLaws
from xr_inr.core.latent.laws import SCALES, probabilities
from xr_inr.core.latent.parameters import symbols_under
from xr_inr.core.latent.wavelet import LARGEST_LATENT

_WAYS = np.argsort(NEXT_STATES.ravel(), kind="stable").reshape(STATES, 2)
_BEFORE, _BITS = _WAYS >> 1, _WAYS & 1
"""The two ways into each state: from which one, and with which bit."""

_MAGNITUDES = 8192
_LARGEST = 2.0**64
"""Magnitude of targets, norms, slopes and lambda: no sum of costs overflows."""

_LARGEST_HALF, _LARGEST_MEAN = 2 * (SCALES - 1), 2**27
_AT_ONCE = 2**18
"""Latents whose candidates are weighed at a time."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]


@dataclass(frozen=True)
class Chains:
    """Latents of some components in the order of the stream; every array is (count, points)."""

    targets: Floats
    """Where the squared error is least, in steps."""

    norms: Floats
    """Squared error of a miss of one step."""

    slopes: Floats
    """Bits that other latents take more for each unit of the magnitude feature."""

    halves: Integers
    """Half indices of scales."""

    means: Integers
    """Means of laws, in eighths of a step, magnitudes up to 2**27."""

    now: Integers
    """What they are, in sixteenths of a step; no candidate where it is none that a latent can be."""


def search(chains: Chains, states: Integers, fine_from: int, weight: float) -> Integers:
    """Return the latents of the cheapest way through each chain.

    Parameters
    ----------
    chains
        The latents to decide on.
    states
        State of each chain before its first latent, (count,); replaced by those after the last one.
    fine_from
        Index of the scale from which on latents are fine; `laws.SCALES` where none are.
    weight
        Squared steps that a bit is worth (lambda).

    Returns
    -------
    ndarray
        (count, points), in sixteenths of a step, magnitudes up to `FINE_UNIT` times `wavelet.LARGEST_LATENT`.

    Raises
    ------
    ValueError
        When arrays do not fit together, or hold what no latent, law or state can be.
    """
    _check(chains, states, fine_from, weight)
    if kernels.KERNELS is None:
        return _searched(chains, states, fine_from, weight)
    latents, ends = np.empty(chains.targets.shape, np.int32), states.copy()
    arrays = (np.ascontiguousarray(getattr(chains, field.name)) for field in fields(Chains))
    kernels.KERNELS.search_trellis(*arrays, bits_of_columns(), magnitudes(), fine_from, weight, ends, latents)
    states[:] = ends
    return latents


def _searched(chains: Chains, states: Integers, fine_from: int, weight: float) -> Integers:
    """Do what `search` does, in numpy."""
    count, points = chains.targets.shape
    costs = np.where(np.arange(STATES)[:, None] == states, 0.0, np.inf)
    fine = chains.halves >> 1 >= fine_from
    second = np.zeros((points, STATES, count), bool)
    candidates = np.empty((2, 2, count, points), np.int32)
    step = max(_AT_ONCE // max(count, 1), 1)
    for start in range(0, points, step):
        part = slice(start, start + step)
        candidates[..., part], charges = _cheapest(chains, part, fine_from, weight)
        for point in range(start, min(start + step, points)):
            charge = charges[..., point - start]
            into = costs[_BEFORE] + charge[_BEFORE & 1, _BITS]
            second[point] = into[:, 1] < into[:, 0]
            onward = np.where(second[point], into[:, 1], into[:, 0])
            costs = np.where(fine[:, point], onward, costs + charge[0, 0])
    chain, state = np.arange(count), costs.argmin(axis=0)
    states[:] = state
    latents = np.empty((count, points), np.int32)
    for point in reversed(range(points)):
        way = second[point, state, chain].astype(np.intp)
        before, bit = _BEFORE[state, way], _BITS[state, way]
        # One that is not fine has the same candidate everywhere.
        latents[:, point] = candidates[before & 1, bit, chain, point]
        state = np.where(fine[:, point], before, state)
    return latents


def _cheapest(chains: Chains, part: slice, fine_from: int, weight: float) -> tuple[Integers, Floats]:
    """Return the cheapest candidate for each q and bit, and what it costs, (2, 2, count, points)."""
    fine = chains.halves[:, part] >> 1 >= fine_from
    candidates, charges = np.empty((2, 2, *fine.shape), np.int32), np.empty((2, 2, *fine.shape))
    for weigh, some in ((_weigh_fine, fine), (_weigh_plain, ~fine)):
        own = Chains(*(getattr(chains, field.name)[:, part][some] for field in fields(Chains)))
        laws = FineLaws.of(own.halves, own.means, fine_from)
        candidates[..., some], charges[..., some] = weigh(own, laws, weight)
    return candidates, charges


def _weigh_plain(some: Chains, laws: FineLaws, weight: float) -> tuple[Integers, Floats]:
    """Return the cheapest of what latents are, what is nearest, one nearer to zero, and zero; (latents,) each."""
    nearest = np.clip(np.rint(some.targets), -LARGEST_LATENT, LARGEST_LATENT).astype(np.int32)
    now = np.clip(some.now // FINE_UNIT, -LARGEST_LATENT, LARGEST_LATENT)
    numbers = np.stack([now, nearest, nearest - np.sign(nearest), np.zeros_like(nearest)])
    charges = _charges(some, FINE_UNIT * numbers, _bits(numbers, laws.scales, laws.means), weight)
    charges[0][some.now % FINE_UNIT != 0] = np.inf
    best = charges.argmin(axis=0)[None]
    return FINE_UNIT * np.take_along_axis(numbers, best, 0)[0], np.take_along_axis(charges, best, 0)[0]


def _weigh_fine(some: Chains, laws: FineLaws, weight: float) -> tuple[Integers, Floats]:
    """Return the cheapest candidate for each q and bit, and what it costs; (2, 2, latents) each."""
    candidates = np.zeros((2, 2, *some.targets.shape), np.int32)
    charges = np.full(candidates.shape, np.inf)
    largest = FINE_UNIT * LARGEST_LATENT // FINE_SPACING
    for q in range(2):
        odd = np.full(some.targets.shape, q, np.int32)
        below = np.floor((some.targets * FINE_UNIT / FINE_SPACING - q) / 2)
        for apart in range(-2, 4):
            numbers = np.clip(below + apart, -((largest + q) // 2), (largest - q) // 2).astype(np.int32)
            latents = FINE_SPACING * (2 * numbers + odd)
            of_candidates = _charges(some, latents, _bits(numbers, laws.scales, laws.means_of(odd)), weight)
            bits = laws.bits(numbers, odd)
            for bit in range(2):
                better = (bits == bit) & (of_candidates < charges[q, bit])
                candidates[q, bit][better] = latents[better]
                charges[q, bit][better] = of_candidates[better]
    return candidates, charges


def _bits(numbers: Integers, scales: Integers, means: Integers) -> Floats:
    """Return the bits of whole numbers under laws."""
    rows, columns, more = symbols_under(numbers, scales, means)
    found: Floats = bits_of_columns()[rows, columns] + more
    return found


def _charges(some: Chains, latents: Integers, bits: Floats, weight: float) -> Floats:
    """Return what candidates in sixteenths cost."""
    sizes = magnitudes()[np.minimum(np.abs(latents), _MAGNITUDES - 1)]
    squares = some.norms * np.square(latents / FINE_UNIT - some.targets)
    found: Floats = squares + weight * (bits + some.slopes * sizes)
    return found


@functools.cache
def bits_of_columns() -> Floats:
    """Return the bits of each column of each row of the tables, `laws.probabilities` by shape."""
    bits: Floats = -np.log2(probabilities().astype(np.float64))
    bits.setflags(write=False)
    return bits


@functools.cache
def magnitudes() -> Floats:
    """Return the magnitude feature, not rounded, of latents in sixteenths; the last one holds for all larger ones."""
    found: Floats = 16.0 * np.log2(1.0 + np.arange(_MAGNITUDES) / FINE_UNIT)
    found.setflags(write=False)
    return found


def _check(chains: Chains, states: Integers, fine_from: int, weight: float) -> None:
    """Refuse what no chains, states or numbers of a search can be."""
    shape = chains.targets.shape
    if len(shape) != 2:
        raise ValueError(f"arrays of chains must be (count, points). Got {shape}.")
    floats = {name: getattr(chains, name) for name in ("targets", "norms", "slopes")}
    integers = {name: getattr(chains, name) for name in ("halves", "means", "now")}
    for kind, arrays in ((np.dtype(np.float64), floats), (np.dtype(np.int32), integers)):
        for name, array in arrays.items():
            _check_kind(name, array, kind, shape)
    _check_kind("states", states, np.dtype(np.int32), shape[:1])
    for name, array in floats.items():
        _check_range(name, array, -_LARGEST, _LARGEST)
    _check_range("halves", chains.halves, 0, _LARGEST_HALF)
    _check_range("means", chains.means, -_LARGEST_MEAN, _LARGEST_MEAN)
    _check_range("states", states, 0, STATES - 1)
    _check_range("fine_from", np.array(fine_from), 1, SCALES)
    _check_range("weight", np.array(weight), 0, _LARGEST)


def _check_kind(name: str, array: NDArray[Any], kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != kind or array.shape != shape:
        raise ValueError(f"{name} must be {kind}, of shape {shape}. Got {array.dtype}, {array.shape}.")


def _check_range(name: str, array: NDArray[Any], low: float, high: float) -> None:
    if array.size:
        # The ends of an array that holds a NaN are NaN.
        for end in (array.min(), array.max()):
            if not low <= end <= high:
                raise ValueError(f"{name} must lie in [{low:g}, {high:g}]. Got {end}.")

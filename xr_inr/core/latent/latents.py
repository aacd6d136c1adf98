"""Latents to a stream and back: every pass of every subband, group by group, under the context network's laws."""

from __future__ import annotations

import functools
import math
import operator
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.latent import context
from xr_inr.core.latent.compiled import LATENT_TOO_LARGE, CompiledDecoder
from xr_inr.core.latent.fine import FINE_UNIT, FineLaws
from xr_inr.core.latent.laws import FRACTIONS, SCALES, index_of_scale
from xr_inr.core.latent.network import OFFSET_UNIT, ContextNetwork
from xr_inr.core.latent.scales import ScaleIndices, kernel_weights
from xr_inr.core.latent.silent import silent_in
from xr_inr.core.latent.symbols import Integers, SymbolDecoder, SymbolEncoder
from xr_inr.core.latent.wavelet import APPROXIMATION, LARGEST_LATENT, Pyramid, Subband
from xr_inr.exceptions import PayloadError

_LARGEST_NEIGHBOUR = 255
Latents = list[Integers]
"""One array a subband, (rank, height, width)."""

Chosen = slice | NDArray[np.intp]
"""Components: a slice where they adjoin."""

Exchange = Callable[[context.Place, Chosen, Integers | None, Integers, Integers], Integers]
"""Codes or finds latents of a pass and some components, and returns them: given are the latents, None where they are
not known, and half indices of scales and means in eighths.

All arrays are (components, latents of each).
"""


@dataclass(frozen=True)
class LatentSide:
    """What is stored beside the latents, to predict them."""

    scales: NDArray[np.int32]
    """(levels + 1, rank) index of the scale of each component, approximation first; 0 where all latents are 0."""

    mean_weights: NDArray[np.int32]
    """(`MEAN_CLASSES`, `MEAN_WEIGHTS`) weights of neighbours in a latent's mean, in units of 1/64."""

    offsets: NDArray[np.int32]
    """(rank,) what each component adds to its laws' scale indices, in halves: how far its latents' surroundings tell
    more, or less, of them than those of the scenes that the network was fitted to."""

    fine_from: int = SCALES
    """Latents whose law's scale index is at least this are fine; there are none where it is `SCALES`."""

    repeated: NDArray[np.bool_] | None = None
    """(chunks, height, width) the pixels of each chunk that repeat others, whose finest latents are silent; None where
    none do."""

    @property
    def unit(self) -> int:
        """What latents count: quantiser steps over this."""
        return unit_of(self.fine_from)


def unit_of(fine_from: int) -> int:
    """Return the `LatentSide.unit` of latents that are fine from a scale on."""
    return 1 if fine_from == SCALES else FINE_UNIT


def scales_of(
    latents: Latents, pyramid: Pyramid, unit: int = 1, silent: NDArray[np.float64] | float = 0.0
) -> NDArray[np.int32]:
    """Return the `LatentSide.scales` of latents, which count quantiser steps over `unit`.

    So many as `silent` of each component's finest details, (rank,), are silent, or the same of all.
    """
    rank = len(latents[0])
    found = np.zeros((pyramid.levels + 1, rank), np.int32)
    for row in range(pyramid.levels + 1):
        parts = latents[:1] if row == 0 else latents[3 * row - 2 : 3 * row + 1]
        total = sum(np.abs(part).sum((1, 2), dtype=np.float64) for part in parts)
        count = sum(part[0].size for part in parts) - (silent if row == pyramid.levels > 0 else 0.0)
        means = np.asarray(total) / np.maximum(count, 1) / unit
        index = np.rint(index_of_scale(np.maximum(means, 1e-9)))
        found[row] = np.where(means > 0, np.clip(index, 1, SCALES - 1), 0).astype(np.int32)
    return found


def scale_row(subband: int) -> int:
    """Return which row of `LatentSide.scales` a subband uses."""
    return 0 if subband == 0 else (subband + 2) // 3


def told_of_subbands(
    scales: NDArray[np.int32], pyramid: Pyramid, numbers: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the `context.stored_features` of each subband, (subbands, features, components).

    Parameters
    ----------
    scales
        `LatentSide.scales`.
    pyramid
        The subbands.
    numbers
        (components,) their `context.component_numbers`; by default those of the components of one scene.
    """
    if numbers is None:
        numbers = context.component_numbers(scales.shape[1])
    features = context.stored_features(scales, numbers)
    return features[[scale_row(index) for index in range(len(pyramid.subbands))]]


def mean_class(orientation: int, level: int) -> int | None:
    """Return which row of `LatentSide.mean_weights` a subband uses; None for approximations."""
    return None if orientation == APPROXIMATION else 3 * min(level, 2) + orientation


def encode_latents(latents: Latents, side: LatentSide, pyramid: Pyramid, network: ContextNetwork) -> bytes:
    """Return the stream of latents.

    Raises
    ------
    ValueError
        When a magnitude exceeds `LARGEST_LATENT`, or where there are fine latents one is not on the grid of its state.
    """
    encoder = SymbolEncoder()
    largest = side.unit * LARGEST_LATENT
    if any(part.size and (part.max() > largest or part.min() < -largest) for part in latents):
        raise ValueError(LATENT_TOO_LARGE)
    states = np.zeros(side.scales.shape[1], np.int32)

    def exchange(
        _place: context.Place, chosen: Chosen, values: Integers | None, halves: Integers, means: Integers
    ) -> Integers:
        if values is None:
            raise TypeError("latents must be given to be encoded")
        if side.fine_from == SCALES:
            encoder.put(values.ravel(), halves.ravel() >> 1, means.ravel())
            return values
        laws = FineLaws.of(halves, means, side.fine_from)
        integers, odd = laws.integers(values)
        states[chosen] = laws.checked(integers, odd, states[chosen])
        encoder.put(integers.ravel(), laws.scales.ravel(), laws.means_of(odd).ravel(), laws.told.ravel())
        return values

    if kernels.KERNELS is None:
        walk(latents, side, pyramid, network, exchange)
    else:
        encoder.put_calls(*_told(kernels.KERNELS, latents, side, pyramid, network))
    return encoder.getvalue()


def decode_latents(
    data: bytes, side: LatentSide, pyramid: Pyramid, network: ContextNetwork, arrays: Arrays = NUMPY
) -> list[Array]:
    """Return the latents of a stream, as arrays of the kind asked for.

    Raises
    ------
    PayloadError
        When it does not hold such latents.
    """
    decoder = SymbolDecoder(data)
    states = np.zeros(side.scales.shape[1], np.int32)
    largest = side.unit * LARGEST_LATENT

    def exchange(
        _place: context.Place, chosen: Chosen, _values: Integers | None, halves: Integers, means: Integers
    ) -> Integers:
        if side.fine_from == SCALES:
            return decoder.take(halves.ravel() >> 1, means.ravel()).reshape(means.shape)
        found, states[chosen] = decoder.take_fine(halves, means, side.fine_from, states[chosen])
        return found

    if decoder.compiled is not None and arrays.device is None:
        latents = _compiled(decoder.compiled, side, pyramid, network)
    else:
        latents = walk(None, side, pyramid, network, exchange, arrays=arrays)
    if any(math.prod(part.shape) and int(abs(part).max()) > largest for part in latents):
        raise PayloadError(LATENT_TOO_LARGE)
    decoder.finish()
    return latents


def _told(
    compiled: types.ModuleType, latents: Latents, side: LatentSide, pyramid: Pyramid, network: ContextNetwork
) -> tuple[Integers, Integers, Integers, NDArray[np.int64], NDArray[np.bool_]]:
    """Return what `SymbolEncoder.put_calls` takes of all latents, by the C kernel."""
    padded = np.concatenate([np.pad(part, ((0, 0), (1, 1), (1, 1))).ravel() for part in latents], dtype=np.int32)
    most = sum(part.size for part in latents)
    values, scales, means = (np.empty(most, np.int32) for _ in range(3))
    told = np.empty(most, np.uint8)
    sizes = np.empty(len(context.PASSES) * len(latents) * len(context.groups(len(latents[0]))), np.int64)
    given = _given(side, network)
    count, calls = compiled.tell_latents(
        *given, *pyramid.size, side.fine_from, padded, values, scales, means, told, sizes
    )
    return values[:count], scales[:count], means[:count], sizes[:calls], told[:count].view(np.bool_)


def _compiled(decoder: CompiledDecoder, side: LatentSide, pyramid: Pyramid, network: ContextNetwork) -> Latents:
    """Return what `walk` does, by the C kernel."""
    components = side.scales.shape[1]
    shapes = [(components, subband.shape[0] + 2, subband.shape[1] + 2) for subband in pyramid.subbands]
    ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
    given = _given(side, network)
    latents = decoder.take_latents(*given, size=pyramid.size, fine_from=side.fine_from, numbers=ends[-1])
    parts = [latents[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]
    return [part[:, 1:-1, 1:-1] for part in parts]


def _given(side: LatentSide, network: ContextNetwork) -> tuple[NDArray[Any], ...]:
    """Return what the C kernels take of what goes before latents."""
    offsets = (side.offsets / OFFSET_UNIT).astype(np.float32)
    scales, weights = (np.ascontiguousarray(part, np.int32) for part in (side.scales, side.mean_weights))
    repeated = np.zeros(0, np.uint8) if side.repeated is None else side.repeated.astype(np.uint8).ravel()
    return kernel_weights(network), context.kernel_logarithms(side.unit), scales, weights, offsets, repeated


def walk(
    known: Latents | None,
    side: LatentSide,
    pyramid: Pyramid,
    network: ContextNetwork,
    exchange: Exchange,
    *,
    arrays: Arrays = NUMPY,
) -> list[Array]:
    """Go through all calls in the order they are coded, and return the latents that were exchanged.

    Parameters
    ----------
    known
        The latents, if they are known; laws follow from what is exchanged in any case.
    side
        What is stored beside them.
    pyramid
        The subbands.
    network
        The context network.
    exchange
        Is given each call, its laws with it, and returns its latents.
    arrays
        Where laws are computed.
    """
    components = side.scales.shape[1]
    # Those after the last that is coded anywhere would change no feature of those before.
    rank = int(np.flatnonzero((side.scales > 0).any(axis=0)).max(initial=-1)) + 1
    borders = [(subband.shape[0] + 2, subband.shape[1] + 2) for subband in pyramid.subbands]
    latents = [arrays.zeros((components, *border), "int32") for border in borders]
    padded = [arrays.zeros((rank, *border), "float32") for border in borders]
    stored = told_of_subbands(side.scales[:, :rank], pyramid)
    surroundings = context.Surroundings(arrays.xp, pyramid, padded, arrays.put(stored))
    component_offsets = arrays.put((side.offsets[:rank] / OFFSET_UNIT).astype(np.float32)[:, None])
    scale_indices = ScaleIndices(network, arrays)
    groups = context.groups(rank)
    chosen_of = [[_chosen(row > 0, *group) for group in groups] for row in side.scales]
    places = context.places(pyramid)
    room = arrays.zeros((context.FEATURES * rank * max(place.rows * place.columns for place in places),), "float32")
    for place in places:
        subband = pyramid.subbands[place.subband]
        if not (side.scales[scale_row(place.subband)] > 0).any():
            continue
        size = (place.rows, place.columns)
        points = math.prod(size)
        features = room[: context.FEATURES * rank * points].reshape(context.FEATURES, rank, points)
        surroundings.of_pass(place, out=features[: context.PASS_FEATURES].reshape(-1, rank, *size))
        weights = mean_class(subband.orientation, subband.level)
        means = np.zeros((rank, points), np.int32)
        if weights is not None:
            found = _means(place, latents[place.subband][:rank], side.mean_weights[weights], arrays.xp, side.unit)
            means = arrays.get(found.reshape(rank, points))
        given = None
        if known is not None:
            given = known[place.subband][(slice(rank), *_lattice(place))].reshape(rank, points)
        target, target_magnitudes = place.of(latents[place.subband]), place.of(padded[place.subband])
        biases = place.number, subband.orientation, subband.level
        offsets = arrays.xp.broadcast_to(component_offsets, (rank, points))
        silent = _silent(place, side, subband)
        means[:, silent] = 0
        nothing = arrays.zeros((points,), "float32")
        before, last, last_size = nothing, nothing, 1
        for (start, stop), chosen in zip(groups, chosen_of[scale_row(place.subband)], strict=True):
            last_magnitudes = nothing
            if chosen is not None:
                of_groups = context.of_groups(arrays, before, last, last_size)
                for row, feature in zip(features[context.PASS_FEATURES :], of_groups, strict=True):
                    row[start:stop] = feature
                halves = arrays.get(
                    scale_indices.halves(
                        features[:, chosen].reshape(context.FEATURES, -1), biases, offsets[chosen].reshape(-1)
                    )
                ).reshape(-1, points)
                halves[:, silent] = 0
                known_here = None if given is None else given[chosen]
                values = arrays.put(exchange(place, chosen, known_here, halves, means[chosen]))
                magnitudes = context.magnitudes(values, arrays, side.unit)
                target[chosen] = values.reshape(-1, *size)
                target_magnitudes[chosen] = magnitudes.reshape(-1, *size)
                last_magnitudes = magnitudes[0] if len(magnitudes) == 1 else magnitudes.sum(0)
            last, last_size = last_magnitudes, stop - start
            before = before + last
    return [part[:, 1:-1, 1:-1] for part in latents]


def _chosen(active: NDArray[np.bool_], start: int, stop: int) -> Chosen | None:
    """Return which components of a group are coded: a slice where they adjoin, which copies nothing; or None."""
    found = start + np.flatnonzero(active[start:stop])
    if not len(found):
        return None
    first, last = int(found[0]), int(found[-1])
    return slice(first, last + 1) if last - first + 1 == len(found) else found


def _lattice(place: context.Place) -> tuple[slice, slice]:
    row, column = context.PASSES[place.number]
    return slice(row, None, 2), slice(column, None, 2)


def _silent(place: context.Place, side: LatentSide, subband: Subband) -> NDArray[np.intp]:
    """Return which positions of a pass are silent."""
    found = silent_in(side.repeated, subband)
    return np.zeros(0, np.intp) if found is None else np.flatnonzero(found[0][_lattice(place)])


def _means(place: context.Place, padded: Array, weights: NDArray[np.int32], xp: types.ModuleType, unit: int) -> Array:
    """Return the means of a pass's laws, in eighths: a weighted sum of the neighbours it knows."""
    first = sum(len(pairs) for pairs in context.KNOWN[: place.number])
    total = xp.zeros_like(place.of(padded))
    for number, offsets in enumerate(context.KNOWN[place.number]):
        weight = int(weights[first + number])
        if weight:
            around = functools.reduce(operator.add, (place.of(padded, *offset) for offset in offsets))
            total += weight * xp.clip(around, -_LARGEST_NEIGHBOUR * unit, _LARGEST_NEIGHBOUR * unit)
    eighth = context.MEAN_UNIT // FRACTIONS * unit
    total += eighth // 2
    total >>= eighth.bit_length() - 1
    return total

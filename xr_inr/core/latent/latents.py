"""Latents to a stream and back: every pass of every subband, group by group, under the context network's laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent import context
from xr_inr.core.latent.laws import SCALES, index_of_scale
from xr_inr.core.latent.network import ContextNetwork
from xr_inr.core.latent.symbols import Integers, SymbolDecoder, SymbolEncoder
from xr_inr.core.latent.wavelet import APPROXIMATION, LARGEST_LATENT, Pyramid
from xr_inr.exceptions import PayloadError

_LARGEST_NEIGHBOUR = 255
_TOO_LARGE = f"a latent must lie within +-{LARGEST_LATENT}"
Latents = list[Integers]
"""One array a subband, (rank, height, width)."""

Exchange = Callable[[Integers | None, Integers, Integers], Integers]
"""Codes latents (None when decoding) under (scale indices, means in eighths) and returns them."""


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


def scales_of(latents: Latents, pyramid: Pyramid) -> NDArray[np.int32]:
    """Return the `LatentSide.scales` of latents."""
    rank = len(latents[0])
    found = np.zeros((pyramid.levels + 1, rank), np.int32)
    for row in range(pyramid.levels + 1):
        parts = latents[:1] if row == 0 else latents[3 * row - 2 : 3 * row + 1]
        total = sum(np.abs(part).sum((1, 2), dtype=np.float64) for part in parts)
        count = sum(part[0].size for part in parts)
        means = np.asarray(total) / max(count, 1)
        index = np.rint(index_of_scale(np.maximum(means, 1e-9)))
        found[row] = np.where(means > 0, np.clip(index, 1, SCALES - 1), 0).astype(np.int32)
    return found


def scale_row(subband: int) -> int:
    """Return which row of `LatentSide.scales` a subband uses."""
    return 0 if subband == 0 else (subband + 2) // 3


def mean_class(orientation: int, level: int) -> int | None:
    """Return which row of `LatentSide.mean_weights` a subband uses; None for approximations."""
    return None if orientation == APPROXIMATION else 3 * min(level, 2) + orientation


def encode_latents(latents: Latents, side: LatentSide, pyramid: Pyramid, network: ContextNetwork) -> bytes:
    """Return the stream of latents.

    Raises
    ------
    ValueError
        When a magnitude exceeds `LARGEST_LATENT`.
    """
    encoder = SymbolEncoder()
    if any(part.size and (part.max() > LARGEST_LATENT or part.min() < -LARGEST_LATENT) for part in latents):
        raise ValueError(_TOO_LARGE)

    def exchange(values: Integers | None, scales: Integers, means: Integers) -> Integers:
        if values is None:
            raise TypeError("latents must be given to be encoded")
        encoder.put(values, scales, means)
        return values

    _walk(latents, side, pyramid, network, exchange)
    return encoder.getvalue()


def decode_latents(data: bytes, side: LatentSide, pyramid: Pyramid, network: ContextNetwork) -> Latents:
    """Return the latents of a stream.

    Raises
    ------
    PayloadError
        When it does not hold such latents.
    """
    decoder = SymbolDecoder(data)

    def exchange(_values: Integers | None, scales: Integers, means: Integers) -> Integers:
        values = decoder.take(scales, means)
        if len(values) and np.abs(values).max() > LARGEST_LATENT:
            raise PayloadError(_TOO_LARGE)
        return values

    latents = _walk(None, side, pyramid, network, exchange)
    decoder.finish()
    return latents


def _walk(
    known: Latents | None, side: LatentSide, pyramid: Pyramid, network: ContextNetwork, exchange: Exchange
) -> Latents:
    rank = side.scales.shape[1]
    shapes = [(rank, subband.shape[0] + 2, subband.shape[1] + 2) for subband in pyramid.subbands]
    latents = [np.zeros(shape, np.int32) for shape in shapes]
    padded = [np.zeros(shape, np.float32) for shape in shapes]
    scales = np.stack([side.scales[scale_row(index)] for index in range(len(shapes))]).astype(np.float32)
    surroundings = context.Surroundings(np, pyramid, padded, scales, whole=True)
    for place in context.places(pyramid):
        subband = pyramid.subbands[place.subband]
        active = side.scales[scale_row(place.subband)] > 0
        if not active.any():
            continue
        features = surroundings.of_pass(place)
        weights = mean_class(subband.orientation, subband.level)
        means = (
            np.zeros(features.shape[1:], np.int32)
            if weights is None
            else _means(place, latents[place.subband], side.mean_weights[weights])
        )
        sums = network.first_sums(
            features.reshape(len(features), -1),
            slice(0, len(features)),
            (place.number, subband.orientation, subband.level),
        ).reshape(-1, *features.shape[1:])
        given = None if known is None else known[place.subband][(slice(None), *_lattice(place))]
        target, target_magnitudes = place.of(latents[place.subband]), place.of(padded[place.subband])
        before = np.zeros(features.shape[2:], np.float32)
        last, last_size = before, 1
        for start, stop in context.groups(rank):
            chosen = start + np.flatnonzero(active[start:stop])
            if len(chosen):
                of_groups = context.of_groups(np, before, last, last_size, whole=True)
                extra = network.first_sums(
                    of_groups.reshape(len(of_groups), -1), slice(len(features), context.FEATURES), None
                ).reshape(-1, 1, *before.shape)
                offsets = np.repeat(side.offsets[chosen], before.size)
                index = network.scale_indices((sums[:, chosen] + extra).reshape(len(sums), -1), offsets)
                values = exchange(
                    None if given is None else given[chosen].ravel(), index, means[chosen].ravel()
                ).reshape(len(chosen), *before.shape)
                target[chosen] = values
                target_magnitudes[chosen] = context.magnitudes(values)
            last, last_size = target_magnitudes[start:stop].sum(0), stop - start
            before = before + last
    return [part[:, 1:-1, 1:-1] for part in latents]


def _lattice(place: context.Place) -> tuple[slice, slice]:
    row, column = context.PASSES[place.number]
    return slice(row, None, 2), slice(column, None, 2)


def _means(place: context.Place, padded: Integers, weights: NDArray[np.int32]) -> Integers:
    """Return the means of a pass's laws, in eighths: a weighted sum of the neighbours it knows."""
    first = sum(len(pairs) for pairs in context.KNOWN[: place.number])
    shape = place.of(padded).shape
    total = np.zeros(shape, np.int32)
    for number, offsets in enumerate(context.KNOWN[place.number]):
        if weights[first + number]:
            around = sum(place.of(padded, *offset) for offset in offsets)
            total += weights[first + number] * np.clip(around, -_LARGEST_NEIGHBOUR, _LARGEST_NEIGHBOUR)
    eighths: Integers = (total + context.MEAN_UNIT // 16) >> 3
    return eighths

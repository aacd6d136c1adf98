"""Making a residual layer: weights by least squares, scales by their code length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.parameters import best_scale, bits_under
from xr_inr.core.residual.activity import CONTEXTS, PASSES, Activity, normalised
from xr_inr.core.residual.least_squares import fit_weights, places_of
from xr_inr.core.residual.neighbours import Whole, cross
from xr_inr.core.residual.prediction import (
    COUPLING_PLACES,
    LARGEST_COUPLING,
    PLACES,
    History,
    available,
    checkerboard,
    coupled,
    errors_of_first,
    predicted,
    rebuilt,
    split,
)
from xr_inr.core.residual.remainder import Remainder
from xr_inr.core.residual.stored import Laws, ResidualLayer, Tiling
from xr_inr.core.residual.walk import encode_tile

TILE_SIDE = 64
REGRESSORS = 36
_SAMPLED_BANDS = 6
"""One band in so many tells of how precisely weights are stored."""

_FIRST_OFFSETS = np.rint(0.9 * (np.arange(CONTEXTS) - CONTEXTS // 2)).astype(np.int64)
_LARGEST_OFFSET = 20
_MOST_PIXELS = 2**15
"""Pixels whose spectra weights are fitted to."""

_SCALE_ROUNDS = 2
_MAGNITUDES = np.unique(np.r_[np.arange(17), np.rint(np.exp2(np.arange(4, 26, 0.125)))]).astype(np.int64)
"""Magnitudes that stand for those up to the next."""


def fit_layer(remainder: Remainder) -> bytes:
    """Return the residual section that brings a model within the bound of a grid.

    Beside the samples and what the model gives for them, what is held of a scene is a symbol of each sample, and as
    many bands as tell of the next.

    Parameters
    ----------
    remainder
        What the model leaves of the samples, with the grid.
    """
    bands, height, width = remainder.shape
    step, tiling = remainder.grid.step, Tiling((height, width), TILE_SIDE)
    tiles = [_Tile(remainder.part(*part)) for part in tiling.parts()]
    shifts = _shifts(tiles, bands, step)
    weights, couplings = [], []
    for tile in tiles:
        tile.begin(len(shifts))
    for band in range(bands):
        found, coupling = _fit_band(tiles, band, shifts, step)
        weights.append(found)
        couplings.append(coupling)
    for tile in tiles:
        tile.end()
    used = max(len(part) for part in weights)
    scales, offsets = _fit_scales(tiles, bands)
    laws = Laws(shifts[:used], tuple(weights), np.array(couplings, np.int64), scales, offsets)
    streams = [encode_tile(laws, step, tile.remainder.all_valid(), tile.all_symbols()) for tile in tiles]
    return ResidualLayer(remainder.grid, laws, tiling, streams).to_bytes()


class _Tile:
    """A tile on its way through the bands, of which one is looked at at a time."""

    def __init__(self, remainder: Remainder) -> None:
        self.remainder, self.step = remainder, remainder.grid.step
        self.second = checkerboard(remainder.shape[1:])
        # Magnitudes reach 2**28.
        self.symbols: NDArray[np.int32] = np.zeros(remainder.shape, np.int32)

    def begin(self, regressors: int) -> None:
        """Stand before the first band."""
        self.history = History(self.second.shape, regressors)

    def enter(self, band: int) -> None:
        """Look at a band."""
        self.valid, self.residuals = self.remainder.valid(band), self.remainder.residuals(band)

    def leave(self, residual: Whole) -> None:
        """Keep the residual of the band for those after it."""
        self.history.push(residual)

    def end(self) -> None:
        """Forget all but the symbols."""
        del self.history, self.valid, self.residuals, self.prediction, self.errors

    def given(self, count: int, every: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return regressors, (count, pixels), and residuals, (pixels,), of one valid pixel in `every`."""
        inside = np.flatnonzero(self.valid)[::every]
        rows = np.array([part.ravel()[inside] for part in self.history.regressors(count)], np.float64)
        return rows, self.residuals.ravel()[inside]

    def first_pass(self, band: int, weights: NDArray[np.int64], shifts: NDArray[np.int64]) -> None:
        self.prediction = predicted(self.history, weights, shifts)
        centre, _ = split(self.prediction, self.step)
        self._round(band, centre, self.valid & ~self.second)
        self.errors = errors_of_first(self.prediction, rebuilt(centre, self.of_band(band), self.step), self.second)

    def coupling_terms(self) -> tuple[float, float]:
        """Return the product of neighbours' errors with what they shall foretell, and their squares, summed."""
        due = self.valid & self.second
        around = cross(self.errors)[due].astype(np.float64)
        wanted = 8.0 * (self.residuals[due] - self.prediction[due] / 2.0**PLACES)
        return float(around @ wanted), float(around @ around)

    def second_pass(self, band: int, coupling: int) -> None:
        leaning = coupled(self.prediction, self.errors, coupling)
        centre, _ = split(np.where(self.second, leaning, self.prediction), self.step)
        self._round(band, centre, self.valid & self.second)
        self.leave(rebuilt(centre, self.of_band(band), self.step))

    def of_band(self, band: int) -> Whole:
        """Return the symbols of a band, (height, width)."""
        symbols: Whole = self.symbols[band].astype(np.int64)
        return symbols

    def all_symbols(self) -> Whole:
        """Return the symbols of all bands, (bands, height, width)."""
        return self.symbols.astype(np.int64)

    def valid_symbols(self, band: int) -> Whole:
        """Return the symbols of a band's valid samples, one after the other."""
        symbols: Whole = self.of_band(band)[self.remainder.valid(band)]
        return symbols

    def _round(self, band: int, centre: Whole, due: NDArray[np.bool_]) -> None:
        self.symbols[band][due] = np.rint((self.residuals[due] - centre[due]) / self.step).astype(np.int32)


def _fit_band(tiles: Sequence[_Tile], band: int, shifts: NDArray[np.int64], step: int) -> tuple[NDArray[np.int64], int]:
    """Return the weights and the coupling of a band, and move all tiles past it."""
    count = min(len(shifts), available(band))
    for tile in tiles:
        tile.enter(band)
    weights = fit_weights(*_gathered(tiles, count), shifts[:count], step)
    for tile in tiles:
        tile.first_pass(band, weights, shifts)
    products, squares = np.sum([tile.coupling_terms() for tile in tiles], axis=0)
    coupling = round(2**COUPLING_PLACES * float(products / max(squares, 1.0)))
    coupling = min(max(coupling, -LARGEST_COUPLING), LARGEST_COUPLING)
    for tile in tiles:
        tile.second_pass(band, coupling)
    return weights, coupling


def _gathered(tiles: Sequence[_Tile], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    every = -(-sum(tile.second.size for tile in tiles) // _MOST_PIXELS)
    parts = [tile.given(count, every) for tile in tiles]
    return np.concatenate([rows for rows, _ in parts], axis=1), np.concatenate([values for _, values in parts])


def _shifts(tiles: Sequence[_Tile], bands: int, step: int) -> NDArray[np.int64]:
    """Return how precisely the weight of each regressor is stored, told from some bands as they are."""
    most = min(REGRESSORS, available(bands - 1))
    places = []
    for tile in tiles:
        tile.begin(most)
    for band in range(bands):
        for tile in tiles:
            tile.enter(band)
        if band % _SAMPLED_BANDS == _SAMPLED_BANDS - 1 or band == bands - 1:
            count = min(most, available(band))
            found = places_of(*_gathered(tiles, count), step)
            places.append(np.r_[found, np.full(most - count, np.nan)])
        for tile in tiles:
            tile.leave(np.rint(tile.residuals).astype(np.int64))
    shifts: NDArray[np.int64] = np.clip(np.rint(np.nanmedian(places, axis=0)), 0, PLACES).astype(np.int64)
    return shifts


def _fit_scales(tiles: Sequence[_Tile], bands: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the scale of each band and the offset of each context that take fewest bits, taken in turn."""
    costs = np.stack([bits_under(_MAGNITUDES, np.array(scale), np.array(0)) for scale in range(SCALES)], axis=1)
    scales = np.array(
        [best_scale(np.concatenate([tile.valid_symbols(band) for tile in tiles])) for band in range(bands)]
    )
    offsets = np.stack([_FIRST_OFFSETS] * PASSES)
    reach = np.arange(-_LARGEST_OFFSET, _LARGEST_OFFSET + 1)
    for _ in range(_SCALE_ROUNDS):
        # By band, by pass and context, by scale.
        bits = _counts(tiles, scales).reshape(bands, PASSES * CONTEXTS, -1) @ costs
        near = np.clip(scales[:, None] + reach, 0, SCALES - 1)[:, None]
        totals = np.take_along_axis(bits, np.broadcast_to(near, (bands, bits.shape[1], len(reach))), -1).sum(axis=0)
        # Of equals the one nearest to none.
        totals += 1e-6 * np.abs(reach)
        offsets = reach[totals.argmin(axis=-1)].reshape(PASSES, CONTEXTS)
        all_scales = np.clip(np.arange(SCALES) + offsets.reshape(-1, 1), 0, SCALES - 1)
        totals = np.take_along_axis(bits, np.broadcast_to(all_scales, bits.shape), -1).sum(axis=1)
        scales = totals.argmin(axis=-1)
    return scales.astype(np.int64), offsets.astype(np.int64)


def _counts(tiles: Sequence[_Tile], scales: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how often each magnitude occurs, (bands, passes, contexts, magnitudes)."""
    shape = (PASSES, CONTEXTS, len(_MAGNITUDES))
    counts = np.zeros((len(scales), *shape))
    for tile in tiles:
        activity = Activity(tile.second.shape)
        for band, scale in enumerate(scales.tolist()):
            symbols = tile.of_band(band)
            magnitudes = normalised(symbols, scale)
            contexts = np.where(
                tile.second,
                activity.contexts(np.where(tile.second, 0, magnitudes)),
                activity.contexts(None),
            )
            activity.push(magnitudes)
            at = np.searchsorted(_MAGNITUDES, np.abs(symbols), side="right") - 1
            index = np.ravel_multi_index((tile.second.astype(np.intp), contexts, at), shape)[tile.remainder.valid(band)]
            counts[band] += np.bincount(index, minlength=counts[band].size).reshape(shape)
    return counts

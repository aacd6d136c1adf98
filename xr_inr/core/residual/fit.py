"""Making a residual layer: weights by least squares, scales by their code length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.parameters import best_scale, bits_under
from xr_inr.core.residual.activity import CONTEXTS, PASSES, Activity, normalised
from xr_inr.core.residual.grid import Grid
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


def fit_layer(grid: Grid, positions: NDArray[np.float64], model: NDArray[np.int64], valid: NDArray[np.bool_]) -> bytes:
    """Return the residual section that brings a model within the bound of a grid.

    Parameters
    ----------
    grid
        The grid.
    positions
        (bands, height, width) where the samples of fitted bands lie, in units; anything finite where not valid.
    model
        (bands, height, width) the numbers the model gives.
    valid
        (bands, height, width) which samples count.
    """
    tiling = Tiling((positions.shape[1], positions.shape[2]), TILE_SIDE)
    tiles = [_Tile(positions[:, *part] - model[:, *part], valid[:, *part], grid.step) for part in tiling.parts()]
    shifts = _shifts(tiles, grid.step)
    weights, couplings = [], []
    for tile in tiles:
        tile.begin(len(shifts))
    for band in range(len(positions)):
        found, coupling = _fit_band(tiles, band, shifts, grid.step)
        weights.append(found)
        couplings.append(coupling)
    used = max(len(part) for part in weights)
    scales, offsets = _fit_scales(tiles, len(positions))
    laws = Laws(shifts[:used], tuple(weights), np.array(couplings, np.int64), scales, offsets)
    streams = [encode_tile(laws, grid.step, tile.valid, tile.symbols) for tile in tiles]
    return ResidualLayer(grid, laws, tiling, streams).to_bytes()


class _Tile:
    """A tile on its way through the bands."""

    def __init__(self, residuals: NDArray[np.float64], valid: NDArray[np.bool_], step: int) -> None:
        self.residuals, self.valid, self.step = np.where(valid, residuals, 0.0), valid, step
        self.second = checkerboard(valid.shape[1:])
        self.symbols: Whole = np.zeros(valid.shape, np.int64)

    def begin(self, regressors: int) -> None:
        self.history = History(self.second.shape, regressors)

    def given(self, band: int, count: int, every: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return regressors, (count, pixels), and residuals, (pixels,), of one valid pixel in `every`."""
        inside = np.flatnonzero(self.valid[band])[::every]
        rows = np.array([part.ravel()[inside] for part in self.history.regressors(count)], np.float64)
        return rows, self.residuals[band].ravel()[inside]

    def first_pass(self, band: int, weights: NDArray[np.int64], shifts: NDArray[np.int64]) -> None:
        self.prediction = predicted(self.history, weights, shifts)
        centre, _ = split(self.prediction, self.step)
        self._round(band, centre, self.valid[band] & ~self.second)
        self.errors = errors_of_first(self.prediction, rebuilt(centre, self.symbols[band], self.step), self.second)

    def coupling_terms(self, band: int) -> tuple[float, float]:
        """Return the product of neighbours' errors with what they shall foretell, and their squares, summed."""
        due = self.valid[band] & self.second
        around = cross(self.errors)[due].astype(np.float64)
        wanted = 8.0 * (self.residuals[band][due] - self.prediction[due] / 2.0**PLACES)
        return float(around @ wanted), float(around @ around)

    def second_pass(self, band: int, coupling: int) -> None:
        leaning = coupled(self.prediction, self.errors, coupling)
        centre, _ = split(np.where(self.second, leaning, self.prediction), self.step)
        self._round(band, centre, self.valid[band] & self.second)
        self.history.push(rebuilt(centre, self.symbols[band], self.step))

    def _round(self, band: int, centre: Whole, due: NDArray[np.bool_]) -> None:
        self.symbols[band][due] = np.rint((self.residuals[band][due] - centre[due]) / self.step).astype(np.int64)


def _fit_band(tiles: Sequence[_Tile], band: int, shifts: NDArray[np.int64], step: int) -> tuple[NDArray[np.int64], int]:
    """Return the weights and the coupling of a band, and move all tiles past it."""
    count = min(len(shifts), available(band))
    weights = fit_weights(*_gathered(tiles, band, count), shifts[:count], step)
    for tile in tiles:
        tile.first_pass(band, weights, shifts)
    products, squares = np.sum([tile.coupling_terms(band) for tile in tiles], axis=0)
    coupling = round(2**COUPLING_PLACES * float(products / max(squares, 1.0)))
    coupling = min(max(coupling, -LARGEST_COUPLING), LARGEST_COUPLING)
    for tile in tiles:
        tile.second_pass(band, coupling)
    return weights, coupling


def _gathered(tiles: Sequence[_Tile], band: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    every = -(-sum(tile.second.size for tile in tiles) // _MOST_PIXELS)
    parts = [tile.given(band, count, every) for tile in tiles]
    return np.concatenate([rows for rows, _ in parts], axis=1), np.concatenate([values for _, values in parts])


def _shifts(tiles: Sequence[_Tile], step: int) -> NDArray[np.int64]:
    """Return how precisely the weight of each regressor is stored, told from some bands as they are."""
    bands = len(tiles[0].valid)
    most = min(REGRESSORS, available(bands - 1))
    places = []
    for tile in tiles:
        tile.begin(most)
    for band in range(bands):
        if band % _SAMPLED_BANDS == _SAMPLED_BANDS - 1 or band == bands - 1:
            count = min(most, available(band))
            found = places_of(*_gathered(tiles, band, count), step)
            places.append(np.r_[found, np.full(most - count, np.nan)])
        for tile in tiles:
            tile.history.push(np.rint(tile.residuals[band]).astype(np.int64))
    shifts: NDArray[np.int64] = np.clip(np.rint(np.nanmedian(places, axis=0)), 0, PLACES).astype(np.int64)
    return shifts


def _fit_scales(tiles: Sequence[_Tile], bands: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the scale of each band and the offset of each context that take fewest bits, taken in turn."""
    costs = np.stack([bits_under(_MAGNITUDES, np.array(scale), np.array(0)) for scale in range(SCALES)], axis=1)
    scales = np.array(
        [best_scale(np.concatenate([tile.symbols[band][tile.valid[band]] for tile in tiles])) for band in range(bands)]
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
            symbols = tile.symbols[band]
            magnitudes = normalised(symbols, scale)
            contexts = np.where(
                tile.second,
                activity.contexts(np.where(tile.second, 0, magnitudes)),
                activity.contexts(None),
            )
            activity.push(magnitudes)
            at = np.searchsorted(_MAGNITUDES, np.abs(symbols), side="right") - 1
            index = np.ravel_multi_index((tile.second.astype(np.intp), contexts, at), shape)[tile.valid[band]]
            counts[band] += np.bincount(index, minlength=counts[band].size).reshape(shape)
    return counts

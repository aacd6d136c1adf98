"""What has to be known of all samples before a scene can be scaled, gathered tile by tile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.mask import NAN, NODATA, VALID, Mask
from xr_inr.core.source import SampleSource, tiles

_NO_MASK = b""


@dataclass
class BandFigures:
    """What is known of the valid samples of one band."""

    count: int = 0
    """How many there are."""

    first: Any = None
    """The first of them; None without any."""

    low: Any = None
    """The smallest of them."""

    high: Any = None
    """The largest of them."""

    total: float = 0.0
    """Their sum."""

    signs: frozenset[bool] = frozenset()
    """The signs they have, those of zeros included: whether negative."""

    @property
    def constant(self) -> bool:
        """Whether all are the same to the bit, so that -0.0 is not restored as 0.0."""
        return bool(self.low == self.high) and len(self.signs) == 1

    def see(self, inside: NDArray[Any]) -> None:
        """Take valid samples of one more tile into account."""
        if not len(inside):
            return
        low, high = inside.min(), inside.max()
        if self.count == 0:
            self.first, self.low, self.high = inside[0], low, high
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.count += len(inside)
        self.total += float(inside.sum(dtype=np.float64))
        if low == high:
            self.signs |= frozenset(np.unique(np.signbit(inside)).tolist()) if inside.dtype.kind == "f" else {False}


def classify(samples: NDArray[Any], marker: Any) -> NDArray[np.uint8] | None:
    """Return the classes of samples as `Mask` knows them, of their shape; None if all are valid.

    Parameters
    ----------
    samples
        Of any shape.
    marker
        What marks samples without measurement, in their dtype; None if nothing does. NaN is masked in any case.
    """
    classes = np.zeros(samples.shape, np.uint8)
    marked_by_nan = marker is not None and bool(np.isnan(marker))
    if samples.dtype.kind == "f":
        classes[np.isnan(samples)] = NODATA if marked_by_nan else NAN
    if marker is not None and not marked_by_nan:
        classes[samples == marker] = NODATA
    return classes if classes.any() else None


class MaskTiles:
    """Collects the distinct planes of a mask from tiles: bands that were alike so far share what is kept.

    Parameters
    ----------
    bands
        How many there are.
    """

    def __init__(self, bands: int) -> None:
        self._group_of_band = [0] * bands
        self._tiles: list[list[NDArray[np.uint8] | None]] = [[]]
        self._sizes: list[tuple[int, ...]] = []

    def see(self, classes: NDArray[np.uint8] | None, size: tuple[int, ...]) -> None:
        """Append the classes of one more tile, (bands, rows, width), or None where all of that size are valid."""
        self._sizes.append(size)
        if classes is None:
            for parts in self._tiles:
                parts.append(None)
            return
        groups: dict[tuple[int, bytes], int] = {}
        tiles_of: list[list[NDArray[np.uint8] | None]] = []
        for band, plane in enumerate(classes):
            masked = bool(plane.any())
            key = self._group_of_band[band], plane.tobytes() if masked else _NO_MASK
            if key not in groups:
                groups[key] = len(tiles_of)
                tiles_of.append([*self._tiles[key[0]], plane.copy() if masked else None])
            self._group_of_band[band] = groups[key]
        self._tiles = tiles_of

    def mask(self) -> Mask:
        """Return the mask of all tiles."""
        planes = [self._plane(group) for group in range(len(self._tiles))]
        return Mask.from_planes(self._group_of_band, planes)

    def _plane(self, group: int) -> NDArray[np.uint8]:
        parts = zip(self._tiles[group], self._sizes, strict=True)
        return np.concatenate([np.full(size, VALID, np.uint8) if part is None else part for part, size in parts])


def see_bands(figures: Sequence[BandFigures], tile: NDArray[Any], classes: NDArray[np.uint8] | None) -> None:
    """Take a tile, (bands, rows, width), into account in the figures of each band."""
    for band, (of_band, samples) in enumerate(zip(figures, tile, strict=True)):
        of_band.see(samples.ravel() if classes is None else samples[classes[band] == VALID])


def typical_sample(source: SampleSource, band: int, figures: BandFigures, mask: Mask) -> Any:
    """Return the valid sample of a band nearest to its mean: the mean itself could be what marks nodata."""
    mean = figures.total / figures.count
    found, least = figures.first, math.inf
    for rows in tiles(source.shape):
        samples, valid = source.read(rows)[band], mask.valid(np.array([band]), rows)
        inside = samples.ravel() if valid is None else samples[valid[0]]
        if len(inside):
            distances = np.abs(inside - mean)
            nearest = int(distances.argmin())
            if distances[nearest] < least:
                found, least = inside[nearest], float(distances[nearest])
    return found

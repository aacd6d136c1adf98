"""Which samples stand out: by how much each one leaves the range of those around it, more than bands next to it do.

A sample's neighbours are the eight pixels around it in its band; of their highest and their lowest value one each is
left out, so that two outliers side by side hide neither. What it leaves their range by is compared with the same of
the two bands on either side of it, of which the highest and the lowest are left out: what stands out in all bands is
an object, not an outlier.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.scene import Scene, Tile

_KEPT = 256
"""One of so many samples at most is kept."""

_BESIDE = tuple((down, across) for down in (0, 1, 2) for across in (0, 1, 2) if (down, across) != (1, 1))
_LEAST_BANDS = 3


@dataclass(frozen=True)
class StandingOut:
    """Samples that stand out, by rising pixel and, within a pixel, by rising band; all arrays (samples,)."""

    pixels: NDArray[np.int64]
    """Row times width plus column."""

    bands: NDArray[np.int64]
    """Which of the bands looked at."""

    heights: NDArray[np.float32]
    """By how much: what is to be taken from a sample for it to stand out no more."""

    @classmethod
    def of(cls, values: NDArray[np.float32], valid: NDArray[np.bool_] | None, first_pixel: int = 0) -> StandingOut:
        """Return those of some rows, of all samples that stand out the 256th part that does most.

        Parameters
        ----------
        values
            (bands, rows, width) samples, the lowest value there is where they are masked.
        valid
            The same shape, where samples count; None if all do.
        first_pixel
            Index of the first pixel.
        """
        heights = _heights(values, valid)
        flat = heights.reshape(len(values), -1).T.ravel()
        found = np.flatnonzero(flat)
        most = max(flat.size // _KEPT, 1)
        if len(found) > most:
            highest = np.argpartition(np.abs(flat[found]), len(found) - most)[len(found) - most :]
            found = np.sort(found[highest])
        pixels, bands = np.divmod(found, len(values))
        return cls(pixels + first_pixel, bands, flat[found])

    @classmethod
    def joined(cls, parts: list[StandingOut]) -> StandingOut:
        """Return those of some rows and of the rows after them as one; none where there are no parts."""
        none = cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
        names = ("pixels", "bands", "heights")
        return cls(*(np.concatenate([getattr(part, name) for part in (none, *parts)]) for name in names))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.pixels)

    def of_these(self, chosen: NDArray[np.bool_]) -> StandingOut:
        """Return some of them."""
        return StandingOut(self.pixels[chosen], self.bands[chosen], self.heights[chosen])


def standing_out_of(scene: Scene, tile: Tile) -> StandingOut:
    """Return the samples of a tile that stand out, on the scale of `Scene.values`, by index of the fitted band."""
    shape = len(tile.values), -1, scene.layout.shape[2]
    valid = None if tile.valid is None else tile.valid.reshape(shape)
    found = StandingOut.of(scene.unweighted(tile.values).reshape(shape), valid, tile.pixels.start)
    if scene.weights is None:
        return found
    return replace(found, heights=(found.heights * scene.weights[found.bands]).astype(np.float32))


def _heights(values: NDArray[np.float32], valid: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return by how much each sample stands out, (bands, rows, width); 0 for none."""
    bands, rows, width = values.shape
    if bands < _LEAST_BANDS or min(rows, width) == 1:
        return np.zeros_like(values)
    beyond = np.empty((bands + 4, rows, width), np.float32)
    for band in range(bands):
        beyond[band + 2] = _beyond(values[band])
    if valid is not None:
        beyond[2:-2][~valid] = 0.0
    # As if the bands went on mirrored.
    beyond[1], beyond[0], beyond[-2], beyond[-1] = beyond[3], beyond[4], beyond[-4], beyond[-5]
    heights = np.empty_like(values)
    for band in range(bands):
        one, two, own, three, four = beyond[band : band + 5]
        first = np.maximum(np.minimum(one, two), np.minimum(three, four))
        second = np.minimum(np.maximum(one, two), np.maximum(three, four))
        heights[band] = own - np.clip(own, np.minimum(first, second), np.maximum(first, second))
    if valid is not None:
        heights[~valid] = 0.0
    return heights


def _beyond(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by how much each sample of a band leaves the range of its neighbours, (rows, width); 0 within it."""
    rows, width = plane.shape
    padded = np.pad(plane, 1, mode="reflect")
    highest, high = np.full_like(plane, -np.inf), np.full_like(plane, -np.inf)
    lowest, low = np.full_like(plane, np.inf), np.full_like(plane, np.inf)
    for down, across in _BESIDE:
        beside = padded[down : down + rows, across : across + width]
        np.maximum(high, np.minimum(highest, beside), out=high)
        np.maximum(highest, beside, out=highest)
        np.minimum(low, np.maximum(lowest, beside), out=low)
        np.minimum(lowest, beside, out=lowest)
    found: NDArray[np.float32] = plane - np.clip(plane, low, high)
    # All around a corner lies on one side, so that any slope seems to end in an outlier.
    found[:: rows - 1, :: width - 1] = 0.0
    return found

"""Which weights of its neighbours best foretell a latent: weighted least squares, a class of subbands at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent import context
from xr_inr.core.latent.latents import Latents, mean_class
from xr_inr.core.latent.wavelet import Pyramid

_LARGEST_WEIGHT = 63
_FEWEST = 64


def fit_mean_weights(latents: Latents, pyramid: Pyramid) -> NDArray[np.int32]:
    """Return the `LatentSide.mean_weights` of latents; 0 where too few latents could tell."""
    padded = [np.pad(part, ((0, 0), (1, 1), (1, 1))).astype(np.float64) for part in latents]
    normal = np.zeros((context.MEAN_CLASSES, len(context.PASSES), 3, 3))
    right = np.zeros((context.MEAN_CLASSES, len(context.PASSES), 3))
    counts = np.zeros((context.MEAN_CLASSES, len(context.PASSES)))
    for place in context.places(pyramid):
        subband = pyramid.subbands[place.subband]
        row = mean_class(subband.orientation, subband.level)
        known = context.KNOWN[place.number]
        if row is None or not known:
            continue
        plane = padded[place.subband]
        value = place.of(plane)
        sums = np.stack([sum(place.of(plane, *offset) for offset in offsets) for offsets in known])
        busy = np.abs(sums).sum(0)
        heard = busy > 0
        # A latent counts by the inverse of its likely variance.
        weight = 1.0 / np.square(1.0 + busy[heard])
        inputs = sums[:, heard]
        size = len(known)
        normal[row, place.number, :size, :size] += (inputs * weight) @ inputs.T
        right[row, place.number, :size] += (inputs * weight) @ value[heard]
        counts[row, place.number] += heard.sum()
    found = np.zeros((context.MEAN_CLASSES, context.MEAN_WEIGHTS), np.int32)
    for row, number in np.ndindex(counts.shape):
        size = len(context.KNOWN[number])
        if size and counts[row, number] >= _FEWEST:
            matrix = normal[row, number, :size, :size]
            ridge = 1e-3 * np.trace(matrix) / size + 1e-9
            solved = np.linalg.solve(matrix + ridge * np.eye(size), right[row, number, :size])
            first = sum(len(pairs) for pairs in context.KNOWN[:number])
            rounded = np.clip(np.rint(context.MEAN_UNIT * solved), -_LARGEST_WEIGHT, _LARGEST_WEIGHT)
            found[row, first : first + size] = rounded.astype(np.int32)
    return found

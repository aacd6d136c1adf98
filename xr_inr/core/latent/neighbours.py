"""Which weights of its neighbours best foretell a latent: weighted least squares, a class of subbands at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent import context
from xr_inr.core.latent.latents import Latents, mean_class
from xr_inr.core.latent.silent import silent_in
from xr_inr.core.latent.wavelet import Pyramid

_LARGEST_WEIGHT = 63
_FEWEST = 64

Floats = NDArray[np.float64]


def fit_mean_weights(
    latents: Latents,
    pyramid: Pyramid,
    parts: Sequence[slice] = (slice(None),),
    unit: int = 1,
    repeated: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Return the `LatentSide.mean_weights` of latents; 0 where too few latents could tell.

    Parameters
    ----------
    latents
        One array a subband, (components, height, width).
    pyramid
        The subbands.
    parts
        The components of each chunk.
    unit
        The latents count quantiser steps over this.
    repeated
        As `LatentSide.repeated`, a plane for each part: what is silent tells nothing.

    Returns
    -------
    ndarray
        (`MEAN_CLASSES`, `MEAN_WEIGHTS`), and chunks along a third axis if there are several.
    """
    padded = [_bordered(part) / unit for part in latents]
    shape = (context.MEAN_CLASSES, len(context.PASSES), len(latents[0]))
    normal, right, counts = np.zeros((*shape, 3, 3)), np.zeros((*shape, 3)), np.zeros(shape)
    for place in context.places(pyramid):
        subband = pyramid.subbands[place.subband]
        row = mean_class(subband.orientation, subband.level)
        known = context.KNOWN[place.number]
        if row is None or not known:
            continue
        plane = padded[place.subband]
        value = place.of(plane)
        sums = np.stack([sum(place.of(plane, *offset) for offset in offsets) for offsets in known], 1)
        sums = sums.reshape(*sums.shape[:2], -1)
        busy = np.abs(sums).sum(1, keepdims=True)
        # A latent counts by the inverse of its likely variance; one whose neighbours are all 0 adds nothing.
        weighted = sums / np.square(1.0 + busy)
        silent = silent_in(repeated, subband)
        if silent is not None:
            row_of_pass, column = context.PASSES[place.number]
            for part, quiet in zip(parts, silent, strict=True):
                weighted[part] *= ~quiet[row_of_pass::2, column::2].ravel()
        size = len(known)
        normal[row, place.number, :, :size, :size] += weighted @ sums.swapaxes(1, 2)
        right[row, place.number, :, :size] += (weighted @ value.reshape(len(value), -1, 1))[..., 0]
        counts[row, place.number] += np.count_nonzero(busy, axis=(1, 2))
    found = [_solved(*(sums[:, :, part].sum(2) for sums in (normal, right, counts))) for part in parts]
    return found[0] if len(found) == 1 else np.stack(found, -1)


def _bordered(part: NDArray[np.int32]) -> Floats:
    """Return a subband with zeros around it."""
    components, height, width = part.shape
    found = np.zeros((components, height + 2, width + 2))
    found[:, 1:-1, 1:-1] = part
    return found


def _solved(normal: Floats, right: Floats, counts: Floats) -> NDArray[np.int32]:
    """Return the weights of one chunk from its normal equations, by class and pass."""
    size = normal.shape[-1]
    energies = np.trace(normal, axis1=2, axis2=3)
    ridges = 1e-3 * energies / np.array([max(len(pairs), 1) for pairs in context.KNOWN]) + 1e-9
    solved = np.linalg.solve(normal + ridges[..., None, None] * np.eye(size), right[..., None])[..., 0]
    solved[counts < _FEWEST] = 0.0
    found = np.clip(np.rint(context.MEAN_UNIT * solved), -_LARGEST_WEIGHT, _LARGEST_WEIGHT).astype(np.int32)
    return np.concatenate([found[:, number, : len(pairs)] for number, pairs in enumerate(context.KNOWN)], axis=1)

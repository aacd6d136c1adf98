"""Energies of the latents of a subband: how they go together, and what they are around each place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LATENTS_AT_ONCE = 2**16


def covariance(part: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean of products of the components of a subband, (components, components)."""
    flat = part.reshape(len(part), -1)
    found = np.zeros((len(flat), len(flat)))
    for start in range(0, flat.shape[1], _LATENTS_AT_ONCE):
        few = flat[:, start : start + _LATENTS_AT_ONCE].astype(np.float64)
        found += few @ few.T
    return found / flat.shape[1]


def averaged(energies: NDArray[np.floating], silent: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Return means of 3 x 3 energies; where latents are silent, (1, height, width), 0, and they count in no mean."""
    if silent is None or not silent.any():
        return _means(energies)
    shares = np.maximum(_means((~silent).astype(np.float32)), np.float32(1 / 9))
    return np.where(silent, np.float32(0.0), _means(np.where(silent, 0.0, energies)) / shares)


def _means(energies: NDArray[np.floating]) -> NDArray[np.float32]:
    if min(energies.shape[-2:]) < 2:
        return energies.astype(np.float32)
    padded = np.pad(energies, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    means: NDArray[np.float32] = ((rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9.0).astype(np.float32)
    return means

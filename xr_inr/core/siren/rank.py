"""How many spectral components a budget is worth, told without fitting.

A SIREN of N parameters comes as close to a scene as its N largest Fourier coefficients do, over all components
together. So the rank is the one whose predicted error is smallest, a longer basis leaving less for the network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.scene import Scene
from xr_inr.core.spectral import Analysis

_MOST_COMPONENTS = 64
_PATIENCE = 6
_BINS_PER_OCTAVE = 8
_OCTAVES = 80


def ranks_by_error(scene: Scene, analysis: Analysis, parameters: Callable[[int], int]) -> list[int]:
    """Return ranks by rising predicted error, from 1 to some beyond the best.

    Parameters
    ----------
    scene
        The scene.
    analysis
        Its KLT.
    parameters
        How many numbers the network may have beside a basis of that rank.

    Returns
    -------
    list of int
        At least one.
    """
    pixels = scene.values.shape[1] if scene.valid is None else int(scene.valid.any(axis=0).sum())
    counts = np.zeros(_OCTAVES * _BINS_PER_OCTAVE)
    energies = np.zeros_like(counts)
    errors: dict[int, float] = {}
    best = 1
    for rank in range(1, min(len(analysis.mean), _MOST_COMPONENTS) + 1):
        if parameters(rank) < 1 or rank > best + _PATIENCE:
            break
        _count_coefficients(_component(scene, analysis, rank - 1), counts, energies)
        error = _without_largest(counts, energies, parameters(rank)) + analysis.energies[rank:].sum() * pixels
        errors[rank] = error
        if error < errors[best]:
            best = rank
    return sorted(errors, key=errors.__getitem__) or [best]


def _component(scene: Scene, analysis: Analysis, index: int) -> NDArray[np.float64]:
    direction = analysis.vectors[:, index].astype(np.float32)
    flat = direction @ scene.values
    # Masked samples are 0 in `values`: they shall be the mean.
    means = direction * analysis.mean.astype(np.float32)
    flat -= means.sum() if scene.valid is None else means @ scene.valid
    component: NDArray[np.float64] = flat.reshape(scene.layout.shape[1:]).astype(np.float64)
    return component


def _count_coefficients(plane: NDArray[np.float64], counts: NDArray[np.float64], energies: NDArray[np.float64]) -> None:
    """Sort the squared Fourier coefficients of a plane into bins, added to those of the planes before."""
    squares = np.square(np.abs(np.fft.fft2(plane, norm="ortho"))).ravel()
    bins = np.log2(np.maximum(squares, 1e-30)) * _BINS_PER_OCTAVE + len(counts) * 3 // 4
    index = np.clip(bins.astype(np.int64), 0, len(counts) - 1)
    counts += np.bincount(index, minlength=len(counts))
    energies += np.bincount(index, weights=squares, minlength=len(counts))


def _without_largest(counts: NDArray[np.float64], energies: NDArray[np.float64], number: int) -> float:
    """Return the energy of all coefficients but the `number` largest."""
    before = np.cumsum(counts[::-1])[::-1] - counts
    kept = np.clip((number - before) / np.maximum(counts, 1), 0.0, 1.0)
    return float(((1.0 - kept) * energies).sum())

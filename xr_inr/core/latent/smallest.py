"""The smallest payload of a scene: no component, a mean spectrum alone. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import Section, container_bytes
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.scene import Scene

_MEAN_STEP = 0.25
"""Step of the mean spectrum, in standard deviations of the samples about it: rounding costs 0.02 dB."""

_FINEST_STEP = 2.0**-20


def mean_only(scene: Scene) -> LatentBasis:
    """Return the basis of rank 0 that stands for a scene of which nothing but the mean spectrum is kept.

    Parameters
    ----------
    scene
        The scene; at least one band must be fitted.
    """
    bands = len(scene.layout.fitted_bands)
    totals, counts, squares = np.zeros(bands), np.zeros(bands, np.int64), 0.0
    for band, inside in _valid(scene):
        totals[band] += inside.sum(dtype=np.float64)
        counts[band] += inside.size
    means = totals / counts
    for band, inside in _valid(scene):
        squares += float(np.square(inside - np.float32(means[band]), dtype=np.float64).sum())
    step = np.float32(max(_MEAN_STEP * math.sqrt(squares / int(counts.sum())), _FINEST_STEP))
    return LatentBasis(
        step=step,
        mean_levels=np.rint(means / float(step)).astype(np.int64),
        mean_bits=0,
        direction_levels=np.zeros((len(means), 0), np.int64),
        direction_bits=np.zeros(0, np.int64),
    )


def _valid(scene: Scene) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the band and the valid samples of each band of each tile."""
    for tile in scene.tiles():
        for band, values in enumerate(scene.unweighted(tile.values)):
            yield band, values if tile.valid is None else values[tile.valid[band]]


def smallest_payload(scene: Scene) -> int:
    """Return the bytes of the smallest payload a scene can be stored in."""
    sections = {tag: len(content) for tag, content in scene.layout.to_sections().items()}
    if len(scene.layout.fitted_bands):
        sections[Section.LATENT_BASIS] = len(mean_only(scene).to_bytes())
    return container_bytes(sections)

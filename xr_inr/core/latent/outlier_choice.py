"""Which samples of a scene a fit tells of one by one, and the scene that is left to its planes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.outlier_list import MOST_LEVEL_BITS, bits_of_one
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.outliers import Mended, Outliers
from xr_inr.core.scene import Scene
from xr_inr.core.standing_out import StandingOut

_LEVELS_A_STEP = 1.5
"""A level spans at most so many quantiser steps: half as many would take a bit more, and spare less than it is worth."""


def chosen(seen: StandingOut, size: int, step: float, level_bits: int) -> NDArray[np.bool_]:
    """Return those whose squared heights are more than what telling of them takes.

    Parameters
    ----------
    seen
        Samples that stand out, on the [0, 1] scale of the scene.
    size
        Samples of the fitted bands.
    step
        Quantiser step, on that scale.
    level_bits
        Bits of the value of one.
    """
    squares = np.square(seen.heights / np.float32(step), dtype=np.float64)
    found: NDArray[np.bool_] = np.ones(len(seen), np.bool_)
    for _ in range(2):
        bits = bits_of_one(max(int(found.sum()), 1), size, level_bits)
        found = squares > WEIGHT * bits
    return found


def level_bits_for(step: float) -> int:
    """Return the bits of a value that is to be as good as a quantiser step, on the [0, 1] scale, asks for."""
    return int(np.clip(math.ceil(-math.log2(_LEVELS_A_STEP * step)), 1, MOST_LEVEL_BITS))


def told_apart(scene: Scene, seen: StandingOut, level_bits: int) -> tuple[Scene, Outliers]:
    """Return a scene where some samples stand out no more, and these samples as they are.

    Parameters
    ----------
    scene
        The scene.
    seen
        The samples, at least one.
    level_bits
        Bits of the value of one.
    """
    layout = scene.layout
    width, spread = layout.shape[2], float(layout.high) - float(layout.low)
    weights = 1.0 if scene.weights is None else scene.weights[seen.bands]
    bands = layout.fitted_bands[seen.bands]
    own = np.empty(len(seen))
    rows = seen.pixels // width
    for row in np.unique(rows).tolist():
        here = rows == row
        own[here] = scene.source.read((row, row + 1))[bands[here], 0, seen.pixels[here] % width]
    top = (1 << level_bits) - 1
    levels = np.rint((own - float(layout.low)) / spread * top).astype(np.int64)
    rest = np.clip(own - seen.heights / weights * spread, float(layout.low), float(layout.high))
    if layout.dtype.kind in "iu":
        rest = np.rint(rest)
    mended = Mended(scene.source, seen.pixels, bands, rest.astype(layout.dtype))
    return replace(scene, source=mended), Outliers(seen.pixels, seen.bands, levels, level_bits)

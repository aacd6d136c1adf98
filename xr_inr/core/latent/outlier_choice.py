"""Which samples of a scene a fit tells of one by one, and the scene that is left to its planes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xr_inr.core.latent.outlier_list import MOST_LEVEL_BITS, bits_of_one
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.outliers import Mended, Outliers
from xr_inr.core.scene import Scene
from xr_inr.core.source import tiles
from xr_inr.core.standing_out import StandingOut

_MARGINS = (1.0, 2.0, 8.0)
"""What a squared height is at least, over what a sample takes: a part of it may be spared without telling of it."""

_LEVELS_A_STEP = 1.5
"""A level spans at most so many quantiser steps: half as many take a bit more, and spare less than it is worth."""


def choices(seen: StandingOut, size: int, step: float) -> Iterator[StandingOut]:
    """Yield samples that are likely to be worth telling of: first many, then fewer that stand out more.

    Parameters
    ----------
    seen
        Samples that stand out, on the [0, 1] scale of the scene.
    size
        Samples of the fitted bands.
    step
        Quantiser step, on that scale.
    """
    squares = np.square(seen.heights / np.float32(step), dtype=np.float64)
    last = 0
    for margin in _MARGINS:
        found = np.ones(len(seen), np.bool_)
        for _ in range(2):
            # The fewer there are, the more bits one takes.
            bits = bits_of_one(max(int(found.sum()), 1), size, level_bits_for(step))
            found = squares > margin * WEIGHT * bits
        count = int(found.sum())
        if count == 0:
            return
        if count != last:
            yield seen.of_these(found)
        last = count


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
    down, across = np.divmod(seen.pixels, width)
    for start, stop in tiles(layout.shape):
        here = slice(*down.searchsorted([start, stop]))
        if here.start < here.stop:
            own[here] = scene.source.read((start, stop))[bands[here], down[here] - start, across[here]]
    top = (1 << level_bits) - 1
    levels = np.rint((own - float(layout.low)) / spread * top).astype(np.int64)
    heights = seen.heights.astype(np.float64) / weights
    rest = np.clip(own - heights * spread, float(layout.low), float(layout.high))
    if layout.dtype.kind in "iu":
        rest = np.rint(rest)
    mended = Mended(scene.source, seen.pixels, bands, rest.astype(layout.dtype))
    return replace(scene, source=mended), Outliers(seen.pixels, seen.bands, levels, level_bits)

"""The spectra that a page holds: a grid of pixels and the worst ones, as 16-bit integers."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.scenes import Scenes
from xr_inr.views import Views

MOST_PIXELS = 2500
"""Pixels whose spectra a page holds."""

MOST_SAMPLES = 300_000
"""Samples of these spectra, original and decoded counted once: 1.6 MB of text."""

_MISSING = -32768
_HIGHEST = 32767


@dataclass(frozen=True)
class Samples:
    """Spectra of some pixels."""

    pixels: NDArray[np.int64]
    """(pixels, 2) rows and columns."""

    spectra: NDArray[np.float64]
    """(pixels, bands) of the original, or of the decoded scene where there is none; NaN where masked."""

    errors: NDArray[np.float64] | None
    """(pixels, bands) decoded less original; None without the original."""

    marked: dict[str, int]
    """Which pixel is that of the largest 'rmse' and of the largest 'angle'."""

    exact: bool
    """Whether samples are integers."""

    def to_json(self) -> dict[str, Any]:
        """Return the spectra as JSON values, arrays as little-endian 16- and 32-bit integers in base64."""
        return {
            "rows": _text(self.pixels[:, 0].astype("<i4")),
            "columns": _text(self.pixels[:, 1].astype("<i4")),
            "spectra": _quantised(self.spectra, exact=self.exact),
            "errors": None if self.errors is None else _quantised(self.errors, exact=self.exact),
            "marked": self.marked,
        }


def sample_spectra(scenes: Scenes, views: Views) -> Samples:
    """Read the spectra of a grid of pixels and of the worst ones."""
    bands, height, width = views.shape
    most = max(1, min(MOST_PIXELS, MOST_SAMPLES // bands))
    step = max(1, math.ceil(math.sqrt(height * width / most)))
    while -(-height // step) * -(-width // step) > most:
        step += 1
    grid = np.stack(
        np.meshgrid(*(np.arange(min(step // 2, side - 1), side, step) for side in (height, width)), indexing="ij"), -1
    ).reshape(-1, 2)
    seen = views.decoded[..., 3] > 0
    grid = grid[seen[grid[:, 0] // views.factor, grid[:, 1] // views.factor]]
    worst = {} if views.errors is None else views.errors.worst
    pixels = np.concatenate([np.array(list(worst.values()), np.int64).reshape(-1, 2), grid])
    original, decoded = scenes.spectra(pixels)
    valid = ~np.isnan(decoded).all(axis=1)
    pixels, decoded = pixels[valid], decoded[valid]
    original = None if original is None else original[valid]
    return Samples(
        pixels=pixels,
        spectra=decoded if original is None else original,
        errors=None if original is None else decoded - original,
        marked={name: place for place, name in enumerate(worst)},
        exact=np.dtype(scenes.stored_dtype).kind in "iu",
    )


def _quantised(values: NDArray[np.float64], *, exact: bool) -> dict[str, Any]:
    """Return values as 16-bit integers with their step and offset; integers of a small range exactly."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    whole = exact and high - low <= 2 * _HIGHEST
    middle = float(math.floor((low + high) / 2)) if whole else (low + high) / 2
    step = 1.0 if whole else (high - low) / (2 * _HIGHEST) or 1.0
    levels = np.where(np.isfinite(values), np.rint((np.nan_to_num(values) - middle) / step), _MISSING)
    return {"data": _text(levels.astype("<i2")), "step": step, "offset": middle}


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")

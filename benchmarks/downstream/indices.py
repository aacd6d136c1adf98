"""Vegetation indices of Indian Pines: their maps, and how far compression moves them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

INDICES = {"ndvi": (800.0, 670.0), "ndre": (800.0, 720.0)}
"""Nanometres of a and b in (a - b) / (a + b): Rouse et al. (1974), and Gitelson and Merzlyak (1994) at the red edge."""

DARK = 1000
"""Added to the radiance, in units of 1/500, that the samples hold: D. Landgrebe and L. Biehl, "Information on 220
Channel AVIRIS Data Set", Purdue University, which also lists the centres of the bands."""

COLUMNS = tuple(f"{index}_{figure}" for index in INDICES for figure in ("std", "rmse", "max_error"))
"""What `index_errors` returns; `ndvi_std` is the spread of the map itself."""


def index_map(scene: NDArray[Any], wavelengths: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return one of `INDICES`, (height, width), of radiances at the bands nearest to its wavelengths; 0 where dark."""
    a, b = (
        scene[int(np.abs(wavelengths - nanometres).argmin())].astype(np.float64) - DARK for nanometres in INDICES[name]
    )
    values: NDArray[np.float64] = np.divide(a - b, a + b, out=np.zeros_like(a), where=a + b > 0)
    return values


def index_errors(scene: NDArray[Any], original: NDArray[Any], wavelengths: NDArray[np.float64]) -> dict[str, float]:
    """Return spread, root mean square error and largest error of each index."""
    found: dict[str, float] = {}
    for name in INDICES:
        values = index_map(scene, wavelengths, name)
        error = values - index_map(original, wavelengths, name)
        found |= {
            f"{name}_std": float(values.std()),
            f"{name}_rmse": float(np.sqrt(np.square(error).mean())),
            f"{name}_max_error": float(np.abs(error).max()),
        }
    return found

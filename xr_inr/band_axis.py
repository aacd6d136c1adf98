"""What the bands of a scene are drawn over, and which of them stand for red, green and blue."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

_RGB_NANOMETRES = (660.0, 550.0, 470.0)
_RGB_SHARES = (0.13, 0.08, 0.04)
_GAP = 3
"""Bands are missing between two that are this many usual steps apart."""

_MOST_STEPS_BACK = 0.1
_UNITS = {"nanometers": "nm", "nanometres": "nm", "nanometer": "nm", "micrometers": "µm", "um": "µm", "microns": "µm"}


@dataclass(frozen=True)
class BandAxis:
    """The horizontal axis of plots over bands."""

    values: NDArray[Any]
    """(bands,) wavelengths where every band has one, else band numbers, from 1."""

    name: str
    """'wavelength' or 'band'."""

    unit: str
    """Of the values; empty for band numbers."""

    @classmethod
    def of(cls, scene: xr.DataArray, band_dim: Hashable) -> Self:
        """Return the axis of a scene."""
        wavelengths = _wavelengths(scene)
        if wavelengths is not None and np.isfinite(wavelengths).all() and _rises(wavelengths):
            unit = str(scene["wavelength"].attrs.get("units", "nm"))
            return cls(wavelengths, "wavelength", _UNITS.get(unit.lower(), unit))
        return cls.numbered(scene.sizes[band_dim])

    @classmethod
    def numbered(cls, bands: int) -> Self:
        """Return the axis of bands of which only their number is known."""
        return cls(np.arange(1, bands + 1), "band", "")

    @property
    def label(self) -> str:
        """What stands below the axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def starts(self) -> NDArray[np.int64]:
        """The bands, from 0, before which a curve stops: the next detector begins, or bands are missing between."""
        steps = np.diff(self.values)
        usual = np.median(steps) if len(steps) else 0.0
        return np.flatnonzero((steps <= 0) | (steps > _GAP * usual)) + 1

    def curve(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y of a curve over bands, NaN where it stops."""
        x = np.insert(self.values.astype(np.float64), self.starts, np.nan)
        return x, np.insert(values.astype(np.float64), self.starts, np.nan)


def colour_bands(scene: xr.DataArray, band_dim: Hashable) -> list[int]:
    """Return the indices of the bands shown as red, green and blue.

    Those nearest to 660, 550 and 470 nm where wavelengths tell three of them; else three near the start, where the
    visible bands of most sensors are.
    """
    wavelengths = _wavelengths(scene)
    if wavelengths is not None and np.isfinite(wavelengths).any():
        nanometres = wavelengths * (1000.0 if np.nanmax(wavelengths) < 100 else 1.0)
        found = [int(np.nanargmin(np.abs(nanometres - target))) for target in _RGB_NANOMETRES]
        if len(set(found)) == 3:
            return found
    count = scene.sizes[band_dim]
    return [min(count - 1, int(share * count)) for share in _RGB_SHARES]


def _rises(wavelengths: NDArray[np.float64]) -> bool:
    """Whether wavelengths rise with the bands, but for those of a few detectors that overlap."""
    back = int((np.diff(wavelengths) <= 0).sum())
    return back == 0 or back < len(wavelengths) * _MOST_STEPS_BACK


def _wavelengths(scene: xr.DataArray) -> NDArray[np.float64] | None:
    """Return the wavelength of each band; None without a coordinate of numbers along the bands."""
    if "wavelength" not in scene.coords or scene["wavelength"].dtype.kind not in "iuf" or scene["wavelength"].ndim != 1:
        return None
    return scene["wavelength"].to_numpy().astype(np.float64)

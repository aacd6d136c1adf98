"""A quality to reach, PSNR or spectral angle, on a scale of decibels. Needs no torch.

At small angles a spectral angle is in proportion to the root mean square error, so -20 log10 of it gains as many
decibels as the PSNR does: what steers a fit to one steers it to the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xr_inr.core.metrics import Figures
from xr_inr.core.scene import Scene

_ROUNDING = 1e-9
"""dB that keep the rounding of logarithms from passing an angle beyond the one asked for."""

_HALVINGS = 60
_FINEST, _COARSEST = -60.0, 20.0
"""Octaves of error, over the root mean square of spectra, between which that of an angle is looked for."""


@dataclass(frozen=True)
class Quality:
    """What decoded samples must reach at least."""

    name: str
    """The target: 'psnr' or 'sam'."""

    asked: float
    """Its value: dB, or degrees."""

    @property
    def wanted(self) -> float:
        """The value in dB: the PSNR, or -20 log10 of the angle in degrees."""
        return self.asked if self.name == "psnr" else _decibels(self.asked) + _ROUNDING

    def reached(self, figures: Figures) -> float:
        """Return what decoded samples reach, in dB as `wanted`; minus infinity where no pixel has an angle."""
        return figures.psnr if self.name == "psnr" else _decibels(figures.sam)

    def said(self, decibels: float) -> str:
        """Return a value of `reached` in words."""
        return f"{decibels:.2f} dB" if self.name == "psnr" else f"{10.0 ** (-decibels / 20.0):.4g} degrees"

    def psnr_of(self, scene: Scene) -> float:
        """Return about the PSNR, in dB, at which a fit of a scene reaches this.

        For an angle it is that of errors of equal size at all pixels, at right angles to the spectra.
        """
        return self.asked if self.name == "psnr" else _psnr_of_angle(scene, self.asked)


def _decibels(angle: float) -> float:
    if math.isnan(angle):
        return -math.inf
    return math.inf if angle <= 0 else -20.0 * math.log10(angle)


def _psnr_of_angle(scene: Scene, angle: float) -> float:
    # In parts of the peak, which a float32 always holds.
    low = np.float32(float(scene.layout.low) / (scene.peak or 1.0))
    spread = np.float32((float(scene.layout.high) - float(scene.layout.low)) / (scene.peak or 1.0))
    parts = []
    for tile in scene.tiles():
        samples = low + spread * scene.unweighted(tile.values)
        if tile.valid is not None:
            samples[~tile.valid] = 0.0
        squares = np.einsum("ij,ij->j", samples, samples, dtype=np.float64)
        parts.append(squares[squares > 0])
    lengths = np.sqrt(np.concatenate(parts))
    if not len(lengths):
        return 0.0
    unit = math.sqrt(float(np.square(lengths).mean()))
    low_octave, high_octave = _FINEST, _COARSEST
    for _ in range(_HALVINGS):
        octave = (low_octave + high_octave) / 2
        if np.degrees(np.arctan(unit * 2.0**octave / lengths)).mean() > angle:
            high_octave = octave
        else:
            low_octave = octave
    error = unit * 2.0**low_octave / math.sqrt(len(scene.layout.fitted_bands))
    return -20.0 * math.log10(error)

"""How far a decoded scene is from the original: MSE, PSNR, spectral angle, largest error; block by block.

Masked samples do not count. MSE and PSNR are the paper's eq. 2 and 3, with R the largest absolute value of the
original's valid samples; the spectral angle is that of Kruse et al. (1993), per pixel over its valid bands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Figures:
    """The error of a decoded scene, summed so that the figures of several blocks can be merged."""

    valid_samples: NDArray[np.int64]
    """(bands,) samples that count."""

    squared_errors: NDArray[np.float64]
    """(bands,) summed squared error, in data units squared."""

    max_errors: NDArray[np.float64]
    """(bands,) largest absolute error, in data units."""

    peaks: NDArray[np.float64]
    """(bands,) largest absolute value of the original."""

    angle_sum: float
    """Summed spectral angle, in degrees."""

    angles: int
    """Pixels with an angle: at least one valid band, and neither spectrum zero throughout."""

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.valid_samples + other.valid_samples,
            self.squared_errors + other.squared_errors,
            np.maximum(self.max_errors, other.max_errors),
            np.maximum(self.peaks, other.peaks),
            self.angle_sum + other.angle_sum,
            self.angles + other.angles,
        )

    @property
    def peak(self) -> float:
        """R, the largest absolute value of the original."""
        return float(self.peaks.max())

    @property
    def mse(self) -> float:
        """Mean squared error over all valid samples, in data units squared; NaN without any."""
        count = int(self.valid_samples.sum())
        return float(self.squared_errors.sum()) / count if count else math.nan

    @property
    def psnr(self) -> float:
        """PSNR in dB over all valid samples; infinite where they are equal."""
        return psnr(self.mse, self.peak)

    @property
    def max_error(self) -> float:
        """Largest absolute error, in data units."""
        return float(self.max_errors.max())

    @property
    def sam(self) -> float:
        """Mean spectral angle, in degrees; NaN without any."""
        return self.angle_sum / self.angles if self.angles else math.nan

    @property
    def band_mse(self) -> NDArray[np.float64]:
        """(bands,) mean squared error; NaN for bands without a valid sample."""
        counts = np.where(self.valid_samples > 0, self.valid_samples, np.nan)
        result: NDArray[np.float64] = self.squared_errors / counts
        return result

    @property
    def band_psnr(self) -> NDArray[np.float64]:
        """(bands,) PSNR in dB, each band against its own largest absolute value."""
        return np.array([psnr(mse, peak) for mse, peak in zip(self.band_mse, self.peaks, strict=True)])


def psnr(mse: float, peak: float) -> float:
    """Return 10 log10(peak**2 / mse), the paper's eq. 3: infinite for no error, NaN for no samples or a zero peak."""
    if math.isnan(mse) or (peak == 0 and mse > 0):
        return math.nan
    return math.inf if mse == 0 else 10.0 * math.log10(peak * peak / mse)


def compare(original: NDArray[Any], decoded: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> Figures:
    """Measure one block.

    Parameters
    ----------
    original, decoded
        Samples, shape (bands, ...), the same shape.
    valid
        Which samples count, of that shape; all if None. Samples that are NaN in either never count.

    Returns
    -------
    Figures
        The figures of this block; add those of other blocks to get those of a scene.
    """
    bands = len(original)
    first = original.reshape(bands, -1).astype(np.float64)
    second = decoded.reshape(bands, -1).astype(np.float64)
    counts = np.isfinite(first) & np.isfinite(second)
    if valid is not None:
        counts &= valid.reshape(bands, -1)
    first = np.where(counts, first, 0.0)
    second = np.where(counts, second, 0.0)
    error = np.abs(first - second)
    angles = spectral_angles(first, second)
    return Figures(
        valid_samples=counts.sum(axis=1),
        squared_errors=np.square(error).sum(axis=1),
        max_errors=error.max(axis=1, initial=0.0),
        peaks=np.abs(first).max(axis=1, initial=0.0),
        angle_sum=float(angles.sum()),
        angles=len(angles),
    )


def spectral_angles(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angles between spectra, in degrees (Kruse et al., 1993).

    Parameters
    ----------
    first, second
        Samples, shape (bands, pixels), without NaN.

    Returns
    -------
    numpy.ndarray
        One angle for each pixel whose two spectra are both not zero throughout.
    """
    norms = np.sqrt(np.square(first).sum(axis=0)) * np.sqrt(np.square(second).sum(axis=0))
    measured = norms > 0
    cosine = (first * second).sum(axis=0)[measured] / norms[measured]
    result: NDArray[np.float64] = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return result

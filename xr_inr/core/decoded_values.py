"""From what a model gives to samples in the scene's dtype and range."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.scene_layout import SceneLayout

_COMPILED = [np.dtype(name) for name in ("u1", "i1", "u2", "i2")]
"""Samples, in native byte order, that the C kernel makes, by the number that it knows them by."""


def restore(values: NDArray[np.float64], layout: SceneLayout) -> NDArray[Any]:
    """Bring values on the [0, 1] scale, overwritten, back to data units and the scene's dtype, within its range."""
    low, high = float(layout.low), float(layout.high)
    if kernels.KERNELS is not None and layout.dtype in _COMPILED and values.flags.c_contiguous:
        samples = np.empty(values.shape, layout.dtype)
        kernels.KERNELS.restore(values, high - low, low, high, _COMPILED.index(layout.dtype), samples)
        return beside_nodata(samples, layout)
    values *= high - low
    values += low
    np.clip(values, low, high, out=values)
    if layout.dtype.kind in "iu":
        np.rint(values, out=values)
    return beside_nodata(values.astype(layout.dtype), layout)


def restore_planes(
    planes: NDArray[np.float32], basis: LatentBasis, bands: NDArray[np.intp], layout: SceneLayout
) -> NDArray[Any]:
    """Return the samples of planes, (bands, pixels): those that `restore` makes of `basis.spectra`.

    Parameters
    ----------
    planes
        (rank, pixels) whole numbers, in 2**-6 steps.
    basis
        What makes spectra of them.
    bands
        Which of the fitted bands.
    layout
        The scene.
    """
    if kernels.KERNELS is None or layout.dtype not in _COMPILED:
        return restore(basis.spectra(planes, bands), layout)
    low, high = float(layout.low), float(layout.high)
    samples = np.empty((len(bands), planes.shape[1]), layout.dtype)
    scaled = high - low, low, high, _COMPILED.index(layout.dtype)
    directions, means, step = basis.factors(bands)
    kernels.KERNELS.spectra(directions, means, step, np.ascontiguousarray(planes), *scaled, samples)
    return beside_nodata(samples, layout)


def beside_nodata(samples: NDArray[Any], layout: SceneLayout) -> NDArray[Any]:
    """Move samples that equal nodata, in place, to the value next to it: a valid one must not decode to nodata."""
    nodata = layout.nodata
    if nodata is not None and float(layout.low) <= float(nodata) <= float(layout.high):
        samples[samples == nodata] = _beside(nodata, layout)
    return samples


def _beside(nodata: Any, layout: SceneLayout) -> Any:
    """Return the value next to nodata within the value range."""
    rises = bool(nodata < layout.high)
    if layout.dtype.kind in "iu":
        return int(nodata) + (1 if rises else -1)
    return np.nextafter(nodata, layout.high if rises else layout.low)

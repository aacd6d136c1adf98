"""Error against bits: what a bit is worth, and about what subbands cost before any latent of them is rounded.

Error and bits stand in one sum, in bits: squared error over `WEIGHT`, plus rate. With local energy e, in squared steps,
a latent rounded with a dead zone leaves about e / (1 + 12 e), and takes about 1/2 log2(1 + 4 e) bits, the rate of a
Gaussian whose variance the context tells, times what was measured over it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

WEIGHT = 0.14
"""Squared steps that a bit is worth: lambda over the squared step."""

RATE_SCALE = 4.0
"""What an energy, in squared steps, is multiplied with in the logarithm of the rate."""

NOISE = 12.0
"""One over the squared error, in squared steps, that rounding leaves of a large latent."""

CALIBRATION = 1.4
"""Measured bits over those of Gaussian subbands whose local variance is known."""

_RATE_SHARE = 0.5 * CALIBRATION
_ENTRY_SCALE = 8.0


def coding_bits(subbands: list[Tensor]) -> Tensor:
    """Return about what subbands cost when they are coded: bits, and error in bits.

    Parameters
    ----------
    subbands
        One tensor a subband, (components, height, width), in quantiser steps. The energy of a latent is that of the
        3 x 3 latents about it.
    """
    total = subbands[0].new_zeros(())
    for part in subbands:
        energy = _around(part.square())
        error = energy / (WEIGHT * (1.0 + NOISE * energy))
        total = total + (error + _RATE_SHARE * torch.log2(1.0 + RATE_SCALE * energy)).sum()
    return total


def coding_slopes(subband: Tensor) -> Tensor:
    """Return the gradient of the `coding_bits` of a subband, by hand: a fit asks for it thousands of times."""
    energy = _around(subband.square())
    of_error = (energy * NOISE).add_(1.0).square_().mul_(WEIGHT).reciprocal_()
    of_rate = energy.mul_(RATE_SCALE).add_(1.0).reciprocal_()
    slopes = of_error.add_(of_rate, alpha=_RATE_SHARE * RATE_SCALE / math.log(2.0))
    # Means over neighbours are their own transpose, edges included.
    return _around(slopes).mul_(subband).mul_(2.0)


def _around(values: Tensor) -> Tensor:
    """Return the means of 3 x 3 values, those beyond an edge being those at it; values where there is but one row."""
    if min(values.shape[-2:]) < 2:
        return values
    padded = torch.nn.functional.pad(values[:, None], (1, 1, 1, 1), mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 3, 1)[:, 0]


def entry_bits(energy: float, bands: int) -> float:
    """Return about how many bits a basis takes for an entry of the direction of a plane.

    Parameters
    ----------
    energy
        Sum of the plane's squares, in squared steps.
    bands
        Entries of the direction: about 1 / sqrt(bands) each, in steps of about 1 / sqrt(energy).
    """
    return 0.5 * math.log2(1.0 + _ENTRY_SCALE * energy / bands)

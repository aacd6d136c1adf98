"""Error against bits: what a bit is worth, and about what subbands cost before any latent of them is rounded.

Error and bits stand in one sum, in bits: squared error over `WEIGHT`, plus rate. With local energy e, in squared steps,
a latent rounded with a dead zone leaves about e / (1 + 12 e), and takes about 1/2 log2(1 + 4 e) bits, the rate of a
Gaussian whose variance the context tells, times what was measured over it.
"""

from __future__ import annotations

import math
from typing import Any

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
        total = total + _CodingBits.apply(part)  # type: ignore[no-untyped-call]
    return total


class _CodingBits(torch.autograd.Function):
    """The cost of a subband, with its gradient by hand: a fit asks for it thousands of times."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        energy = _around(part.square())
        known, wider = 1.0 / (1.0 + NOISE * energy), 1.0 + RATE_SCALE * energy
        if ctx.needs_input_grad[0]:
            slopes = (known.square() / WEIGHT).add_(wider.reciprocal(), alpha=_RATE_SHARE * RATE_SCALE / math.log(2.0))
            ctx.save_for_backward(part, slopes)
        return (energy.mul_(known).div_(WEIGHT) + wider.log2_().mul_(_RATE_SHARE)).sum()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        part, slopes = ctx.saved_tensors
        # Means over neighbours are their own transpose, edges included.
        found: Tensor = _around(slopes) * part * (2.0 * slope)
        return found


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

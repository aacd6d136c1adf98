"""Lifting fitted to a scene: a wavelet of eight coefficients, two pairs of neighbours a step, in place of CDF 9/7."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.tradeoff import coding_bits
from xr_inr.core.latent.wavelet import GAIN

_NINE_SEVEN = ((-1.586134342059924, 0.0), (-0.052980118572961, 0.0), (0.882911075530934, 0.0), (0.443506852043971, 0.0))
"""CDF 9/7 (Daubechies and Sweldens 1998): coefficients of each step, of the nearest two neighbours and the next."""

_ITERATIONS, _LEARNING_RATE = 120, 0.01
_PROBES = 8
"""Planes of noise that tell how much of an error in a subband reaches the planes."""


def lifting(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent fitted coefficients change what all subbands cost, bits and error in one."""
    levels = planes.pyramid.levels
    steps = torch.tensor(_NINE_SEVEN, requires_grad=True)
    before = _cost(planes.planes, steps.detach(), levels, seed=0)
    optimiser = torch.optim.Adam([steps], _LEARNING_RATE)
    for iteration in range(_ITERATIONS):
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * iteration / _ITERATIONS))
        optimiser.zero_grad()
        torch.autograd.backward(_cost(planes.planes, steps, levels, seed=1 + iteration))
        optimiser.step()
    after = _cost(planes.planes, steps.detach(), levels, seed=0)
    return {"fitted to the scene": 100.0 * float(after / before - 1.0)}


def _cost(planes: Tensor, steps: Tensor, levels: int, seed: int) -> Tensor:
    """Return what subbands cost when each is scaled so that its errors weigh in the planes what they weigh in it."""
    parts = analysed(planes, steps, levels)
    random = torch.Generator().manual_seed(seed)
    weighed = []
    for index, part in enumerate(parts):
        probes = [torch.zeros(_PROBES, *other.shape[1:]) for other in parts]
        probes[index] = torch.sign(torch.randn(_PROBES, *part.shape[1:], generator=random))
        energy = synthesised(probes, steps, levels).square().sum() / probes[index].numel()
        weighed.append(part * energy.sqrt())
    return coding_bits(weighed)


def analysed(planes: Tensor, steps: Tensor, levels: int) -> list[Tensor]:
    """Return the details of each level, finest first, and the approximation at last; planes (count, rows, columns)."""
    found = []
    for _ in range(levels):
        low, high = _parted(planes, steps)
        (planes, along_y), (along_x, both) = (
            tuple(half.mT for half in _parted(part.mT, steps)) for part in (low, high)
        )
        found += [along_x, along_y, both]
    return [*found, planes]


def synthesised(parts: Sequence[Tensor], steps: Tensor, levels: int) -> Tensor:
    """Undo `analysed`."""
    *details, planes = parts
    for level in range(levels - 1, -1, -1):
        along_x, along_y, both = details[3 * level : 3 * level + 3]
        low, high = _joined(planes.mT, along_y.mT, steps).mT, _joined(along_x.mT, both.mT, steps).mT
        planes = _joined(low, high, steps)
    return planes


def _parted(values: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    low, high = values[..., 0::2], values[..., 1::2]
    for index, (near, far) in enumerate(steps):
        if index % 2 == 0:
            high = high + _of_low(low, high.shape[-1], near, far)
        else:
            low = low + _of_high(high, low.shape[-1], near, far)
    return low * GAIN, high / GAIN


def _joined(low: Tensor, high: Tensor, steps: Tensor) -> Tensor:
    low, high = low / GAIN, high * GAIN
    for index in range(len(steps) - 1, -1, -1):
        near, far = steps[index]
        if index % 2 == 0:
            high = high - _of_low(low, high.shape[-1], near, far)
        else:
            low = low - _of_high(high, low.shape[-1], near, far)
    pairs = torch.stack([low[..., : high.shape[-1]], high], -1).flatten(-2)
    return torch.cat([pairs, low[..., high.shape[-1] :]], -1)


def _of_low(low: Tensor, count: int, near: Tensor, far: Tensor) -> Tensor:
    """Weigh the low-pass samples beside each of so many high-pass ones; beyond an end stands the last one."""
    places = torch.arange(count)
    one, two, three, four = (low[..., (places + shift).clamp(0, low.shape[-1] - 1)] for shift in (-1, 0, 1, 2))
    return near * (two + three) + far * (one + four)


def _of_high(high: Tensor, count: int, near: Tensor, far: Tensor) -> Tensor:
    places = torch.arange(count)
    one, two, three, four = (high[..., (places + shift).clamp(0, high.shape[-1] - 1)] for shift in (-2, -1, 0, 1))
    return near * (two + three) + far * (one + four)

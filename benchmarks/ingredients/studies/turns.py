"""A turn of directions for each level of the wavelet, in place of one for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.tradeoff import coding_bits
from xr_inr.core.latent.wavelet import analyse

_ITERATIONS, _LEARNING_RATE = 250, 0.01
_DETAILS = 3
"""Subbands of a level."""

_BITS_OF_AN_ANGLE = 6.0
"""About what an angle between two directions would take."""


def turns(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent turns by local energies change what all subbands cost, bits and error in one."""
    subbands = analyse(planes.planes, planes.pyramid, torch)
    levels = [subbands[:1], *(subbands[start : start + _DETAILS] for start in range(1, len(subbands), _DETAILS))]
    rank = len(planes.planes)
    before = float(coding_bits(subbands))
    once = _turned(subbands, rank)
    each = sum(_turned(level, rank) for level in levels)
    angles = _BITS_OF_AN_ANGLE * len(levels) * rank * (rank - 1) / 2
    found = {"one turn": once, "a turn for each level": each, "the same, with what they take": each + angles}
    return {name: 100.0 * (cost / before - 1.0) for name, cost in found.items()}


def _turned(subbands: Sequence[Tensor], rank: int) -> float:
    """Return what subbands, (rank, height, width) each, cost after the turn that suits them best."""
    angles = torch.zeros(rank, rank, requires_grad=True)
    optimiser = torch.optim.Adam([angles])
    for iteration in range(_ITERATIONS):
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * (1.0 - iteration / _ITERATIONS)
        optimiser.zero_grad()
        torch.autograd.backward(_cost(subbands, angles))
        optimiser.step()
    return float(_cost(subbands, angles.detach()))


def _cost(subbands: Sequence[Tensor], angles: Tensor) -> Tensor:
    turn = torch.linalg.matrix_exp(angles - angles.mT)
    return coding_bits([(turn @ part.flatten(1)).reshape(part.shape) for part in subbands])

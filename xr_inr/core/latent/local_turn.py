"""Turning directions once more among themselves, by the local energies of their subbands.

The first turn (`rotation`) knows covariances alone, as if every subband were Gaussian and alike everywhere. But laws of
latents follow what is around them, so what planes cost hangs on where their energy is: an edge that two planes share is
cheaper in one of them. Directions are turned within what they span, so what they leave out stays as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xr_inr.core.latent.analysis import Analysis
from xr_inr.core.latent.patches import Patches
from xr_inr.core.latent.tradeoff import coding_slopes
from xr_inr.core.latent.wavelet import Pyramid

_LEARNING_RATE = 1e-2
"""Radians of a turn between two directions by which the first steps change it, about."""

_PIXELS_AT_ONCE = 2**16


@dataclass(frozen=True)
class LocalTurn:
    """Planes whose directions are to be turned."""

    planes: Tensor
    """(rank, height, width) in quantiser steps, of orthonormal directions."""

    iterations: int
    """Steps of the descent."""

    device: torch.device
    """Where to descend; planes may lie elsewhere."""

    @property
    def kind(self) -> Hashable:
        """What turns that can be done together have in common."""
        return tuple(self.planes.shape[1:]), self.iterations, self.planes.device

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.planes.numel()


@torch.enable_grad()
def turn_locally(turns: Sequence[LocalTurn]) -> list[Tensor]:
    """Return the turn of several sets of planes, each as it would be alone, floats aside.

    Of large planes, evenly spaced patches stand for all.

    Parameters
    ----------
    turns
        One a scene, all of one kind.

    Returns
    -------
    list
        For each (rank, rank), orthonormal rows by falling energy: what the new planes are of the old ones. It lies
        where planes do.
    """
    subbands, inside = _stacked(turns)
    angles = torch.zeros_like(inside, requires_grad=True)
    optimiser = torch.optim.Adam([angles])
    for iteration in range(turns[0].iterations):
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * (1.0 - iteration / turns[0].iterations)
        turned = _matrices(angles, inside)
        (angles.grad,) = torch.autograd.grad(turned, angles, _slopes(turned.detach(), subbands))
        optimiser.step()
    with torch.no_grad():
        return [
            _by_energy(matrix[: len(turn.planes), : len(turn.planes)], turn.planes).to(turn.planes.device)
            for matrix, turn in zip(_matrices(angles, inside), turns, strict=True)
        ]


def _stacked(turns: Sequence[LocalTurn]) -> tuple[list[Tensor], Tensor]:
    """Return subbands (turns, rank, height, width), and which entries of turns (turns, rank, rank) there are.

    Smaller ranks have further planes, which are empty, and which nothing is turned to.
    """
    first, device = turns[0].planes, turns[0].device
    most = max(len(turn.planes) for turn in turns)
    patches = Patches.of((first.shape[1], first.shape[2]))
    analysis = Analysis(Pyramid.of(patches.size), device)
    rows, columns = None, None
    if patches.share > 1.0:
        rows = torch.as_tensor(patches.rows[:, None], device=first.device)
        columns = torch.as_tensor(patches.columns, device=first.device)
    whole = torch.zeros(len(turns), most, *patches.size, device=device)
    inside = torch.zeros(len(turns), most, most, device=device)
    for turn, planes, entries in zip(turns, whole, inside, strict=True):
        rank = len(turn.planes)
        planes[:rank] = (turn.planes if rows is None else turn.planes[:, rows, columns]).to(device)
        entries[:rank, :rank] = 1.0
    flat = whole.flatten(0, 1)
    parts = [one for part in analysis(flat) for one in part.reshape(-1, len(flat), *part.shape[1:])]
    return [part.reshape(len(turns), most, *part.shape[1:]) for part in parts], inside


def _slopes(turned: Tensor, subbands: Sequence[Tensor]) -> Tensor:
    """Return how the bits of subbands, (turns, rank, height, width), change with their turns, (turns, rank, rank)."""
    found = torch.zeros_like(turned)
    for part in subbands:
        flat = part.flatten(2)
        slopes = coding_slopes((turned @ flat).reshape(-1, *part.shape[2:]))
        found += slopes.reshape(flat.shape) @ flat.mT
    return found


def _matrices(angles: Tensor, inside: Tensor) -> Tensor:
    """Return the orthonormal matrices of some angles, (turns, rank, rank)."""
    found: Tensor = torch.linalg.matrix_exp((angles - angles.mT) * inside)
    return found


def _by_energy(matrix: Tensor, planes: Tensor) -> Tensor:
    """Return a turn with its rows in the order of the energy of what they give."""
    turned = matrix.double()
    gram = torch.zeros_like(turned)
    flat = planes.flatten(1)
    for start in range(0, flat.shape[1], _PIXELS_AT_ONCE):
        few = flat[:, start : start + _PIXELS_AT_ONCE].to(matrix.device).double()
        gram += few @ few.T
    energies = ((turned @ gram) * turned).sum(1)
    return matrix[energies.argsort(descending=True, stable=True)]

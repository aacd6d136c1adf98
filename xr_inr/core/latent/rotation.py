"""Turning the KLT so that its subbands, not its pixels, take few bits.

The KLT decorrelates pixels, whose energy lies in low frequencies; most bits go to high ones, where components are
still correlated. So directions are turned within the leading components, and orthonormal as before, to lessen squared
error plus lambda times the rate of Gaussian subbands. The basis is stored anyway: the turn costs no byte.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.tradeoff import NOISE, RATE_SCALE

_ITERATIONS = 200
_LEARNING_RATE = 2e-2
_WIDER = 3
_PIXELS_AT_ONCE = 2**16


@dataclass(frozen=True)
class Turn:
    """Directions to be chosen within the components of a scene."""

    covariances: NDArray[np.float64]
    """(subbands, components, components) of the components in each subband, in squared quantiser steps."""

    counts: tuple[int, ...]
    """Latents of a component in each of those subbands."""

    rank: int
    """How many directions to choose."""

    weight: float
    """Squared quantiser steps that a bit is worth (lambda)."""

    @property
    def components(self) -> int:
        """How many components there are."""
        return int(self.covariances.shape[1])

    @classmethod
    def of(cls, subbands: list[NDArray[np.floating]], rank: int, weight: float) -> Turn:
        """Return the task from subbands, (components, height, width) each, in quantiser steps."""
        flat = [part.reshape(len(part), -1) for part in subbands if part[0].size]
        covariances = np.stack([part @ part.T / part.shape[1] for part in flat]).astype(np.float64)
        return cls(covariances, tuple(part.shape[1] for part in flat), rank, weight)


def rotate(subbands: list[NDArray[np.floating]], rank: int, weight: float) -> NDArray[np.float64]:
    """Return the best `rank` directions within the components that subbands are given of.

    Parameters
    ----------
    subbands
        One array a subband, (components, height, width), in quantiser steps.
    rank, weight
        As in `Turn`.

    Returns
    -------
    ndarray
        (components, rank), orthonormal columns, by falling energy.
    """
    (turn,) = rotate_together([Turn.of(subbands, rank, weight)])
    return turn


def rotate_together(turns: Sequence[Turn]) -> list[NDArray[np.float64]]:
    """Return the directions of several scenes, each as `rotate` would.

    Parameters
    ----------
    turns
        One a scene, with equal `Turn.counts`.
    """
    most = max(turn.rank for turn in turns)
    # Smaller turns get further directions, each along a component of its own that is empty.
    components = max(turn.components + most - turn.rank for turn in turns)
    covariances = torch.zeros(len(turns), len(turns[0].counts), components, components, dtype=torch.float64)
    turned = torch.zeros(len(turns), components, most, dtype=torch.float64)
    for turn, own, start in zip(turns, covariances, turned, strict=True):
        count = turn.components
        own[:, :count, :count] = torch.from_numpy(turn.covariances)
        start[:count, : turn.rank] = _first(count, turn.rank)
        start[count : count + most - turn.rank, turn.rank :] = torch.eye(most - turn.rank)
    counts = torch.tensor(turns[0].counts, dtype=torch.float64)[:, None, None]
    weights = torch.tensor([turn.weight for turn in turns], dtype=torch.float64)[:, None, None, None]
    total = (covariances * counts).sum(1)
    turned.requires_grad_()
    optimiser = torch.optim.Adam([turned])
    for iteration in range(_ITERATIONS):
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * iteration / _ITERATIONS)) + 1e-4
        vectors = torch.linalg.qr(turned)[0]
        known = vectors.detach()[:, None]
        products = covariances @ known
        variances = (products * known).sum(2, keepdim=True)
        # By hand: of error plus bits minus what is kept, the sum of all variances.
        slopes = (1.0 + NOISE * variances).square().reciprocal() - 1.0
        slopes += (0.5 * RATE_SCALE / math.log(2.0)) * weights / (1.0 + RATE_SCALE * variances)
        of_vectors = (products * (slopes * counts)).sum(1) * (2.0 / counts.sum())
        (turned.grad,) = torch.autograd.grad(vectors, turned, of_vectors)
        optimiser.step()
    found = []
    with torch.no_grad():
        vectors = torch.linalg.qr(turned)[0]
        energies = ((total @ vectors) * vectors).sum(1)
        for turn, directions, energy in zip(turns, vectors, energies, strict=True):
            order = energy[: turn.rank].argsort(descending=True)
            found.append(directions[: turn.components, order].numpy())
    return found


def turned_planes(planes: NDArray[np.floating], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the planes of directions, (rank, height, width), summed in float64 a few pixels at a time.

    Parameters
    ----------
    planes
        (components, height, width).
    turn
        (components, rank) the directions.
    """
    flat = planes.reshape(len(planes), math.prod(planes.shape[1:]))
    found = np.empty((turn.shape[1], flat.shape[1]), np.float32)
    for start in range(0, flat.shape[1], _PIXELS_AT_ONCE):
        few = slice(start, start + _PIXELS_AT_ONCE)
        found[:, few] = turn.T @ flat[:, few].astype(np.float64)
    return found.reshape(-1, *planes.shape[1:])


def _first(components: int, rank: int) -> Tensor:
    """Return what an optimisation begins at: about the leading components."""
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(components, rank, dtype=torch.float64, generator=random)
    return torch.eye(components, rank, dtype=torch.float64) + 1e-3 * noise


def components_for(rank: int, bands: int) -> int:
    """Return how many leading KLT components to turn `rank` directions within."""
    return min(bands, _WIDER * rank + 2)

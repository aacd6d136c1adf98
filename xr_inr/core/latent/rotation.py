"""Turning the KLT so that its subbands, not its pixels, take few bits.

The KLT decorrelates pixels, whose energy lies in low frequencies; most bits go to high ones, where components are
still correlated. So directions are turned within the leading components, and orthonormal as before, to lessen squared
error plus lambda times the rate of Gaussian subbands. The basis is stored anyway: the turn costs no byte.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from xr_inr.core.latent.tradeoff import NOISE, RATE_SCALE

_ITERATIONS = 200
_LEARNING_RATE = 2e-2
_WIDER = 3


def rotate(subbands: list[NDArray[np.floating]], rank: int, weight: float) -> NDArray[np.float64]:
    """Return the best `rank` directions within the components that subbands are given of.

    Parameters
    ----------
    subbands
        One array a subband, (components, height, width), in quantiser steps.
    rank
        How many directions to choose.
    weight
        Squared quantiser steps that a bit is worth (lambda).

    Returns
    -------
    ndarray
        (components, rank), orthonormal columns, by falling energy.
    """
    components = len(subbands[0])
    flat = [part.reshape(components, -1) for part in subbands if part[0].size]
    covariances = torch.tensor(np.stack([part @ part.T / part.shape[1] for part in flat]), dtype=torch.float64)
    counts = torch.tensor([part.shape[1] for part in flat], dtype=torch.float64)
    total = (covariances * counts[:, None, None]).sum(0)
    turned = torch.eye(components, rank, dtype=torch.float64)
    turned += 1e-3 * torch.randn(components, rank, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turned.requires_grad_()
    optimiser = torch.optim.Adam([turned])
    for iteration in range(_ITERATIONS):
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * iteration / _ITERATIONS)) + 1e-4
        vectors = torch.linalg.qr(turned)[0]
        variances = ((covariances @ vectors) * vectors).sum(1)
        bits = (counts[:, None] * 0.5 * torch.log2(1.0 + RATE_SCALE * variances)).sum()
        kept = ((total @ vectors) * vectors).sum()
        error = (counts[:, None] * variances / (1.0 + NOISE * variances)).sum()
        cost = (total.trace() - kept + error + weight * bits) / counts.sum()
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
    with torch.no_grad():
        vectors = torch.linalg.qr(turned)[0]
        order = ((total @ vectors) * vectors).sum(0).argsort(descending=True)
    found: NDArray[np.float64] = vectors[:, order].numpy()
    return found


def components_for(rank: int, bands: int) -> int:
    """Return how many leading KLT components to turn `rank` directions within."""
    return min(bands, _WIDER * rank + 2)

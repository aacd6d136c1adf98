"""Rate-distortion optimised rounding: whole latents near their targets that take few bits, their own and others'.

Each sweep decides anew on a random part of the latents. A candidate is charged its squared error, its own bits under
the law its surroundings give now, and, to first order, the bits it adds to all latents that see it: the gradient of
their code length with respect to its magnitude, from one pass backwards through the context network.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.latents import Latents, LatentSide, scales_of
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.neighbours import fit_mean_weights
from xr_inr.core.latent.network import LARGEST_OFFSET, OFFSET_UNIT, ContextNetwork
from xr_inr.core.latent.soft import SoftCoder, bordered, code_lengths, soft_magnitudes
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.wavelet import Pyramid, squared_norms

_FIRST_ROUNDING = 0.38
"""Added before rounding down, to begin with: a dead zone."""


_BITS_OF_AN_OFFSET = 1.0
"""About, for each unit of its magnitude."""

_OVERLAP = 2.7
"""How much larger, at most, an error made by many latents at once is than the sum of theirs, half as much again."""


def first_latents(targets: list[Tensor]) -> list[Tensor]:
    """Return whole numbers near targets, those near zero rounded to zero."""
    return [torch.sign(target) * torch.floor(target.abs() + _FIRST_ROUNDING) for target in targets]


def whole(latents: list[Tensor]) -> Latents:
    """Return whole latents as the coder takes them."""
    return [part.detach().round().to(torch.int32).cpu().numpy() for part in latents]


def side_of(latents: Latents, pyramid: Pyramid, offsets: NDArray[np.int32]) -> LatentSide:
    """Return what is stored beside latents to predict them, with these offsets of components."""
    return LatentSide(scales_of(latents, pyramid), fit_mean_weights(latents, pyramid), offsets)


class Rounder:
    """Decides on whole latents, sweep by sweep.

    Parameters
    ----------
    pyramid
        The subbands.
    rank
        Number of components.
    network
        The context network.
    device
        Where to work.
    seed
        Of the parts that sweeps decide on.
    """

    def __init__(self, pyramid: Pyramid, rank: int, network: ContextNetwork, device: torch.device, seed: int) -> None:
        self.soft = SoftCoder(pyramid, rank, network, device)
        self._pyramid = pyramid
        self._device = device
        self.norms = [torch.tensor(norm, device=device) for norm in squared_norms(pyramid)]
        self.offsets = np.zeros(rank, np.int32)
        self._random = torch.Generator().manual_seed(seed)

    def sweep(self, latents: list[Tensor], scene: SoftScene, weight: float, share: float) -> list[Tensor]:
        """Return latents, part of them decided anew.

        Parameters
        ----------
        latents
            Whole numbers, one tensor a subband, (rank, height, width).
        scene
            What they should give.
        weight
            Squared quantiser steps that a bit is worth (lambda).
        share
            Part of the latents to decide on.
        """
        side = side_of(whole(latents), self._pyramid, self.offsets)
        visits = self.soft.visits(side.scales > 0)
        if not visits:
            return latents
        leaves = [plane.requires_grad_() for plane in bordered([soft_magnitudes(part) for part in latents])]
        components = self.soft.components(visits)
        offsets = torch.tensor(self.offsets, dtype=torch.float32, device=self._device)[components]
        indices = self.soft.indices(self.soft.features(leaves, side, visits), self.soft.biases(visits), offsets)
        gather = self.soft.gather
        with torch.no_grad():
            means = self.soft.means(bordered(latents), side, visits)
            now = gather(latents, visits)
        torch.autograd.backward(code_lengths(now, means, indices).sum())
        slopes = gather([_gradient(leaf)[:, 1:-1, 1:-1] for leaf in leaves], visits)
        with torch.no_grad():
            norms = gather([norm.expand_as(part) for norm, part in zip(self.norms, latents, strict=True)], visits)
            # An upper bound of the squared error, not the error itself: what is decided together adds up.
            norms = norms * max(1.0, share * _OVERLAP)
            targets = now - gather(scene.slopes(latents), visits) / (2.0 * norms)
            decided = _decide(now, targets, norms, means=means, indices=indices.detach(), slopes=slopes, weight=weight)
            self._reconsider_offsets(now, means, indices, components)
            drawn = torch.rand(len(now), generator=self._random).to(self._device) < share
            return self.soft.scatter(torch.where(drawn, decided, now), latents, visits)

    def _reconsider_offsets(self, now: Tensor, means: Tensor, indices: Tensor, components: Tensor) -> None:
        """Move each component's offset by one where that saves more bits than an offset takes."""
        tried = []
        for change in (-1, 0, 1):
            bits = code_lengths(now, means, (indices + change / OFFSET_UNIT).clamp(0, SCALES - 1))
            of_component = torch.zeros(len(self.offsets), dtype=torch.float64, device=self._device)
            of_component.index_add_(0, components, bits.double())
            changed = np.abs(self.offsets + change)
            tried.append(
                of_component.cpu().numpy()
                + _BITS_OF_AN_OFFSET * changed
                + np.where(changed > LARGEST_OFFSET, np.inf, 0.0)
            )
        self.offsets = (self.offsets + np.argmin(tried, axis=0) - 1).astype(np.int32)


def _gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _decide(
    now: Tensor, targets: Tensor, norms: Tensor, *, means: Tensor, indices: Tensor, slopes: Tensor, weight: float
) -> Tensor:
    """Return for each latent the cheapest of what it is, what is nearest, one less than that, and zero."""
    nearest = torch.round(targets)
    present = soft_magnitudes(now)
    best, cost = now, torch.full_like(now, torch.inf)
    for candidate in (now, nearest, nearest - torch.sign(nearest), torch.zeros_like(now)):
        charge = norms * (candidate - targets).square() + weight * (
            code_lengths(candidate, means, indices) + slopes * (soft_magnitudes(candidate) - present)
        )
        better = charge < cost
        best, cost = torch.where(better, candidate, best), torch.minimum(charge, cost)
    return best

"""Latents under the laws that their surroundings give, so many of them at a time as can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from xr_inr.core.latent.feature_slopes import FeatureSlopes
from xr_inr.core.latent.latents import LatentSide
from xr_inr.core.latent.soft import SoftCoder, bordered
from xr_inr.core.latent.soft_features import Visit


@dataclass(frozen=True)
class Part:
    """Latents that are looked at together, each array (latents,)."""

    visits: list[Visit]
    """What they are latents of."""

    now: Tensor
    """The latents."""

    means: Tensor
    """The means of their laws, in quantiser steps."""

    indices: Tensor
    """The scale indices of their laws, without rounding."""

    def to(self, device: torch.device) -> Part:
        """Return the same on a device."""
        return Part(self.visits, self.now.to(device), self.means.to(device), self.indices.to(device))


@torch.no_grad()
def looked_at(
    visits: list[Visit],
    latents: list[Tensor],
    sizes: list[Tensor],
    side: LatentSide,
    *,
    soft: SoftCoder,
    others: FeatureSlopes,
) -> Iterator[Part]:
    """Yield the latents of visits, with their laws, and tell `others` how code lengths hang on features.

    Parameters
    ----------
    visits
        What to look at.
    latents
        One tensor a subband, (rank, height, width).
    sizes
        Their `soft_magnitudes`, with a border.
    side
        What is stored beside them.
    soft
        Knows the laws.
    others
        Made of the same `sizes`.
    """
    seen, padded = soft.features_of(sizes, side), bordered(latents)
    for some in soft.parts(visits):
        features = seen.of(some)
        now, means = soft.gather(latents, some), soft.means(padded, side, some)
        laws = soft.laws(features, soft.biases(some), soft.offsets(side, some), now, means)
        others.add(features, laws.gradient, some)
        yield Part(some, now, means, laws.indices)

"""What the decoder knows of every coded latent of an example, as the context network sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.pretraining.examples import Example
from xr_inr.core.arrays import NUMPY
from xr_inr.core.latent import context
from xr_inr.core.latent.latents import scale_row, told_of_subbands
from xr_inr.core.latent.laws import FRACTIONS
from xr_inr.core.latent.network import ContextNetwork
from xr_inr.core.latent.soft import SoftCoder, bordered


@dataclass(frozen=True)
class Contexts:
    """All coded latents of an example, in the order of its stream."""

    features: Tensor
    """(latents, features) uint8, rounded as the decoder rounds them."""

    places: Tensor
    """(latents, 3) uint8: pass, orientation and level."""

    values: Tensor
    """(latents,) float32, the latents themselves."""

    means: Tensor
    """(latents,) float32, means of their laws in quantiser steps, multiples of 1/8."""

    offsets: Tensor
    """(latents,) int8, the `LatentSide.offsets` of their components."""

    def __len__(self) -> int:
        return len(self.values)


def contexts_of(example: Example, network: ContextNetwork) -> Contexts:
    """Return the contexts of an example.

    Parameters
    ----------
    example
        Latents and what is stored beside them.
    network
        Any context network; the contexts do not depend on it.
    """
    soft = SoftCoder(example.pyramid, example.rank, network, torch.device("cpu"))
    visits = soft.visits(example.side.scales > 0)
    latents = [torch.from_numpy(part).float() for part in example.latents]
    means = soft.means(bordered(latents), example.side, visits)
    means_of = soft.scatter(means, [torch.zeros_like(part) for part in latents], visits)
    offsets = [torch.from_numpy(example.side.offsets)[:, None, None].expand(part.shape) for part in latents]
    features, places = _features(example)
    return Contexts(
        torch.from_numpy(features),
        torch.from_numpy(places),
        _in_order(latents, example),
        torch.floor(_in_order(means_of, example) * FRACTIONS + 0.5) / FRACTIONS,
        _in_order(offsets, example).to(torch.int8),
    )


def _in_order(planes: list[Tensor], example: Example) -> Tensor:
    """Return what coded latents have, (latents,), in the order of the coder; a tensor a subband."""
    found = []
    for place in context.places(example.pyramid):
        row, column = context.PASSES[place.number]
        active = torch.from_numpy(example.side.scales[scale_row(place.subband)] > 0)
        found.append(planes[place.subband][active][:, row::2, column::2].flatten())
    return torch.cat(found)


def _features(example: Example) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Walk through the latents as a decoder does."""
    padded = [np.pad(context.magnitudes(part), ((0, 0), (1, 1), (1, 1))) for part in example.latents]
    scales = np.stack([example.side.scales[scale_row(index)] for index in range(len(padded))])
    stored = told_of_subbands(example.side.scales, example.pyramid)
    surroundings = context.Surroundings(np, example.pyramid, padded, stored)
    features, places = [], []
    for place in context.places(example.pyramid):
        active = scales[place.subband] > 0
        if not active.any():
            continue
        of_pass, of_groups = surroundings.of_pass(place), _of_groups(place.of(padded[place.subband]))
        found = np.concatenate([of_pass, of_groups])[:, active].reshape(context.FEATURES, -1).T.astype(np.uint8)
        subband = example.pyramid.subbands[place.subband]
        features.append(found)
        places.append(np.tile(np.array([place.number, subband.orientation, subband.level], np.uint8), (len(found), 1)))
    return np.concatenate(features), np.concatenate(places)


def _of_groups(magnitudes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the features of a pass that follow from earlier groups, (2, rank, rows, columns)."""
    found = np.empty((2, *magnitudes.shape), np.float32)
    before = np.zeros(magnitudes.shape[1:], np.float32)
    last, last_size = before, 1
    for start, stop in context.groups(len(magnitudes)):
        found[:, start:stop] = np.stack(context.of_groups(NUMPY, before, last, last_size))[:, None]
        last, last_size = magnitudes[start:stop].sum(0), stop - start
        before = before + last
    return found

"""The coder's laws as torch sees them: features, scales and code lengths as smooth functions, for fitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent import context
from xr_inr.core.latent.latents import LatentSide, mean_class, scale_row, told_of_subbands
from xr_inr.core.latent.laws import PER_OCTAVE, SCALES, TAIL_SHARE, TAIL_WIDTH, UNIT_SCALE
from xr_inr.core.latent.network import LARGEST_VALUE, OFFSET_UNIT, SHAPES, VALUE_UNIT, WEIGHT_UNIT, ContextNetwork
from xr_inr.core.latent.side_by_side import Layout
from xr_inr.core.latent.wavelet import Pyramid

_SMALLEST = 2.0**-15


def soft_magnitudes(latents: Tensor) -> Tensor:
    """Return what `context.magnitudes` does, without rounding."""
    return (16.0 * torch.log2(1.0 + latents.abs())).clamp(max=float(context.LARGEST_FEATURE))


@dataclass(frozen=True)
class Visit:
    """A pass and the components that are coded in it."""

    place: context.Place
    active: Tensor
    rows: slice
    columns: slice


class SoftCoder:
    """Features and code lengths of all latents of a scene, or of several chunks, at once.

    Parameters
    ----------
    pyramid
        The subbands.
    ranks
        Number of components; those of each chunk where several stand side by side, as `Layout` says. Then the
        `LatentSide` of methods has scales and offsets of all components, and mean weights of each chunk along a third
        axis.
    network
        The context network.
    device
        Where tensors live.
    """

    def __init__(
        self, pyramid: Pyramid, ranks: int | Sequence[int], network: ContextNetwork, device: torch.device
    ) -> None:
        self.pyramid = pyramid
        self.network = network
        self.device = device
        self.layout = Layout((ranks,) if isinstance(ranks, int) else tuple(ranks))
        self._parameters = {
            name: torch.tensor(getattr(network, name), dtype=torch.float32, device=device) for name in SHAPES
        }
        starts, previous, firsts = np.zeros((3, self.layout.rank), np.int64)
        self._numbers = np.zeros(self.layout.rank, np.float32)
        for part in self.layout.parts:
            last = 0
            for start, stop in context.groups(part.stop - part.start):
                members = slice(part.start + start, part.start + stop)
                starts[members], previous[members] = part.start + start, part.start + last
                last = start
            firsts[part] = part.start
            self._numbers[part] = context.component_numbers(part.stop - part.start)
        self._starts = torch.tensor(starts, device=device)
        self._previous = torch.tensor(previous, device=device)
        self._firsts = torch.tensor(firsts, device=device)
        self._sizes = torch.tensor(np.maximum(starts - previous, 1), dtype=torch.float32, device=device)[:, None, None]
        self._chunks = torch.tensor(self.layout.chunks, device=device)

    def visits(self, active: np.ndarray) -> list[Visit]:
        """Return the passes of all subbands with the components that are coded in each.

        Parameters
        ----------
        active
            (levels + 1, rank) which components have latents, by row of `LatentSide.scales`.
        """
        found = []
        for place in context.places(self.pyramid):
            chosen = np.flatnonzero(active[scale_row(place.subband)])
            if len(chosen):
                row, column = context.PASSES[place.number]
                index = torch.tensor(chosen, device=self.device)
                found.append(Visit(place, index, slice(row, None, 2), slice(column, None, 2)))
        return found

    def features(self, padded: list[Tensor], side: LatentSide, visits: list[Visit]) -> Tensor:
        """Return the features of all coded latents, (features, latents), in the order of `visits`."""
        stored = torch.tensor(told_of_subbands(side.scales, self.pyramid, self._numbers), device=self.device)
        surroundings = context.Surroundings(torch, self.pyramid, padded, stored, whole=False)
        found = []
        for visit in visits:
            of_pass = surroundings.of_pass(visit.place)
            here = visit.place.of(padded[visit.place.subband])
            sums = torch.cat([torch.zeros_like(here[:1]), here.cumsum(0)])
            before = sums[self._starts]
            last = before - sums[self._previous]
            if len(self.layout.ranks) > 1:
                before = before - sums[self._firsts]
            of_groups = context.of_groups(torch, before, last, self._sizes, whole=False)
            found.append(torch.cat([of_pass, of_groups])[:, visit.active].flatten(1))
        return torch.cat(found, 1)

    def biases(self, visits: list[Visit]) -> Tensor:
        """Return the first layer's biases of all coded latents, (hidden, latents)."""
        parameters = self._parameters
        found = []
        for visit in visits:
            subband = self.pyramid.subbands[visit.place.subband]
            bias = (
                parameters["of_pass"][visit.place.number]
                + parameters["of_orientation"][subband.orientation]
                + parameters["of_level"][subband.level]
            )
            count = len(visit.active) * visit.place.rows * visit.place.columns
            found.append(bias[:, None].expand(-1, count))
        return torch.cat(found, 1)

    def components(self, visits: list[Visit]) -> Tensor:
        """Return which component each coded latent is of, (latents,)."""
        return torch.cat([visit.active.repeat_interleave(visit.place.rows * visit.place.columns) for visit in visits])

    def chunks(self, components: Tensor) -> Tensor:
        """Return which chunk components are of."""
        return self._chunks[components]

    def means(self, latents: list[Tensor], side: LatentSide, visits: list[Visit]) -> Tensor:
        """Return the means of the laws of all coded latents, in quantiser steps, from padded latents."""
        found = []
        used = np.any(side.mean_weights.reshape(*side.mean_weights.shape[:2], -1), axis=2)
        weights = torch.tensor(side.mean_weights / context.MEAN_UNIT, dtype=torch.float32, device=self.device)
        weights = weights.reshape(*used.shape, -1)[:, :, self._chunks, None, None]
        for visit in visits:
            subband = self.pyramid.subbands[visit.place.subband]
            padded = latents[visit.place.subband]
            mean = torch.zeros_like(visit.place.of(padded))
            row = mean_class(subband.orientation, subband.level)
            first = sum(len(pairs) for pairs in context.KNOWN[: visit.place.number])
            for number, offsets in enumerate(context.KNOWN[visit.place.number]):
                if row is not None and used[row, first + number]:
                    around = sum(visit.place.of(padded, *offset) for offset in offsets)
                    mean = mean + weights[row, first + number] * around.clamp(-255, 255)
            found.append(mean[visit.active].flatten())
        return torch.cat(found)

    def indices(self, features: Tensor, biases: Tensor, offsets: Tensor) -> Tensor:
        """Return the scale index of each law, without rounding.

        Parameters
        ----------
        features, biases
            As `features` and `biases` return them.
        offsets
            (latents,) what to add, in units of 1 / `OFFSET_UNIT`.
        """
        parameters = self._parameters
        values = (parameters["first"] @ features + biases) / WEIGHT_UNIT
        values = values.clamp(0, LARGEST_VALUE)
        values = ((parameters["second"] @ values + parameters["second_bias"][:, None]) / WEIGHT_UNIT).clamp(
            0, LARGEST_VALUE
        )
        out = parameters["third"] @ values + parameters["third_bias"][:, None]
        return (out[0] / (WEIGHT_UNIT * VALUE_UNIT) + offsets / OFFSET_UNIT).clamp(0, SCALES - 1)

    def gather(self, planes: list[Tensor], visits: list[Visit]) -> Tensor:
        """Return the coded ones of what has a value for each latent, (latents,)."""
        return torch.cat(
            [planes[visit.place.subband][visit.active][:, visit.rows, visit.columns].flatten() for visit in visits]
        )

    def scatter(self, values: Tensor, planes: list[Tensor], visits: list[Visit]) -> list[Tensor]:
        """Return planes with values, in the order of `gather`, put where they belong."""
        found = [plane.clone() for plane in planes]
        start = 0
        for visit in visits:
            shape = (len(visit.active), visit.place.rows, visit.place.columns)
            count = shape[0] * shape[1] * shape[2]
            part = found[visit.place.subband][:, visit.rows, visit.columns]
            part[visit.active] = values[start : start + count].reshape(shape)
            start += count
        return found


def code_lengths(values: Tensor, means: Tensor, indices: Tensor) -> Tensor:
    """Return the bits that integers take under laws of these means and scale indices."""
    scales = torch.exp2((indices - UNIT_SCALE) / PER_OCTAVE)
    # Taken on the side where both tails are small, for the sake of precision.
    distance = -(values - means).abs()
    narrow = torch.sigmoid((distance + 0.5) / scales) - torch.sigmoid((distance - 0.5) / scales)
    wide_scales = TAIL_WIDTH * scales
    wide = torch.sigmoid((distance + 0.5) / wide_scales) - torch.sigmoid((distance - 0.5) / wide_scales)
    return -torch.log2(((1.0 - TAIL_SHARE) * narrow + TAIL_SHARE * wide).clamp_min(_SMALLEST))


def bordered(planes: list[Tensor]) -> list[Tensor]:
    """Return planes with a border of one zero."""
    return [torch.nn.functional.pad(plane, (1, 1, 1, 1)) for plane in planes]

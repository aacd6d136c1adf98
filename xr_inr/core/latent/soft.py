"""The coder's laws as torch sees them: features, scales and code lengths as smooth functions, for fitting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent import context
from xr_inr.core.latent.feature_slopes import FeatureSlopes, Groups, Visit
from xr_inr.core.latent.latents import LatentSide, mean_class, scale_row, told_of_subbands
from xr_inr.core.latent.laws import PER_OCTAVE, SCALES, TAIL_SHARE, TAIL_WIDTH, UNIT_SCALE
from xr_inr.core.latent.network import LARGEST_VALUE, OFFSET_UNIT, SHAPES, VALUE_UNIT, WEIGHT_UNIT, ContextNetwork
from xr_inr.core.latent.side_by_side import Layout
from xr_inr.core.latent.wavelet import Pyramid

_SMALLEST = 2.0**-15

_FEATURES_AT_ONCE = {"cpu": 2**17, "cuda": 2**22}
"""Latents whose features are held at a time; a pass of more is taken alone."""

_ACTIVATIONS_AT_ONCE = {"cpu": 2**13, "cuda": 2**20}
"""Latents whose activations are held at a time: on a CPU they stay in its cache."""


def soft_magnitudes(latents: Tensor) -> Tensor:
    """Return what `context.magnitudes` does, without rounding."""
    return (16.0 * torch.log2(1.0 + latents.abs())).clamp(max=float(context.LARGEST_FEATURE))


@dataclass(frozen=True)
class SoftLaws:
    """The laws of some latents."""

    indices: Tensor
    """(latents,) scale indices, without rounding."""

    gradient: Tensor
    """(features, latents) of the sum of their code lengths, with respect to their features."""


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
        sizes = np.maximum(starts - previous, 1).astype(np.float32)[:, None, None]
        self._groups = Groups(*(torch.tensor(part, device=device) for part in (firsts, previous, starts, sizes)))
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
            before = sums[self._groups.starts]
            last = before - sums[self._groups.previous]
            if len(self.layout.ranks) > 1:
                before = before - sums[self._groups.firsts]
            of_groups = context.of_groups(torch, before, last, self._groups.sizes, whole=False)
            found.append(torch.cat([of_pass, of_groups])[:, visit.active].flatten(1))
        return torch.cat(found, 1)

    def slopes(self, padded: list[Tensor]) -> FeatureSlopes:
        """Return what takes slopes with respect to features to those with respect to padded magnitudes."""
        return FeatureSlopes(self.pyramid, self._groups, padded)

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
            found.append(bias[:, None].expand(-1, visit.count))
        return found[0] if len(found) == 1 else torch.cat(found, 1)

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

    @torch.no_grad()
    def laws(self, features: Tensor, biases: Tensor, offsets: Tensor, values: Tensor, means: Tensor) -> SoftLaws:
        """Return what `indices` does, and the gradient of the code lengths of latents, a few of them at a time.

        Parameters
        ----------
        features, biases, offsets
            As for `indices`.
        values, means
            (latents,) latents, and the means of their laws.
        """
        found = SoftLaws(torch.empty_like(values), torch.empty_like(features))
        step = _ACTIVATIONS_AT_ONCE[self.device.type]
        for start in range(0, len(values), step):
            part = slice(start, start + step)
            own = self._laws_of_few(features[:, part], biases[:, part], offsets[part], values[part], means[part])
            found.indices[part], found.gradient[:, part] = own
        return found

    def _laws_of_few(
        self, features: Tensor, biases: Tensor, offsets: Tensor, values: Tensor, means: Tensor
    ) -> tuple[Tensor, Tensor]:
        parameters = self._parameters
        first = (parameters["first"] @ features).add_(biases).div_(WEIGHT_UNIT)
        live_first = _unclipped(first)
        second = parameters["second"] @ first.clamp_(0, LARGEST_VALUE)
        second = second.add_(parameters["second_bias"][:, None]).div_(WEIGHT_UNIT)
        live_second = _unclipped(second)
        out = parameters["third"] @ second.clamp_(0, LARGEST_VALUE)
        out = out.add_(parameters["third_bias"][:, None])[0]
        out = out.div_(WEIGHT_UNIT * VALUE_UNIT).add_(offsets / OFFSET_UNIT)
        indices = out.clamp(0, SCALES - 1)
        slopes = code_slopes(values, means, indices).mul_(indices == out).div_(WEIGHT_UNIT * VALUE_UNIT)
        back = (parameters["third"].T * slopes).mul_(live_second)
        back = (parameters["second"].T @ back).div_(WEIGHT_UNIT).mul_(live_first)
        return indices, (parameters["first"].T @ back).div_(WEIGHT_UNIT)

    def parts(self, visits: list[Visit]) -> Iterator[list[Visit]]:
        """Part visits, in their order, so that the features of a part are few enough to be held at once."""
        most = _FEATURES_AT_ONCE[self.device.type]
        part: list[Visit] = []
        for visit in visits:
            if part and sum(other.count for other in part) + visit.count > most:
                yield part
                part = []
            part.append(visit)
        if part:
            yield part

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
            part = found[visit.place.subband][:, visit.rows, visit.columns]
            part[visit.active] = values[start : start + visit.count].reshape(shape)
            start += visit.count
        return found


def _unclipped(activations: Tensor) -> Tensor:
    """Return where activations lie within what they are clipped to: gradients go on there alone."""
    return (activations >= 0) & (activations <= LARGEST_VALUE)


def code_lengths(values: Tensor, means: Tensor, indices: Tensor) -> Tensor:
    """Return the bits that integers take under laws of these means and scale indices."""
    scales = torch.exp2((indices - UNIT_SCALE) / PER_OCTAVE)
    # Taken on the side where both tails are small, for the sake of precision.
    distance = -(values - means).abs()
    narrow = torch.sigmoid((distance + 0.5) / scales) - torch.sigmoid((distance - 0.5) / scales)
    wide_scales = TAIL_WIDTH * scales
    wide = torch.sigmoid((distance + 0.5) / wide_scales) - torch.sigmoid((distance - 0.5) / wide_scales)
    return -torch.log2(((1.0 - TAIL_SHARE) * narrow + TAIL_SHARE * wide).clamp_min(_SMALLEST))


def code_slopes(values: Tensor, means: Tensor, indices: Tensor) -> Tensor:
    """Return the derivative of `code_lengths` with respect to the scale indices; arguments as there."""
    scales = torch.exp2((indices - UNIT_SCALE) / PER_OCTAVE)
    distance = -(values - means).abs()
    likelihood, slope = torch.zeros_like(scales), torch.zeros_like(scales)
    for share, wider in ((1.0 - TAIL_SHARE, 1.0), (TAIL_SHARE, TAIL_WIDTH)):
        for side in (0.5, -0.5):
            edge = (distance + side) / (wider * scales)
            tail = torch.sigmoid(edge)
            signed = math.copysign(share, side)
            likelihood.add_(tail, alpha=signed)
            # An edge e moves by -e ln(2) / 3 with an index, and the logistic function by f (1 - f) with an edge.
            slope.add_(edge.mul_(tail).mul_(tail.neg_().add_(1.0)), alpha=signed)
    return slope.div_(likelihood).div_(PER_OCTAVE).mul_(likelihood > _SMALLEST)


def bordered(planes: list[Tensor]) -> list[Tensor]:
    """Return planes with a border of one zero."""
    return [torch.nn.functional.pad(plane, (1, 1, 1, 1)) for plane in planes]

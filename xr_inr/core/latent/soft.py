"""The coder's laws as torch sees them: features, scales and code lengths as smooth functions, for fitting."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent import context
from xr_inr.core.latent.feature_slopes import FeatureSlopes
from xr_inr.core.latent.latents import LatentSide, mean_class, scale_row, told_of_subbands
from xr_inr.core.latent.laws import PER_OCTAVE, SCALES, TAIL_SHARE, TAIL_WIDTH, UNIT_SCALE
from xr_inr.core.latent.network import LARGEST_VALUE, OFFSET_UNIT, SHAPES, VALUE_UNIT, WEIGHT_UNIT, ContextNetwork
from xr_inr.core.latent.side_by_side import Layout
from xr_inr.core.latent.silent import silent_in
from xr_inr.core.latent.soft_features import Groups, Passes, SoftFeatures, Visit, beside
from xr_inr.core.latent.wavelet import Pyramid

_SMALLEST = 2.0**-15

_SILENCED = -float(OFFSET_UNIT * 2**10)
"""Offset of laws that brings any scale index to 0, whatever the network says."""

_FEATURES_AT_ONCE = {"cpu": 2**17, "cuda": 2**22}
"""Latents whose features are held at a time; a component of a subband that has more is taken alone."""

_SENT_AT_ONCE = 2**20
"""The same where latents lie elsewhere: then a device has little memory to spare."""

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
        Where features and laws are computed, a part of the latents at a time.
    home
        Where latents lie, and what has a number for each of them; where they are computed if None.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        ranks: int | Sequence[int],
        network: ContextNetwork,
        device: torch.device,
        home: torch.device | None = None,
    ) -> None:
        self.pyramid = pyramid
        self.network = network
        self.device = device
        self.home = device if home is None else home
        self._at_once = _FEATURES_AT_ONCE[device.type] if self.home == device else _SENT_AT_ONCE
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
        lie = ((firsts, self.home), (previous, self.home), (starts, self.home), (sizes, device))
        told = [torch.tensor(part, device=place) for part, place in lie]
        self._groups = Groups(told[0], told[1], told[2], told[3], len(self.layout.ranks) > 1)
        self._chunks = torch.tensor(self.layout.chunks, device=device)
        self._passes = [Passes(subband.shape, device) for subband in pyramid.subbands]
        self._of_several: SoftCoder | None = None

    def of_several(self, ranks: Sequence[int]) -> SoftCoder:
        """Return that of several chunks side by side; the last one is kept, since sweep follows sweep."""
        if self._of_several is None or self._of_several.layout.ranks != tuple(ranks):
            self._of_several = SoftCoder(self.pyramid, ranks, self.network, self.device, self.home)
        return self._of_several

    def visits(self, active: np.ndarray) -> list[Visit]:
        """Return all subbands with the components that are coded in each; of large ones some components at a time.

        Parameters
        ----------
        active
            (levels + 1, rank) which components have latents, by row of `LatentSide.scales`.
        """
        found = []
        for number, subband in enumerate(self.pyramid.subbands):
            positions = math.prod(subband.shape)
            chosen = np.flatnonzero(active[scale_row(number)]) if positions else np.zeros(0, np.int64)
            step = max(1, self._at_once // max(positions, 1))
            for start in range(0, len(chosen), step):
                part = chosen[start : start + step]
                index = torch.tensor(part, device=self.device)
                found.append(Visit(number, subband.shape, index, int(part[0]), int(part[-1]) + 1))
        return found

    def features_of(self, padded: list[Tensor], side: LatentSide) -> SoftFeatures:
        """Return what gives the features of latents from padded magnitudes."""
        stored = torch.tensor(told_of_subbands(side.scales, self.pyramid, self._numbers), device=self.device)
        return SoftFeatures(self.pyramid, self._groups, self._passes, padded, stored)

    def features(self, padded: list[Tensor], side: LatentSide, visits: list[Visit]) -> Tensor:
        """Return the features of all latents of visits, (features, latents)."""
        return self.features_of(padded, side).of(visits)

    def slopes(self, padded: list[Tensor]) -> FeatureSlopes:
        """Return what takes slopes with respect to features to those with respect to padded magnitudes."""
        return FeatureSlopes(self.pyramid, self._groups, self._passes, padded)

    def biases(self, visits: list[Visit]) -> Tensor:
        """Return the first layer's biases of all latents of visits, (hidden, latents)."""
        parameters = self._parameters
        found = []
        for visit in visits:
            subband = self.pyramid.subbands[visit.subband]
            of_passes = (
                parameters["of_pass"].T
                + parameters["of_orientation"][subband.orientation][:, None]
                + parameters["of_level"][subband.level][:, None]
            )
            of_positions = of_passes[:, self._passes[visit.subband].numbers]
            found.append(of_positions[:, None].expand(-1, len(visit.active), -1, -1).flatten(1))
        return found[0] if len(found) == 1 else torch.cat(found, 1)

    def components(self, visits: list[Visit]) -> Tensor:
        """Return which component each latent of visits is of, (latents,)."""
        return torch.cat([visit.active.repeat_interleave(math.prod(visit.size)) for visit in visits])

    def offsets(self, side: LatentSide, visits: list[Visit]) -> Tensor:
        """Return what is added to the scale index of each latent, in units of 1 / `OFFSET_UNIT`, (latents,)."""
        found = torch.tensor(side.offsets, dtype=torch.float32, device=self.device)[self.components(visits)]
        if side.repeated is None:
            return found
        return torch.where(torch.cat([self._silent(side, visit) for visit in visits]), _SILENCED, found)

    def _silent(self, side: LatentSide, visit: Visit) -> Tensor:
        """Return which latents of a visit are silent, (latents,)."""
        silent = silent_in(side.repeated, self.pyramid.subbands[visit.subband])
        if silent is None:
            return torch.zeros(visit.count, dtype=torch.bool, device=self.device)
        return torch.from_numpy(silent).to(self.device)[self._chunks[visit.active]].flatten()

    def chunks(self, components: Tensor) -> Tensor:
        """Return which chunk components are of."""
        return self._chunks[components]

    def means(self, latents: list[Tensor], side: LatentSide, visits: list[Visit]) -> Tensor:
        """Return the means of the laws of all latents of visits, in quantiser steps, from padded latents."""
        found = []
        chunks = self._chunks if len(self.layout.ranks) > 1 else self._chunks[:1]
        weights = torch.tensor(side.mean_weights / context.MEAN_UNIT, dtype=torch.float32, device=self.device)
        weights = weights.reshape(*side.mean_weights.shape[:2], -1)[:, :, chunks]
        for visit in visits:
            subband = self.pyramid.subbands[visit.subband]
            row = mean_class(subband.orientation, subband.level)
            if row is None or not np.any(side.mean_weights[row]):
                found.append(torch.zeros(visit.count, device=self.device))
                continue
            numbers = self._passes[visit.subband].numbers
            sums = beside(visit.of(latents[visit.subband]))
            own = self._weights_of_passes(weights[row], visit)
            means = (sums[kind].clamp(-255, 255).mul_(own[kind][:, numbers]) for kind in range(len(sums)))
            total = functools.reduce(operator.add, means).flatten()
            found.append(total if side.repeated is None else total.masked_fill(self._silent(side, visit), 0.0))
        return torch.cat(found)

    def _weights_of_passes(self, weights: Tensor, visit: Visit) -> Tensor:
        """Return the weights of each kind of neighbours in each pass, (kinds, components or 1, passes)."""
        own = weights if weights.shape[1] == 1 else weights[:, visit.active]
        found = weights.new_zeros(len(context.PAIRS), own.shape[1], len(context.PASSES))
        place = 0
        for number, known in enumerate(context.KNOWN):
            for pairs in known:
                found[context.PAIRS.index(pairs), :, number] = own[place]
                place += 1
        return found

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
        part: list[Visit] = []
        for visit in visits:
            if part and sum(other.count for other in part) + visit.count > self._at_once:
                yield part
                part = []
            part.append(visit)
        if part:
            yield part

    def gather(self, planes: list[Tensor], visits: list[Visit]) -> Tensor:
        """Return what has a value for each latent, of the latents of visits, (latents,), where laws are computed."""
        return torch.cat([visit.of(planes[visit.subband]).flatten() for visit in visits])

    def scatter(self, values: Tensor, planes: list[Tensor], visits: list[Visit]) -> list[Tensor]:
        """Return planes with values, in the order of `gather` but where planes lie, put where they belong."""
        found = [plane.clone() for plane in planes]
        start = 0
        for visit in visits:
            part = values[start : start + visit.count]
            found[visit.subband][visit.active.to(self.home)] = part.reshape(len(visit.active), *visit.size)
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
    likely = likelihood > _SMALLEST
    # A likelihood can be 0 as a float, and what is divided by it no number.
    return slope.div_(likelihood.clamp_min_(_SMALLEST)).div_(PER_OCTAVE).mul_(likely)


def bordered(planes: list[Tensor]) -> list[Tensor]:
    """Return planes with a border of one zero."""
    return [torch.nn.functional.pad(plane, (1, 1, 1, 1)) for plane in planes]

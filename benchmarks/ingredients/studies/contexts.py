"""Richer contexts: laws that follow from far more than the model's features, by networks fitted to half of a scene.

One sees a hundred magnitudes around a latent. The other is also given a foretold value: a regression of the component
on those before, whose weights follow from what is decoded around the place, so that they differ from field to field.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.ingredients.studies.planes import Rounded, StudyPlanes
from xr_inr.core.latent.context import PASSES, Place, groups, places
from xr_inr.core.latent.latents import scale_row, told_of_subbands
from xr_inr.core.latent.soft import bordered, code_lengths, soft_magnitudes
from xr_inr.core.latent.wavelet import APPROXIMATION, Pyramid

_BORDER = 3
_WIDTH, _EPOCHS, _AT_ONCE = 48, 12, 4096
_BLOCKS = 8
"""Stripes of a subband; networks are fitted to every second and tested on the others, and the other way round."""

_TAIL_WIDTH = 2.5
_LARGEST_WEIGHT = 2.0
"""Of a regression."""

_SQUARE = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]


@dataclass(frozen=True)
class Seen:
    """What is known of all coded latents before they are decoded."""

    features: Tensor
    """(latents, features)."""

    foretold: Tensor
    """(latents,) by regression on other components."""

    values: Tensor
    """(latents,) the latents."""

    halves: Tensor
    """(latents,) which half of the scene each is of."""

    @classmethod
    def of(cls, rounded: Rounded, pyramid: Pyramid) -> Seen:
        """Look around all coded latents."""
        active = [torch.from_numpy(np.flatnonzero(row)) for row in rounded.side.scales > 0]
        found = [(place, active[scale_row(place.subband)]) for place in places(pyramid)]
        parts = [_around(rounded, pyramid, place, own) for place, own in found if len(own)]
        features, foretold, values, halves = (torch.cat(some) for some in zip(*parts, strict=True))
        return cls(features, foretold, values, halves)


def contexts(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent richer contexts change the bits of the latents."""
    rounded = planes.rounded
    seen = Seen.of(rounded, planes.pyramid)
    before = _bits_of_model(rounded)
    found = {"a hundred magnitudes": False, "and regression on other components": True}
    return {name: 100.0 * (_bits_held_out(seen, foretelling=more) / before - 1.0) for name, more in found.items()}


def _bits_of_model(rounded: Rounded) -> float:
    soft, side = rounded.soft, rounded.side
    visits = soft.visits(side.scales > 0)
    with torch.no_grad():
        features = soft.features(bordered([soft_magnitudes(part) for part in rounded.latents]), side, visits)
        offsets = torch.from_numpy(side.offsets).float()[soft.components(visits)]
        indices = soft.indices(features, soft.biases(visits), offsets).round()
        means = soft.means(bordered(rounded.latents), side, visits)
        return float(code_lengths(soft.gather(rounded.latents, visits), means, indices).double().sum())


def _around(rounded: Rounded, pyramid: Pyramid, place: Place, active: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    subband = pyramid.subbands[place.subband]
    padded = torch.nn.functional.pad(rounded.latents[place.subband], (_BORDER,) * 4)
    here = _at(padded, place, 0, 0)
    nothing = torch.zeros_like(here)
    magnitudes = [_known(padded, place, *offset) for offset in itertools.product((-2, -1, 0, 1, 2), repeat=2)]
    starts = torch.tensor([start for start, stop in groups(len(here)) for _ in range(start, stop)])
    for back, offset in itertools.product((1, 2, 3), _SQUARE):
        other = torch.cat([nothing[:back], _at(padded, place, *offset)[:-back]])
        earlier = (torch.arange(len(here)) - back < starts)[:, None, None]
        magnitudes.append(torch.where(_is_known(place, offset) | (earlier & (offset == (0, 0))), other, 0.0))
    if subband.orientation != APPROXIMATION:
        for back, offset in itertools.product(range(1, subband.orientation + 1), _SQUARE):
            sibling = torch.nn.functional.pad(rounded.latents[place.subband - back], (_BORDER,) * 4)
            magnitudes.append(_fitting(_at(sibling, place, *offset), here))
        if subband.level < pyramid.levels - 1:
            parent = torch.nn.functional.pad(rounded.latents[place.subband - 3], (_BORDER,) * 4)
            for down, across in _SQUARE:
                rows, columns = slice(_BORDER + down, None), slice(_BORDER + across, None)
                magnitudes.append(_fitting(parent[:, rows, columns][:, : place.rows, : place.columns], here))
    # What some subbands do not have is nothing.
    magnitudes += [nothing] * (25 + 27 + 18 + 9 - len(magnitudes))
    numbers = np.arange(len(here), dtype=np.float32)
    told = torch.from_numpy(told_of_subbands(rounded.side.scales, pyramid, numbers)[place.subband])
    names = torch.zeros(4 + 4 + 8)
    names[[place.number, 4 + subband.orientation, 8 + min(subband.level, 7)]] = 1.0
    foretold = _regressed(padded, place, starts)
    features = torch.stack(
        [
            *(torch.log2(1.0 + part.abs()) for part in magnitudes),
            *(part[:, None, None].expand_as(here) / 16.0 for part in told),
            *(name.expand_as(here) for name in names),
            torch.log2(1.0 + foretold.abs()),
        ]
    )
    row, column = PASSES[place.number]
    stripes = (column + 2 * torch.arange(place.columns)) * _BLOCKS // max(subband.shape[1], 1) + row
    halves = (stripes % 2).expand_as(here)
    return (
        features[:, active].flatten(1).T,
        foretold[active].flatten(),
        here[active].flatten(),
        halves[active].flatten(),
    )


def _regressed(padded: Tensor, place: Place, starts: Tensor) -> Tensor:
    """Return what the components of earlier groups foretell of each, by weights from the known latents around."""
    here = _at(padded, place, 0, 0)
    reach = range(-_BORDER, _BORDER + 1)
    offsets = [(down, across) for down in reach for across in reach if _is_known(place, (down, across))]
    found = torch.zeros_like(here)
    if not offsets:
        return found
    around = torch.stack([_at(padded, place, *offset) for offset in offsets])
    energies = around.square().sum(0) + 1.0
    for component, start in enumerate(starts.tolist()):
        left = around[:, component].clone()
        for other in range(start):
            weight = ((around[:, other] * left).sum(0) / energies[other]).clamp(-_LARGEST_WEIGHT, _LARGEST_WEIGHT)
            found[component] += weight * here[other]
            left -= weight * around[:, other]
    return found


def _at(padded: Tensor, place: Place, down: int, across: int) -> Tensor:
    row, column = PASSES[place.number]
    top, left = _BORDER + row + down, _BORDER + column + across
    return padded[:, top : top + 2 * place.rows - 1 : 2, left : left + 2 * place.columns - 1 : 2]


def _is_known(place: Place, offset: tuple[int, int]) -> bool:
    """Whether latents of an offset were decoded in an earlier pass."""
    row, column = PASSES[place.number]
    return PASSES.index(((row + offset[0]) % 2, (column + offset[1]) % 2)) < place.number


def _known(padded: Tensor, place: Place, down: int, across: int) -> Tensor:
    found = _at(padded, place, down, across)
    return found if _is_known(place, (down, across)) else torch.zeros_like(found)


def _fitting(part: Tensor, like: Tensor) -> Tensor:
    """Return a part with what it lacks at its far edges, nothing."""
    return torch.nn.functional.pad(part, (0, like.shape[2] - part.shape[2], 0, like.shape[1] - part.shape[1]))


def _bits_held_out(seen: Seen, *, foretelling: bool) -> float:
    return sum(_bits_of_half(seen, half, foretelling=foretelling) for half in (0, 1))


def _bits_of_half(seen: Seen, half: int, *, foretelling: bool) -> float:
    """Return the bits of a half of the scene under laws of a network that is fitted to the other."""
    random = torch.Generator().manual_seed(half)
    fitted, tested = (torch.nonzero(seen.halves == part)[:, 0] for part in (1 - half, half))
    centre, spread = seen.features[fitted].mean(0), seen.features[fitted].std(0) + 0.05
    sizes = [seen.features.shape[1], _WIDTH, _WIDTH, 3]
    layers = [
        ((torch.randn(out, into, generator=random) / into**0.5).requires_grad_(), torch.zeros(out).requires_grad_())
        for into, out in itertools.pairwise(sizes)
    ]

    def bits(some: Tensor) -> Tensor:
        octave, tail, share = _evaluated(layers, (seen.features[some] - centre) / spread)
        means = seen.foretold[some] * torch.sigmoid(share - 1.0) if foretelling else torch.zeros_like(share)
        return _bits_under(seen.values[some] - means, torch.exp2(octave), torch.sigmoid(tail - 2.5))

    count = -(-len(fitted) // _AT_ONCE)
    optimiser = torch.optim.Adam([part for layer in layers for part in layer], 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _EPOCHS * count)
    for _ in range(_EPOCHS):
        for some in fitted[torch.randperm(len(fitted), generator=random)].chunk(count):
            optimiser.zero_grad()
            torch.autograd.backward(bits(some).mean())
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        return float(torch.cat([bits(some) for some in torch.split(tested, _AT_ONCE)]).double().sum())


def _evaluated(layers: Sequence[tuple[Tensor, Tensor]], values: Tensor) -> Tensor:
    for weights, biases in layers[:-1]:
        values = torch.nn.functional.silu(values @ weights.T + biases)
    weights, biases = layers[-1]
    return (values @ weights.T + biases).T


def _bits_under(distances: Tensor, scales: Tensor, tails: Tensor) -> Tensor:
    """Return code lengths under two logistic densities, the second one wider, whose share each law has of its own."""
    found = torch.zeros_like(distances)
    # Taken on the side where both tails are small, for the sake of precision.
    below = -distances.abs()
    for share, wider in ((1.0 - tails, 1.0), (tails, _TAIL_WIDTH)):
        found = found + share * (
            torch.sigmoid((below + 0.5) / (wider * scales)) - torch.sigmoid((below - 0.5) / (wider * scales))
        )
    return -torch.log2(found.clamp_min(2.0**-15))

"""What magnitudes of latents do to the features of latents that see them: the adjoint of `SoftCoder.features`.

Written out, since features are sums of neighbours: every slope is added where it belongs, and no copies are made of
planes that one pass looks at a part of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xr_inr.core.latent import context
from xr_inr.core.latent.context import Place
from xr_inr.core.latent.wavelet import APPROXIMATION, Pyramid

_PARENT, _RING, _BEFORE, _AFTER, _SIBLINGS = 3, 4, 5, 6, 7
"""Rows of features, as `context.Surroundings.of_pass` puts them."""

_OF_ALL_GROUPS, _OF_THE_LAST = context.PASS_FEATURES, context.PASS_FEATURES + 1
_OF_PAIRS = {pairs: (row, float(len(pairs))) for row, pairs in enumerate(context.PAIRS)}
"""Row of the feature that is the mean of some neighbours, and how many they are."""


@dataclass(frozen=True)
class Visit:
    """A pass and the components that are coded in it."""

    place: Place
    active: Tensor
    rows: slice
    columns: slice

    @property
    def count(self) -> int:
        """How many latents are coded in it."""
        return len(self.active) * self.place.rows * self.place.columns


@dataclass(frozen=True)
class Groups:
    """Where the groups of components lie that each component hears of, each tensor (rank,)."""

    firsts: Tensor
    """The first component of its chunk."""

    previous: Tensor
    """The first of the group before its own."""

    starts: Tensor
    """The first of its own group."""

    sizes: Tensor
    """How many components the group before has, at least 1; float32, (rank, 1, 1)."""


class FeatureSlopes:
    """Slopes of something that depends on the magnitudes of latents by way of features.

    Parameters
    ----------
    pyramid
        The subbands.
    groups
        The groups of components.
    magnitudes
        One tensor a subband, (rank, height + 2, width + 2), with a border of zeros.
    """

    def __init__(self, pyramid: Pyramid, groups: Groups, magnitudes: Sequence[Tensor]) -> None:
        self._pyramid = pyramid
        self._groups = groups
        self._slopes = [torch.zeros_like(plane) for plane in magnitudes]

    def add(self, features: Tensor, gradient: Tensor, visits: Sequence[Visit]) -> None:
        """Take note of slopes with respect to features.

        Parameters
        ----------
        features
            (features, latents) as `SoftCoder.features` gives them of some visits.
        gradient
            (features, latents) slopes with respect to them.
        visits
            These visits.
        """
        rings: dict[int, Tensor] = {}
        start = 0
        for visit in visits:
            part = slice(start, start + visit.count)
            start = part.stop
            shape = (context.FEATURES, len(visit.active), visit.place.rows, visit.place.columns)
            own = gradient[:, part].reshape(shape)
            logarithms = features[_OF_ALL_GROUPS, part].reshape(shape[1:])
            of_sum = own[_OF_ALL_GROUPS] * context.slope_of_logarithm(logarithms)
            self._to_groups(visit, of_sum, own[_OF_THE_LAST])
            every = self._of_every_component(visit, own[: _SIBLINGS + 1])
            self._to_neighbours(visit.place, every)
            self._to_parent(visit.place, every, rings)
            self._to_siblings(visit.place, every[_SIBLINGS])
        for subband, ring in rings.items():
            _add_ring(self._slopes[subband], ring)

    def of_magnitudes(self) -> list[Tensor]:
        """Return the slopes with respect to magnitudes, one tensor a subband, (rank, height, width)."""
        return [plane[:, 1:-1, 1:-1] for plane in self._slopes]

    def _of_every_component(self, visit: Visit, own: Tensor) -> Tensor:
        rank = len(self._groups.starts)
        if len(visit.active) == rank:
            return own
        every = own.new_zeros(len(own), rank, *own.shape[2:])
        return every.index_copy_(1, visit.active, own)

    def _to_groups(self, visit: Visit, of_sum: Tensor, of_last: Tensor) -> None:
        groups, active = self._groups, visit.active
        of_last = of_last / groups.sizes[active]
        # Of the sum of all components before one, by its number.
        sums = of_sum.new_zeros(len(groups.starts) + 1, *of_sum.shape[1:])
        sums.index_add_(0, groups.starts[active], of_sum + of_last)
        sums.index_add_(0, groups.previous[active], of_last, alpha=-1.0)
        sums.index_add_(0, groups.firsts[active], of_sum, alpha=-1.0)
        visit.place.of(self._slopes[visit.place.subband]).add_(sums.flip(0).cumsum(0).flip(0)[1:])

    def _to_neighbours(self, place: Place, every: Tensor) -> None:
        known = context.KNOWN[place.number]
        if not known:
            return
        around = torch.zeros_like(every[0])
        around[:-1] += every[_BEFORE, 1:]
        around[1:] += every[_AFTER, :-1]
        around /= sum(map(len, known))
        for pairs in known:
            row, count = _OF_PAIRS[pairs]
            each = torch.add(around, every[row], alpha=1.0 / count)
            for offset in pairs:
                place.of(self._slopes[place.subband], *offset).add_(each)

    def _to_parent(self, place: Place, every: Tensor, rings: dict[int, Tensor]) -> None:
        subband = self._pyramid.subbands[place.subband]
        if subband.orientation == APPROXIMATION:
            return
        of_ring = every[_RING] / 8
        if subband.level == self._pyramid.levels - 1:
            approximation = self._slopes[0]
            place.of(approximation).add_(every[_PARENT])
            for pairs in context.PAIRS:
                for offset in pairs:
                    place.of(approximation, *offset).add_(of_ring)
            return
        number = place.subband - 3
        parent = self._slopes[number]
        parent[:, 1 : 1 + place.rows, 1 : 1 + place.columns].add_(every[_PARENT])
        if number not in rings:
            rank, height, width = parent.shape
            rings[number] = parent.new_zeros(rank, height - 1, width - 1)
        rings[number][:, : place.rows, : place.columns].add_(of_ring)

    def _to_siblings(self, place: Place, slopes: Tensor) -> None:
        orientation = self._pyramid.subbands[place.subband].orientation
        if orientation in (0, APPROXIMATION):
            return
        each = slopes / orientation
        for back in range(1, orientation + 1):
            place.of(self._slopes[place.subband - back]).add_(each)


def _add_ring(slopes: Tensor, ring: Tensor) -> None:
    """Add to slopes what follows from those of the sums of the eight around each position; see `Surroundings`."""
    _, height, width = ring.shape
    beside = ring.new_zeros(ring.shape[0], height, width + 2)
    for across in range(3):
        beside[:, :, across : across + width].add_(ring)
    # The last row and column lie beyond the planes.
    for down in range(3):
        rows = min(height, slopes.shape[1] - down)
        slopes[:, down : down + rows].add_(beside[:, :rows, : slopes.shape[2]])
    slopes[:, 1:, 1:].sub_(ring)

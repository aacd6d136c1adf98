"""What magnitudes of latents do to the features of latents that see them: the adjoint of `SoftFeatures`.

Written out, since features are sums of neighbours: every slope is added where it belongs, and no graph is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from xr_inr.core.latent import context
from xr_inr.core.latent.soft_features import Groups, Passes, Visit, parent_of, siblings_of
from xr_inr.core.latent.wavelet import Pyramid

_KINDS = len(context.PAIRS)
_PARENT, _RING, _BEFORE, _AFTER, _SIBLINGS = 3, 4, 5, 6, 7
"""Rows of features, after those of the kinds of neighbours."""

_OF_ALL_GROUPS, _OF_THE_LAST = context.PASS_FEATURES, context.PASS_FEATURES + 1


class FeatureSlopes:
    """Slopes of something that depends on the magnitudes of latents by way of features.

    Parameters
    ----------
    pyramid
        The subbands.
    groups
        The groups of components.
    passes
        Those of each subband.
    magnitudes
        One tensor a subband, (rank, height + 2, width + 2), with a border of zeros. Slopes with respect to them are
        kept where they lie.
    """

    def __init__(
        self, pyramid: Pyramid, groups: Groups, passes: Sequence[Passes], magnitudes: Sequence[Tensor]
    ) -> None:
        self._pyramid, self._groups, self._passes = pyramid, groups, passes
        self._slopes = [torch.zeros_like(plane) for plane in magnitudes]
        self._home = magnitudes[0].device
        self._rings: dict[int, Tensor] = {}
        self._sums: dict[int, Tensor] = {}

    def add(self, features: Tensor, gradient: Tensor, visits: Sequence[Visit]) -> None:
        """Take note of slopes with respect to features.

        Parameters
        ----------
        features
            (features, latents) as `SoftFeatures` gives them of some visits.
        gradient
            (features, latents) slopes with respect to them.
        visits
            These visits.
        """
        start = 0
        for visit in visits:
            part = slice(start, start + visit.count)
            start = part.stop
            own = gradient[:, part].reshape(context.FEATURES, len(visit.active), *visit.size)
            logarithms = features[_OF_ALL_GROUPS, part].reshape(own.shape[1:])
            of_sum = own[_OF_ALL_GROUPS] * _slope_of(logarithms)
            self._to_groups(visit, of_sum, own[_OF_THE_LAST])
            every = _of_every_component(visit, own[: _SIBLINGS + 1])
            self._to_neighbours(visit, every)
            self._to_parent(visit, every[_PARENT : _RING + 1])
            self._to_siblings(visit, every[_SIBLINGS])

    def of_magnitudes(self) -> list[Tensor]:
        """Return the slopes with respect to magnitudes, one tensor a subband, (rank, height, width)."""
        for subband, sums in self._sums.items():
            self._slopes[subband][:, 1:-1, 1:-1].add_(sums.flip(0).cumsum(0).flip(0)[1:])
        for subband, ring in self._rings.items():
            slopes = self._slopes[subband]
            # The last row and column lie beyond the planes.
            wider = torch.nn.functional.pad(slopes, (0, 1, 0, 1))
            _add_beside(wider, (ring, ring, ring))
            slopes.copy_(wider[:, :-1, :-1])
        self._sums, self._rings = {}, {}
        return [plane[:, 1:-1, 1:-1] for plane in self._slopes]

    def _to_groups(self, visit: Visit, of_sum: Tensor, of_last: Tensor) -> None:
        groups, active = self._groups, visit.active
        of_sum, of_last = of_sum.to(self._home), (of_last / groups.sizes[active]).to(self._home)
        active = active.to(self._home)
        if visit.subband not in self._sums:
            # Of the sum of all components before one, by its number.
            self._sums[visit.subband] = of_sum.new_zeros(len(groups.starts) + 1, *visit.size)
        sums = self._sums[visit.subband]
        sums.index_add_(0, groups.starts[active], of_sum + of_last)
        sums.index_add_(0, groups.previous[active], of_last, alpha=-1.0)
        sums.index_add_(0, groups.firsts[active], of_sum, alpha=-1.0)

    def _to_neighbours(self, visit: Visit, every: Tensor) -> None:
        slopes, passes = self._slopes[visit.subband], self._passes[visit.subband]
        low, high = max(visit.first - 1, 0), min(visit.stop + 1, len(slopes))
        around = every.new_zeros(high - low, *visit.size)
        before, after = visit.first - 1 - low, visit.first + 1 - low
        around[max(before, 0) : visit.stop - 1 - low] += every[_BEFORE, max(-before, 0) :]
        around[after : visit.stop + 1 - low] += every[_AFTER, : high - low - after]
        sums = [around * share for share in passes.around]
        for own, kind, share in zip(sums, every[:_KINDS], passes.means, strict=True):
            own[visit.first - low : visit.stop - low].addcmul_(kind, share)
        _add_beside(slopes[low:high], [part.to(self._home) for part in sums])

    def _to_parent(self, visit: Visit, slopes: Tensor) -> None:
        above = parent_of(visit, self._pyramid)
        if above is None:
            return
        number, scale = above
        parent, ring = _narrowed(slopes, scale).to(self._home)
        own, (rows, columns) = slice(visit.first, visit.stop), parent.shape[1:]
        plane = self._slopes[number]
        plane[own, 1 : 1 + rows, 1 : 1 + columns].add_(parent)
        if number not in self._rings:
            rank, height, width = plane.shape
            self._rings[number] = plane.new_zeros(rank, height - 1, width - 1)
        self._rings[number][own, :rows, :columns].add_(ring, alpha=1 / 8)

    def _to_siblings(self, visit: Visit, slopes: Tensor) -> None:
        height, width = visit.size
        siblings = siblings_of(visit, self._pyramid)
        if not siblings:
            return
        slopes = slopes.to(self._home)
        for sibling in siblings:
            plane = self._slopes[sibling][visit.first : visit.stop, 1 : 1 + height, 1 : 1 + width]
            plane.add_(slopes, alpha=1 / len(siblings))


def _slope_of(logarithms: Tensor) -> Tensor:
    """Return the derivative of the feature of all groups, from what it is, with respect to the sum it is of."""
    return (logarithms < context.LARGEST_FEATURE) * torch.exp2(-logarithms / context.OCTAVE).div_(math.log(2.0))


def _of_every_component(visit: Visit, own: Tensor) -> Tensor:
    """Return slopes of all components from the first of a visit to the last."""
    if visit.adjoining:
        return own
    every = own.new_zeros(len(own), visit.stop - visit.first, *visit.size)
    return every.index_copy_(1, visit.active - visit.first, own)


def _add_beside(slopes: Tensor, sums: Sequence[Tensor]) -> None:
    """Add the slopes of sums over neighbours, as `soft_features.beside` makes them, to those of bordered planes."""
    across, down, diagonal = sums
    slopes[:, 1:-1, :-2].add_(across)
    slopes[:, 1:-1, 2:].add_(across)
    vertical = torch.nn.functional.pad(down, (1, 1))
    vertical[:, :, :-2].add_(diagonal)
    vertical[:, :, 2:].add_(diagonal)
    slopes[:, :-2].add_(vertical)
    slopes[:, 2:].add_(vertical)


def _narrowed(values: Tensor, scale: int) -> Tensor:
    """Return the sums of `scale` x `scale` values, (..., height, width) rounded up."""
    if scale == 1:
        return values
    height, width = values.shape[-2:]
    padded = torch.nn.functional.pad(values, (0, -width % scale, 0, -height % scale))
    rows, columns = (side // scale for side in padded.shape[-2:])
    found: Tensor = padded.reshape(*values.shape[:-2], rows, scale, columns, scale).sum((-3, -1))
    return found

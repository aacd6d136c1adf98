"""The features of `context` as torch sees them: of whole subbands at once, and not rounded.

What a position knows hangs on its pass, by maps of ones and zeros: sums over all neighbours are made for all passes
together, and those that a pass does not know yet are multiplied by zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent import context
from xr_inr.core.latent.wavelet import APPROXIMATION, Pyramid, Subband


@dataclass(frozen=True)
class Visit:
    """A subband and the components of it that are looked at, some of those that are coded."""

    subband: int
    """Which of the pyramid's."""

    size: tuple[int, int]
    """(height, width) of the subband."""

    active: Tensor
    """(components,) int64, ascending; where it lies is where the visit's latents are looked at."""

    first: int
    """The first of them."""

    stop: int
    """One beyond the last of them."""

    @property
    def count(self) -> int:
        """How many latents are looked at."""
        return len(self.active) * self.size[0] * self.size[1]

    @property
    def adjoining(self) -> bool:
        """Whether no component lies between them."""
        return len(self.active) == self.stop - self.first

    def of(self, planes: Tensor) -> Tensor:
        """Return the planes of these components, (components, height, width), of planes of all, wherever those lie."""
        every = planes[self.first : self.stop].to(self.active.device)
        return every if self.adjoining else every[self.active - self.first]


@dataclass(frozen=True)
class Groups:
    """Where the groups of components lie that each component hears of, each tensor (rank,).

    All but sizes are where magnitudes are, of which they index sums; sizes are where features are made.
    """

    firsts: Tensor
    """The first component of its chunk."""

    previous: Tensor
    """The first of the group before its own."""

    starts: Tensor
    """The first of its own group."""

    sizes: Tensor
    """How many components the group before has, at least 1; float32, (rank, 1, 1)."""

    several: bool = False
    """Whether there are several chunks."""


class Passes:
    """Which neighbours are known where, in a subband.

    Parameters
    ----------
    size
        (height, width) of the subband.
    device
        Where tensors live.
    """

    def __init__(self, size: tuple[int, int], device: torch.device) -> None:
        self.numbers = _numbers(size, device)
        """(height, width) int64, the pass of each position."""

        known = torch.tensor([[float(pairs in own) for pairs in context.PAIRS] for own in context.KNOWN], device=device)
        counts = torch.tensor([float(len(pairs)) for pairs in context.PAIRS], device=device)
        all_known = (known * counts).sum(1, keepdim=True).clamp(min=1.0)
        self.means = (known / counts).T[:, self.numbers]
        """(kinds of neighbours, height, width) what a sum over neighbours of a kind is multiplied with for its mean."""

        self.around = (known / all_known).T[:, self.numbers]
        """The same for its part in the mean over all that are known."""


def _numbers(size: tuple[int, int], device: torch.device) -> Tensor:
    found = np.empty(size, np.int64)
    for number, (row, column) in enumerate(context.PASSES):
        found[row::2, column::2] = number
    return torch.from_numpy(found).to(device)


def beside(padded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sums of the neighbours of each kind of `context.PAIRS`, in planes with a border of one."""
    across = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    vertical = padded[:, :-2] + padded[:, 2:]
    return across, vertical[:, :, 1:-1], vertical[:, :, :-2] + vertical[:, :, 2:]


def parent_of(visit: Visit, pyramid: Pyramid) -> tuple[int, int] | None:
    """Return the subband that tells of the same place on the next coarser level, and how many positions share one."""
    subband: Subband = pyramid.subbands[visit.subband]
    if subband.orientation == APPROXIMATION:
        return None
    return (0, 1) if subband.level == pyramid.levels - 1 else (visit.subband - 3, 2)


def siblings_of(visit: Visit, pyramid: Pyramid) -> range:
    """Return the subbands of the same level that are coded before one."""
    orientation = pyramid.subbands[visit.subband].orientation
    count = 0 if orientation == APPROXIMATION else orientation
    return range(visit.subband - count, visit.subband)


class SoftFeatures:
    """Gives features from magnitudes of latents.

    Parameters
    ----------
    pyramid
        The subbands.
    groups
        The groups of components.
    passes
        Those of each subband.
    padded
        One tensor a subband, (rank, height + 2, width + 2), magnitudes with a border of zeros. They may lie elsewhere
        than what is made of them.
    stored
        (subbands, `context.STORED_FEATURES`, rank) what the side information tells of the components in each, where
        features are made.
    """

    def __init__(
        self, pyramid: Pyramid, groups: Groups, passes: Sequence[Passes], padded: Sequence[Tensor], stored: Tensor
    ) -> None:
        self._pyramid, self._groups, self._passes = pyramid, groups, passes
        self._padded, self._stored = padded, stored
        self._device = stored.device
        self._ring: tuple[int, Tensor] | None = None
        self._sums: tuple[int, Tensor] | None = None
        self._several = groups.several

    def of(self, visits: Sequence[Visit]) -> Tensor:
        """Return the features of all latents of visits, (features, latents): components, rows and columns in turn."""
        return torch.cat([self._of_visit(visit) for visit in visits], 1)

    def _of_visit(self, visit: Visit) -> Tensor:
        own = slice(visit.first, visit.stop)
        padded, passes = self._padded[visit.subband], self._passes[visit.subband]
        # Those before and after have a say, too.
        low, high = max(visit.first - 1, 0), min(visit.stop + 1, len(padded))
        sums = beside(padded[low:high].to(self._device))
        across, down, diagonal = (part * share for part, share in zip(sums, passes.around, strict=True))
        around = across + down + diagonal
        inner = slice(visit.first - low, visit.stop - low)
        features = [part[inner] * share for part, share in zip(sums, passes.means, strict=True)]
        nothing = torch.zeros_like(features[0])
        features += self._of_parent(visit, nothing)
        features += _shifted(around, inner, nothing[:1])
        features.append(self._of_siblings(visit, nothing))
        features += (told[own, None, None].expand_as(nothing) for told in self._stored[visit.subband])
        features += self._of_groups(visit.subband, own)
        found = torch.stack(features)
        return (found if visit.adjoining else found[:, visit.active - visit.first]).flatten(1)

    def _of_parent(self, visit: Visit, nothing: Tensor) -> list[Tensor]:
        above = parent_of(visit, self._pyramid)
        if above is None:
            return [nothing, nothing]
        number, scale = above
        own = slice(visit.first, visit.stop)
        rows, columns = (-(-side // scale) for side in visit.size)
        parent = self._padded[number][own, 1 : 1 + rows, 1 : 1 + columns]
        ring = self._ring_of(number)[own, :rows, :columns]
        return [_widened(part.to(self._device), scale, visit.size) for part in (parent, ring)]

    def _ring_of(self, subband: int) -> Tensor:
        """Mean of the eight around each position and around those just beyond the far edges."""
        if self._ring is None or self._ring[0] != subband:
            wider = torch.nn.functional.pad(self._padded[subband], (0, 1, 0, 1))
            across, down, diagonal = beside(wider)
            self._ring = subband, (across + down + diagonal) / 8
        return self._ring[1]

    def _of_siblings(self, visit: Visit, nothing: Tensor) -> Tensor:
        siblings = siblings_of(visit, self._pyramid)
        if not siblings:
            return nothing
        height, width = visit.size
        own = slice(visit.first, visit.stop)
        inside = own, slice(1, 1 + height), slice(1, 1 + width)
        parts = [self._padded[sibling][inside].to(self._device) for sibling in siblings]
        return parts[0] if len(parts) == 1 else sum(parts[1:], parts[0]) / len(parts)

    def _of_groups(self, subband: int, own: slice) -> list[Tensor]:
        if self._sums is None or self._sums[0] != subband:
            here = self._padded[subband][:, 1:-1, 1:-1]
            self._sums = subband, torch.cat([torch.zeros_like(here[:1]), here.cumsum(0)])
        sums, groups = self._sums[1], self._groups
        before = sums[groups.starts[own]]
        last = before - sums[groups.previous[own]]
        if self._several:
            before = before - sums[groups.firsts[own]]
        before, last = before.to(self._device), last.to(self._device)
        logarithm = (context.OCTAVE * torch.log2(1.0 + before / context.OCTAVE)).clamp(max=context.LARGEST_FEATURE)
        return [logarithm, last / groups.sizes[own]]


def _shifted(around: Tensor, inner: slice, zero: Tensor) -> list[Tensor]:
    """Return what the components before and after some of them have, nothing beyond the first and the last."""
    before = around[inner.start - 1 : inner.stop - 1] if inner.start else torch.cat([zero, around[: inner.stop - 1]])
    after = around[inner.start + 1 : inner.stop + 1]
    return [before, after if len(after) == len(before) else torch.cat([after, zero])]


def _widened(values: Tensor, scale: int, size: tuple[int, int]) -> Tensor:
    """Return values each of which stands for `scale` x `scale` positions, (components, *size)."""
    if scale == 1:
        return values
    count, rows, columns = values.shape
    wide = values[:, :, None, :, None].expand(-1, -1, scale, -1, scale).reshape(count, rows * scale, columns * scale)
    return wide[:, : size[0], : size[1]]

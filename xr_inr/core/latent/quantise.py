"""Rate-distortion optimised rounding: whole latents near their targets that take few bits, their own and others'.

Each sweep decides anew on a random part of the latents. A candidate is charged its squared error, its own bits under
the law its surroundings give now, and, to first order, the bits it adds to all latents that see it: the gradient of
their code length with respect to its magnitude, from one pass backwards through the context network and its features.

Several chunks can be swept at once, side by side; what is drawn at random and lambda are each chunk's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.latents import Latents, LatentSide, scales_of, unit_of
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.neighbours import fit_mean_weights
from xr_inr.core.latent.network import LARGEST_OFFSET, OFFSET_UNIT, ContextNetwork
from xr_inr.core.latent.side_by_side import Layout, SoftScenes
from xr_inr.core.latent.soft import SoftCoder, bordered, code_lengths, soft_magnitudes
from xr_inr.core.latent.soft_parts import Part, looked_at
from xr_inr.core.latent.soft_scene import Missed, SoftScene
from xr_inr.core.latent.wavelet import Pyramid, squared_norms

_FIRST_ROUNDING = 0.38
"""Added before rounding down, to begin with: a dead zone."""


_BITS_OF_AN_OFFSET = 1.0
"""About, for each unit of its magnitude."""

_CHANGES = np.array([-1, 0, 1], np.int32)
"""What an offset may change by at a time."""

_DECIDED_AT_ONCE = {"cpu": 2**14, "cuda": 2**22}
"""Latents whose candidates are weighed at a time: on a CPU they stay in its cache."""

_OVERLAP = 2.7
"""How much larger, at most, an error made by many latents at once is than the sum of theirs, half as much again."""


def first_latents(targets: list[Tensor]) -> list[Tensor]:
    """Return whole numbers near targets, those near zero rounded to zero."""
    return [torch.sign(target) * torch.floor(target.abs() + _FIRST_ROUNDING) for target in targets]


def whole(latents: list[Tensor], unit: int = 1) -> Latents:
    """Return latents as the coder takes them: whole numbers that count steps over `unit`."""
    return [(part.detach() * unit).round().to(torch.int32).cpu().numpy() for part in latents]


def side_of(
    latents: Latents,
    pyramid: Pyramid,
    offsets: NDArray[np.int32],
    *,
    layout: Layout | None = None,
    fine_from: int = SCALES,
    repeated: NDArray[np.bool_] | None = None,
) -> LatentSide:
    """Return what is stored beside latents to predict them, with these offsets of components.

    Where a layout of several chunks is given, it is that of all of them, as `SoftCoder` takes it, and `repeated` has a
    plane for each.
    """
    parts = (slice(None),) if layout is None else layout.parts
    unit = unit_of(fine_from)
    silent: NDArray[np.float64] | float = 0.0
    if repeated is not None:
        counts = repeated.sum((1, 2)).astype(np.float64)
        silent = counts[np.zeros(len(latents[0]), np.int64) if layout is None else layout.chunks]
    scales = scales_of(latents, pyramid, unit, silent)
    weights = fit_mean_weights(latents, pyramid, parts, unit, repeated)
    return LatentSide(scales, weights, offsets, fine_from, repeated)


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
    home
        Where latents lie; where to work if None.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        rank: int,
        network: ContextNetwork,
        device: torch.device,
        seed: int,
        *,
        home: torch.device | None = None,
    ) -> None:
        self.soft = SoftCoder(pyramid, rank, network, device, home)
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
        (swept,) = _swept([Sweep(self, latents, scene, weight, share)], self.soft, scene)
        return swept.latents

    @property
    def state(self) -> tuple[Tensor, NDArray[np.int32]]:
        """What a sweep changes: the random numbers to come, and the offsets."""
        return self._random.get_state(), self.offsets

    @state.setter
    def state(self, state: tuple[Tensor, NDArray[np.int32]]) -> None:
        self._random.set_state(state[0])
        self.offsets = state[1]

    def drawn(self, count: int, share: float) -> Tensor:
        """Return which of so many latents to decide on, (count,), on the CPU."""
        return torch.rand(count, generator=self._random) < share


@dataclass(frozen=True)
class Sweep:
    """A sweep over the latents of one chunk; the arguments of `Rounder.sweep`."""

    rounder: Rounder
    latents: list[Tensor]
    scene: SoftScene
    weight: float
    share: float

    @property
    def size(self) -> int:
        """How many latents there are."""
        return sum(part.numel() for part in self.latents)


@dataclass(frozen=True)
class Swept:
    """What came of a sweep."""

    latents: list[Tensor]
    """The latents, part of them decided anew."""

    error: float
    """Sum of squared errors of the planes before that, in squared steps."""


def sweep_together(sweeps: Sequence[Sweep]) -> list[Swept]:
    """Do the sweeps of several chunks at once, as `Rounder.sweep` would do each.

    Parameters
    ----------
    sweeps
        One a chunk, all of equal size, on the same device, and with latents in the same place.

    Returns
    -------
    list
        What came of each chunk.
    """
    first = sweeps[0].rounder.soft
    if len(sweeps) == 1:
        return _swept(sweeps, first, sweeps[0].scene)
    soft = first.of_several([len(sweep.rounder.offsets) for sweep in sweeps])
    return _swept(sweeps, soft, SoftScenes([sweep.scene for sweep in sweeps], soft.layout))


@torch.no_grad()
def _decided(
    part: Part, targets: Tensor, norms: Tensor, *, slopes: Tensor, weight: float | Tensor, drawn: Tensor
) -> Tensor:
    """Return the latents of a part, those drawn decided anew."""
    # Zeros whose targets round to zero have no other candidate.
    open_ones = (drawn & ((part.now != 0) | (torch.round(targets) != 0))).nonzero()[:, 0]
    decided = part.now.clone()
    step = _DECIDED_AT_ONCE[decided.device.type]
    for start in range(0, len(open_ones), step):
        few = open_ones[start : start + step]
        decided[few] = _decide(
            part.now[few],
            targets[few],
            norms[few],
            means=part.means[few],
            indices=part.indices[few],
            slopes=slopes[few],
            weight=weight[few] if isinstance(weight, Tensor) else weight,
        )
    return decided


def _swept(sweeps: Sequence[Sweep], soft: SoftCoder, scene: SoftScene) -> list[Swept]:
    layout = soft.layout
    latents = [layout.joined(parts) for parts in zip(*(sweep.latents for sweep in sweeps), strict=True)]
    offsets = layout.joined_array([sweep.rounder.offsets for sweep in sweeps])
    integers = whole(latents)
    # Begun before the CPU looks at the integers, so that a device works meanwhile.
    missed = scene.missed(latents)
    side = side_of(integers, soft.pyramid, offsets, layout=layout, repeated=scene.repeated)
    del integers
    visits = soft.visits(side.scales > 0)
    if not visits:
        return [Swept(*one) for one in zip((sweep.latents for sweep in sweeps), _errors(missed, layout), strict=True)]
    sizes = bordered([soft_magnitudes(part) for part in latents])
    others = soft.slopes(sizes)
    parts = [part.to(soft.home) for part in looked_at(visits, latents, sizes, side, soft=soft, others=others)]
    bits = others.of_magnitudes()
    norms = [norm.expand_as(part) for norm, part in zip(sweeps[0].rounder.norms, latents, strict=True)]
    decided, of_offsets = [], torch.zeros(3, layout.rank, dtype=torch.float64, device=soft.device)
    for held in parts:
        part = held.to(soft.device)
        components = soft.components(part.visits)
        chunks = soft.chunks(components)
        # An upper bound of the squared error, not the error itself: what is decided together adds up.
        overlaps = _of_chunks([max(1.0, sweep.share * _OVERLAP) for sweep in sweeps], chunks)
        charged = soft.gather(norms, part.visits) * overlaps
        targets = part.now - soft.gather(missed.slopes, part.visits) / (2.0 * charged)
        weights = _of_chunks([sweep.weight for sweep in sweeps], chunks)
        drawn = _drawn(sweeps, chunks).to(soft.device)
        slopes = soft.gather(bits, part.visits)
        decided.append(_decided(part, targets, charged, slopes=slopes, weight=weights, drawn=drawn).to(soft.home))
        _add_bits_of_offsets(of_offsets, part, components)
    swept = soft.scatter(torch.cat(decided), latents, visits)
    more = _better_offsets(offsets, of_offsets)
    for sweep, own in zip(sweeps, layout.parts, strict=True):
        sweep.rounder.offsets = more[own]
    errors = _errors(missed, layout)
    return [Swept([plane[own] for plane in swept], error) for own, error in zip(layout.parts, errors, strict=True)]


def _errors(missed: Missed, layout: Layout) -> list[float]:
    """Return the sum of squared errors of each chunk."""
    squares = missed.squares.cpu()
    return [float(squares[part].sum()) for part in layout.parts]


def _of_chunks(values: Sequence[float], chunks: Tensor) -> float | Tensor:
    """Return for each latent what holds for its chunk; a number where that is the same for all."""
    if len(set(values)) == 1:
        return values[0]
    return torch.tensor(values, dtype=torch.float32, device=chunks.device)[chunks]


def _drawn(sweeps: Sequence[Sweep], chunks: Tensor) -> Tensor:
    """Return which latents to decide on: those of a chunk are drawn as if it were alone."""
    if len(sweeps) == 1:
        return sweeps[0].rounder.drawn(len(chunks), sweeps[0].share)
    of_chunks = chunks.cpu()
    counts = torch.bincount(of_chunks, minlength=len(sweeps)).tolist()
    drawn = [sweep.rounder.drawn(count, sweep.share) for sweep, count in zip(sweeps, counts, strict=True)]
    found = torch.empty(len(chunks), dtype=torch.bool)
    found[of_chunks.argsort(stable=True)] = torch.cat(drawn)
    return found


@torch.no_grad()
def _add_bits_of_offsets(bits: Tensor, part: Part, components: Tensor) -> None:
    """Add to `bits`, (3, rank), what each component takes were its offset less by one, the same, more by one."""
    step = _DECIDED_AT_ONCE[components.device.type]
    for start in range(0, len(components), step):
        few = slice(start, start + step)
        for of_change, change in zip(bits, _CHANGES, strict=True):
            changed = (part.indices[few] + change / OFFSET_UNIT).clamp(0, SCALES - 1)
            of_change.index_add_(0, components[few], code_lengths(part.now[few], part.means[few], changed).double())


def _better_offsets(offsets: NDArray[np.int32], bits: Tensor) -> NDArray[np.int32]:
    """Return offsets, each moved by one where that saves more bits than an offset takes."""
    changed = np.abs(offsets + _CHANGES[:, None])
    costs = bits.cpu().numpy() + _BITS_OF_AN_OFFSET * changed + np.where(changed > LARGEST_OFFSET, np.inf, 0.0)
    moved: NDArray[np.int32] = (offsets + np.argmin(costs, axis=0) - 1).astype(np.int32)
    return moved


def _decide(
    now: Tensor,
    targets: Tensor,
    norms: Tensor,
    *,
    means: Tensor,
    indices: Tensor,
    slopes: Tensor,
    weight: float | Tensor,
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

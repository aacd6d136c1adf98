"""Dependent quantisation: latents of a chain take turns, by their parities, between two grids half a step apart.

Four states as in VVC (Schwarz et al., 'Quantization and Entropy Coding in the Versatile Video Coding (VVC) Standard',
IEEE TCSVT 31 (10), 2021): states 0 and 1 round to whole steps, 2 and 3 to halves and to zero; the parity of what is
coded says which state is next, and a trellis finds the cheapest way through a chain. Laws follow from the magnitudes
around a latent, as if those were known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.context import PASSES
from xr_inr.core.latent.laws import TAIL_SHARE, TAIL_WIDTH
from xr_inr.core.latent.tradeoff import WEIGHT

PLACES = (1, 8)
"""Places, of twelve latents each, that a chain goes through."""

_ARRIVALS = (((0, 0), (1, 1)), ((2, 0), (3, 1)), ((0, 1), (1, 0)), ((2, 1), (3, 0)))
"""For each state the two (state, parity) that lead to it."""

_ZERO_REACH = 0.25
"""Half the width of what counts as zero on the grid of halves."""

_LOGISTIC_MEAN = 1.386
"""Mean magnitude of a logistic law over its scale: 2 ln 2."""

_AROUND = 2
"""Latents to each side that a law follows from."""

_LEAST_SCALE = 0.08
_SMALLEST = 2.0**-15

Rounding = Callable[[Tensor, Tensor, float], Tensor]
"""Takes targets and scales of laws, both (chains, length), and lambda; returns squared error and bits, (2,)."""


def dependent(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent dependent quantisation changes the bits of details at equal error, by chain length."""
    targets, scales = chains(planes.subbands), chains(local_scales(planes.subbands))
    error = _curve(scalar, targets, scales, (1.0,), WEIGHT)[0][0]
    fewest = _fewest(_SCALAR, targets, scales, error)
    found = {}
    for places in PLACES:
        length = places * targets.shape[1]
        bits = _fewest(_DEPENDENT, targets.reshape(-1, length), scales.reshape(-1, length), error)
        found[f"chains of {length}"] = 100.0 * (bits / fewest - 1.0)
    return found


def chains(subbands: Sequence[Tensor]) -> Tensor:
    """Return details as chains: the twelve of 2 x 2 places of a component and level, in the order they are coded.

    Parameters
    ----------
    subbands
        The approximation, then three details a level; what has no 2 x 2 place is left out.

    Returns
    -------
    Tensor
        (chains, 12), as many as make whole chains of the largest of `PLACES`.
    """
    found = []
    for first in range(1, len(subbands), 3):
        details = subbands[first : first + 3]
        height, width = (min(part.shape[axis] for part in details) // 2 * 2 for axis in (1, 2))
        in_order = [part[:, row:height:2, column:width:2] for part in details for row, column in PASSES]
        found.append(torch.stack(in_order, -1).flatten(0, 2))
    everything = torch.cat(found)
    return everything[: len(everything) // max(PLACES) * max(PLACES)]


def local_scales(subbands: Sequence[Tensor]) -> list[Tensor]:
    """Return the scale of a logistic law whose mean magnitude is that of the latents around each."""
    side = 2 * _AROUND + 1
    found = []
    for part in subbands:
        magnitudes = part.abs()
        padded = torch.nn.functional.pad(magnitudes[:, None], (_AROUND,) * 4, mode="replicate")
        sums = side**2 * torch.nn.functional.avg_pool2d(padded, side, 1)[:, 0]
        found.append((sums - magnitudes) / (side**2 - 1) / _LOGISTIC_MEAN)
    return found


def scalar(targets: Tensor, scales: Tensor, weight: float) -> Tensor:
    """Round each target alone, to the cheapest of the nearest, one less, and zero; a `Rounding`."""
    magnitudes = targets.abs()
    nearest = torch.round(magnitudes)
    best = _charged(nearest, nearest, magnitudes, scales)
    for levels in ((nearest - 1.0).clamp_min(0.0), torch.zeros_like(nearest)):
        best = _cheaper(best, _charged(levels, levels, magnitudes, scales), weight)
    return best.double().sum((1, 2))


def trellis(targets: Tensor, scales: Tensor, weight: float) -> Tensor:
    """Find the cheapest way of every chain through the four states; a `Rounding`."""
    states = targets.new_zeros(len(_ARRIVALS), 2, len(targets))
    # Every chain begins in state 0.
    states[1:, 0] = torch.inf
    for target, scale in zip(targets.T, scales.T, strict=True):
        charges = [[_of_parity(grid, parity, target.abs(), scale, weight) for parity in (0, 1)] for grid in (0, 1)]
        arrived = [[states[state] + charges[state // 2][parity] for state, parity in two] for two in _ARRIVALS]
        states = torch.stack([_cheaper(one, other, weight) for one, other in arrived])
    best = states[0]
    for state in states[1:]:
        best = _cheaper(best, state, weight)
    return best.double().sum(1)


def _of_parity(grid: int, parity: int, magnitudes: Tensor, scales: Tensor, weight: float) -> Tensor:
    """Return squared error and bits, (2, chains), of the cheapest level of a parity on a grid."""
    nearest = 2.0 * torch.round((magnitudes + 0.5 * grid - parity) / 2.0) + parity
    levels = [nearest, nearest - 2.0, torch.full_like(nearest, float(parity))]
    costs = [_on_grid(grid, level.clamp_min(float(parity)), magnitudes, scales) for level in levels]
    return _cheaper(_cheaper(costs[0], costs[1], weight), costs[2], weight)


def _on_grid(grid: int, levels: Tensor, magnitudes: Tensor, scales: Tensor) -> Tensor:
    if grid == 0:
        return _charged(levels, levels, magnitudes, scales)
    middles = torch.where(levels > 0, levels - 0.5, levels)
    return _charged(levels, middles, magnitudes, scales, zero_reach=_ZERO_REACH)


def _charged(levels: Tensor, middles: Tensor, magnitudes: Tensor, scales: Tensor, *, zero_reach: float = 0.5) -> Tensor:
    """Return the squared error of reconstructing magnitudes as `middles`, and the bits of those cells, stacked."""
    lower = torch.where(levels > 1, middles - 0.5, torch.where(levels > 0, zero_reach, -zero_reach))
    upper = torch.where(levels > 0, middles + 0.5, zero_reach)
    # Taken below zero, where both tails are small, for the sake of precision.
    share = torch.where(levels > 0, _below(-lower, scales) - _below(-upper, scales), 1.0 - 2.0 * _below(-upper, scales))
    return torch.stack([(middles - magnitudes).square(), -torch.log2(share.clamp_min(_SMALLEST))])


def _below(edges: Tensor, scales: Tensor) -> Tensor:
    narrow, wide = torch.sigmoid(edges / scales), torch.sigmoid(edges / (TAIL_WIDTH * scales))
    return (1.0 - TAIL_SHARE) * narrow + TAIL_SHARE * wide


def _cheaper(one: Tensor, other: Tensor, weight: float) -> Tensor:
    """Return errors and bits, (2, ...), of whichever costs less."""
    return torch.where(one[0] + weight * one[1] <= other[0] + weight * other[1], one, other)


@dataclass(frozen=True)
class _Way:
    """A rounding, and what it may choose from."""

    rounding: Rounding

    steps: tuple[float, ...]
    """Over that of the planes."""

    weights: tuple[float, ...]
    """Squared steps that a bit is worth."""


_SCALAR = _Way(scalar, (0.7, 0.85, 1.0, 1.2), (0.06, 0.1, 0.14))
_DEPENDENT = _Way(trellis, (0.9, 1.2, 1.5), (0.05, 0.07))
"""Both grids together are half as wide as their steps."""


def _fewest(way: _Way, targets: Tensor, scales: Tensor, error: float) -> float:
    """Return the fewest bits, over weights, that leave an error; steps between those tried are interpolated."""
    found = []
    for weight in way.weights:
        curve = sorted(_curve(way.rounding, targets, scales, way.steps, weight))
        errors = [math.log(point) for point, _ in curve]
        if errors[0] <= math.log(error) <= errors[-1]:
            found.append(float(np.interp(math.log(error), errors, [bits for _, bits in curve])))
    return min(found, default=math.nan)


def _curve(
    rounding: Rounding, targets: Tensor, scales: Tensor, steps: Sequence[float], weight: float
) -> list[tuple[float, float]]:
    """Return squared error, in squared steps of the planes, and bits for each step."""
    points = []
    for step in steps:
        error, bits = rounding(targets / step, (scales / step).clamp_min(_LEAST_SCALE), weight).tolist()
        points.append((error * step**2, bits))
    return points

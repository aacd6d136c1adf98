"""Directions of lifting: each step of CDF 9/7 looks along one of several slants, one map for all components of a level.

After Chang and Girod, 'Direction-adaptive discrete wavelet transform for image compression', IEEE Trans. Image Process.
16 (5), 2007. Edges of a scene are the same in all its components, so that one map serves them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.tradeoff import CALIBRATION, NOISE, RATE_SCALE, WEIGHT, coding_bits
from xr_inr.core.latent.wavelet import GAIN

_STEPS = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
"""The lifting of CDF 9/7: what two neighbours are multiplied with in each step."""

SLANTS = (0.0, -2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0)
"""Samples that a step looks aside, one way before and the other way behind; the first looks straight on."""

BLOCKS = (8, 16)
"""Samples along a side of the squares that share a slant."""

_LEVELS = 2
"""Levels that have maps, the finest first; coarser ones look straight on."""

_PROBES = 8
"""Planes of noise that tell how much of an error in a subband reaches the planes."""

_TRIED = 2
"""Slants that a block tries."""

_PRICE = 3.0
"""Bits that a block must save for a slant, about what the map takes for it."""


@dataclass(frozen=True)
class Maps:
    """The slants of a level as indices of `SLANTS`, one a sample."""

    rows: Tensor
    """Of the steps from row to row, (height, width) of the planes that are parted."""

    columns: Tensor
    """Of the steps from column to column in both halves, (rows of the low-pass half, width)."""

    bits: float
    """What both take."""


def directions(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent slants change what all subbands cost, bits and error in one."""
    levels = planes.pyramid.levels
    before = _cost(planes.planes, [], levels)
    found = {}
    for block in BLOCKS:
        maps: list[Maps] = []
        low = planes.planes
        for level in range(min(_LEVELS, levels)):
            maps.append(chosen(low, block, levels - level))
            low, *_ = _level(low, maps[-1])
        after, bits = _cost(planes.planes, maps, levels), sum(one.bits for one in maps)
        found[f"blocks of {block} x {block}"] = 100.0 * (after / before - 1.0)
        found[f"blocks of {block} x {block}, with their maps"] = 100.0 * ((after + bits) / before - 1.0)
    return found


def chosen(planes: Tensor, block: int, levels: int) -> Maps:
    """Choose the slants of a level, those from row to row first.

    Block after block tries those that cost it least where all of the planes have them, and takes one where the details
    of all components, of the level and of the next one, which looks straight, then cost less in fact.

    Parameters
    ----------
    planes
        (count, rows, columns).
    block
        Samples along a side of the squares that share a slant.
    levels
        How often the planes are still halved.
    """
    levels = min(levels, 2)
    grid = max(1, planes.shape[-2] // block), max(1, planes.shape[-1] // block)
    maps = _straight(planes)
    weights = _weights(planes.shape[-2:], [], levels)
    bits = 0.0
    for steps, side in (("rows", (block, block)), ("columns", (block // 2, block))):
        shape = getattr(maps, steps).shape
        known = torch.zeros(grid, dtype=torch.long)
        by_slant = []
        for index in range(len(SLANTS)):
            everywhere = _with(maps, steps, torch.full(shape, index))
            by_slant.append(_by_block(_weighed(planes, [everywhere], levels)[:-1], block, grid))
        promising = torch.stack(by_slant, -1).argsort(-1)[..., :_TRIED]
        least = _of_details(planes, maps, weights)
        for row, column in product(range(grid[0]), range(grid[1])):
            for index in promising[row, column].tolist():
                if index == 0:
                    break
                tried = known.clone()
                tried[row, column] = index
                slanted = _with(maps, steps, _spread(tried, side, shape))
                cost = _of_details(planes, slanted, weights)
                if cost + _PRICE < least:
                    known, maps, least = tried, slanted, cost
        bits += map_bits(known)
    return replace(maps, bits=bits)


def _with(maps: Maps, steps: str, slants: Tensor) -> Maps:
    return replace(maps, rows=slants) if steps == "rows" else replace(maps, columns=slants)


def analysed(planes: Tensor, maps: Sequence[Maps], levels: int) -> list[Tensor]:
    """Return the details of each level, finest first, and the approximation at last; levels without maps look straight.

    Parameters
    ----------
    planes
        (count, rows, columns).
    maps
        Of the finest levels.
    levels
        How often planes are halved.
    """
    found = []
    for level in range(levels):
        planes, *details = _level(planes, maps[level] if level < len(maps) else _straight(planes))
        found += details
    return [*found, planes]


def synthesised(parts: Sequence[Tensor], maps: Sequence[Maps], levels: int) -> Tensor:
    """Undo `analysed`."""
    *details, planes = parts
    for level in range(levels - 1, -1, -1):
        along_x, along_y, both = details[3 * level : 3 * level + 3]
        height, width = planes.shape[-2] + along_y.shape[-2], planes.shape[-1] + along_x.shape[-1]
        slants = maps[level] if level < len(maps) else _straight(planes.new_empty(1, height, width))
        low = joined(planes.mT, along_x.mT, slants.columns.mT).mT
        high = joined(along_y.mT, both.mT, slants.columns[: height // 2].mT).mT
        planes = joined(low, high, slants.rows)
    return planes


def _level(planes: Tensor, maps: Maps) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    low, high = parted(planes, maps.rows)
    (approximation, along_x), (along_y, both) = (
        tuple(part.mT for part in parted(half.mT, maps.columns[: half.shape[-2]].mT)) for half in (low, high)
    )
    return approximation, along_x, along_y, both


def parted(planes: Tensor, slants: Tensor) -> tuple[Tensor, Tensor]:
    """Part planes, (count, rows, columns), from row to row into low-pass and high-pass rows."""
    low, high = planes[:, 0::2], planes[:, 1::2]
    for index, factor in enumerate(_STEPS):
        if index % 2 == 0:
            high = high + factor * _around_high(low, slants[1::2])
        else:
            low = low + factor * _around_low(high, slants[0::2])
    return low * GAIN, high / GAIN


def joined(low: Tensor, high: Tensor, slants: Tensor) -> Tensor:
    """Undo `parted`."""
    low, high = low / GAIN, high * GAIN
    for index in range(len(_STEPS) - 1, -1, -1):
        if index % 2 == 0:
            high = high - _STEPS[index] * _around_high(low, slants[1::2])
        else:
            low = low - _STEPS[index] * _around_low(high, slants[0::2])
    planes = low.new_empty(len(low), low.shape[1] + high.shape[1], low.shape[2])
    planes[:, 0::2], planes[:, 1::2] = low, high
    return planes


def _around_high(low: Tensor, slants: Tensor) -> Tensor:
    """Add the low-pass rows before and behind each high-pass one; beyond the end stands the last."""
    places = torch.arange(len(slants))
    return _aside(low[:, places], low[:, (places + 1).clamp(max=low.shape[1] - 1)], slants)


def _around_low(high: Tensor, slants: Tensor) -> Tensor:
    places = torch.arange(len(slants))
    return _aside(high[:, (places - 1).clamp(min=0)], high[:, places.clamp(max=high.shape[1] - 1)], slants)


def _aside(before: Tensor, behind: Tensor, slants: Tensor) -> Tensor:
    """Add rows before, at so many columns less, and rows behind, at so many more, as each sample's slant says."""
    total = before + behind
    for index in set(slants.flatten().tolist()):
        if SLANTS[index]:
            slanted = _shifted(before, -SLANTS[index]) + _shifted(behind, SLANTS[index])
            total = torch.where(slants == index, slanted, total)
    return total


def _shifted(rows: Tensor, columns: float) -> Tensor:
    """Return what stands so many columns further on, means of two for halves; beyond an end stands the last sample."""
    places = torch.arange(rows.shape[-1])
    one, other = (
        rows[..., (places + whole).clamp(0, rows.shape[-1] - 1)] for whole in (math.floor(columns), math.ceil(columns))
    )
    return 0.5 * (one + other)


def _by_block(details: Sequence[Tensor], block: int, grid: tuple[int, int]) -> Tensor:
    """Return what details cost in each block of a grid, all components together; the last blocks take what is left."""
    total = torch.zeros(grid)
    for index, part in enumerate(details):
        cost = local_bits(part).sum(0)
        side = max(1, block >> (1 + index // 3))
        rows, columns = (
            (torch.arange(size) // side).clamp(max=count - 1) for size, count in zip(cost.shape, grid, strict=True)
        )
        total += torch.zeros(grid[0], len(columns)).index_add(0, rows, cost) @ torch.eye(grid[1])[columns]
    return total


def local_bits(part: Tensor) -> Tensor:
    """Return what each latent of a subband adds to `coding_bits`."""
    padded = torch.nn.functional.pad(part.square()[:, None], (1, 1, 1, 1), mode="replicate")
    energy = torch.nn.functional.avg_pool2d(padded, 3, 1)[:, 0]
    rate = 0.5 * CALIBRATION * torch.log2(1.0 + RATE_SCALE * energy)
    return energy / (1.0 + NOISE * energy) / WEIGHT + rate


def map_bits(blocks: Tensor) -> float:
    """Return what slants of blocks take, coded by how often each was met right of a straight one or of another."""
    counts = [[0.1] * len(SLANTS) for _ in range(2)]
    bits = 0.0
    for row in blocks.tolist():
        beside = 0
        for index in row:
            bits -= math.log2(counts[beside][index] / sum(counts[beside]))
            counts[beside][index] += 1
            beside = int(index != 0)
    return bits


def _spread(blocks: Tensor, side: tuple[int, int], shape: tuple[int, int]) -> Tensor:
    """Return the slant of each sample from those of blocks."""
    rows, columns = (
        (torch.arange(size) // length).clamp(max=count - 1)
        for size, length, count in zip(shape, side, blocks.shape, strict=True)
    )
    return blocks[rows][:, columns]


def _straight(planes: Tensor) -> Maps:
    height, width = planes.shape[-2:]
    return Maps(
        torch.zeros(height, width, dtype=torch.long), torch.zeros(height - height // 2, width, dtype=torch.long), 0
    )


def _cost(planes: Tensor, maps: Sequence[Maps], levels: int) -> float:
    return float(coding_bits(_weighed(planes, maps, levels)))


def _of_details(planes: Tensor, maps: Maps, weights: Sequence[float]) -> float:
    parts = analysed(planes, [maps], len(weights) // 3)
    return float(coding_bits([weight * part for weight, part in zip(weights[:-1], parts[:-1], strict=True)]))


def _weighed(planes: Tensor, maps: Sequence[Maps], levels: int) -> list[Tensor]:
    """Return what `analysed` does, each subband scaled so that its errors weigh in the planes what they weigh in it."""
    weights = _weights(planes.shape[-2:], maps, levels)
    return [weight * part for weight, part in zip(weights, analysed(planes, maps, levels), strict=True)]


def _weights(size: Sequence[int], maps: Sequence[Maps], levels: int) -> list[float]:
    shapes = [part.shape[1:] for part in analysed(torch.zeros(1, *size), maps, levels)]
    random = torch.Generator().manual_seed(0)
    weights = []
    for index, shape in enumerate(shapes):
        probes = [torch.zeros(_PROBES, *other) for other in shapes]
        probes[index] = torch.sign(torch.randn(_PROBES, *shape, generator=random))
        energy = synthesised(probes, maps, levels).square().sum() / probes[index].numel()
        weights.append(float(energy.sqrt()))
    return weights

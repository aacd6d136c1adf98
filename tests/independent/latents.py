"""Latents from their stream: side information, features and context network of docs/format.md."""

from __future__ import annotations

import hashlib

import numpy as np

from .coder import Stream, sets_of
from .fine import FineCalls, PlainCalls

PASSES = ((0, 0), (1, 1), (0, 1), (1, 0))
ACROSS, DOWN = ((0, -1), (0, 1)), ((-1, 0), (1, 0))
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
AROUND = ACROSS + DOWN + DIAGONAL
KNOWN = ((), (DIAGONAL,), (ACROSS, DOWN), (ACROSS, DOWN, DIAGONAL))
WEIGHTS = ((), (0,), (1, 2), (3, 4, 5))
PARTS = (
    ("first", (16, 13)),
    ("of_pass", (4, 16)),
    ("of_orientation", (4, 16)),
    ("of_level", (7, 16)),
    ("second", (16, 16)),
    ("second_bias", (16,)),
    ("third", (1, 16)),
    ("third_bias", (1,)),
)


def table(numbers, unit=1):
    """Return T of whole numbers, or T16 for a unit of 16."""
    return np.minimum(np.rint(16 * np.log2(1 + np.asarray(numbers) / unit)), 127).astype(int)


def subbands_of(size):
    """Return (level, orientation, (height, width)) of all subbands, in order of coding."""
    sizes = [size]
    while len(sizes) <= 6 and (min(sizes[-1]) + 1) // 2 >= 6:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    found = [(len(sizes) - 1, 3, sizes[-1])]
    for level in range(len(sizes) - 2, -1, -1):
        height, width = sizes[level]
        found += [
            (level, 0, ((height + 1) // 2, width // 2)),
            (level, 1, (height // 2, (width + 1) // 2)),
            (level, 2, (height // 2, width // 2)),
        ]
    return found


def network_of(identity, file):
    assert hashlib.sha256(file).digest()[:4] == identity
    numbers, found = np.frombuffer(file, "<i4").astype(int), {}
    for name, shape in PARTS:
        count = int(np.prod(shape))
        found[name], numbers = numbers[:count].reshape(shape), numbers[count:]
    assert not len(numbers)
    return found


def at(planes, rows, columns):
    """Return what stands where `rows` and `columns` cross, of each component; 0 beyond the planes."""
    _, height, width = planes.shape
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    if not height or not width:
        return np.zeros((len(planes), len(rows), len(columns)), int)
    return planes[:, rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)] * inside


def summed(planes, rows, columns, offsets):
    return sum(at(planes, rows + down, columns + across) for down, across in offsets)


def latents_of(side, data, rank, subbands, network_file, *, fine_from=None, repeats=None):
    """Return the latents of each subband, (rank, height, width), in sixteenths if some are fine."""
    unit = 16 if fine_from else 1
    network = network_of(side[:4], network_file)
    levels = subbands[0][0]
    steps, weights, offsets = sets_of(side[4:], [(levels + 1) * rank, 54, rank])
    scales = steps.reshape(levels + 1, rank).cumsum(0).cumsum(1)
    weights = weights.reshape(9, 6)
    last = int(np.flatnonzero((scales > 0).any(0)).max(initial=-1)) + 1
    groups = [(0, 1), (1, 2), *((start, 2 * start) for start in (2, 4, 8, 16, 32, 64, 128))]
    groups = [(start, min(stop, last)) for start, stop in groups if start < last]
    latents = [np.zeros((rank, *size), int) for _, _, size in subbands]
    sizes = [np.zeros((last, *size), int) for _, _, size in subbands]
    stream = Stream(data)
    calls = FineCalls(stream, fine_from, last) if fine_from else PlainCalls(stream)
    for number, (level, orientation, shape) in enumerate(subbands):
        row = 0 if orientation == 3 else levels - level
        for pass_number, (first_row, first_column) in enumerate(PASSES):
            rows, columns = np.arange(first_row, shape[0], 2), np.arange(first_column, shape[1], 2)
            if not len(rows) or not len(columns):
                continue
            features = np.zeros((13, last, len(rows), len(columns)), int)
            features[:8] = features_of_pass(sizes, subbands, number, KNOWN[pass_number], (rows, columns))
            features[8] = 2 * scales[row, :last, None, None]
            features[9] = 2 * scales[max(row - 1, 0), :last, None, None]
            features[10] = table(np.arange(last))[:, None, None]
            means = np.zeros((last, len(rows), len(columns)), int)
            if orientation != 3:
                own = weights[3 * min(level, 2) + orientation]
                for column, offset in zip(WEIGHTS[pass_number], KNOWN[pass_number], strict=True):
                    near = summed(latents[number][:last], rows, columns, offset)
                    means += own[column] * near.clip(-255 * unit, 255 * unit)
                means = (means + 4 * unit) // (8 * unit)
            biases = (
                network["of_pass"][pass_number] + network["of_orientation"][orientation] + network["of_level"][level]
            )
            for group, (start, stop) in enumerate(groups):
                here = at(sizes[number], rows, columns)
                features[11, start:stop] = table(here[:start].sum(0) // 16)
                if group:
                    before = here[slice(*groups[group - 1])]
                    features[12, start:stop] = before.sum(0) // len(before)
                chosen = start + np.flatnonzero(scales[row, start:stop] > 0)
                if not len(chosen):
                    continue
                flat = features[:, chosen].reshape(13, -1)
                shifts = np.repeat(offsets[chosen], len(rows) * len(columns))
                halves = half_indices(network, flat, biases, shifts)
                own_means = means[chosen]
                silence(repeats, subbands[number], (rows, columns), halves.reshape(own_means.shape), own_means)
                found = calls.call(halves, own_means.ravel(), np.repeat(chosen, len(rows) * len(columns)))
                values = found.reshape(len(chosen), len(rows), len(columns))
                where = np.ix_(chosen, rows, columns)
                latents[number][where] = values
                sizes[number][where] = table(np.abs(values), unit)
    stream.end()
    return latents


def silence(repeats, subband, place, halves, means):
    """Give silent latents laws about 0 of the narrowest scale, in place."""
    level, orientation, _ = subband
    if repeats is not None and level == 0 and orientation != 3:
        silent = repeats.silent(orientation)[np.ix_(*place)]
        halves[:, silent], means[:, silent] = 0, 0


def features_of_pass(sizes, subbands, number, known, place):
    """Return features 0 to 7, (8, components, rows, columns), of a pass that knows some kinds of neighbours."""
    rows, columns = place
    level, orientation, _ = subbands[number]
    own = sizes[number]
    found = np.zeros((8, len(own), len(rows), len(columns)), int)
    for feature, offsets in enumerate((ACROSS, DOWN, DIAGONAL)):
        if offsets in known:
            found[feature] = summed(own, rows, columns, offsets) // len(offsets)
    if orientation != 3:
        coarsest = level == subbands[0][0] - 1
        parent = sizes[0] if coarsest else sizes[number - 3]
        places = place if coarsest else (rows // 2, columns // 2)
        found[3] = at(parent, *places)
        found[4] = summed(parent, *places, AROUND) // 8
    if known:
        offsets = sum(known, ())
        around = summed(own, rows, columns, offsets) // len(offsets)
        found[5, 1:], found[6, :-1] = around[:-1], around[1:]
    if orientation in (1, 2):
        siblings = [at(sizes[number - back], rows, columns) for back in range(1, orientation + 1)]
        found[7] = sum(siblings) // orientation
    return found


def half_indices(network, features, biases, offsets):
    a = ((network["first"] @ features + biases[:, None]) >> 5).clip(0, 255)
    b = ((network["second"] @ a + network["second_bias"][:, None]) >> 5).clip(0, 255)
    out = (network["third"] @ b + network["third_bias"][:, None] + 256 + 256 * offsets)[0]
    return (2 * out).clip(0, 47 * 1024) >> 9

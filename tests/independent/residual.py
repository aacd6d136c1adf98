"""The residual layer: the section 'Residual layer' of docs/format.md."""

from __future__ import annotations

import numpy as np

from .coder import Stream, sets_of
from .container import Fields

USUAL = 90852
LIMITS = [int(64 * USUAL * (181, 256)[n % 2] * 2.0 ** (n // 2 - 11)) for n in range(15)]


def around(plane, places):
    """Return the sum over neighbours at some places, the tile mirrored at its borders."""
    height, width = plane.shape
    total = np.zeros_like(plane)
    for down, right in places:
        rows, columns = np.arange(height) + down, np.arange(width) + right
        rows[rows < 0], columns[columns < 0] = min(1, height - 1), min(1, width - 1)
        rows[rows >= height], columns[columns >= width] = max(height - 2, 0), max(width - 2, 0)
        total += plane[rows][:, columns]
    return total


def cross(plane):
    return around(plane, [(-1, 0), (1, 0), (0, -1), (0, 1)])


def diagonal(plane):
    return around(plane, [(-1, -1), (-1, 1), (1, -1), (1, 1)])


def inverse(scale):
    octave, third = (12 - scale) // 3, (12 - scale) % 3
    return (2**15, 41285, 52016)[third] * 2 ** (octave + 16) // 2**15


def regressors_of(history, count):
    e = [*history[::-1], *[np.zeros_like(history[0])] * (count + 2)] if history else None
    found = []
    for index in range(count):
        if index == 0:
            found.append(np.ones_like(e[0]))
        elif index == 1:
            found.append(e[0])
        elif index == 2:
            found.append(cross(e[0]) - 4 * e[0])
        elif index == 3:
            found.append(e[1] - e[0])
        elif index == 4:
            found.append(cross(e[1]) - 4 * e[1])
        elif index == 5:
            found.append(diagonal(e[0]) - 4 * e[0])
        else:
            found.append(e[index - 4] - e[index - 5])
    return found


def tile_of(data, step, valid, laws):
    """Return the residuals of a tile, (bands, height, width)."""
    shifts, weights, couplings, scales, offsets = laws
    stream = Stream(data)
    size = valid.shape[1:]
    odd = np.add.outer(np.arange(size[0]), np.arange(size[1])) % 2 == 1
    zeros = np.zeros(size, np.int64)
    history = []
    sums = [zeros + 16 * USUAL] * 2
    for band, own in enumerate(weights):
        prediction = zeros
        for weight, shift, regressor in zip(own, shifts, regressors_of(history or [zeros], len(own)), strict=False):
            prediction = prediction + weight * 2 ** (16 - shift) * regressor
        prediction = np.clip(prediction, -(2**43), 2**43)
        q, centre = zeros.copy(), zeros
        for second in (False, True):
            total = 3 * sums[0] + sums[1]
            own_prediction = prediction
            if second:
                d = np.where(odd, 0, ((np.clip(centre + step * q, -(2**27), 2**27) << 16) - prediction) >> 13)
                own_prediction = np.clip(prediction + cross(d) * couplings[band] * 2**5, -(2**43), 2**43)
                total = (total + 16 * cross(np.minimum(abs(q), 2**12) * inverse(scales[band]))) >> 1
            contexts = sum((limit < total).astype(int) for limit in LIMITS)
            rounded = (own_prediction + 2**15) >> 16
            centre = np.where(odd, rounded, centre) if second else rounded
            means = (2 * ((own_prediction >> 13) - 8 * rounded) + step) // (2 * step)
            due = valid[band] & (odd == second)
            laws_of = np.clip(scales[band] + offsets[second][contexts], 0, 47)
            q[due] = stream.call(laws_of[due], means[due])
        history.append(np.clip(centre + step * q, -(2**27), 2**27))
        n = np.minimum(abs(q), 2**12) * inverse(scales[band])
        sums = [4 * n + 2 * cross(n) + diagonal(n), sums[0]]
    stream.end()
    return np.array(history)


def with_residuals(data, header, repeats, samples):
    """Return the samples of fitted bands, (bands, height, width) in the dtype, that a model's become."""
    fields = Fields(data)
    step = fields.varint()
    unit = float(fields.numbers("f8", 1)[0]) if samples.dtype.kind == "f" else 1.0
    side = fields.varint()
    shifts = list(fields.take(fields.u8()))
    bands, height, width = samples.shape
    counts, couplings, scales, *offsets = sets_of(fields.take(fields.varint()), [bands] * 3 + [16] * 2)
    counts, scales = np.cumsum(counts), np.cumsum(scales)
    columns = sets_of(fields.take(fields.varint()), [int((counts > index).sum()) for index in range(len(shifts))])
    columns = [iter(column.tolist()) for column in columns]
    weights = [[next(columns[index]) for index in range(count)] for count in counts]
    laws = shifts, weights, couplings.tolist(), scales.tolist(), offsets
    tiles = [
        (slice(top, min(top + side, height)), slice(left, min(left + side, width)))
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    lengths = [fields.varint() for _ in tiles]
    low, high = float(header.low), float(header.high)
    numbers = np.rint((samples.astype(float) - low) / unit).astype(np.int64)
    free = np.zeros((height, width), bool)
    if repeats is not None:
        rows, columns = np.indices((height, width))
        to_rows, to_columns = repeats.sources()
        free = (rows // side == to_rows // side) & (columns // side == to_columns // side)
        free &= (rows != to_rows) | (columns != to_columns)
    for part, length in zip(tiles, lengths, strict=True):
        valid = (header.classes[header.fitted][:, *part] == 0) & ~free[part]
        numbers[:, *part] += tile_of(fields.take(length), step, valid, laws)
    assert not fields.rest()
    if repeats is not None:
        numbers[:, free] = numbers[:, to_rows[free], to_columns[free]]
    return np.clip(numbers * unit + low, low, high).astype(header.code)

"""The model `latent` but for its latents: the chapter of that name in docs/format.md."""

from __future__ import annotations

import numpy as np

from .arithmetic import evaluate
from .coder import Stream, sets_of
from .container import Fields
from .latents import latents_of, subbands_of

KINDS = {-2: (0, 0, 0), -1: (14, -6, 0), 0: (8, 0, 0), 1: (8, 0, 1), 2: (14, -6, 1)}
LIMITS = [(36, 45, 57)[n % 3] << n // 3 for n in range(47)]
LIFTING = np.array([-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971], np.float32)


def basis_of(data, bands):
    """Return step, mean (bands,) and directions (bands, rank)."""
    fields = Fields(data)
    rank = fields.u8()
    step = float(fields.numbers("f4", 1)[0])
    mean_bits = fields.u8() - 32
    stream = Stream(fields.rest())
    bits = 8 + np.cumsum(stream.call([9] * rank, [0] * rank))
    kinds = [0, *stream.call([9] * rank, [0] * rank).tolist()]
    entries = columns_of(stream, bands, kinds)
    stream.end()
    return step, entries[:, 0] * 2.0**-mean_bits, entries[:, 1:] * 2.0**-bits


def columns_of(stream, rows, kinds):
    columns = len(kinds)
    entries = [[0] * columns for _ in range(rows + 2)]  # two rows of zeros first
    along, across = [1024] * columns, [1024] * rows

    def mean_of(i, k):
        a, b, follows = KINDS[kinds[k]]
        u = a * entries[i + 1][k] + b * entries[i][k]
        if follows:
            now, before = entries[i + 2][0], entries[i + 1][0]
            growth = min(max(64 * (now - before) // before, -64), 128) if before else 0
            u += (u * growth) >> 6
        return min(max(u, -(2**29)), 2**29)

    for front in range(rows + columns - 1):
        places = [(front - k, k) for k in range(columns) if 0 <= front - k < rows]
        means = [mean_of(i, k) for i, k in places]
        widths = [(21 * along[k] + 9 * across[i] + 2800) >> 6 for i, k in places]
        values = stream.call([sum(limit < width for limit in LIMITS) for width in widths], means).tolist()
        for (i, k), mean, value in zip(places, means, values, strict=True):
            entries[i + 2][k] = value
            if i:
                miss = 64 * abs(8 * value - mean)
                along[k] += (16 * (miss - along[k])) >> 5
                across[i] += (10 * (miss - across[i])) >> 5
    return np.array(entries[2:])


def synthesised(latents, subbands):
    """Return the planes, (rank, height, width) float32 in steps of 2**-6."""
    parts = []
    for z, (level, orientation, _) in zip(latents, subbands, strict=True):
        exponent = 2 - 2 * level if orientation == 2 else -2 * level
        gain = np.float32(64 * 1.149604398860241**exponent)
        parts.append(np.rint(z.astype(np.float32) * gain))
    low = parts[0]
    for first in range(1, len(parts), 3):
        x, y, both = parts[first : first + 3]
        left, right = (
            merged(even.swapaxes(1, 2), odd.swapaxes(1, 2)).swapaxes(1, 2) for even, odd in ((low, y), (x, both))
        )
        low = merged(left, right)
    return low


def merged(x, y):
    """Merge even and odd samples along the last axis."""
    if not y.shape[-1]:
        return x
    evens, odds = np.arange(x.shape[-1]), np.arange(y.shape[-1])
    after = np.minimum(odds + 1, evens[-1])
    before, beside = np.maximum(evens - 1, 0), np.minimum(evens, odds[-1])
    for c_even, c_odd in ((3, 2), (1, 0)):
        x = x - np.rint(LIFTING[c_even] * (y[..., before] + y[..., beside]))
        y = y - np.rint(LIFTING[c_odd] * (x[..., odds] + x[..., after]))
    result = np.empty((*x.shape[:-1], len(evens) + len(odds)), np.float32)
    result[..., 0::2], result[..., 1::2] = x, y
    return result


def with_network(planes, data):
    """Add what the sinusoidal network foretells of the later planes."""
    rank, height, width = planes.shape
    fields = Fields(data)
    inputs, hidden = fields.u8(), fields.u8()
    unit = float(fields.numbers("f4", 1)[0])
    octaves = np.frombuffer(fields.take(rank), np.uint8).astype(int) - 32
    bits = list(fields.take(3))
    sizes = [(hidden, inputs), (hidden, hidden), (rank - inputs, hidden)]
    sets = sets_of(fields.rest(), [units * (before + 1) for units, before in sizes])
    layers = []
    for (units, before), own, numbers in zip(sizes, bits, sets, strict=True):
        matrix = numbers.reshape(units, before + 1) * 2.0 ** (24 - own)
        layers.append((matrix[:, :-1], matrix[:, -1]))
    first = planes[:inputs].reshape(inputs, -1).astype(float)
    into = 2.0 ** (14 - octaves[:inputs]) / unit
    values = np.clip(np.rint(first * into[:, None]), -(2**22), 2**22)
    outputs = evaluate(layers, values, 1.0)
    out_of = unit * 2.0 ** (octaves[inputs:] - 14)
    foretold = np.clip(np.rint(outputs * out_of[:, None]), -(2**27), 2**27).astype(np.float32)
    return np.concatenate([planes[:inputs], planes[inputs:] + foretold.reshape(-1, height, width)])


def values_of(sections, header, network_file):
    """Return the model's values, (fitted bands, height, width)."""
    bands = len(header.fitted)
    size = header.shape[1:]
    step, mean, directions = basis_of(sections[7], bands)
    rank = directions.shape[1]
    sums = np.zeros((bands, size[0] * size[1]))
    if rank:
        subbands = subbands_of(size)
        latents = latents_of(sections[9], sections[10], rank, subbands, network_file)
        planes = synthesised(latents, subbands)
        if 8 in sections:
            planes = with_network(planes, sections[8])
        sums = directions @ (planes.reshape(rank, -1).astype(float) * 2.0**-6)
    return ((sums + mean[:, None]) * step).reshape(bands, *size)

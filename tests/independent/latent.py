"""The model `latent` but for its latents: the chapter of that name in docs/format.md."""

from __future__ import annotations

import numpy as np

from .arithmetic import evaluate
from .coder import Stream, sets_of
from .container import Fields
from .latents import latents_of, subbands_of
from .outliers import outliers_of, overwritten
from .repeats import repeats_of

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


def synthesised(latents, subbands, unit):
    """Return the planes, (rank, height, width) float32 in steps of 2**-6."""
    parts = []
    for z, (level, orientation, _) in zip(latents, subbands, strict=True):
        exponent = 2 - 2 * level if orientation == 2 else -2 * level
        gain = np.float32(64 * 1.149604398860241**exponent) / np.float32(unit)
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


def with_networks(planes, data):
    """Add what the sinusoidal networks foretell of the later planes."""
    rank = len(planes)
    fields = Fields(data)
    count = fields.u8()
    assert 1 <= count <= 8
    unit = float(fields.numbers("f4", 1)[0])
    assert 1e-12 < unit < 1e12
    heads, end = [], 1
    for _ in range(count):
        inputs, outputs, hidden = fields.take(3)
        assert end <= inputs < rank
        assert 1 <= outputs <= rank - inputs
        assert 1 <= hidden <= 64
        heads.append((inputs, outputs, hidden, fields.take(3)))
        end = inputs + outputs
    sizes = [
        size
        for inputs, outputs, hidden, _ in heads
        for size in ((hidden, 5 * inputs + 1), (hidden, hidden + 1), (outputs, hidden + 1))
    ]
    seen = heads[-1][0]
    of_octaves = 2 * seen + sum(outputs for _, outputs, _, _ in heads)
    steps, *sets = sets_of(fields.rest(), [of_octaves, *(units * numbers for units, numbers in sizes)])
    octaves = np.cumsum(steps)
    assert np.abs(octaves).max() <= 32
    of_planes, of_slopes, of_outputs = octaves[:seen], octaves[seen : 2 * seen], octaves[2 * seen :]
    planes = planes.copy()
    for number, (inputs, outputs, _, bits) in enumerate(heads):
        layers = []
        for layer in range(3):
            matrix = sets[3 * number + layer].reshape(sizes[3 * number + layer]) * 2.0 ** (24 - bits[layer])
            layers.append((matrix[:, :-1], matrix[:, -1]))
        scale = np.concatenate([of_planes[:inputs], *[of_slopes[:inputs]] * 4])
        into = 2.0 ** (14 - scale) / unit
        values = np.clip(np.rint(beside(planes[:inputs]) * into[:, None]), -(2**22), 2**22)
        own, of_outputs = of_outputs[:outputs], of_outputs[outputs:]
        foretold = np.rint(evaluate(layers, values, 1.0) * (unit * 2.0 ** (own - 14))[:, None])
        foretold = np.clip(foretold, -(2**27), 2**27).astype(np.float32)
        planes[inputs : inputs + outputs] += foretold.reshape(outputs, *planes.shape[1:])
    return planes


def restored(planes, data):
    """Add what the restoring network says of all planes."""
    rank = len(planes)
    fields = Fields(data)
    unit = float(fields.numbers("f4", 1)[0])
    assert 1e-12 < unit < 1e12
    inputs, hidden = fields.take(2)
    assert 1 <= inputs <= rank
    assert 1 <= hidden <= 64
    bits = fields.take(3)
    sizes = [(hidden, 2 * inputs + 1), (hidden, hidden + 1), (rank, hidden + 1)]
    steps, *sets = sets_of(fields.rest(), [2 * inputs + rank, *(units * numbers for units, numbers in sizes)])
    octaves = np.cumsum(steps)
    assert np.abs(octaves).max() <= 32
    layers = []
    for levels, size, layer_bits in zip(sets, sizes, bits, strict=True):
        matrix = levels.reshape(size) * 2.0 ** (24 - layer_bits)
        layers.append((matrix[:, :-1], matrix[:, -1]))
    own, *differences = beside(planes[:inputs]).reshape(5, inputs, -1)
    values = np.concatenate([own, sum(differences)]) * (2.0 ** (14 - octaves[: 2 * inputs]) / unit)[:, None]
    values = np.clip(np.rint(values), -(2**22), 2**22)
    said = np.rint(evaluate(layers, values, 1.0) * (unit * 2.0 ** (octaves[2 * inputs :] - 14))[:, None])
    said = np.clip(said, -(2**27), 2**27).astype(np.float32)
    return np.clip(planes + said.reshape(planes.shape), -(2**27), 2**27)


def beside(planes):
    """Return planes, then their differences above, below, left and right, (5 planes, pixels)."""
    u = planes.astype(float)
    height, width = u.shape[1:]
    rows, columns = np.arange(height), np.arange(width)
    above, below = (u[:, np.clip(rows + step, 0, height - 1)] for step in (-1, 1))
    left, right = (u[:, :, np.clip(columns + step, 0, width - 1)] for step in (-1, 1))
    parts = [u, above - u, below - u, left - u, right - u]
    return np.concatenate(parts).reshape(-1, height * width)


def values_of(sections, header, network_file):
    """Return the model's values, (fitted bands, height, width)."""
    bands = len(header.fitted)
    size = header.shape[1:]
    step, mean, directions = basis_of(sections[7], bands)
    rank = directions.shape[1]
    sums = np.zeros((bands, size[0] * size[1]))
    if rank:
        subbands = subbands_of(size)
        fine_from = None
        if 13 in sections:
            (fine_from,) = sections[13]
            assert 1 <= fine_from <= 47
        repeats = repeats_of(sections[14], size) if 14 in sections else None
        latents = latents_of(
            sections[9], sections[10], rank, subbands, network_file, fine_from=fine_from, repeats=repeats
        )
        planes = synthesised(latents, subbands, 16 if fine_from else 1)
        if 8 in sections:
            planes = with_networks(planes, sections[8])
        if 12 in sections:
            planes = restored(planes, sections[12])
        if repeats is not None:
            planes = planes[:, *repeats.sources()]
        sums = directions @ (planes.reshape(rank, -1).astype(float) * 2.0**-6)
    values = ((sums + mean[:, None]) * step).reshape(bands, *size)
    return overwritten(values, outliers_of(sections[15], values.shape)) if 15 in sections else values

"""Laws and the range coder: what docs/format.md says of integers in streams."""

from __future__ import annotations

import bisect
import functools
import itertools

import numpy as np

LIMIT = 1 << 64


@functools.cache
def counts():
    """Return the table of all laws, (128, 27) counts of 2**-15."""

    def logistic(t):
        return 1 / (1 + np.exp(-t))

    rows = []
    edges = np.arange(-13, 13) + 0.5
    for i in range(16):
        for f in range(8):
            distance = (edges - (f - 4) / 8) / 2 ** ((i - 12) / 3)
            below = 0.96 * logistic(distance) + 0.04 * logistic(distance / 2)
            shares = [*(below[1:] - below[:-1]), 1 - below[-1], below[0]]
            row = np.maximum(np.rint(np.array(shares) * 2**15), 1).astype(int)
            row[row.argmax()] += 2**15 - row.sum()
            rows.append(row)
    return np.array(rows)


@functools.cache
def bounds(row):
    """Return the left bounds of the columns of a row, and 2**24."""
    before = [0, *itertools.accumulate(counts()[row].tolist())]
    inner = [
        number + int(np.float32(np.float32(share / 2**15) * np.float32(16777189)))
        for number, share in enumerate(before[:-1])
    ]
    return [*inner, 1 << 24]


class Stream:
    """Gives the integers of a stream, call by call."""

    def __init__(self, data):
        assert not data.endswith(b"\0")
        self.words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").tolist()
        self.at = 0
        self.code = self.word() << 32 | self.word()
        self.range = LIMIT - 1

    def word(self):
        self.at += 1
        return self.words[self.at - 1] if self.at <= len(self.words) else 0

    def symbol(self, lefts):
        scale = self.range >> 24
        quantile = self.code // scale
        assert quantile < 1 << 24
        found = bisect.bisect_right(lefts, quantile) - 1
        self.code -= scale * lefts[found]
        self.range = scale * (lefts[found + 1] - lefts[found])
        if self.range < 1 << 32:
            self.code = self.code << 32 | self.word()
            self.range <<= 32
        return found

    def bit(self):
        return self.symbol((0, 1 << 23, 1 << 24))

    def planes(self, number, bits):
        """Return numbers of some bits each, plane by plane."""
        values = [0] * number
        for _ in range(bits):
            values = [2 * value + self.bit() for value in values]
        return values

    def call(self, scales, means):
        """Return an integer for each law."""
        laws = [(int(s), int(m)) for s, m in zip(scales, means, strict=True)]
        columns = [self.column(*law) for law in laws]
        return np.array(self.completed(laws, columns, [None] * len(laws)), int)

    def column(self, s, m):
        """Return the column of the next integer under a law."""
        shift, base = shift_of(s), (m + 4) >> 3
        return self.symbol(bounds(8 * (s - 3 * shift) + (4 if shift else m + 4 - 8 * base)))

    def completed(self, laws, columns, lowest):
        """Return the integers of a call from its columns; `lowest` has the bits read before them, or None."""
        shifts = [shift_of(s) for s, _ in laws]
        bases = [(m + 4) >> 3 for _, m in laws]
        left = [shift - (bit is not None) for shift, bit in zip(shifts, lowest, strict=True)]
        leading = [column - 12 for column in columns]
        low = [0] * len(laws)
        for count in sorted({count for count in left if count}):
            chosen = [number for number, own in enumerate(left) if own == count]
            for number, value in zip(chosen, self.planes(len(chosen), count), strict=True):
                low[number] = value
        low = [rest if bit is None else 2 * rest + bit for rest, bit in zip(low, lowest, strict=True)]
        outside = [number for number, column in enumerate(columns) if column > 24]
        for number, excess in zip(outside, self.excesses(len(outside)), strict=True):
            leading[number] = (13 + excess) * (1 if columns[number] == 25 else -1)
        return [
            n * 2**shift + rest - (2 ** (shift - 1) if shift else 0) + base
            for n, shift, rest, base in zip(leading, shifts, low, bases, strict=True)
        ]

    def excesses(self, number):
        lengths = [0] * number
        growing = list(range(number))
        while growing:
            growing = [index for index in growing if self.bit()]
            for index in growing:
                lengths[index] += 1
                assert lengths[index] <= 24
        found = [0] * number
        for length in sorted(set(lengths)):
            chosen = [index for index, own in enumerate(lengths) if own == length]
            for index, value in zip(chosen, self.planes(len(chosen), length + 2), strict=True):
                found[index] = value + 2 ** (length + 2) - 4
        return found

    def end(self):
        assert self.at >= len(self.words)


def shift_of(s):
    return max(-(-(s - 15) // 3), 0)


def sets_of(data, sizes):
    """Return sets of parameters."""
    stream = Stream(data[len(sizes) :])
    found = [stream.call([scale] * size, [0] * size) for scale, size in zip(data, sizes, strict=False)]
    stream.end()
    return found

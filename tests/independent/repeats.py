"""Repeated pixels: the chapter of that name in docs/format.md."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .coder import Stream

LAWS = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3), (3, 3), (4, 3), (0, 4))
BOUNDS = (7, 33, 60, 134, 258, 404, 613, 827, 1051, 1312, 1621)
OF_L = [("l", 1, d) for d in (-2, -1, 0, 1, 2)] + [("l", 2, d) for d in (-1, 0, 1)] + [("a", 1, d) for d in (-1, 0, 1)]
OF_A = [("a", 1, d) for d in (-2, -1, 0, 1, 2)] + [("l", 0, d) for d in (-1, 0, 1)] + [("a", 2, d) for d in (-1, 0, 1)]


@dataclass
class Repeats:
    l: np.ndarray  # noqa: E741
    a: np.ndarray

    def step(self, i, j):
        """Return the pixel that one repeats, or itself."""
        height, width = self.l.shape
        if j % 2 and self.l[i, j]:
            return i, j - 1
        if j % 2 and j + 1 < width and self.l[i, j + 1]:
            return i, j + 1
        if i % 2 and self.a[i, j]:
            return i - 1, j
        if i % 2 and i + 1 < height and self.a[i + 1, j]:
            return i + 1, j
        return i, j

    def sources(self):
        height, width = self.l.shape
        found = [[self.step(*self.step(i, j)) for j in range(width)] for i in range(height)]
        return np.array(found).reshape(height, width, 2).transpose(2, 0, 1)

    def silent(self, orientation):
        """Return which latents of the finest subband of an orientation are silent."""
        height, width = self.l.shape
        first_row, first_column = ((0, 1), (1, 0), (1, 1))[orientation]
        pixels = [[(i, j) for j in range(first_column, width, 2)] for i in range(first_row, height, 2)]
        return np.array([[self.step(*pixel) != pixel for pixel in row] for row in pixels], bool)


def repeats_of(data, size):
    height, width = size
    planes = {"l": np.zeros(size, int), "a": np.zeros(size, int)}
    stream, counts = Stream(data), Counter()

    def known(kind, i, j):
        return int(planes[kind][i, j]) if i >= 0 and 0 <= j < width else 0

    for i in range(height):
        for kind, seen in (("l", OF_L), ("a", OF_A)):
            columns = range(1 if kind == "l" else 0, width)
            if (kind == "a" and i == 0) or not columns:
                continue
            contexts = [(kind, *(known(other, i - up, j + d) for other, up, d in seen)) for j in columns]
            laws, flips = [], []
            for context in contexts:
                zeros, ones = counts[context, 0], counts[context, 1]
                q = 4096 * (5 * min(zeros, ones) + 2) // (5 * (zeros + ones) + 4)
                laws.append(LAWS[sum(bound <= q for bound in BOUNDS)])
                flips.append(ones > zeros)
            numbers = stream.call([scale for scale, _ in laws], [mean for _, mean in laws])
            for j, context, number, flip in zip(columns, contexts, numbers, flips, strict=True):
                assert number in {0, 1}
                planes[kind][i, j] = bit = int(number) ^ flip
                counts[context, bit] += 1
    stream.end()
    return Repeats(planes["l"], planes["a"])

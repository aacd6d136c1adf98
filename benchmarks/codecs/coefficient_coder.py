"""Entropy coding of the quantised block transform coefficients of many planes.

Levels are (planes, rows, columns, blocks): rows and columns are frequencies, and the mean of a block stands at (0, 0).
Means are predicted from the blocks to the left and above. Any other level belongs to a class, by how large the levels
around it are that a decoder has already: in its block at lower frequencies, and in the plane before. Every class has a
distribution of its own, three bytes in the stream. Contexts are integers, so a decoder finds the very same classes.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import constriction
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.container import read_varint, varint

Levels = NDArray[np.int32]
Floats = NDArray[np.float64]

_MARGIN = 2
_BEFORE = ((-1, 0, 6), (0, -1, 6), (-1, -1, 3), (-2, 0, 3), (0, -2, 3), (-1, 1, 3))
"""Row, column and weight of neighbours in the same plane and block."""

_ABOVE = ((0, 0, 2), (-1, 0, 1), (0, -1, 1), (1, 0, 1), (0, 1, 1))
"""The same in the plane before, where all levels are known."""

_THRESHOLDS = np.unique(np.rint(1.5 ** np.arange(20))).astype(np.int64)
_CLASSES = len(_THRESHOLDS) + 1
_LOGITS_PER_BYTE = 1 / 12

_LOWEST_SCALE = 1 / 8
_SCALES_PER_OCTAVE = 4


@dataclass(frozen=True)
class Model:
    """Distributions of the levels of every class.

    A level is 0 with one probability, of the others 1 in magnitude with a second, and of the rest each next magnitude
    is likelier by a third, constant, factor; signs are even.
    """

    SIZE: ClassVar[int] = 3 * _CLASSES
    """Bytes that `packed` has."""

    packed: bytes
    """Logits of the three for every class."""

    limit: int
    """The largest magnitude, at least 1."""

    @classmethod
    def fit(cls, levels: Levels, classes: NDArray[np.int64]) -> Model:
        """Return the model under which the levels, of the given classes, take fewest bits."""
        sizes = np.abs(levels).ravel()
        flat = classes.ravel()

        def total(values: NDArray[Any]) -> Floats:
            counts: Floats = np.bincount(flat, weights=values, minlength=_CLASSES).astype(np.float64)
            return counts

        zero, one, larger = total(sizes == 0), total(sizes == 1), total(sizes > 1)
        excess = total(np.maximum(sizes - 2, 0))
        ratios = ((zero, one + larger), (one, larger), (excess, larger))
        logits = [np.log((yes + 0.02) / (no + 0.02)) / _LOGITS_PER_BYTE for yes, no in ratios]
        stored = np.clip(np.rint(np.stack(logits)) + 128, 0, 255).astype(np.uint8)
        return cls(stored.tobytes(), int(sizes.max(initial=1)))

    def probabilities(self) -> Floats:
        """Return the probabilities of the levels from -limit to limit, (classes, 2 limit + 1)."""
        logits = (np.frombuffer(self.packed, np.uint8).reshape(3, -1).astype(np.float64) - 128) * _LOGITS_PER_BYTE
        zero, one, further = 1 / (1 + np.exp(-logits[:, :, None]))
        sizes = np.abs(np.arange(-self.limit, self.limit + 1))
        tail = (1 - one) * (1 - further) * further ** np.maximum(sizes - 2, 0)
        table = np.where(sizes == 0, zero, (1 - zero) / 2 * np.where(sizes == 1, one, tail))
        # Rounded, so that another mathematics library finds the same; no level may be impossible.
        rounded: Floats = np.maximum(np.rint(table * 2**24), 1) / 2**24
        shares: Floats = rounded / rounded.sum(axis=1, keepdims=True)
        return shares

    def bits(self) -> Floats:
        """Return how many bits the levels from -limit to limit take, (classes, 2 limit + 1)."""
        costs: Floats = -np.log2(self.probabilities())
        return costs

    def distributions(self) -> list[Any]:
        """Return the distribution of every class as the range coder takes it, of levels plus `limit`."""
        return [constriction.stream.model.Categorical(row, perfect=False) for row in self.probabilities()]


def classify(levels: Levels) -> NDArray[np.int64]:
    """Return the class of every level, in the shape of the levels; that of a mean has no meaning."""
    sizes = _magnitudes(levels)
    before = np.concatenate([np.zeros_like(sizes[:1]), sizes[:-1]])
    return _classes(sizes, before, slice(0, levels.shape[1]), slice(0, levels.shape[2]))


def coded(levels: Levels) -> NDArray[np.bool_]:
    """Return which frequencies are in the stream, (planes, rows, columns): up to the last diagonal not all 0."""
    diagonals = np.add.outer(np.arange(levels.shape[1]), np.arange(levels.shape[2]))
    highest = np.max(np.any(levels, axis=3) * diagonals, axis=(1, 2))
    among: NDArray[np.bool_] = (diagonals > 0) & (diagonals <= highest[:, None, None])
    return among


def bits_by_plane(levels: Levels) -> Floats:
    """Return about how many bits each plane takes, (planes,)."""
    classes, among = classify(levels), coded(levels)
    model = Model.fit(levels[among], classes[among])
    bits = model.bits()[classes, levels.clip(-model.limit, model.limit) + model.limit].sum(axis=3)
    # A Laplace distribution of mean magnitude s has an entropy of log2(2 e s).
    spread = np.abs(levels[:, 0, 0]).mean(axis=1)
    means: Floats = levels.shape[3] * np.log2(2 * math.e * np.maximum(spread / 2, 0.25))
    total: Floats = np.where(among, bits, 0).sum(axis=(1, 2)) + means
    return total


def encode(levels: Levels, grid: tuple[int, int]) -> bytes:
    """Return the stream of levels whose blocks make a grid of so many rows and columns."""
    classes, among = classify(levels), coded(levels)
    model = Model.fit(levels[among], classes[among])
    distributions = model.distributions()
    residuals = [_differences(plane[0, 0].reshape(grid)) for plane in levels]
    scales = [_scale_code(residual) for residual in residuals]
    bound = max(int(np.abs(residual).max()) for residual in residuals)
    extents = [max(map(sum, np.argwhere(plane)), default=0) for plane in among]
    encoder = constriction.stream.queue.RangeEncoder()
    for plane, extent in enumerate(extents):
        encoder.encode(residuals[plane], _mean_distribution(scales[plane], bound))
        for row, column in _order(levels.shape, extent):
            values, kinds = levels[plane, row, column], classes[plane, row, column]
            for kind in np.unique(kinds):
                encoder.encode(values[kinds == kind] + model.limit, distributions[kind])
    words: bytes = encoder.get_compressed().astype(">u4").tobytes()
    sides = model.packed + bytes(scales) + bytes(extents)
    return varint(model.limit) + varint(bound) + sides + words.rstrip(b"\0")


def decode(stream: bytes, shape: tuple[int, int, int, int], grid: tuple[int, int]) -> Levels:
    """Return the levels, of that shape, that `encode` stored."""
    limit, start = read_varint(stream, 0)
    bound, start = read_varint(stream, start)
    ends = np.cumsum([start + Model.SIZE, shape[0], shape[0]])
    distributions = Model(stream[start : ends[0]], limit).distributions()
    words = stream[ends[2] :]
    words += bytes(-len(words) % 4)
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(words, ">u4").astype(np.uint32))
    levels = np.zeros(shape, np.int32)
    before = _magnitudes(levels[:1])
    for plane, (scale, extent) in enumerate(zip(stream[ends[0] : ends[1]], stream[ends[1] : ends[2]], strict=True)):
        residual = decoder.decode(_mean_distribution(scale, bound), shape[3])
        levels[plane, 0, 0] = _sums(residual.reshape(grid))
        sizes = np.zeros_like(before)
        for row, column in _order(shape, extent):
            kinds = _classes(sizes, before, slice(row, row + 1), slice(column, column + 1))[0, 0, 0]
            values = levels[plane, row, column]
            for kind in np.unique(kinds):
                chosen = kinds == kind
                values[chosen] = decoder.decode(distributions[kind], int(chosen.sum())) - limit
            sizes[0, _MARGIN + row, _MARGIN + column] = np.abs(values)
        before = sizes
    return levels


def _magnitudes(levels: Levels) -> Levels:
    """Return magnitudes with a margin of frequencies around them, the means as 0: how bright a block is says little."""
    sizes = np.abs(levels)
    sizes[:, 0, 0] = 0
    padded: Levels = np.pad(sizes, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)))
    return padded


def _classes(sizes: Levels, before: Levels, rows: slice, columns: slice) -> NDArray[np.int64]:
    """Return the classes at some frequencies, from magnitudes with margins of a plane and of the one before."""
    activity: Any = 0
    for magnitudes, neighbours in ((sizes, _BEFORE), (before, _ABOVE)):
        for row, column, weight in neighbours:
            down = slice(_MARGIN + rows.start + row, _MARGIN + rows.stop + row)
            right = slice(_MARGIN + columns.start + column, _MARGIN + columns.stop + column)
            activity = activity + weight * magnitudes[:, down, right]
    classes: NDArray[np.int64] = np.searchsorted(_THRESHOLDS, activity, side="right")
    return classes


def _order(shape: tuple[int, ...], extent: int) -> list[tuple[int, int]]:
    """Return the frequencies but the mean whose row and column add up to `extent` at most, low ones first."""
    frequencies = itertools.product(range(shape[1]), range(shape[2]))
    return sorted((at for at in frequencies if 0 < sum(at) <= extent), key=lambda at: (sum(at), at))


def _mean_distribution(code: int, bound: int) -> Any:
    """Return the distribution of the differences of means in a plane, of at most `bound` (and 1) in magnitude."""
    limit = max(bound, 1)
    scale = _LOWEST_SCALE * 2 ** (code / _SCALES_PER_OCTAVE)
    return constriction.stream.model.QuantizedLaplace(-limit, limit, 0.0, scale)


def _scale_code(residual: Levels) -> int:
    magnitude = max(float(np.abs(residual).mean()), _LOWEST_SCALE)
    return round(math.log2(magnitude / _LOWEST_SCALE) * _SCALES_PER_OCTAVE)


def _differences(means: Levels) -> Levels:
    """Return what a grid of means, (rows, columns), differs from its predictions by, (blocks,)."""
    padded = np.pad(means, ((1, 0), (1, 0)))
    left, above = padded[1:, :-1], padded[:-1, 1:]
    predicted = (left + above) >> 1
    predicted[0], predicted[:, 0] = left[0], above[:, 0]
    differences: Levels = (means - predicted).ravel().astype(np.int32)
    return differences


def _sums(differences: Levels) -> Levels:
    """Return the means, (blocks,), that `_differences` was given, from a grid of differences, (rows, columns)."""
    means = differences.copy()
    for row, column in np.ndindex(*means.shape):
        neighbours = [means[row - 1, column]] * (row > 0) + [means[row, column - 1]] * (column > 0)
        if neighbours:
            means[row, column] += int(sum(neighbours)) // len(neighbours)
    flat: Levels = means.ravel()
    return flat

"""The spectral KLT with JPEG 2000, and what it leaves of every sample rounded so that a bound is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

import constriction
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.base import Scene, to_dtype
from benchmarks.codecs.bounded import Bounded
from benchmarks.codecs.coefficient_coder import Model
from benchmarks.codecs.container import pack, read_varint, unpack, varint
from benchmarks.codecs.klt import KltJpeg2000
from benchmarks.codecs.transform import Klt, apply_regression

_CODEC = KltJpeg2000()
_RANK_RATIOS = (0.7, 1.4)
_THRESHOLDS = np.unique(np.rint(1.5 ** np.arange(19))).astype(np.int64)
"""Activities that part classes; as many classes as `Model` has."""

Symbols = NDArray[np.int32]


@dataclass(frozen=True)
class _Search:
    """Streams of a scene for one bound."""

    scene: Scene
    klt: Klt
    bound: int

    def at(self, octave: float, ratio: float = 1.0) -> bytes:
        """Return the stream of planes with a root mean square error of 2**octave.

        Their number is that of the components above that error, as reverse water-filling has it, times `ratio`.
        """
        error = 2.0**octave
        rank = round(ratio * int((self.klt.variances > error**2).sum()))
        rank = min(max(rank, 1), len(self.scene))
        stored = _CODEC.store(self.klt.planes(rank), error, _CODEC.variants[0])
        planes = _CODEC.restore(stored, (self.scene.shape[1], self.scene.shape[2]))
        spectra = self.klt.regression(planes, error**2)
        base = to_dtype(apply_regression(spectra, planes, len(self.scene)), self.scene.dtype)
        missed = self.scene.astype(np.int64) - base
        symbols = np.rint(missed / (2 * self.bound + 1)).astype(np.int32)
        return pack(self.scene, [varint(self.bound), spectra, stored, encode_symbols(symbols)])


def _encode(scene: Scene, bound: int) -> bytes:
    """Try planes of ever larger errors as long as streams get smaller, and then what lies around the best.

    The first error is that of the rounding, or that which leaves half of the components to the residual.
    """
    search = _Search(scene, Klt(scene), bound)
    octave = math.log2(max((2 * bound + 1) / math.sqrt(12), math.sqrt(float(np.median(search.klt.variances)))))
    best = search.at(octave)
    while len(tried := search.at(octave + 1)) < len(best):
        best, octave = tried, octave + 1
    around = [search.at(octave + 0.5), search.at(octave - 0.5), *(search.at(octave, ratio) for ratio in _RANK_RATIOS)]
    return min(best, *around, key=len)


def _decode(stream: bytes) -> Scene:
    dtype, (bands, height, width), (bound, spectra, stored, coded) = unpack(stream)
    base = to_dtype(apply_regression(spectra, _CODEC.restore(stored, (height, width)), bands), dtype)
    missed = decode_symbols(coded, (bands, height, width)) * np.int64(2 * read_varint(bound, 0)[0] + 1)
    return to_dtype((base.astype(np.int64) + missed).astype(np.float64), dtype)


def encode_symbols(symbols: Symbols) -> bytes:
    """Return whole numbers, (bands, height, width), range-coded under laws of how large those of earlier bands are."""
    classes = np.stack([_classes(symbols[:band]) for band in range(len(symbols))])
    model = Model.fit(symbols, classes)
    distributions = model.distributions()
    encoder = constriction.stream.queue.RangeEncoder()
    for values, kinds in zip(symbols, classes, strict=True):
        for kind in np.unique(kinds):
            encoder.encode(values[kinds == kind] + np.int32(model.limit), distributions[kind])
    words: bytes = encoder.get_compressed().astype("<u4").tobytes()
    return varint(model.limit) + model.packed + words.rstrip(b"\0")


def decode_symbols(coded: bytes, shape: tuple[int, int, int]) -> Symbols:
    """Return the whole numbers, of that shape, that `encode_symbols` stored."""
    limit, start = read_varint(coded, 0)
    distributions = Model(coded[start : start + Model.SIZE], limit).distributions()
    words = coded[start + Model.SIZE :]
    words += bytes(-len(words) % 4)
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(words, "<u4").astype(np.uint32))
    symbols = np.zeros(shape, np.int32)
    for band in range(shape[0]):
        kinds = _classes(symbols[:band])
        for kind in np.unique(kinds):
            chosen = kinds == kind
            symbols[band][chosen] = decoder.decode(distributions[kind], int(chosen.sum())) - limit
    return symbols


def _classes(before: Symbols) -> NDArray[np.intp]:
    """Return the class of every position of the next band, (height, width), from the two bands before."""
    height, width = before.shape[1:]
    sizes = np.zeros((2, height + 2, width + 2), np.int64)
    sizes[2 - len(before[-2:]) :, 1:-1, 1:-1] = np.abs(before[-2:])
    rows = sizes[:, :-2] + sizes[:, 1:-1] + sizes[:, 2:]
    boxes = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    activity = (2 * boxes[1] + boxes[0]) // 4
    classes: NDArray[np.intp] = np.searchsorted(_THRESHOLDS, activity, side="right")
    return classes


KLT_RESIDUAL = Bounded(_encode, _decode)
"""KLT, JPEG 2000 and the residual."""

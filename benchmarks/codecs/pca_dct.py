"""Principal components of the spectra, and of each a block cosine transform; one quantiser for all of them."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from benchmarks.codecs import coefficient_coder as coder
from benchmarks.codecs.base import Codec, OutOfReachError, Scene, Stream, best_below, to_dtype
from benchmarks.codecs.container import pack, unpack
from benchmarks.codecs.transform import Klt
from benchmarks.codecs.transform import unpack as unpack_basis

Floats = NDArray[np.float32]

_SIDES = range(7, 13)
_RATE_WEIGHT = 0.15
_ROUNDING = 0.36
_CENTRE_UNIT = 1 / 256
_ROUNDING_ERROR = 1 / 12
_FINEST = -3.0
_FAR_STEPS = 14
_NEAR_STEPS = 9
_NEAR = 0.2


@dataclass(frozen=True)
class Blocks:
    """How a plane is cut: sides of 7 to 12 samples, whichever pad it least, larger before smaller."""

    rows: int
    columns: int
    """Of the grid of blocks."""

    height: int
    width: int
    """Of a block."""

    @classmethod
    def of(cls, height: int, width: int) -> Blocks:
        """Return the blocks of planes of that size."""
        tall, wide = (min(_SIDES, key=lambda side: (-size % side, -side)) for size in (height, width))
        return cls(-(-height // tall), -(-width // wide), tall, wide)

    def transform(self, planes: Floats) -> Floats:
        """Return coefficients, (planes, rows, columns, blocks), of planes, (planes, height, width)."""
        count, height, width = planes.shape
        missing = (0, 0), (0, self.rows * self.height - height), (0, self.columns * self.width - width)
        cut = np.pad(planes, missing, mode="edge").reshape(count, self.rows, self.height, self.columns, self.width)
        coefficients: Floats = scipy.fft.dctn(cut.transpose(0, 2, 4, 1, 3), axes=(1, 2), norm="ortho")
        return coefficients.reshape(count, self.height, self.width, -1)

    def restore(self, coefficients: Floats, height: int, width: int) -> Floats:
        """Return the planes, (planes, height, width)."""
        cut = coefficients.reshape(-1, self.height, self.width, self.rows, self.columns)
        whole: Floats = scipy.fft.idctn(cut, axes=(1, 2), norm="ortho").transpose(0, 3, 1, 4, 2)
        return whole.reshape(len(cut), self.rows * self.height, -1)[:, :height, :width]


class PcaDct(Codec):
    """Karhunen-Loeve transform, then a block cosine transform of each component, with one step for all coefficients.

    One step is reverse water-filling: every coefficient that is stored has the same distortion, and components below
    it vanish. Levels are chosen for error and size together; their number of components too.
    """

    name = "pca + dct"
    libraries = ("constriction", "scipy")

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store `scene` within `budget` bytes.

        Raises
        ------
        OutOfReachError
            When one component at the coarsest step takes more.
        """
        search = _Search(scene)
        rank, octaves = search.rank_and_step(budget)
        near, far = octaves + _NEAR, search.coarsest
        for count, coarse, halvings in ((rank, near, _NEAR_STEPS), (rank, far, _FAR_STEPS), (1, far, _FAR_STEPS)):
            encode = partial(_encode, scene, search.klt, search.blocks, count)
            found = best_below(encode, budget, coarse=coarse, fine=octaves - _NEAR, steps=halvings)
            if found is not None:
                sides = f"{search.blocks.height} x {search.blocks.width}"
                return Stream(found[0], f"rank {count}, step {2 ** found[1]:.4g}, blocks of {sides}")
        raise OutOfReachError(f"the smallest stream takes {len(encode(far))} bytes, more than {budget}")

    def decode(self, payload: bytes) -> Scene:
        """Return the samples, (bands, height, width)."""
        dtype, (bands, height, width), (packed, quantiser, stream) = unpack(payload)
        basis = unpack_basis(packed, bands)
        blocks = Blocks.of(height, width)
        shape = basis.vectors.shape[1], blocks.height, blocks.width, blocks.rows * blocks.columns
        levels = coder.decode(stream, shape, (blocks.rows, blocks.columns))
        coefficients = _dequantise(levels, *struct.unpack("<fbb", quantiser))
        return to_dtype(basis.scene_of(blocks.restore(coefficients, height, width)), dtype)


class _Search:
    """Estimates for all ranks at once: the components of a smaller rank are the first of a larger one."""

    def __init__(self, scene: Scene) -> None:
        self.klt = Klt(scene)
        self.blocks = Blocks.of(*scene.shape[1:])
        self._scene = scene
        self._pixels = scene[0].size
        strongest = math.sqrt(float(self.klt.variances[0]) * self._pixels)
        self.coarsest = math.log2(max(2 * strongest, 1))

    def rank_and_step(self, budget: int) -> tuple[int, float]:
        """Return the best rank and the binary logarithm of the step, by estimates of size and error."""
        level = max(self.klt.water_level(8 * budget / self._pixels)[0], _ROUNDING_ERROR)
        finest = max(math.log2(level) / 2 - 3, _FINEST)
        most = max(int((self.klt.variances > level / 16).sum()), 1)
        basis = self.klt.basis(most, level)
        coefficients = self.blocks.transform(basis.components(self._scene))
        base = len(basis.packed) / (most + 1)
        coarse, fine, rank = self.coarsest, finest, 1
        for _ in range(_FAR_STEPS):
            octaves = (coarse + fine) / 2
            step = 2.0**octaves
            levels = _quantise(coefficients, step)
            errors = ((coefficients - levels * np.float32(step)) ** 2).sum(axis=(1, 2, 3), dtype=np.float64)
            gains = self.klt.variances[:most] * self._pixels - errors
            bits = coder.bits_by_plane(levels) + 8 * base
            worth = np.cumsum(gains - _RATE_WEIGHT * step**2 * bits)
            candidate = int(np.argmax(worth)) + 1
            size = bits[:candidate].sum() / 8 + base + coder.Model.SIZE
            if size <= budget:
                coarse, rank = octaves, candidate
            else:
                fine = octaves
        return rank, coarse


def _encode(scene: Scene, klt: Klt, blocks: Blocks, rank: int, octaves: float) -> bytes:
    """Return the payload at a step of 2 to the power of `octaves`."""
    (step,) = struct.unpack("<f", struct.pack("<f", 2.0**octaves))
    basis = klt.basis(rank, step**2 / 12)
    coefficients = blocks.transform(basis.components(scene))
    levels = _quantise(coefficients, step)
    ratios = np.abs(coefficients) / np.float32(step)
    sizes = np.abs(levels)
    sizes[:, 0, 0] = 0
    centres = [_centre(ratios[chosen] - sizes[chosen]) for chosen in (sizes == 1, sizes > 1)]
    stream = coder.encode(levels, (blocks.rows, blocks.columns))
    return pack(scene, [basis.packed, struct.pack("<fbb", step, *centres), stream])


def _quantise(coefficients: Floats, step: float) -> coder.Levels:
    """Return the levels of coefficients, each the one of two that has the less squared error plus weighted bits.

    Notes
    -----
    A first rounding with a dead zone says what a level costs where it stands. At high rates the error falls by
    2 ln 2 step^2 / 12 = 0.116 step^2 a bit (Gish and Pierce 1968), at low ones by somewhat more.
    """
    ratios = np.abs(coefficients) / np.float32(step)
    nearest = np.rint(ratios).astype(np.int32)
    sizes = np.floor(ratios + np.float32(_ROUNDING)).astype(np.int32)
    sizes[:, 0, 0] = nearest[:, 0, 0]
    classes, among = coder.classify(sizes), coder.coded(sizes)
    bits = coder.Model.fit(sizes[among], classes[among]).bits()
    middle = bits.shape[1] // 2
    lower = np.maximum(nearest - 1, 0)
    costs = [
        (ratios - size) ** 2 + _RATE_WEIGHT * bits[classes, middle + np.minimum(size, middle)]
        for size in (lower, nearest)
    ]
    chosen = np.where(costs[0] < costs[1], lower, nearest)
    chosen[:, 0, 0] = nearest[:, 0, 0]
    levels: coder.Levels = np.where(coefficients < 0, -chosen, chosen)
    return levels


def _dequantise(levels: coder.Levels, step: float, one: int, larger: int) -> Floats:
    """Return coefficients, magnitudes moved to the centres of what was rounded to them."""
    sizes = np.abs(levels)
    shifts = np.where(sizes == 1, one, np.where(sizes > 1, larger, 0)) * _CENTRE_UNIT
    shifts[:, 0, 0] = 0
    coefficients: Floats = (np.sign(levels) * (sizes + shifts) * step).astype(np.float32)
    return coefficients


def _centre(excess: NDArray[np.floating]) -> int:
    """Return the mean of what magnitudes have above their levels, in stored units."""
    return round(float(np.clip(excess.mean() / _CENTRE_UNIT, -128, 127))) if excess.size else 0

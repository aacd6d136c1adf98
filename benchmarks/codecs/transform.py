"""The spectral transform of the classical anchors: mean and Karhunen-Loeve basis, stored as finely as they deserve.

A scene is X = m 1' + V Z with the band means m, (bands,), an orthonormal basis V, (bands, rank), and components Z,
(rank, pixels). An error e in one entry of V's column k costs e^2 |Z_k|^2, one in Z costs e^2, one in m e^2 pixels: with
a step of d / |Z_k| for column k and d / sqrt(pixels) for the mean, every stored number costs the same d^2 / 12, the
condition for the least total at a given size. Strong directions are so stored finely and weak ones coarsely.

`Klt.basis` serves codecs that compute components against the stored basis. `Klt.regression` serves those that look at
the decoded planes first: it stores the linear map from them to the scene with the least squared error, which undoes
any offset and scale of a plane and what neighbours' errors share with it.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import constriction
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.base import Scene
from benchmarks.codecs.container import read_varint, varint

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

_BLOCK = 1 << 15
_PREDICTORS = (0.0, 0.5, 1.0)
_SCALES_PER_OCTAVE = 3
_LOWEST_SCALE = 1 / 8
_COARSEST = 2.0


@dataclass(frozen=True)
class Basis:
    """Mean and orthonormal basis as a decoder reads them."""

    mean: Floats
    """(bands,)"""

    vectors: Floats
    """(bands, rank), orthonormal columns."""

    packed: bytes
    """What `unpack` makes this basis of."""

    def components(self, scene: Scene) -> NDArray[np.float32]:
        """Return the planes, (rank, height, width), from which `scene_of` comes nearest to the scene."""
        pixels = scene.reshape(len(scene), -1).astype(np.float32)
        offset = (self.vectors.T @ self.mean).astype(np.float32)
        planes = self.vectors.T.astype(np.float32) @ pixels - offset[:, None]
        return planes.reshape(-1, *scene.shape[1:])

    def scene_of(self, planes: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the scene, (bands, height, width), that planes, (rank, height, width), stand for."""
        flat = self.vectors.astype(np.float32) @ planes.reshape(len(planes), -1).astype(np.float32)
        flat += self.mean.astype(np.float32)[:, None]
        return flat.reshape(-1, *planes.shape[1:])


class Klt:
    """The Karhunen-Loeve transform of a scene, (bands, height, width), computed once for all ranks.

    Attributes
    ----------
    variances
        Of the components, (bands,), descending, in squared units of the scene.
    """

    def __init__(self, scene: Scene) -> None:
        pixels = scene.reshape(len(scene), -1)
        self._scene = scene
        self._count = pixels.shape[1]
        self._mean: Floats = pixels.mean(axis=1, dtype=np.float64)
        moments = np.zeros((len(pixels), len(pixels)))
        for start in range(0, self._count, _BLOCK):
            block = pixels[:, start : start + _BLOCK] - self._mean[:, None]
            moments += block @ block.T
        variances, vectors = np.linalg.eigh(moments / self._count)
        self.variances: Floats = np.maximum(variances[::-1], 0)
        self._vectors: Floats = vectors[:, ::-1]

    def basis(self, rank: int, distortion: float) -> Basis:
        """Return the `rank` leading directions, rounded for planes that are stored with a mean square error.

        Parameters
        ----------
        rank
            Number of directions, at most that of bands.
        distortion
            Mean square error of the planes, in squared units of the scene; the rounding errors of one stored number
            of the basis cost as much as those of one sample.
        """
        step = math.sqrt(12 * distortion)
        strengths = np.sqrt(self.variances[:rank] * self._count) / step
        # Below this, a column would be rounded to zeros.
        strengths = np.maximum(strengths, _COARSEST * math.sqrt(len(self._mean)))
        mean_step = struct.pack("<f", step / math.sqrt(self._count))
        columns = [
            np.rint(self._mean / struct.unpack("<f", mean_step)[0]),
            *np.rint(self._vectors[:, :rank] * strengths).T,
        ]
        packed = varint(rank) + mean_step + _pack([column.astype(np.int32) for column in columns])
        return unpack(packed, len(self._mean))

    def planes(self, rank: int) -> NDArray[np.float32]:
        """Return the `rank` leading components, (rank, height, width)."""
        vectors = self._vectors[:, :rank]
        return Basis(self._mean, vectors, b"").components(self._scene)

    def regression(self, planes: NDArray[np.floating], distortion: float) -> bytes:
        """Return the least-squares map from planes, (rank, height, width), to the scene, for `apply_regression`.

        Parameters
        ----------
        planes
            As the decoder has them, in any unit.
        distortion
            Mean square error of the planes, in squared units of the scene, which the map's rounding is to match.
        """
        used, strengths = _centred(planes)
        pixels = self._scene.reshape(len(self._scene), -1).astype(np.float32)
        weights = np.linalg.lstsq((used @ used.T).astype(np.float64), (used @ pixels.T).astype(np.float64), rcond=1e-9)[
            0
        ]
        step = np.float32(math.sqrt(12 * distortion))
        columns = [self._mean * math.sqrt(self._count), *(weights * strengths[:, None])]
        return step.tobytes() + _pack([np.rint(column / step).astype(np.int32) for column in columns])

    def water_level(self, bits: float, rank: int | None = None) -> tuple[float, int]:
        """Return the distortion that reverse water-filling gives independent Gaussian components, and their number.

        Parameters
        ----------
        bits
            For one pixel, all components together.
        rank
            The most components that may be coded.

        Notes
        -----
        Cover and Thomas, Elements of Information Theory, theorem 10.3.3: the sum of log2(variance / level) / 2 over
        the components above the level is `bits`. Neighbours in a plane are alike, so a codec gets below the level.
        """
        logarithms = np.log2(np.maximum(self.variances[:rank], 1e-12))
        for count in range(len(logarithms), 0, -1):
            level = float(logarithms[:count].mean() - 2 * bits / count)
            if level < logarithms[count - 1] or count == 1:
                break
        return float(2**level), count


def unpack(packed: bytes, bands: int) -> Basis:
    """Return the basis that `Klt.basis` packed."""
    rank, position = read_varint(packed, 0)
    (mean_step,) = struct.unpack_from("<f", packed, position)
    columns = _unpack(packed[position + 4 :], rank + 1, bands)
    rounded: Floats = np.stack(columns[1:], axis=1).astype(np.float64)
    orthonormal, triangle = np.linalg.qr(rounded)
    vectors: Floats = orthonormal * np.sign(np.diag(triangle))
    mean: Floats = columns[0].astype(np.float64) * float(mean_step)
    return Basis(mean, vectors, packed)


def apply_regression(packed: bytes, planes: NDArray[np.floating], bands: int) -> NDArray[np.float32]:
    """Return the scene, (bands, height, width), that `Klt.regression` finds in planes, (rank, height, width)."""
    used, strengths = _centred(planes)
    columns = np.stack(_unpack(packed[4:], len(used) + 1, bands), axis=1) * float(np.frombuffer(packed[:4], "<f4")[0])
    flat = (columns[:, 1:] / strengths).astype(np.float32) @ used
    flat += (columns[:, :1] / math.sqrt(used.shape[1])).astype(np.float32)
    return flat.reshape(bands, *planes.shape[1:])


def _centred(planes: NDArray[np.floating]) -> tuple[NDArray[np.float32], Floats]:
    """Return the planes that are not flat, (rank, pixels), less their means, and the square roots of their energies."""
    flat = planes.reshape(len(planes), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    strengths: Floats = np.sqrt((flat * flat).sum(axis=1))
    used = strengths > 0
    return flat[used].astype(np.float32), strengths[used]


def _pack(columns: list[Integers]) -> bytes:
    """Entropy-code columns, each predicted along the bands as suits it, with a Laplace model of its own."""
    modes, residuals = zip(*(_best_mode(column) for column in columns), strict=True)
    exponent = max(int(np.abs(residual).max()) for residual in residuals).bit_length()
    model = constriction.stream.model.QuantizedLaplace(-(1 << exponent), 1 << exponent)
    encoder = constriction.stream.queue.RangeEncoder()
    for mode, residual in zip(modes, residuals, strict=True):
        scales = np.full(len(residual), _scale(mode))
        encoder.encode(residual, model, np.zeros(len(residual)), scales)
    words: bytes = encoder.get_compressed().astype("<u4").tobytes()
    return bytes([exponent, *modes]) + words.rstrip(b"\0")


def _unpack(packed: bytes, count: int, bands: int) -> list[Integers]:
    """Return the columns that `_pack` stored."""
    limit = 1 << packed[0]
    model = constriction.stream.model.QuantizedLaplace(-limit, limit)
    words = packed[1 + count :]
    words += bytes(-len(words) % 4)
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(words, "<u4").astype(np.uint32))
    columns = []
    for mode in packed[1 : 1 + count]:
        residual = decoder.decode(model, np.zeros(bands), np.full(bands, _scale(mode)))
        columns.append(_integrate(residual, _PREDICTORS[mode % len(_PREDICTORS)]))
    return columns


def _best_mode(column: Integers) -> tuple[int, Integers]:
    """Return the predictor and Laplace scale that make the column shortest, as one number, and what they leave."""
    candidates = []
    for index, predictor in enumerate(_PREDICTORS):
        predicted = np.floor(predictor * np.concatenate([[0], column[:-1]]) + 0.5)
        residual = (column - predicted).astype(np.int32)
        candidates.append((float(np.abs(residual).mean()), index, residual))
    magnitude, index, residual = min(candidates, key=lambda candidate: candidate[0])
    octave = math.log2(max(magnitude, _LOWEST_SCALE) / _LOWEST_SCALE)
    return min(round(octave * _SCALES_PER_OCTAVE), 255 // len(_PREDICTORS) - 1) * len(_PREDICTORS) + index, residual


def _scale(mode: int) -> float:
    return float(_LOWEST_SCALE * 2.0 ** (mode // len(_PREDICTORS) / _SCALES_PER_OCTAVE))


def _integrate(residual: Integers, predictor: float) -> Integers:
    column = np.empty_like(residual)
    previous = 0
    for band, value in enumerate(residual):
        previous = int(value) + math.floor(predictor * previous + 0.5)
        column[band] = previous
    return column

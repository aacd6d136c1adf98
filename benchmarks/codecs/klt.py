"""Spectral KLT and an image codec: one common distortion for all components (reverse water-filling), ranks searched."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.base import Codec, OutOfReachError, Scene, Stream, to_dtype
from benchmarks.codecs.container import pack, read_varint, unpack, varint
from benchmarks.codecs.pictures import between_extremes, from_picture, restore_header, shorten_header, to_picture
from benchmarks.codecs.transform import Klt, apply_regression

Planes = NDArray[np.float32]
"""(rank, height, width)."""

_FINEST = -5.0
_TRIALS = 7
_FULL = 0.9985
_NEARLY_FULL = 0.99
_RANK_RATIO = 1.25
_SLOPE = 2.0
"""Octaves of size for one of the root mean square error, to begin with."""
_CENTRE = 32768
_COMMENT = b"\xff\x64"
"""The marker segment that names OpenJPEG, the last of the main header."""
_JPEG2000_HEADER = bytes.fromhex(
    "ff4fff510035000000000064000000640000000000000000000000640000006400000000000000000005"
    + "0f0101" * 32
    + "ff520010010200010003040400008888"
    + "8888ff5c001742a738a750a750a76890059005904797d397d39762"
)
_AVIF_QUALITIES = (
    *((5.7, 0), (6.25, 20), (6.84, 40), (7.25, 52), (7.54, 60), (7.83, 68), (8.08, 76), (8.25, 80), (8.47, 84)),
    *((8.57, 86), (8.74, 87), (8.85, 88), (8.94, 90), (9.07, 91), (9.25, 92), (9.42, 94), (9.67, 95), (10.22, 96)),
    *((10.91, 98), (11.61, 99)),
)
"""log2 of full scale over the root mean square error that a quality of libavif gives on components, and the quality."""


_Point = tuple[float, float]
"""Octave of the distortion, and that of size over budget."""


@dataclass(frozen=True)
class Trial:
    """A stream that fits, and what it is worth."""

    payload: bytes
    squared_error: float
    octave: float
    """log2 of the distortion asked for, as root mean square in the scene's unit."""


class KltImages(Codec):
    """Stores components with an image codec, then the least-squares map from its planes back to the scene.

    A subclass stores planes to a wanted root mean square error, the same for all, with or without a `variant`.
    """

    variants: ClassVar[Sequence[Any]] = (None,)
    """Settings to try at the best rank; the first is used to find it."""

    @abstractmethod
    def store(self, planes: Planes, error: float, variant: Any) -> bytes:
        """Return planes, (rank, height, width), each with about that root mean square error, in the planes' unit."""

    @abstractmethod
    def restore(self, stored: bytes, size: tuple[int, int]) -> Planes:
        """Return planes of (height, width), each in a unit and from an origin of its own."""

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store `scene` within `budget` bytes, at the best rank and one distortion.

        Raises
        ------
        OutOfReachError
            When one component at its coarsest takes more.
        """
        klt = Klt(scene)
        search = _Search(self, scene, klt, budget)
        level, rank = klt.water_level(budget * 8 / scene[0].size)
        octave = math.log2(level) / 2 - 1
        found: dict[int, Trial | None] = {}

        def error(rank: int) -> float:
            nonlocal octave
            if rank not in found:
                found[rank] = search.finest(rank, self.variants[0], octave, _NEARLY_FULL)
            trial = found[rank]
            if trial is None:
                return math.inf
            octave = trial.octave
            # What the bytes left over would bring: at half the size, errors are about twice as large.
            return trial.squared_error * len(trial.payload) / budget

        rank = _lowest(error, min(2 * rank, len(scene)), len(scene))
        best = found[rank]
        if best is None:
            needed = len(search.attempt(1, self.variants[0], search.coarsest).payload)
            raise OutOfReachError(f"{self.name} needs {needed} bytes for one component at its coarsest")
        chosen = self.variants[0]
        for variant in self.variants:
            trial = search.finest(rank, variant, best.octave, _FULL)
            if trial is not None and trial.squared_error < best.squared_error:
                best, chosen = trial, variant
        suffix = "" if chosen is None else f", variant {chosen}"
        return Stream(best.payload, f"rank {rank}, distortion {4**best.octave:.4g}{suffix}")

    def decode(self, payload: bytes) -> Scene:
        """Return the samples that `payload` holds."""
        dtype, (bands, height, width), (spectra, stored) = unpack(payload)
        return to_dtype(apply_regression(spectra, self.restore(stored, (height, width)), bands), dtype)


class _Search:
    """Encodes of one scene for one budget, and what they share."""

    def __init__(self, codec: KltImages, scene: Scene, klt: Klt, budget: int) -> None:
        self._codec = codec
        self._scene = scene
        self._klt = klt
        self._budget = budget
        self.coarsest = math.log2(max(float(np.abs(klt.planes(1)).max()), 1.0))
        self._planes = klt.planes(1)

    def attempt(self, rank: int, variant: Any, octave: float) -> Trial:
        """Encode with a distortion, whatever comes of it."""
        if len(self._planes) < rank:
            self._planes = self._klt.planes(rank)
        error = 2.0**octave
        stored = self._codec.store(self._planes[:rank], error, variant)
        planes = self._codec.restore(stored, (self._scene.shape[1], self._scene.shape[2]))
        spectra = self._klt.regression(planes, error**2)
        restored = to_dtype(apply_regression(spectra, planes, len(self._scene)), self._scene.dtype)
        difference = restored.astype(np.float32) - self._scene
        squared = float(np.einsum("bij,bij->", difference, difference, dtype=np.float64))
        return Trial(pack(self._scene, [spectra, stored]), squared, octave)

    def finest(self, rank: int, variant: Any, octave: float, full: float) -> Trial | None:
        """Return the best stream of that rank that fits, or None; stop where one fills that share of the budget."""
        under: _Point | None = None
        over: _Point | None = None
        best: Trial | None = None
        slope = _SLOPE
        for trials in range(2 * _TRIALS):
            octave = min(max(octave, _FINEST), self.coarsest)
            trial = self.attempt(rank, variant, octave)
            excess = math.log2(len(trial.payload) / self._budget)
            before = over or under
            if excess > 0:
                over = (octave, excess)
            else:
                under = (octave, excess)
                if best is None or trial.squared_error < best.squared_error:
                    best = trial
            settled = best is not None and (trials + 1 >= _TRIALS or math.log2(full) < excess <= 0)
            if settled or octave == (self.coarsest if excess > 0 else _FINEST):
                break
            if under and over:
                share = min(max(under[1] / (under[1] - over[1]) * 0.98, 0.05), 0.95)
                octave = under[0] + share * (over[0] - under[0])
            else:
                if before and octave != before[0]:
                    slope = min(max((excess - before[1]) / (before[0] - octave), _SLOPE / 4), 2 * _SLOPE)
                octave += excess / slope + math.copysign(0.02, excess)
        return best


def _lowest(error: Any, rank: int, most: int) -> int:
    """Walk from a rank in ever smaller ratios to where the error is lowest."""
    ratio = _RANK_RATIO
    while True:
        step = max(1, round(rank * (ratio - 1)))
        neighbours = [other for other in (rank + step, rank - step) if 1 <= other <= most]
        best = min([rank, *neighbours], key=error)
        if best == rank:
            if error(rank) == math.inf and rank > 1:
                rank = max(1, rank // 2)
            elif step == 1 or ratio < 1.1:
                return rank
            ratio = 1 + (ratio - 1) / 2
        rank = best if best != rank and error(best) < error(rank) else rank


class KltJpeg2000(KltImages):
    """JPEG 2000 Part 1, irreversible 9/7, all planes as components of one codestream: one slope cuts all of them.

    OpenJPEG cuts at coding passes. Where they fall depends on the scale of the samples, so that is searched.
    """

    name = "klt + jpeg 2000"
    libraries = ("imagecodecs", "constriction")
    variants = tuple((resolutions, eighth / 8) for resolutions in (6, 3) for eighth in (0, 2, 4, 6))

    def store(self, planes: Planes, error: float, variant: tuple[int, float]) -> bytes:
        """Return planes as one codestream."""
        resolutions, shrink = variant
        scale = 32000 / max(float(np.abs(planes).max()), 1e-9) * 2.0**-shrink
        samples = np.ascontiguousarray(np.rint(planes * scale + _CENTRE).astype(np.uint16).transpose(1, 2, 0))
        # OpenJPEG takes any real number.
        decibels: Any = max(20 * math.log10(65535 / (error * scale)), 1.0)
        stream = imagecodecs.jpeg2k_encode(
            samples,
            level=decibels,
            codecformat="J2K",
            resolutions=resolutions,
            reversible=False,
            mct=False,
        )
        comment = stream.index(_COMMENT)
        end = comment + 2 + int.from_bytes(stream[comment + 2 : comment + 4], "big")
        return shorten_header(bytes(stream[:comment] + stream[end:]), comment, _JPEG2000_HEADER)

    def restore(self, stored: bytes, size: tuple[int, int]) -> Planes:
        """Return the planes in samples of the image codec."""
        samples = (
            imagecodecs.jpeg2k_decode(restore_header(stored, _JPEG2000_HEADER)).reshape(*size, -1).transpose(2, 0, 1)
        )
        return samples.astype(np.float32) - _CENTRE


class KltJpegXl(KltImages):
    """JPEG XL's lossy mode (VarDCT), all planes in one grey picture of floats.

    Its quantiser follows a model of sight: it spends less where contrast is high. A picture of little contrast at a
    proportionally smaller distance is quantised more evenly, so that contrast is searched.
    """

    name = "klt + jpeg xl"
    libraries = ("imagecodecs", "constriction")
    variants = ((4, 0.25), (4, 0.35), (4, 0.18), (4, 1.0), (4, 0.06), (7, 0.25), (7, 1.0), (9, 1.0))

    def store(self, planes: Planes, error: float, variant: tuple[int, float]) -> bytes:
        """Return planes as one picture."""
        effort, contrast = variant
        centred, span = between_extremes(planes)
        picture = to_picture(centred * np.float32(contrast / span) + np.float32(0.5))
        distance = min(max(90 * contrast * error / span, 0.01), 25.0)
        stream = imagecodecs.jpegxl_encode(picture, distance=distance, effort=effort, numthreads=1)
        return varint(len(planes)) + bytes(stream)

    def restore(self, stored: bytes, size: tuple[int, int]) -> Planes:
        """Return the planes in samples of the image codec."""
        rank, start = read_varint(stored, 0)
        return from_picture(imagecodecs.jpegxl_decode(stored[start:]), rank, size)


class KltAvif(KltImages):
    """AV1 intra frames (libaom), all planes in one 12-bit monochrome picture.

    Between two of libavif's qualities, the samples are scaled. `variant` is libaom's speed, and how many octaves
    finer than asked for the quality is at least: sizes jump from one quality to the next, at distortions it moves.
    """

    name = "klt + avif"
    libraries = ("imagecodecs", "constriction")
    variants = ((6, 0.0), (3, 0.0), (3, 0.15), (3, 0.3))

    def store(self, planes: Planes, error: float, variant: tuple[int, float]) -> bytes:
        """Return planes as one picture."""
        centred, span = between_extremes(planes)
        speed, finer = variant
        wanted = math.log2(span / error)
        octave, quality = next((node for node in _AVIF_QUALITIES if node[0] >= wanted + finer), _AVIF_QUALITIES[-1])
        scale = 4095 / span * 2.0 ** min(wanted - octave, 0)
        samples = to_picture(np.rint(centred * scale + 2047.5).clip(0, 4095).astype(np.uint16))
        stream = imagecodecs.avif_encode(
            # A picture given as grey would be stored without loss; three equal channels become one plane.
            np.repeat(samples[..., None], 3, axis=2),
            level=quality,
            bitspersample=12,
            pixelformat="400",
            speed=speed,
            numthreads=1,
        )
        return varint(len(planes)) + bytes(stream)

    def restore(self, stored: bytes, size: tuple[int, int]) -> Planes:
        """Return the planes in samples of the image codec."""
        rank, start = read_varint(stored, 0)
        return from_picture(imagecodecs.avif_decode(stored[start:]), rank, size)

"""Image codecs that see one band at a time: what the bands have in common is stored once for each of them.

The bands stand beside and under one another in one image, so that headers and tables are counted once a scene. Every
second row of bands is upside down and every second column mirrored: where two bands meet, the image goes on smoothly.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.base import Codec, OutOfReachError, Scene, Stream, best_below, to_dtype
from benchmarks.codecs.container import pack, unpack

_JPEG_LONGEST = 65_500
_JPEG_BLOCK = 8
_JPEG_TOP = 4095
_JPEG_LEVELS = (1, 2, 4, 8, 16, 32, 64)
_JPEG_COARSEST = -10.0
_JPEG_STEPS = 12

# OpenJPEG, as imagecodecs calls it, makes five wavelet levels of images that are this wide, fewer of narrower ones.
_JPEG2000_WIDTH = 400
_JPEG2000_RESOLUTIONS = 6
_JPEG2000_COARSEST_DB, _JPEG2000_FINEST_DB = 1.0, 120.0
_JPEG2000_STEPS = 16


class JpegBands(Codec):
    """JPEG of 12 bits a sample with Huffman tables made for the scene, every band by itself.

    All bands share one scale and so one distortion, or every band fills the whole range, its minimum and span being
    stored with it: what has the smaller error is kept. The quantisation table of level 1 is flat, which suits a mean
    squared error; those above spare low frequencies. Under each of some tables the size is set by the gain that samples
    have when they are coded, a finer control than the level.
    """

    name = "jpeg, per band"
    libraries = ("imagecodecs",)

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store `scene` within `budget` bytes.

        Raises
        ------
        OutOfReachError
            When no gain makes the stream so small.
        """
        best: tuple[float, Stream] | None = None
        smallest = []
        for common in (True, False):
            ranges = _ranges(scene, common=common)
            minima, spans = _read_ranges(ranges, scene.dtype)
            unit = (scene - minima) / spans
            image = _mosaic(unit * _JPEG_TOP, _jpeg_columns(unit.shape), _JPEG_BLOCK)
            for level in _JPEG_LEVELS:
                encode = partial(_encode_jpeg, scene, image, ranges, level)
                found = best_below(encode, budget, coarse=_JPEG_COARSEST, fine=0.0, steps=_JPEG_STEPS)
                if found is None:
                    smallest.append(len(encode(_JPEG_COARSEST)))
                    continue
                payload, octaves = found
                error = float(np.mean((self.decode(payload) - scene.astype(np.float64)) ** 2))
                if best is None or error < best[0]:
                    scales = "one scale" if common else "a scale for every band"
                    best = error, Stream(payload, f"12 bit, {scales}, level {level}, gain {2**octaves:.3g}")
        if best is None:
            raise OutOfReachError(f"the smallest stream takes {min(smallest)} bytes, more than {budget}")
        return best[1]

    def decode(self, payload: bytes) -> Scene:
        """Return the samples, (bands, height, width)."""
        dtype, shape, (gain, ranges, coded) = unpack(payload)
        image = imagecodecs.jpeg8_decode(coded) / (struct.unpack("<f", gain)[0] * _JPEG_TOP)
        minima, spans = _read_ranges(ranges, dtype)
        return to_dtype(_bands(image, shape, _jpeg_columns(shape), _JPEG_BLOCK) * spans + minima, dtype)


class Jpeg2000Bands(Codec):
    """JPEG 2000 with the 9/7 wavelet, every band by itself, all cut at one slope of error against rate.

    A component for every band, the other way to share a header, takes more bytes: each has packets of its own.
    """

    name = "jpeg 2000, per band"
    libraries = ("imagecodecs",)

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store `scene`, whose values span at most 16 bits, within `budget` bytes.

        Raises
        ------
        OutOfReachError
            When no quality makes the stream so small, or the values span more.
        """
        minimum = scene.min()
        above = scene.astype(np.int64) - int(minimum)
        bits = max(int(above.max()).bit_length(), 2)
        if bits > 16:
            raise OutOfReachError(f"the values span {bits} bits, the codec takes 16")
        image = _mosaic(above, _jpeg2000_columns(scene.shape)).astype(np.uint16)

        def encode(decibels: float) -> bytes:
            # For OpenJPEG the level of a lossy stream is the PSNR to reach, against a peak of all `bits`.
            coded = imagecodecs.jpeg2k_encode(
                image,
                level=decibels,  # type: ignore[arg-type]  # takes fractions too
                codecformat="J2K",
                bitspersample=bits,
                resolutions=_JPEG2000_RESOLUTIONS,
                reversible=False,
                mct=False,
            )
            return pack(scene, [minimum.tobytes(), bytes(coded)])

        found = best_below(
            encode, budget, coarse=_JPEG2000_COARSEST_DB, fine=_JPEG2000_FINEST_DB, steps=_JPEG2000_STEPS
        )
        if found is None:
            smallest = len(encode(_JPEG2000_COARSEST_DB))
            raise OutOfReachError(f"the smallest stream takes {smallest} bytes, more than {budget}")
        return Stream(found[0], f"{bits} bit, {found[1]:.2f} dB below the full range")

    def decode(self, payload: bytes) -> Scene:
        """Return the samples, (bands, height, width)."""
        dtype, shape, (minimum, coded) = unpack(payload)
        above = _bands(imagecodecs.jpeg2k_decode(coded), shape, _jpeg2000_columns(shape))
        return to_dtype(above.astype(np.float64) + np.frombuffer(minimum, dtype), dtype)


def _encode_jpeg(scene: Scene, image: NDArray[np.float64], ranges: bytes, level: int, octaves: float) -> bytes:
    """Return the payload at a gain of 2 to the power of `octaves`, at most 0."""
    gain = struct.pack("<f", 2.0**octaves)
    samples = np.rint(image * struct.unpack("<f", gain)[0]).astype(np.uint16)
    coded = imagecodecs.jpeg8_encode(samples, level=level, bitspersample=12, optimize=True)
    return pack(scene, [gain, ranges, bytes(coded)])


def _ranges(scene: Scene, *, common: bool) -> bytes:
    """Return the least and the largest value of the scene, or of every band, as they are stored."""
    axes = (0, 1, 2) if common else (1, 2)
    return np.stack([scene.min(axis=axes), scene.max(axis=axes)]).astype(scene.dtype).tobytes()


def _read_ranges(ranges: bytes, dtype: np.dtype[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return minima and spans, both (bands or 1, 1, 1), no span less than 1."""
    minima, maxima = np.frombuffer(ranges, dtype).astype(np.float64).reshape(2, -1, 1, 1)
    return minima, np.maximum(maxima - minima, 1)


def _jpeg_columns(shape: tuple[int, ...]) -> int:
    """Return the fewest columns of bands that keep an image as short as JPEG demands."""
    bands, height, _ = shape
    rows = _JPEG_LONGEST // (height + _JPEG_BLOCK)
    return -(-bands // rows)


def _jpeg2000_columns(shape: tuple[int, ...]) -> int:
    """Return the fewest columns of bands that make an image wide enough for all wavelet levels."""
    bands, _, width = shape
    return min(bands, -(-_JPEG2000_WIDTH // width))


def _mosaic(bands: NDArray[Any], columns: int, block: int = 1) -> NDArray[Any]:
    """Return one image of all bands, (bands, height, width), each extended to whole blocks; the last fills up."""
    count, height, width = bands.shape
    wanted = (0, -count % columns), (0, -height % block), (0, -width % block)
    padded = np.pad(bands, wanted, mode="edge")
    grid = padded.reshape(-1, columns, *padded.shape[1:])
    grid = _flip(grid).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(grid.reshape(grid.shape[0] * grid.shape[1], -1))


def _bands(image: NDArray[Any], shape: tuple[int, int, int], columns: int, block: int = 1) -> NDArray[Any]:
    """Return the bands, (bands, height, width), that `_mosaic` laid out."""
    count, height, width = shape
    grid = image.reshape(-1, height + -height % block, columns, width + -width % block).transpose(0, 2, 1, 3)
    flipped = _flip(grid)
    return flipped.reshape(-1, *flipped.shape[2:])[:count, :height, :width]


def _flip(grid: NDArray[Any]) -> NDArray[Any]:
    """Mirror every second row and column of a grid of bands, (rows, columns, height, width); twice changes nothing."""
    flipped = grid.copy()
    flipped[1::2] = flipped[1::2, :, ::-1].copy()
    flipped[:, 1::2] = flipped[:, 1::2, :, ::-1].copy()
    return flipped

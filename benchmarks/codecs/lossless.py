"""Codecs that return the very samples: the foot of every table of rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pcodec
from numcodecs import Blosc
from numpy.typing import NDArray
from pcodec import ChunkConfig

from benchmarks.codecs.base import Codec, Scene, Stream
from benchmarks.codecs.container import pack, unpack

_BAND_DELTA = 1
_BAND_LAST = 2


def _residue(scene: Scene, preparation: int) -> Scene:
    """Return the scene as a reversible `preparation` leaves it, in its dtype, modulo its range."""
    if preparation & _BAND_DELTA:
        scene = np.concatenate([scene[:1], np.diff(scene, axis=0)])
    return np.ascontiguousarray(scene.transpose(1, 2, 0)) if preparation & _BAND_LAST else np.ascontiguousarray(scene)


def _undone(flat: Scene, shape: tuple[int, int, int], preparation: int) -> Scene:
    """Return the scene of a residue."""
    bands, height, width = shape
    last = preparation & _BAND_LAST
    residue = flat.reshape(height, width, bands).transpose(2, 0, 1) if last else flat.reshape(shape)
    restored: Scene = np.cumsum(residue, axis=0, dtype=flat.dtype) if preparation & _BAND_DELTA else residue
    return np.ascontiguousarray(restored)


def _smallest(scene: Scene, compress: Callable[[Scene], bytes]) -> tuple[bytes, int]:
    """Return the smallest stream over all preparations, and its preparation."""
    streams = [(compress(_residue(scene, preparation)), preparation) for preparation in range(4)]
    return min(streams, key=lambda stream: len(stream[0]))


def _described(preparation: int) -> str:
    delta = "differences of bands" if preparation & _BAND_DELTA else "samples"
    return f"{delta}, {'bands last' if preparation & _BAND_LAST else 'bands first'}"


class ShuffledZstd(Codec):
    """Blosc's bit shuffle before zstd at level 9, on the samples or the differences of bands, whichever is smaller."""

    name = "zstd, bit-shuffled"
    libraries = ("numcodecs",)

    def encode(self, scene: Scene, budget: int) -> Stream:  # noqa: ARG002 - lossless
        """Store the very samples."""
        blosc = Blosc("zstd", clevel=9, shuffle=Blosc.BITSHUFFLE)
        stream, preparation = _smallest(scene, lambda residue: bytes(blosc.encode(residue)))
        return Stream(pack(scene, [bytes([preparation]), stream]), f"level 9, {_described(preparation)}")

    def decode(self, payload: bytes) -> Scene:
        """Return the very samples."""
        dtype, shape, (head, stream) = unpack(payload)
        return _undone(np.frombuffer(Blosc().decode(stream), dtype), shape, head[0])


class Pcodec(Codec):
    """Pcodec at its highest level, on the samples or the differences of bands, whichever is smaller."""

    name = "pcodec"
    libraries = ("pcodec",)

    def encode(self, scene: Scene, budget: int) -> Stream:  # noqa: ARG002 - lossless
        """Store the very samples."""
        config = ChunkConfig(compression_level=12, enable_8_bit=True)

        def compress(residue: Scene) -> bytes:
            return bytes(pcodec.standalone.simple_compress(residue.reshape(-1), config))

        stream, preparation = _smallest(scene, compress)
        return Stream(pack(scene, [bytes([preparation]), stream]), f"level 12, {_described(preparation)}")

    def decode(self, payload: bytes) -> Scene:
        """Return the very samples."""
        _, shape, (head, stream) = unpack(payload)
        return _undone(pcodec.standalone.simple_decompress(stream), shape, head[0])


class JpegLs(Codec):
    """JPEG-LS (ISO/IEC 14495-1), lossless, on bands or on rows of the cube as images, whichever is smaller.

    Signed samples are shifted by the least of their dtype.
    """

    name = "jpeg-ls"
    libraries = ("imagecodecs",)

    def encode(self, scene: Scene, budget: int) -> Stream:  # noqa: ARG002 - lossless
        """Store the very samples, one image for each plane across an axis."""
        unsigned = _unsigned(scene)
        streams = []
        for axis in range(3):
            planes = np.ascontiguousarray(np.moveaxis(unsigned, axis, 0))
            parts = [bytes([axis]), *(bytes(imagecodecs.jpegls_encode(plane, level=0)) for plane in planes)]
            streams.append((pack(scene, parts), axis))
        payload, axis = min(streams, key=lambda stream: len(stream[0]))
        return Stream(payload, "an image " + ("a band", "a line of the scene", "a column of the scene")[axis])

    def decode(self, payload: bytes) -> Scene:
        """Return the very samples."""
        dtype, shape, (head, *streams) = unpack(payload)
        planes = np.stack([imagecodecs.jpegls_decode(stream) for stream in streams])
        restored = np.moveaxis(planes, 0, head[0]).reshape(shape)
        return np.ascontiguousarray(restored.view(dtype) ^ _sign_bit(dtype) if dtype.kind == "i" else restored)


def _sign_bit(dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.array(np.iinfo(dtype).min, dtype)


def _unsigned(scene: Scene) -> Scene:
    """Return the samples, shifted if signed, in an unsigned dtype of as many bits."""
    if scene.dtype.kind != "i":
        return scene
    return np.asarray(scene ^ _sign_bit(scene.dtype)).view(f"u{scene.dtype.itemsize}")

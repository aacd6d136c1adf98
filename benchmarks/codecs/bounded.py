"""Peers that keep a bound on the error of every sample of integers: a scene and a bound in, a stream out.

A stream holds all a decoder needs: dtype, shape, the least sample, and lengths of parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.base import Codec, Scene, Stream, to_dtype
from benchmarks.codecs.container import pack, read_varint, unpack, varint
from benchmarks.codecs.lossless import Pcodec, ShuffledZstd

_ROUNDING = 0.49
"""What a float may be off so that rounding brings it back."""

_JPEG_XL_EFFORT = 7
_LARGEST = 0xFFFF

Whole = NDArray[np.uint16]


@dataclass(frozen=True)
class Bounded:
    """A codec that keeps a bound."""

    encode: Callable[[Scene, int], bytes]
    """Of samples, (bands, height, width), and a whole number none may err by more than, 0 at least."""

    decode: Callable[[bytes], Scene]
    """Returns the samples from the stream alone, in their dtype."""


def _encode_jpeg_ls(scene: Scene, bound: int) -> bytes:
    """Code planes across each axis, near-lossless, and keep the smallest of the three."""
    shifted, low = _shifted(scene)
    streams = []
    for axis in range(3):
        planes = np.ascontiguousarray(np.moveaxis(shifted, axis, 0))
        coded = [bytes(imagecodecs.jpegls_encode(plane, level=bound)) for plane in planes]
        streams.append(pack(scene, [low, bytes([axis]), *coded]))
    return min(streams, key=len)


def _decode_jpeg_ls(stream: bytes) -> Scene:
    dtype, _, (low, axis, *coded) = unpack(stream)
    planes = np.stack([imagecodecs.jpegls_decode(part) for part in coded])
    return _unshifted(np.moveaxis(planes, 0, axis[0]), low, dtype)


class _Pictures(Codec):
    """A lossless image codec on the bands, or on the differences of bands, whichever is smaller."""

    def __init__(self, encode: Callable[[Whole], list[bytes]], decode: Callable[[list[bytes]], NDArray[Any]]) -> None:
        self._encode, self._decode = encode, decode

    def encode(self, scene: Scene, budget: int) -> Stream:  # noqa: ARG002 - lossless
        """Store the very samples; differences only where they take 16 bits."""
        streams = []
        differences = np.diff(scene.astype(np.int64), axis=0, prepend=np.zeros((1, *scene.shape[1:]), np.int64))
        for kind, planes in ((b"\0", scene), (b"\1", differences)):
            if int(planes.max()) - int(planes.min()) <= _LARGEST:
                shifted, low = _shifted(planes)
                streams.append(pack(scene, [kind, low, *self._encode(shifted)]))
        return Stream(min(streams, key=len), "")

    def decode(self, payload: bytes) -> Scene:
        """Return the very samples."""
        dtype, shape, (kind, low, *coded) = unpack(payload)
        planes = self._decode(coded).reshape(shape).astype(np.int64) + _least(low)
        return (np.cumsum(planes, axis=0) if kind[0] else planes).astype(dtype)


def _encode_jpeg_2000(planes: Whole) -> list[bytes]:
    """Code planes as components of one codestream, with the reversible 5/3 wavelet."""
    coded = imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(planes.transpose(1, 2, 0)),
        codecformat="J2K",
        bitspersample=max(int(planes.max()).bit_length(), 2),
        reversible=True,
        mct=False,
    )
    return [bytes(coded)]


def _decode_jpeg_2000(coded: list[bytes]) -> NDArray[Any]:
    return np.atleast_3d(imagecodecs.jpeg2k_decode(coded[0])).transpose(2, 0, 1)


def _encode_jpeg_xl(planes: Whole) -> list[bytes]:
    """Code every plane as a grey picture of its own."""
    settings: dict[str, Any] = {"lossless": True, "effort": _JPEG_XL_EFFORT, "numthreads": 1}
    return [bytes(imagecodecs.jpegxl_encode(plane, **settings)) for plane in planes]


def _decode_jpeg_xl(coded: list[bytes]) -> NDArray[Any]:
    return np.stack([imagecodecs.jpegxl_decode(part) for part in coded])


def _rounded_to_steps(codec: Codec) -> Bounded:
    """Round samples to multiples of 2 x bound + 1 above the least, and store those without loss."""

    def encode(scene: Scene, bound: int) -> bytes:
        shifted, low = _shifted(scene)
        steps = ((shifted.astype(np.int64) + bound) // (2 * bound + 1)).astype(np.uint16)
        return pack(scene, [low, varint(bound), codec.encode(steps, 0).payload])

    def decode(stream: bytes) -> Scene:
        dtype, _, (low, bound, coded) = unpack(stream)
        return _unshifted(codec.decode(coded).astype(np.int64) * (2 * read_varint(bound, 0)[0] + 1), low, dtype)

    return Bounded(encode, decode)


def _of_floats(
    encode: Callable[[NDArray[np.float32], int], bytes],
    decode: Callable[[bytes, tuple[int, int, int]], NDArray[Any]],
) -> Bounded:
    """Return a codec of floats whose decoded samples are rounded."""

    def encode_scene(scene: Scene, bound: int) -> bytes:
        return pack(scene, [encode(np.ascontiguousarray(scene, np.float32), bound)])

    def decode_scene(stream: bytes) -> Scene:
        dtype, shape, (coded,) = unpack(stream)
        return to_dtype(np.asarray(decode(coded, shape), np.float64).reshape(shape), dtype)

    return Bounded(encode_scene, decode_scene)


def _encode_zfp(cube: NDArray[np.float32], bound: int) -> bytes:
    """Return the stream of the largest tolerance that keeps the bound.

    Of a tolerance only the power of two below it counts, and what is reached is several times better.
    """
    exponent = math.floor(math.log2(bound + _ROUNDING))
    found = _zfp_at(cube, exponent)
    while True:
        exponent += 1
        tried = _zfp_at(cube, exponent)
        if np.abs(np.rint(imagecodecs.zfp_decode(tried)) - cube).max() > bound:
            return found
        found = tried


def _zfp_at(cube: NDArray[np.float32], exponent: int) -> bytes:
    # Its stub knows whole numbers only; of this mode the level is a tolerance.
    tolerance: Any = 2.0**exponent
    return bytes(imagecodecs.zfp_encode(cube, tolerance, mode=imagecodecs.ZFP.MODE.FIXED_ACCURACY))


def _shifted(whole: NDArray[Any]) -> tuple[Whole, bytes]:
    """Return whole numbers above the least, and the least as it is stored.

    Raises
    ------
    ValueError
        When they span more than 16 bits.
    """
    low, high = int(whole.min()), int(whole.max())
    if high - low > _LARGEST:
        raise ValueError(f"samples must lie within {_LARGEST} of each other. Got {low} to {high}.")
    return (whole.astype(np.int64) - low).astype(np.uint16), low.to_bytes(4, "little", signed=True)


def _least(low: bytes) -> int:
    return int.from_bytes(low, "little", signed=True)


def _unshifted(above: NDArray[Any], low: bytes, dtype: np.dtype[Any]) -> Scene:
    """Return samples from what they are above the least."""
    return to_dtype(above.astype(np.float64) + _least(low), dtype)


BOUNDED: dict[str, Bounded] = {
    "jpeg-ls": Bounded(_encode_jpeg_ls, _decode_jpeg_ls),
    "jpeg 2000, per band": _rounded_to_steps(_Pictures(_encode_jpeg_2000, _decode_jpeg_2000)),
    "jpeg xl, per band": _rounded_to_steps(_Pictures(_encode_jpeg_xl, _decode_jpeg_xl)),
    "zstd, bit-shuffled": _rounded_to_steps(ShuffledZstd()),
    "pcodec": _rounded_to_steps(Pcodec()),
    "sz3": _of_floats(
        lambda cube, bound: bytes(imagecodecs.sz3_encode(cube, imagecodecs.SZ3.MODE.ABS, abs=bound + _ROUNDING)),
        lambda coded, shape: imagecodecs.sz3_decode(coded, shape=shape, dtype=np.float32),
    ),
    "zfp": _of_floats(_encode_zfp, lambda coded, _: imagecodecs.zfp_decode(coded)),
    "sperr 3-d": _of_floats(
        lambda cube, bound: bytes(
            imagecodecs.sperr_encode(
                cube, bound + _ROUNDING, imagecodecs.SPERR.MODE.PWE, chunks=cube.shape, numthreads=1
            )
        ),
        lambda coded, shape: imagecodecs.sperr_decode(coded, shape=shape, dtype=np.float32, numthreads=1),
    ),
}
"""The peers by their names in tables, but for the one that needs a transform of its own."""

"""The frame around a peer's streams: dtype, shape, then parts with their lengths; as small as an honest file can be."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from benchmarks.codecs.base import Scene

_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


def pack(scene: Scene, parts: Iterable[bytes]) -> bytes:
    """Write the scene's dtype and shape, and the parts, each with its length as a varint (LEB128)."""
    header = bytes([_DTYPES.index(scene.dtype.name)]) + b"".join(varint(size) for size in scene.shape)
    return header + b"".join(varint(len(part)) + part for part in parts)


def unpack(payload: bytes) -> tuple[np.dtype[np.generic], tuple[int, int, int], list[bytes]]:
    """Return dtype, shape and parts of what `pack` wrote."""
    dtype: np.dtype[np.generic] = np.dtype(_DTYPES[payload[0]])
    position = 1
    shape = []
    for _ in range(3):
        size, position = read_varint(payload, position)
        shape.append(size)
    parts = []
    while position < len(payload):
        size, position = read_varint(payload, position)
        parts.append(payload[position : position + size])
        position += size
    return dtype, (shape[0], shape[1], shape[2]), parts


def varint(value: int) -> bytes:
    """Return a number in seven bits a byte, the lowest first (LEB128)."""
    digits = []
    while value >= 128:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])


def read_varint(payload: bytes, position: int) -> tuple[int, int]:
    """Return the number at `position` and where it ends."""
    value, shift = 0, 0
    while payload[position] >= 128:
        value |= (payload[position] - 128) << shift
        shift += 7
        position += 1
    return value | payload[position] << shift, position + 1

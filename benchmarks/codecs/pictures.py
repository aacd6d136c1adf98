"""Component planes as one picture for an image codec, and the headers of such streams made short."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.container import read_varint, varint

_HIGHEST = 4096


def to_picture(planes: NDArray[Any]) -> NDArray[Any]:
    """Put planes, (rank, height, width), into one picture, column by column, with sides of multiples of 8.

    One picture has one header and one set of adaptive probabilities; margins repeat the last row or column.
    """
    rank, height, width = planes.shape
    padded = np.pad(planes, ((0, 0), (0, -height % 8), (0, -width % 8)), mode="edge")
    columns, rows = _grid(rank, padded.shape[1])
    padded = np.pad(padded, ((0, columns * rows - rank), (0, 0), (0, 0)), mode="edge")
    grid = padded.reshape(columns, rows, *padded.shape[1:]).transpose(1, 2, 0, 3)
    return np.ascontiguousarray(grid.reshape(rows * padded.shape[1], columns * padded.shape[2]))


def from_picture(picture: NDArray[Any], rank: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the planes, (rank, *size), of a picture that `to_picture` made."""
    height, width = (-(-side // 8) * 8 for side in size)
    columns, rows = _grid(rank, height)
    grid = picture.reshape(rows, height, columns, width).transpose(2, 0, 1, 3).reshape(-1, height, width)
    return np.ascontiguousarray(grid[:rank, : size[0], : size[1]], dtype=np.float32)


def between_extremes(planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Return planes, (rank, height, width), each from the middle of its extremes, and the widest span."""
    low, high = planes.min(axis=(1, 2), keepdims=True), planes.max(axis=(1, 2), keepdims=True)
    return planes - (low + high) / 2, max(float((high - low).max()), 1e-9)


def shorten_header(stream: bytes, end: int, typical: bytes) -> bytes:
    """Write a stream, of its first `end` bytes only what differs from a typical header (deflate with a dictionary)."""
    deflate = zlib.compressobj(9, wbits=-15, zdict=typical)
    header = deflate.compress(stream[:end]) + deflate.flush()
    return varint(len(header)) + header + stream[end:]


def restore_header(stored: bytes, typical: bytes) -> bytes:
    """Return the stream that `shorten_header` wrote."""
    size, start = read_varint(stored, 0)
    header = zlib.decompressobj(wbits=-15, zdict=typical).decompress(stored[start : start + size])
    return header + stored[start + size :]


def _grid(rank: int, height: int) -> tuple[int, int]:
    """Return columns and rows that hold so many planes in a picture that is not too high for the codecs."""
    columns = math.ceil(rank / max(_HIGHEST // height, 1))
    return columns, math.ceil(rank / columns)

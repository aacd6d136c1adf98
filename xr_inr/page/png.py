"""PNG files of arrays, as the standard (ISO/IEC 15948) says: no more of it than a page needs."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {3: 2, 4: 6}
_INDEXED = 3


def encode_colours(image: NDArray[np.uint8]) -> bytes:
    """Return a picture, (height, width, 3 or 4) red, green, blue and perhaps opacity, as PNG."""
    height, width, channels = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return _file(header, [], _filtered(image))


def encode_indices(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Return a picture of indices, (height, width), into colours, (colours, 4), as PNG."""
    height, width = indices.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _INDEXED, 0, 0, 0)
    colours = [(b"PLTE", palette[:, :3].tobytes()), (b"tRNS", palette[:, 3].tobytes())]
    unfiltered = np.zeros((height, width + 1), np.uint8)
    unfiltered[:, 1:] = indices
    return _file(header, colours, unfiltered)


def _file(header: bytes, colours: list[tuple[bytes, bytes]], lines: NDArray[np.uint8]) -> bytes:
    chunks = [(b"IHDR", header), *colours, (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _filtered(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the lines with the number of their filter in front, for each the filter that leaves least."""
    here = np.pad(image.astype(np.int16), ((1, 0), (1, 0), (0, 0)))
    left, up, corner = here[1:, :-1], here[:-1, 1:], here[:-1, :-1]
    guess = left + up - corner
    distances = [np.abs(guess - neighbour) for neighbour in (left, up, corner)]
    paeth = np.where(
        (distances[0] <= distances[1]) & (distances[0] <= distances[2]),
        left,
        np.where(distances[1] <= distances[2], up, corner),
    )
    foretold = np.stack([np.zeros_like(left), left, up, (left + up) >> 1, paeth])
    misses = (here[1:, 1:] - foretold).astype(np.uint8).reshape(len(foretold), len(image), -1)
    best = np.abs(misses.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64).argmin(axis=0)
    lines = misses[best, np.arange(len(image))]
    return np.concatenate([best[:, None].astype(np.uint8), lines], axis=1)

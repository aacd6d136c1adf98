"""Signed integers of a few bits each, packed without gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def largest_level(bits: int) -> int:
    """Return the largest magnitude a signed integer of `bits` bits takes here: symmetric, zero included."""
    return (1 << (bits - 1)) - 1


def packed_bytes(count: int, bits: int) -> int:
    """Return how many bytes `count` integers of `bits` bits take."""
    return -(-count * bits // 8)


def pack_signed(values: NDArray[np.int64], bits: int) -> bytes:
    """Pack integers in [-2**(bits - 1), 2**(bits - 1) - 1], most significant bit first.

    Parameters
    ----------
    values
        Integers of any shape, taken in C order.
    bits
        Bits of each, 1 to 16.

    Returns
    -------
    bytes
        ``ceil(values.size * bits / 8)`` bytes; the last is filled up with zeros.
    """
    offset = (values.ravel() + (1 << (bits - 1))).astype(">u2")
    return np.packbits(np.unpackbits(offset.view(np.uint8)).reshape(-1, 16)[:, 16 - bits :]).tobytes()


def unpack_signed(data: bytes, count: int, bits: int) -> NDArray[np.int64]:
    """Return the `count` integers that `pack_signed` packed into `data`."""
    digits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * bits).reshape(count, bits)
    words = np.zeros((count, 16), np.uint8)
    words[:, 16 - bits :] = digits
    return np.packbits(words).view(">u2").astype(np.int64) - (1 << (bits - 1))

"""The stored form of `Outliers`: where they are by the code of Elias and Fano, and their levels.

Positions rise, so the high digits of each are told by how many zeros stand before its one, in about two bits, and the
low ones as they are (P. Elias, "Efficient storage and retrieval by content and address of static files", J. ACM 21,
1974; R. M. Fano, "On the number of bits required to implement an associative memory", MIT, 1971).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.outliers import Outliers
from xr_inr.exceptions import PayloadError

MOST_LEVEL_BITS = 24


def bits_of_one(count: int, size: int, level_bits: int) -> float:
    """Return about how many bits each of some outliers takes, of a scene whose fitted bands have `size` samples."""
    return 2.0 + _low_bits(count, size) + level_bits


def write_outliers(outliers: Outliers, bands: int, pixels: int) -> bytes:
    """Return the stored form, of at least one outlier of a scene of some fitted bands and pixels."""
    count, size = len(outliers.pixels), bands * pixels
    positions = outliers.pixels * bands + outliers.bands
    low_bits = _low_bits(count, size)
    high = np.zeros(_high_digits(count, size), np.uint8)
    high[(positions >> low_bits) + np.arange(count)] = 1
    digits = [high, _digits(positions, low_bits), _digits(outliers.levels, outliers.bits)]
    writer = ByteWriter()
    writer.varint(count)
    writer.u8(outliers.bits)
    writer.raw(np.packbits(np.concatenate(digits)).tobytes())
    return writer.getvalue()


def read_outliers(data: bytes, bands: int, pixels: int) -> Outliers:
    """Read what `write_outliers` wrote; raises `PayloadError`."""
    reader = ByteReader(data, "section of outliers")
    size = bands * pixels
    count = reader.varint("number of outliers", low=1, high=size)
    level_bits = reader.u8("number of bits of a level", low=1, high=MOST_LEVEL_BITS)
    low_bits, high_digits = _low_bits(count, size), _high_digits(count, size)
    wanted = high_digits + count * (low_bits + level_bits)
    digits = np.unpackbits(np.frombuffer(reader.raw(-(-wanted // 8)), np.uint8))
    reader.finish()
    ones = np.flatnonzero(digits[:high_digits])
    if len(ones) != count or digits[wanted:].any():
        raise PayloadError("the high digits of the outliers' positions must have a one for each, and the end no ones")
    lows, levels = np.split(digits[high_digits:wanted], [count * low_bits])
    positions = (ones - np.arange(count) << low_bits) + _numbers(lows, count, low_bits)
    if positions[-1] >= size or (np.diff(positions) <= 0).any():
        raise PayloadError(f"the positions of outliers must rise and be less than {size}")
    of_pixels, of_bands = np.divmod(positions, bands)
    return Outliers(of_pixels, of_bands, _numbers(levels, count, level_bits), level_bits)


def _low_bits(count: int, size: int) -> int:
    return (size // count).bit_length() - 1


def _high_digits(count: int, size: int) -> int:
    return count + ((size - 1) >> _low_bits(count, size)) + 1


def _digits(numbers: NDArray[np.int64], bits: int) -> NDArray[np.uint8]:
    """Return the binary digits of some numbers one after another, the highest first."""
    found: NDArray[np.uint8] = (numbers[:, None] >> np.arange(bits)[::-1] & 1).astype(np.uint8).ravel()
    return found


def _numbers(digits: NDArray[np.uint8], count: int, bits: int) -> NDArray[np.int64]:
    """Return the numbers that `_digits` made the digits of."""
    found: NDArray[np.int64] = digits.reshape(count, bits).astype(np.int64) @ (np.int64(1) << np.arange(bits)[::-1])
    return found

"""Which samples hold no measurement, and why: stored losslessly, restored exactly.

Bands of a scene mostly share a few masks (a swath edge, a void detector band), so the distinct planes are stored
once, each band names its plane, and the planes are packed to bits and deflated together.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.exceptions import PayloadError

VALID, NODATA, NAN = 0, 1, 2
_UNIFORM = 3
_DEFLATE, _LZMA = 0, 1
_SMALLEST_DICTIONARY, _LARGEST_DICTIONARY = 2**12, 3 * 2**29
"""Bytes: what LZMA2 takes."""


@dataclass(frozen=True)
class Mask:
    """The class of every sample: 0 valid, 1 nodata, 2 NaN beside another nodata value."""

    plane_of_band: NDArray[np.intp]
    """(bands,) which plane each band uses; 0, 1 and 2 are the uniform planes of that class."""

    planes: NDArray[np.uint8]
    """(planes, height, width) the other planes; plane ``3 + i`` is ``planes[i]``."""

    @classmethod
    def from_classes(cls, classes: NDArray[np.uint8]) -> Mask:
        """Collect the distinct planes of `classes`, (bands, height, width)."""
        return cls.from_planes(range(len(classes)), list(classes))

    @classmethod
    def from_planes(cls, number_of_band: Sequence[int], candidates: Sequence[NDArray[np.uint8]]) -> Mask:
        """Collect the distinct ones of some planes, (height, width), as bands use them.

        Parameters
        ----------
        number_of_band
            Which of the candidates each band uses.
        candidates
            The planes; some may be alike.
        """
        height, width = candidates[0].shape
        known = {np.full((height, width), value, np.uint8).tobytes(): value for value in (VALID, NODATA, NAN)}
        seen: dict[int, int] = {}
        planes: list[NDArray[np.uint8]] = []
        for number in dict.fromkeys(number_of_band):
            key = candidates[number].tobytes()
            if key not in known:
                known[key] = _UNIFORM + len(planes)
                planes.append(candidates[number])
            seen[number] = known[key]
        plane_of_band = np.array([seen[number] for number in number_of_band], np.intp)
        return cls(plane_of_band, np.array(planes, np.uint8).reshape(-1, height, width))

    @property
    def all_valid(self) -> bool:
        """Whether no sample of any band is masked."""
        return not self.plane_of_band.any()

    def holds(self, value: int) -> bool:
        """Whether any sample is of this class."""
        return bool((self.plane_of_band == value).any() or (self.planes == value).any())

    def classes(self, bands: NDArray[np.intp], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the classes at positions, shape (bands, ...), that of the indices `rows` and `columns` together."""
        of_band = self.plane_of_band[bands]
        found = np.empty((len(bands), *np.broadcast_shapes(rows.shape, columns.shape)), np.uint8)
        found.T[...] = of_band
        for plane in np.unique(of_band[of_band >= _UNIFORM]):
            found[of_band == plane] = self.planes[plane - _UNIFORM][rows, columns]
        return found

    def valid(self, bands: NDArray[np.intp], rows: tuple[int, int]) -> NDArray[np.bool_] | None:
        """Return which samples of bands in rows [start, stop) are valid, (bands, rows, width); None if all are."""
        of_band = self.plane_of_band[bands]
        if not of_band.any():
            return None
        height = rows[1] - rows[0]
        uniform = [np.full((height, self.planes.shape[2]), value == VALID) for value in range(_UNIFORM)]
        planes = [*uniform, *(self.planes[:, slice(*rows)] == VALID)]
        return np.stack([planes[number] for number in of_band.tolist()])

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return self._packed

    @cached_property
    def _packed(self) -> bytes:
        writer = ByteWriter()
        writer.varint(len(self.planes))
        write_runs(writer, self.plane_of_band)
        if len(self.planes):
            bits = np.stack([self.planes != VALID, self.planes == NAN])
            holds_nan = bool(bits[1].any())
            writer.u8(holds_nan)
            packed = np.packbits(_difference(bits[: 1 + holds_nan])).tobytes()
            method, stored = min(
                (
                    (_DEFLATE, _deflate(packed)),
                    (_LZMA, lzma.compress(packed, lzma.FORMAT_RAW, filters=_lzma_filters(len(packed)))),
                ),
                key=lambda coded: len(coded[1]),
            )
            writer.u8(method)
            writer.raw(stored)
        return writer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, shape: tuple[int, int, int]) -> Mask:
        """Read what `to_bytes` wrote for a scene of `shape` (bands, height, width)."""
        bands, height, width = shape
        reader = ByteReader(data, "mask")
        count = reader.varint("number of planes", high=bands)
        plane_of_band = read_runs(reader, bands, _UNIFORM + count - 1, "plane of a band").astype(np.intp)
        if count == 0:
            reader.finish()
            return cls(plane_of_band, np.empty((0, height, width), np.uint8))
        layers = 1 + reader.u8("NaN flag", high=1)
        method = reader.u8("method", high=_LZMA)
        samples = layers * count * height * width
        packed = _inflate(method, reader.rest(), -(-samples // 8))
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=samples).reshape(layers, count, height, width)
        bits = np.bitwise_xor.accumulate(bits, axis=1)
        if layers == 2 and (bits[1] > bits[0]).any():
            raise PayloadError("the mask calls samples NaN that it calls valid")
        return cls(plane_of_band, bits.sum(axis=0, dtype=np.uint8))


def write_runs(writer: ByteWriter, values: Iterable[int]) -> None:
    """Append `values` as runs of (value, length); the reader must know how many values there are."""
    array = np.asarray(list(values), np.int64)
    starts = np.flatnonzero(np.r_[True, array[1:] != array[:-1]])
    for start, end in zip(starts, [*starts[1:], len(array)], strict=True):
        writer.varint(int(array[start]))
        writer.varint(int(end - start))


def read_runs(reader: ByteReader, count: int, high: int, name: str) -> NDArray[np.int64]:
    """Read `count` values in [0, high] that `write_runs` wrote."""
    values = np.empty(count, np.int64)
    filled = 0
    while filled < count:
        value = reader.varint(name, high=high)
        length = reader.varint(f"run of {name}", low=1, high=count - filled)
        values[filled : filled + length] = value
        filled += length
    return values


def _difference(bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave the first plane, and of each later one what differs from the plane before."""
    changed = bits.copy()
    changed[:, 1:] ^= bits[:, :-1]
    return changed


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def _inflate(method: int, data: bytes, expected: int) -> bytes:
    """Decompress to exactly `expected` bytes, never allocating more."""
    decoder = (
        zlib.decompressobj(-15)
        if method == _DEFLATE
        else lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_lzma_filters(expected))
    )
    try:
        plain = decoder.decompress(data, expected + 1)
    except (zlib.error, lzma.LZMAError) as error:
        raise PayloadError(f"the mask does not decompress: {error}") from error
    if len(plain) != expected or not decoder.eof or decoder.unused_data:
        raise PayloadError(f"the mask must hold {expected} bytes for its planes, all of them, and nothing after them")
    return plain


def _lzma_filters(size: int) -> list[dict[str, int]]:
    """Return LZMA2 with a dictionary no larger than the data: its memory goes with it."""
    size = min(max(size, _SMALLEST_DICTIONARY), _LARGEST_DICTIONARY)
    return [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": size}]

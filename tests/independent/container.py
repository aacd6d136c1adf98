"""Container, scene header, mask, and the way from a model's values to samples: the first half of docs/format.md."""

from __future__ import annotations

import lzma
import zlib
from dataclasses import dataclass

import numpy as np

CODES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")


class Fields:
    """Reads the fields of a section one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at : self.at + count]
        assert len(part) == count, "truncated"
        self.at += count
        return part

    def u8(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def runs(self, count):
        values = []
        while len(values) < count:
            value = self.varint()
            values += [value] * self.varint()
        assert len(values) == count
        return np.array(values)

    def numbers(self, code, count):
        dtype = np.dtype(code).newbyteorder("<")
        return np.frombuffer(self.take(dtype.itemsize * count), dtype).astype(code)

    def rest(self):
        return self.take(len(self.data) - self.at)


def crc32c(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def sections_of(payload):
    """Return the number of the model and {tag: content}."""
    assert payload[:4] == b"XINR"
    assert int.from_bytes(payload[-4:], "little") == crc32c(payload[:-4])
    fields = Fields(payload[4:-4])
    version, model, count = fields.u8(), fields.u8(), fields.u8()
    assert version == 1
    table = [(fields.u8(), fields.varint()) for _ in range(count)]
    sections = {tag: fields.take(length) for tag, length in table}
    assert not fields.rest()
    return model, sections


@dataclass
class Header:
    """What a payload says of its scene."""

    code: str
    big_endian: bool
    shape: tuple[int, int, int]
    nodata: object
    kinds: np.ndarray
    low: object
    high: object
    constants: np.ndarray
    classes: np.ndarray

    @property
    def fitted(self):
        return np.flatnonzero(self.kinds == 0)


def header_of(sections):
    fields = Fields(sections[1])
    dtype = fields.u8()
    code = CODES[dtype & 0x7F]
    bands, height, width = (fields.varint() for _ in range(3))
    flags = fields.u8()
    nodata = fields.numbers(code, 1)[0] if flags & 1 else None
    kinds = fields.runs(bands) if flags & 2 else np.zeros(bands, int)
    low, high = fields.numbers(code, 2) if (kinds == 0).any() else (None, None)
    assert not fields.rest()
    constants = Fields(sections.get(3, b"")).numbers(code, int((kinds == 1).sum()))
    classes = np.zeros((bands, height, width), np.uint8)
    if 2 in sections:
        classes = classes_of(sections[2], classes.shape)
    return Header(code, bool(dtype & 0x80), (bands, height, width), nodata, kinds, low, high, constants, classes)


def classes_of(data, shape):
    bands, height, width = shape
    fields = Fields(data)
    count = fields.varint()
    plane_of_band = fields.runs(bands)
    planes = [np.full((height, width), value, np.uint8) for value in range(3)]
    if count:
        layers, method = 1 + fields.u8(), fields.u8()
        size = -(-layers * count * height * width // 8)
        if method == 0:
            plain = zlib.decompress(fields.rest(), -15)
        else:
            filters = [{"id": lzma.FILTER_LZMA2, "dict_size": max(4096, size)}]
            plain = lzma.decompress(fields.rest(), lzma.FORMAT_RAW, filters=filters)
        assert len(plain) == size
        bits = np.unpackbits(np.frombuffer(plain, np.uint8))[: layers * count * height * width]
        bits = bits.reshape(layers, count, height, width)
        for plane in range(1, count):
            bits[:, plane] ^= bits[:, plane - 1]
        planes += list(bits.sum(0))
    return np.stack([planes[plane] for plane in plane_of_band])


def beside_nodata(values, header):
    if header.nodata is not None and header.low <= header.nodata <= header.high:
        up = header.nodata < header.high
        if values.dtype.kind == "f":
            beside = np.nextafter(header.nodata, header.high if up else header.low)
        else:
            beside = int(header.nodata) + (1 if up else -1)
        values[values == header.nodata] = beside
    return values


def samples_of(header, values, residuals=None):
    """Return samples of the whole scene.

    `values` are those of the model, (fitted bands, height, width) float64; `residuals` makes of samples of these bands
    what they become with a residual layer.
    """
    result = np.zeros(header.shape, header.code)
    if len(header.fitted):
        low, high = float(header.low), float(header.high)
        values = values * (high - low)
        values = np.clip(values + low, low, high)
        if result.dtype.kind != "f":
            values = np.rint(values)
        values = beside_nodata(values.astype(header.code), header)
        if residuals is not None:
            values = beside_nodata(residuals(values), header)
        result[header.fitted] = values
    result[header.kinds == 1] = header.constants[:, None, None]
    if header.nodata is not None:
        result[header.classes == 1] = header.nodata
    if (header.classes == 2).any():
        result[header.classes == 2] = np.nan
    return result.astype(result.dtype.newbyteorder(">")) if header.big_endian else result

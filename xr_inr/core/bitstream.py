"""The container every payload lives in: magic, version, model, sections, CRC32C.

Layout, all integers little-endian, ``varint`` = LEB128::

    "XINR" | version u8 | model u8 | count u8 | count x (tag u8, length varint) | sections | crc32c u32

The checksum covers every byte before it. Nothing in a payload is executable and nothing is pickled.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from typing import TypeVar

import google_crc32c

from xr_inr.exceptions import PayloadError

Tag = TypeVar("Tag", bound=enum.IntEnum)

MAGIC = b"XINR"
FORMAT_VERSION = 1
CHECKSUM_BYTES = 4
_FIXED_BYTES = len(MAGIC) + 3
_MAX_VARINT_BYTES = 9


class Model(enum.IntEnum):
    """The representation a payload holds."""

    SIREN = 1
    LATENT = 2


class Section(enum.IntEnum):
    """What a section holds; each occurs at most once in a payload."""

    SCENE = 1
    MASK = 2
    CONSTANTS = 3
    SPECTRAL = 4
    NETWORK_TABLE_I = 5
    NETWORK_QUANTISED = 6
    LATENT_BASIS = 7
    LATENT_SYNTHESIS = 8
    LATENT_SIDE = 9
    LATENT_STREAM = 10
    RESIDUAL = 11
    LATENT_RESTORATION = 12
    LATENT_FINE = 13
    LATENT_REPEATS = 14
    LATENT_OUTLIERS = 15


class ByteWriter:
    """Appends typed values to a growing byte string."""

    def __init__(self) -> None:
        self._parts = bytearray()

    def u8(self, value: int) -> None:
        """Append one unsigned byte."""
        self._parts += struct.pack("<B", value)

    def varint(self, value: int) -> None:
        """Append a non-negative integer as LEB128."""
        if value < 0:
            raise ValueError(f"a varint must not be negative. Got {value}.")
        while value > 0x7F:
            self._parts.append(value & 0x7F | 0x80)
            value >>= 7
        self._parts.append(value)

    def raw(self, data: bytes) -> None:
        """Append bytes as they are."""
        self._parts += data

    def getvalue(self) -> bytes:
        """Everything appended so far."""
        return bytes(self._parts)


class ByteReader:
    """Reads typed values from bytes; whatever is missing or out of range is a `PayloadError`.

    Parameters
    ----------
    data
        The bytes to read.
    what
        The name of the part being read, for error messages.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self._position = 0

    def raw(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        end = self._position + count
        if end > len(self._data):
            raise PayloadError(
                f"truncated {self._what}: {count} bytes wanted at byte {self._position}, "
                f"{len(self._data) - self._position} are left"
            )
        part = self._data[self._position : end]
        self._position = end
        return part

    def u8(self, name: str, *, low: int = 0, high: int = 0xFF) -> int:
        """Return one unsigned byte that must lie in [low, high]."""
        return self._checked(self.raw(1)[0], name, low, high)

    def varint(self, name: str, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """Return a LEB128 integer that must lie in [low, high]."""
        value = 0
        for index in range(_MAX_VARINT_BYTES):
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return self._checked(value, name, low, high)
        raise PayloadError(f"{name} in the {self._what} is longer than {_MAX_VARINT_BYTES} bytes")

    def rest(self) -> bytes:
        """Return all bytes not read yet."""
        return self.raw(len(self._data) - self._position)

    def finish(self) -> None:
        """Refuse bytes that nobody asked for."""
        if self._position != len(self._data):
            raise PayloadError(f"{len(self._data) - self._position} bytes too many in the {self._what}")

    def _checked(self, value: int, name: str, low: int, high: int) -> int:
        if not low <= value <= high:
            raise PayloadError(f"{name} in the {self._what} must be in [{low}, {high}]. Got {value}.")
        return value


def varint_bytes(value: int) -> int:
    """Return how many bytes `value` takes as a varint."""
    return max(1, -(-value.bit_length() // 7))


def container_bytes(section_lengths: Mapping[Section, int]) -> int:
    """Return the size of a payload whose sections have these lengths, in bytes."""
    table = sum(1 + varint_bytes(length) for length in section_lengths.values())
    return _FIXED_BYTES + table + sum(section_lengths.values()) + CHECKSUM_BYTES


def write_container(model: Model, sections: Mapping[Section, bytes]) -> bytes:
    """Return the payload made of `sections`, in the order given."""
    writer = ByteWriter()
    writer.raw(MAGIC)
    writer.u8(FORMAT_VERSION)
    writer.u8(model)
    writer.u8(len(sections))
    for tag, content in sections.items():
        writer.u8(tag)
        writer.varint(len(content))
    for content in sections.values():
        writer.raw(content)
    body = writer.getvalue()
    return body + struct.pack("<I", google_crc32c.value(body))


def read_container(payload: bytes) -> tuple[Model, dict[Section, bytes]]:
    """Take a payload apart.

    Parameters
    ----------
    payload
        The whole payload.

    Returns
    -------
    model, sections
        The model it holds and the content of each section.

    Raises
    ------
    PayloadError
        For anything but a whole, unaltered payload of a known format version and model.
    """
    if payload[: len(MAGIC)] != MAGIC:
        raise PayloadError(f"a payload must start with {MAGIC!r}. Got {payload[: len(MAGIC)]!r}.")
    if len(payload) < _FIXED_BYTES + CHECKSUM_BYTES:
        raise PayloadError(f"truncated payload: {len(payload)} bytes are fewer than any payload has")
    version = payload[len(MAGIC)]
    if version > FORMAT_VERSION:
        raise PayloadError(
            f"the payload has format version {version}; this xr_inr reads versions up to {FORMAT_VERSION}. "
            "Install a newer xr-inr."
        )
    if version < 1:
        raise PayloadError(f"the format version must be at least 1. Got {version}.")
    body, stored = payload[:-CHECKSUM_BYTES], struct.unpack("<I", payload[-CHECKSUM_BYTES:])[0]
    computed = google_crc32c.value(body)
    if computed != stored:
        raise PayloadError(
            f"the payload is truncated or altered: its CRC32C is {computed:#010x}, {stored:#010x} is stored"
        )
    reader = ByteReader(body[len(MAGIC) + 1 :], "container")
    model = _known(Model, reader.u8("model"), "model")
    lengths: dict[Section, int] = {}
    for _ in range(reader.u8("number of sections")):
        tag = _known(Section, reader.u8("section tag"), "section")
        if tag in lengths:
            raise PayloadError(f"section {tag.name} occurs twice")
        lengths[tag] = reader.varint("section length", high=len(body))
    sections = {tag: reader.raw(length) for tag, length in lengths.items()}
    reader.finish()
    return model, sections


def _known(kind: type[Tag], value: int, name: str) -> Tag:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(f"{member.value} ({member.name})" for member in kind)
        raise PayloadError(f"unknown {name} {value}; known are {known}") from None

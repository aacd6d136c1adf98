"""What a decoder must know of a scene beside the fitted values: the scene header, the mask and the constants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter, Section
from xr_inr.core.mask import NAN, NODATA, Mask, read_runs, write_runs
from xr_inr.core.sample_rules import DTYPES, EXACT_INTEGER, LARGEST, LARGEST_SIDE, MOST_BANDS
from xr_inr.exceptions import PayloadError

FITTED, CONSTANT, VOID = 0, 1, 2
"""Kinds of band: held by the network, kept as one value, without a valid sample."""

_BIG_ENDIAN = 0x80
_HAS_NODATA, _HAS_KINDS = 1, 2

MOST_SAMPLES = 2**31
"""Samples that a payload may have where its reader allows no other number."""


@dataclass(frozen=True)
class SceneLayout:
    """All that a decoder must know of a scene beside the fitted values."""

    dtype: np.dtype[Any]
    """Sample type, byte order included."""

    shape: tuple[int, int, int]
    """(bands, height, width)."""

    nodata: np.generic | None
    """What masked samples of class `NODATA`, and no others, are restored to, in `dtype`; None if it cannot occur."""

    low: np.generic
    """The smallest valid sample of the fitted bands, in `dtype`."""

    high: np.generic
    """The largest valid sample of the fitted bands, in `dtype`."""

    kinds: NDArray[np.uint8]
    """(bands,) `FITTED`, `CONSTANT` or `VOID`."""

    constants: NDArray[Any]
    """The value of each constant band, in band order, in `dtype`."""

    mask: Mask
    """The class of every sample."""

    @cached_property
    def fitted_bands(self) -> NDArray[np.intp]:
        """Indices of the bands the network holds."""
        return np.flatnonzero(self.kinds == FITTED)

    @property
    def samples(self) -> int:
        """Bands x height x width."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def to_sections(self) -> dict[Section, bytes]:
        """Return the sections that store this layout; the mask and the constants only where there are any."""
        writer = ByteWriter()
        native = self.dtype.newbyteorder("<")
        writer.u8(DTYPES.index(native) | (_BIG_ENDIAN if self.dtype != native else 0))
        for size in self.shape:
            writer.varint(size)
        has_kinds = bool(self.kinds.any())
        writer.u8((_HAS_NODATA if self.nodata is not None else 0) | (_HAS_KINDS if has_kinds else 0))
        if self.nodata is not None:
            writer.raw(np.asarray(self.nodata, native).tobytes())
        if has_kinds:
            write_runs(writer, self.kinds)
        if len(self.fitted_bands):
            writer.raw(np.asarray([self.low, self.high], native).tobytes())
        sections = {Section.SCENE: writer.getvalue()}
        if not self.mask.all_valid:
            sections[Section.MASK] = self.mask.to_bytes()
        if len(self.constants):
            sections[Section.CONSTANTS] = self.constants.astype(native).tobytes()
        return sections

    @classmethod
    def from_sections(cls, sections: dict[Section, bytes], max_samples: int = MOST_SAMPLES) -> SceneLayout:
        """Read what `to_sections` wrote.

        Parameters
        ----------
        sections
            Sections of a payload.
        max_samples
            A scene of more is refused before anything is allocated for it.

        Raises
        ------
        PayloadError
            When a field is missing or out of range, or the scene has more than `max_samples`.
        """
        if Section.SCENE not in sections:
            raise PayloadError("the payload has no scene header")
        reader = ByteReader(sections[Section.SCENE], "scene header")
        code = reader.u8("dtype")
        if code & ~_BIG_ENDIAN >= len(DTYPES):
            raise PayloadError(f"dtype in the scene header must be a code below {len(DTYPES)}. Got {code}.")
        native = DTYPES[code & ~_BIG_ENDIAN]
        shape = bands, height, width = _read_shape(reader, max_samples)
        flags = reader.u8("flags", high=_HAS_NODATA | _HAS_KINDS)

        def values(data: bytes) -> NDArray[Any]:
            return np.frombuffer(data, native.newbyteorder("<")).astype(native)

        nodata = values(reader.raw(native.itemsize))[0] if flags & _HAS_NODATA else None
        kinds = np.zeros(bands, np.uint8)
        if flags & _HAS_KINDS:
            kinds = read_runs(reader, bands, VOID, "kind of a band").astype(np.uint8)
        low = high = native.type(0)
        if (kinds == FITTED).any():
            low, high = values(reader.raw(2 * native.itemsize))
            largest = LARGEST if native.kind == "f" else EXACT_INTEGER
            # Compared as Python numbers: no float holds every integer of 64 bits.
            if not (low < high and -largest <= low.item() and high.item() <= largest):
                raise PayloadError(
                    f"the value range must not be empty and lie within +-{largest:g}. Got [{low}, {high}]."
                )
        reader.finish()
        mask = Mask(np.zeros(bands, np.intp), np.empty((0, height, width), np.uint8))
        if Section.MASK in sections:
            mask = Mask.from_bytes(sections[Section.MASK], shape)
            if (mask.holds(NODATA) and nodata is None) or (mask.holds(NAN) and native.kind != "f"):
                raise PayloadError("the mask names samples that are nodata or NaN where the scene can have none")
        stored = sections.get(Section.CONSTANTS, b"")
        if len(stored) != int((kinds == CONSTANT).sum()) * native.itemsize:
            raise PayloadError(f"{(kinds == CONSTANT).sum()} constant bands cannot have {len(stored)} bytes of values")
        dtype = native.newbyteorder(">") if code & _BIG_ENDIAN else native
        return cls(dtype, shape, nodata, low, high, kinds, values(stored), mask)


def _read_shape(reader: ByteReader, max_samples: int) -> tuple[int, int, int]:
    bands = reader.varint("bands", low=1, high=MOST_BANDS)
    height = reader.varint("height", low=1, high=LARGEST_SIDE)
    width = reader.varint("width", low=1, high=LARGEST_SIDE)
    if bands * height * width > max_samples:
        raise PayloadError(
            f"a payload must have at most the {max_samples} samples that its reader allows (max_samples). "
            f"Got {bands} x {height} x {width}."
        )
    return bands, height, width

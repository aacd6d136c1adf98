"""A scene made ready to fit: what is measured, what is masked, what is constant, and on which scale.

Masked samples and constant bands are stored exactly and never reach the network; the rest is scaled to [0, 1]. Bad
bands, which are not to count, are kept as one typical value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter, Section
from xr_inr.core.mask import NAN, NODATA, VALID, Mask, read_runs, write_runs
from xr_inr.exceptions import PayloadError, RequestError

DTYPES = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"))
"""The sample types a payload can hold, by their code in the header."""

FITTED, CONSTANT, VOID = 0, 1, 2
"""Kinds of band: held by the network, kept as one value, without a valid sample."""

_BIG_ENDIAN = 0x80
_HAS_NODATA, _HAS_KINDS = 1, 2
_MAX_BANDS, _MAX_SIDE = 65_535, 2**31 - 1
_EXACT_INTEGER = 2**53

LARGEST = 1e140
"""The largest magnitude of a sample: its square still fits in a float64."""

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
            largest = LARGEST if native.kind == "f" else _EXACT_INTEGER
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
    bands = reader.varint("bands", low=1, high=_MAX_BANDS)
    height = reader.varint("height", low=1, high=_MAX_SIDE)
    width = reader.varint("width", low=1, high=_MAX_SIDE)
    if bands * height * width > max_samples:
        raise PayloadError(
            f"a payload must have at most the {max_samples} samples that its reader allows (max_samples). "
            f"Got {bands} x {height} x {width}."
        )
    return bands, height, width


@dataclass(frozen=True)
class Scene:
    """A scene ready to fit."""

    layout: SceneLayout
    """What the decoder must know."""

    values: NDArray[np.float32]
    """(fitted bands, pixels) samples scaled so that [low, high] becomes [0, 1]; 0 where masked."""

    valid: NDArray[np.bool_] | None
    """(fitted bands, pixels) where `values` count; None when all do."""

    valid_samples: int
    """How many samples of the scene are valid, those of constant bands included and those of bad bands not."""

    peak: float
    """The largest absolute value of those samples: R of the PSNR (paper, eq. 3)."""


def prepare_scene(
    array: NDArray[Any], *, nodata: float | None = None, allow_void: bool = False, bad_bands: Sequence[int] = ()
) -> Scene:
    """Check an array and make it ready to fit.

    Parameters
    ----------
    array
        Samples, shape (bands, height, width), integers or floats of any byte order.
    nodata
        The value that marks samples without measurement; NaN samples of float arrays are masked in any case.
    allow_void
        Accept an array without a single valid sample (a chunk outside the swath).
    bad_bands
        Indices of the bands that are not to count: each is kept as the sample nearest to its mean, and takes no more.

    Returns
    -------
    Scene
        The scene, ready to fit.

    Raises
    ------
    RequestError
        For a wrong number of axes, an empty axis, a dtype that is neither integer nor float, infinite values, integers
        beyond 2**53, a nodata value that `dtype` cannot hold, no valid sample, or bad bands that are not there.
    """
    check_form(array.shape, array.dtype)
    dtype = array.dtype
    marker = check_nodata(nodata, dtype)
    classes = np.zeros(array.shape, np.uint8)
    if dtype.kind == "f":
        marker = dtype.type(np.nan) if marker is None else marker
        classes[np.isnan(array)] = NODATA if np.isnan(marker) else NAN
    if marker is not None and not np.isnan(marker):
        classes[array == marker] = NODATA
    valid = classes == VALID
    check_finite(array, valid)
    good = good_bands(bad_bands, len(array))
    if not valid[good].any() and not allow_void:
        raise RequestError(
            f"a scene must have at least one valid sample. All {array[good].size} are nodata ({nodata}) or NaN."
        )
    return _assemble(array, classes, valid, marker, good)


def good_bands(bad_bands: Sequence[int], bands: int) -> NDArray[np.bool_]:
    """Return which of the bands count, (bands,); raises `RequestError` when none does, or a bad one is not there."""
    good = np.ones(bands, bool)
    for band in bad_bands:
        if not 0 <= band < bands:
            raise RequestError(f"bad_bands must name bands in [0, {bands}). Got {band}.")
        good[band] = False
    if not good.any():
        raise RequestError(f"at least one band must count. All {bands} are bad.")
    return good


def check_form(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a shape or dtype no scene can have; raises `RequestError`."""
    if len(shape) != 3:
        raise RequestError(f"a scene must have 3 axes (band, y, x). Got shape {shape}.")
    if min(shape) < 1 or shape[0] > _MAX_BANDS or max(shape[1:]) > _MAX_SIDE:
        raise RequestError(
            f"a scene must have 1 to {_MAX_BANDS} bands and sides of 1 to {_MAX_SIDE}. Got shape {shape}."
        )
    if dtype.newbyteorder("<") not in DTYPES:
        names = ", ".join(known.name for known in DTYPES)
        raise RequestError(f"dtype must be one of {names}. Got {dtype}.")


def check_nodata(nodata: float | None, dtype: np.dtype[Any]) -> Any:
    """Return `nodata` in `dtype`, rounded to its precision; raises `RequestError` when it cannot hold it."""
    if nodata is None:
        return None
    try:
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if int(nodata) == nodata and limits.min <= nodata <= limits.max:
                return dtype.type(int(nodata))
        else:
            with np.errstate(over="ignore", under="ignore"):
                marker = dtype.type(nodata)
            if np.isfinite(marker) == math.isfinite(nodata) and (marker == 0) == (nodata == 0):
                return marker
    except (ValueError, OverflowError):
        # NaN or an infinity as integer, or an integer beyond any float.
        pass
    raise RequestError(f"nodata must be a value that {dtype} can hold. Got {nodata}.")


def check_finite(array: NDArray[Any], valid: NDArray[np.bool_]) -> None:
    """Refuse infinite samples and integers that a float64 cannot hold exactly; raises `RequestError`."""
    if array.dtype.kind == "f":
        infinite = np.isinf(array) & valid
        if infinite.any():
            band, row, column = (int(index) for index in np.argwhere(infinite)[0])
            raise RequestError(
                f"samples must be finite, NaN or nodata. {int(infinite.sum())} are infinite, "
                f"the first at band {band}, row {row}, column {column}."
            )
        # No smaller type reaches that far, nor could it be compared with a number it cannot hold.
        beyond = valid & (np.abs(array) > LARGEST) if array.dtype.itemsize == 8 else np.zeros(1, bool)
        if beyond.any():
            raise RequestError(f"samples must lie within +-{LARGEST:g}. Got {array[beyond].ravel()[0]}.")
    elif array.dtype.itemsize == 8:
        beyond = valid & ((array > _EXACT_INTEGER) | (array < (-_EXACT_INTEGER if array.dtype.kind == "i" else 0)))
        if beyond.any():
            raise RequestError(
                f"integers must lie within +-2**53. Got {array[beyond].ravel()[0]}; scale or offset them first."
            )


def _assemble(
    array: NDArray[Any], classes: NDArray[np.uint8], valid: NDArray[np.bool_], marker: Any, good: NDArray[np.bool_]
) -> Scene:
    bands, height, width = array.shape
    flat, flat_valid = array.reshape(bands, -1), valid.reshape(bands, -1)
    kinds = np.full(bands, FITTED, np.uint8)
    constants, peak = [], 0.0
    low, high = np.inf, -np.inf
    for band in range(bands):
        inside = flat[band][flat_valid[band]]
        if not len(inside):
            kinds[band] = VOID
            continue
        if not good[band]:
            kinds[band] = CONSTANT
            # A sample of the band, since a mean could be what marks nodata.
            constants.append(inside[np.abs(inside - inside.mean(dtype=np.float64)).argmin()])
            continue
        smallest, largest = inside.min(), inside.max()
        peak = max(peak, abs(float(smallest)), abs(float(largest)))
        # Identical to the bit, so that -0.0 is not restored as 0.0.
        if smallest == largest and (array.dtype.kind != "f" or len(np.unique(np.signbit(inside))) == 1):
            kinds[band] = CONSTANT
            constants.append(inside[0])
        else:
            low, high = min(low, float(smallest)), max(high, float(largest))
    fitted = np.flatnonzero(kinds == FITTED)
    native = array.dtype.newbyteorder("=")
    if not len(fitted):
        low = high = 0.0
    elif high == low:
        # Zeros of both signs: equal, but not to the bit.
        high = float(np.nextafter(native.type(low), native.type(np.inf)))
    if marker is not None and not (low <= float(marker) <= high or (classes == NODATA).any()):
        marker = None
    spread = (high - low) or 1.0
    values = np.empty((len(fitted), height * width), np.float32)
    for index, band in enumerate(fitted.tolist()):
        samples = np.where(flat_valid[band], flat[band].astype(np.float64), low)
        values[index] = (samples - low) / spread
    fitted_valid = flat_valid[fitted]
    layout = SceneLayout(
        dtype=array.dtype,
        shape=(bands, height, width),
        nodata=marker,
        low=native.type(low),
        high=native.type(high),
        kinds=kinds,
        constants=np.array(constants, native),
        mask=Mask.from_classes(classes),
    )
    return Scene(layout, values, None if fitted_valid.all() else fitted_valid, int(valid[good].sum()), peak)

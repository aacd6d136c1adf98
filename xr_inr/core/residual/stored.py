"""The residual section: what predicts residuals, and a stream for each tile."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.residual.activity import CONTEXTS, PASSES
from xr_inr.core.residual.grid import LARGEST_STEP, MOST_NUMBERS, Grid
from xr_inr.core.residual.prediction import LARGEST_COUPLING, LARGEST_WEIGHT, MOST_REGRESSORS, PLACES
from xr_inr.core.scene_layout import SceneLayout
from xr_inr.exceptions import PayloadError

SMALLEST_SIDE, LARGEST_SIDE = 8, 1024
"""Pixels along a side of a tile."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Laws:
    """What predicts residuals, the same for all tiles."""

    shifts: NDArray[np.int64]
    """(regressors,) binary places of each one's weights."""

    weights: tuple[NDArray[np.int64], ...]
    """For each band the weights of its first regressors, in steps of 2**-shift."""

    couplings: NDArray[np.int64]
    """(bands,) weight of the errors of neighbours in the second pass, in steps of 2**-8."""

    scales: NDArray[np.int64]
    """(bands,) index of the usual scale of each."""

    offsets: NDArray[np.int64]
    """(passes, contexts) what is added to it."""

    def scale(self, band: int, second: bool, contexts: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the index of the scale in each context."""
        found: NDArray[np.int64] = np.clip(self.scales[band] + self.offsets[int(second)], 0, SCALES - 1)[contexts]
        return found

    def to_bytes(self) -> tuple[bytes, bytes]:
        """Return two sets of parameters: what every band has, and the weights."""
        counts = np.array([len(part) for part in self.weights], np.int64)
        every = [np.diff(counts, prepend=0), self.couplings, np.diff(self.scales, prepend=0), *self.offsets]
        ordered = [
            np.array([part[index] for part in self.weights if len(part) > index], np.int64)
            for index in range(len(self.shifts))
        ]
        return write_parameters(every), write_parameters(ordered)

    @classmethod
    def from_bytes(cls, shifts: NDArray[np.int64], every: bytes, ordered: bytes, bands: int) -> Laws:
        """Read what `to_bytes` wrote; raises `PayloadError`."""
        steps, couplings, scales, *offsets = read_parameters(
            every, [bands] * 3 + [CONTEXTS] * PASSES, max(LARGEST_COUPLING, SCALES, MOST_REGRESSORS)
        )
        counts, scales = np.cumsum(steps), np.cumsum(scales)
        if counts.min() < 0 or counts.max() > len(shifts):
            raise PayloadError(f"a band of the residual layer must have 0 to {len(shifts)} weights")
        if scales.min() < 0 or scales.max() >= SCALES:
            raise PayloadError(f"the index of a scale in the residual layer must be in [0, {SCALES})")
        if np.abs(couplings).max() > LARGEST_COUPLING:
            raise PayloadError(f"a coupling of the residual layer must lie within +-{LARGEST_COUPLING}")
        having = [int((counts > index).sum()) for index in range(len(shifts))]
        columns = read_parameters(ordered, having, LARGEST_WEIGHT << PLACES)
        table = np.zeros((len(shifts), bands), np.int64)
        for index, (shift, column) in enumerate(zip(shifts.tolist(), columns, strict=True)):
            if np.abs(column).max(initial=0) > LARGEST_WEIGHT << shift:
                raise PayloadError(f"a weight of the residual layer must lie within +-{LARGEST_WEIGHT}")
            table[index, counts > index] = column
        weights = tuple(table[:count, band] for band, count in enumerate(counts.tolist()))
        return cls(shifts, weights, couplings, scales, np.stack(offsets))


@dataclass(frozen=True)
class Tiling:
    """A scene in square tiles, those at the right and at the bottom cut off."""

    size: tuple[int, int]
    """(height, width) of the scene."""

    side: int
    """Pixels along a side of a tile."""

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return -(-self.size[1] // self.side)

    def __len__(self) -> int:
        return -(-self.size[0] // self.side) * self.across

    def spans(self, number: int) -> tuple[Span, Span]:
        """Return (start, stop) of the rows and of the columns of a tile; tiles count row by row."""
        starts = [place * self.side for place in divmod(number, self.across)]
        rows, columns = ((start, min(start + self.side, size)) for start, size in zip(starts, self.size, strict=True))
        return rows, columns

    def parts(self) -> Iterator[tuple[slice, slice]]:
        """Give rows and columns of every tile as slices."""
        for number in range(len(self)):
            rows, columns = self.spans(number)
            yield slice(*rows), slice(*columns)


@dataclass(frozen=True)
class ResidualLayer:
    """A residual section, taken apart."""

    grid: Grid
    """How numbers become samples."""

    laws: Laws
    """What predicts them."""

    tiling: Tiling
    """Where tiles lie."""

    streams: Sequence[bytes]
    """The stream of each tile."""

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        writer = ByteWriter()
        writer.varint(self.grid.step)
        if self.grid.layout.dtype.kind == "f":
            writer.raw(struct.pack("<d", self.grid.unit))
        writer.varint(self.tiling.side)
        writer.u8(len(self.laws.shifts))
        writer.raw(self.laws.shifts.astype(np.uint8).tobytes())
        for part in self.laws.to_bytes():
            writer.varint(len(part))
            writer.raw(part)
        for stream in self.streams:
            writer.varint(len(stream))
        for stream in self.streams:
            writer.raw(stream)
        return writer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, layout: SceneLayout) -> ResidualLayer:
        """Read what `to_bytes` wrote; raises `PayloadError`."""
        reader = ByteReader(data, "residual layer")
        step, unit = reader.varint("step", low=1, high=LARGEST_STEP), 1.0
        if layout.dtype.kind == "f":
            (unit,) = struct.unpack("<d", reader.raw(8))
        reach = float(layout.high) - float(layout.low)
        if not (unit > 0.0 and reach <= MOST_NUMBERS * unit < float("inf")):
            raise PayloadError(f"the residual layer must have at most {MOST_NUMBERS} units in {reach:g}. Got {unit}.")
        tiling = Tiling(layout.shape[1:], reader.varint("side of a tile", low=SMALLEST_SIDE, high=LARGEST_SIDE))
        count = reader.u8("number of regressors", high=MOST_REGRESSORS)
        shifts = np.frombuffer(reader.raw(count), np.uint8).astype(np.int64)
        if shifts.max(initial=0) > PLACES:
            raise PayloadError(f"the shift of a regressor must be in [0, {PLACES}]. Got {shifts.max()}.")
        every, ordered = (reader.raw(reader.varint("length of parameters", high=len(data))) for _ in range(2))
        laws = Laws.from_bytes(shifts, every, ordered, len(layout.fitted_bands))
        if len(tiling) > len(data):
            raise PayloadError(f"a residual layer of {len(data)} bytes cannot hold {len(tiling)} tiles")
        lengths = [reader.varint("length of a tile", high=len(data)) for _ in range(len(tiling))]
        streams = [reader.raw(length) for length in lengths]
        reader.finish()
        return cls(Grid(layout, step, unit), laws, tiling, streams)

"""What each chunk of a variable cost and kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xr_inr.chunk_record import Recorded
from xr_inr.core.metrics import psnr

MOST_STORED = 1024
"""Chunks whose figures are stored with an array: some 25 kB of JSON. Of more chunks, none are."""

_MEASURED = ("psnr", "sam", "max_error")


@dataclass(frozen=True)
class ChunkFigures:
    """The figures of every chunk, in C order of the grid of chunks; NaN for a chunk without a valid sample."""

    grid: tuple[int, ...]
    """How many chunks there are along each axis of the variable."""

    shape: tuple[int, ...]
    """Shape of a chunk; those at the edge may be cut short."""

    bytes: tuple[int, ...]
    """Bytes of each payload."""

    bpppb: tuple[float, ...]
    """Payload bits per pixel per band of each chunk."""

    psnr: tuple[float, ...]
    """PSNR of each chunk in dB, all against the peak of the whole variable, so that chunks compare."""

    sam: tuple[float, ...]
    """Mean spectral angle of each chunk, in degrees."""

    max_error: tuple[float, ...]
    """Largest absolute error in each chunk, in data units."""

    @classmethod
    def of(cls, fitted: Recorded) -> Self:
        """Return the figures of what has just been fitted."""
        chunks = [record for _, record in sorted(fitted.records.items())]
        grid = tuple(-(-size // step) for size, step in zip(fitted.shape, fitted.chunk_shape, strict=True))
        sizes = tuple(chunk.payload_bytes for chunk in chunks)
        peak = fitted.figures.peak
        return cls(
            grid=grid,
            shape=fitted.chunk_shape,
            bytes=sizes,
            bpppb=_rates(fitted.shape, grid, fitted.chunk_shape, sizes),
            psnr=tuple(psnr(chunk.figures.mse, peak) for chunk in chunks),
            sam=tuple(chunk.figures.sam for chunk in chunks),
            max_error=tuple(
                chunk.figures.max_error if chunk.figures.valid_samples.any() else math.nan for chunk in chunks
            ),
        )

    def __len__(self) -> int:
        return len(self.bytes)

    def map_of(self, name: str, axes: tuple[int, int]) -> NDArray[np.float64]:
        """Return one of the figures over y and x, (rows, columns) of chunks; NaN where it is not finite.

        Of chunks along other axes: the sum of bytes, the largest of errors, the mean of everything else.

        Parameters
        ----------
        name
            A field: 'bytes', 'bpppb', 'psnr', 'sam' or 'max_error'.
        axes
            The axes y and x of the variable.
        """
        values = np.moveaxis(np.array(getattr(self, name), np.float64).reshape(self.grid), axes, (-2, -1))
        values = values.reshape(-1, *values.shape[-2:])
        finite = np.isfinite(values)
        if name == "max_error":
            reduced = np.where(finite, values, -np.inf).max(axis=0)
        else:
            reduced = np.where(finite, values, 0.0).sum(axis=0)
            reduced /= 1 if name == "bytes" else np.maximum(1, finite.sum(axis=0))
        return np.where(finite.any(axis=0), reduced, np.nan)

    def to_stored(self) -> dict[str, Any] | None:
        """Return what is stored with the array, to 4 digits; None of more than `MOST_STORED` chunks."""
        if len(self) > MOST_STORED:
            return None
        measured = {name: [float(f"{value:.4g}") for value in getattr(self, name)] for name in _MEASURED}
        return {"grid": self.grid, "shape": self.shape, "bytes": self.bytes, **measured}

    @classmethod
    def from_stored(cls, stored: dict[str, Any], shape: tuple[int, ...]) -> Self:
        """Read what `to_stored` returned, with null for what is not finite.

        Parameters
        ----------
        stored
            The dictionary.
        shape
            Of the variable.

        Raises
        ------
        TypeError, KeyError, ValueError, OverflowError
            When the dictionary is something else.
        """
        grid, step, sizes = (tuple(int(value) for value in stored[name]) for name in ("grid", "shape", "bytes"))
        measured = {
            name: tuple(math.nan if value is None else float(value) for value in stored[name]) for name in _MEASURED
        }
        if len(grid) != len(shape) or len(step) != len(shape) or any(side < 1 for side in (*grid, *step)):
            raise ValueError(f"chunks must have {len(shape)} axes. Got a grid {grid} of shapes {step}.")
        if any(count != -(-size // side) for size, count, side in zip(shape, grid, step, strict=True)):
            raise ValueError(f"a grid {grid} of chunks {step} must cover the shape. Got {shape}.")
        if {len(sizes), *map(len, measured.values())} != {math.prod(grid)}:
            raise ValueError(f"there must be figures of {math.prod(grid)} chunks. Got {len(sizes)}.")
        # JSON has no infinity: a PSNR is missing of a chunk that lost nothing, or that has no valid sample.
        measured["psnr"] = tuple(
            math.inf if math.isnan(value) and error == 0 else value
            for value, error in zip(measured["psnr"], measured["max_error"], strict=True)
        )
        return cls(grid=grid, shape=step, bytes=sizes, bpppb=_rates(shape, grid, step, sizes), **measured)


def chunk_sides(shape: tuple[int, ...], grid: tuple[int, ...], step: tuple[int, ...]) -> list[list[int]]:
    """Return how far the chunks reach along each axis, those at the edge cut short."""
    return [
        [min((place + 1) * side, size) - place * side for place in range(count)]
        for size, count, side in zip(shape, grid, step, strict=True)
    ]


def _rates(
    shape: tuple[int, ...], grid: tuple[int, ...], step: tuple[int, ...], sizes: tuple[int, ...]
) -> tuple[float, ...]:
    samples = np.ones((), np.int64)
    for sides in chunk_sides(shape, grid, step):
        samples = np.multiply.outer(samples, np.array(sides, np.int64))
    return tuple((8 * np.array(sizes) / samples.ravel()).tolist())

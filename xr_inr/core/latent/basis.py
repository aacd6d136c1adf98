"""The spectral basis of the latent model: a mean spectrum and directions, each rounded as finely as its planes deserve.

An error e in one entry of direction k costs e**2 times the energy of plane k. At equal slope with latents of step 1
that asks for steps of about 1 / sqrt(energy) (reverse water-filling). Entries follow one another smoothly along the
bands, so each direction is coded as differences where that is shorter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.wavelet import PLANE_BITS
from xr_inr.exceptions import PayloadError

_FINEST = 16
"""Bits after the point that the finest direction may have."""

MAX_DIRECTION_SUM = 512.0
"""A band's absolute directions must sum to less: 2**9 * 2**16 times planes below 2**28 stays below 2**53."""

_LARGEST_LEVEL = 2**26
_COARSEST_MEAN = -8
_MEAN_FLAG = 0x80
MOST_COMPONENTS = 255
_STEP_BYTES = 4
_COARSER = 1.0
"""Factor on the steps of directions that the high-rate formula gives; tuned."""


@dataclass(frozen=True)
class LatentBasis:
    """What is stored: ``band = step * (mean + sum_k directions[band, k] * plane[k])``."""

    step: np.float32
    """The quantiser step, on the [0, 1] scale of the scene."""

    mean_levels: NDArray[np.int64]
    """(bands,) mean spectrum, in 1 / 2**mean_bits of the step."""

    mean_bits: int
    """Bits after the point of the mean, in steps; may be negative."""

    direction_levels: NDArray[np.int64]
    """(bands, rank) directions, in 2**-direction_bits."""

    direction_bits: NDArray[np.int64]
    """(rank,) bits after the point of each direction."""

    @property
    def rank(self) -> int:
        """How many components there are."""
        return len(self.direction_bits)

    @cached_property
    def directions(self) -> NDArray[np.float64]:
        """(bands, rank) what stands for the KLT directions."""
        directions: NDArray[np.float64] = np.ldexp(
            self.direction_levels.astype(np.float64), -self.direction_bits.astype(np.intc)
        )
        return directions

    @property
    def mean(self) -> NDArray[np.float64]:
        """(bands,) mean spectrum in steps."""
        return self.mean_levels.astype(np.float64) * math.ldexp(1.0, -self.mean_bits)

    @classmethod
    def quantise(
        cls,
        mean: NDArray[np.float64],
        directions: NDArray[np.float64],
        energies: NDArray[np.float64],
        pixels: int,
        step: float,
    ) -> LatentBasis:
        """Round a mean and directions, each as finely as it deserves and as the stored form can hold.

        Parameters
        ----------
        mean
            (bands,) in steps.
        directions
            (bands, rank).
        energies
            (rank,) sum of squares of each plane, in squared steps.
        pixels
            How many pixels share the mean.
        step
            The quantiser step, on the [0, 1] scale of the scene.
        """
        wanted = _COARSER / np.sqrt(np.maximum(energies, 1.0))
        bits = np.clip(np.rint(-np.log2(wanted)), 0, _FINEST).astype(np.int64)
        steepest = max(float(np.abs(np.diff(mean, prepend=0.0)).max(initial=0.0)), 1.0)
        finest = math.floor(math.log2(_LARGEST_LEVEL / 2) - math.log2(steepest))
        mean_bits = max(min(round(0.5 * math.log2(pixels) - 1.0), finest, _FINEST), _COARSEST_MEAN)
        # Rounding adds at most half to each of 255 entries.
        sums = np.abs(directions).sum(axis=1, keepdims=True)
        directions = directions * (MAX_DIRECTION_SUM / 2 / np.maximum(sums, MAX_DIRECTION_SUM / 2))
        return cls(
            np.float32(step),
            np.rint(mean * 2.0**mean_bits).astype(np.int64),
            mean_bits,
            np.rint(directions * 2.0**bits).astype(np.int64),
            bits,
        )

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        writer = ByteWriter()
        writer.u8(self.rank)
        writer.raw(np.asarray(self.step, "<f4").tobytes())
        writer.u8(self.mean_bits + 32)
        columns = [self.direction_levels[:, index] for index in range(self.rank)]
        coded = [_differences(self.mean_levels)]
        for bits, column in zip(self.direction_bits, columns, strict=True):
            steps = _differences(column)
            smooth = np.abs(steps).sum() < np.abs(column).sum()
            writer.u8(int(bits) | (_MEAN_FLAG if smooth else 0))
            coded.append(steps if smooth else column)
        writer.raw(write_parameters(coded))
        return writer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, bands: int) -> LatentBasis:
        """Read what `to_bytes` wrote for `bands` fitted bands; raises `PayloadError`."""
        reader = ByteReader(data, "spectral basis")
        rank = reader.u8("rank", high=min(bands, MOST_COMPONENTS))
        step = np.frombuffer(reader.raw(_STEP_BYTES), "<f4").astype(np.float32)[0]
        if not (np.isfinite(step) and step > 0):
            raise PayloadError(f"the quantiser step must be positive and finite. Got {step}.")
        mean_bits = reader.u8("bits of the mean", low=32 + _COARSEST_MEAN, high=32 + _FINEST) - 32
        flags = [reader.u8("bits of a direction") for _ in range(rank)]
        bits = np.array([flag & ~_MEAN_FLAG for flag in flags], np.int64)
        if rank and bits.max() > _FINEST:
            raise PayloadError(f"a direction must have at most {_FINEST} bits. Got {bits.max()}.")
        mean, *columns = read_parameters(reader.rest(), [bands] * (rank + 1), _LARGEST_LEVEL)
        levels = np.zeros((bands, rank), np.int64)
        for index, (flag, column) in enumerate(zip(flags, columns, strict=True)):
            levels[:, index] = np.cumsum(column) if flag & _MEAN_FLAG else column
        basis = cls(step, np.cumsum(mean), mean_bits, levels, bits)
        if np.abs(basis.directions).sum(axis=1).max(initial=0.0) >= MAX_DIRECTION_SUM:
            raise PayloadError(f"the directions of a band must sum to less than {MAX_DIRECTION_SUM}")
        return basis

    def spectra(self, planes: Array, bands: NDArray[np.intp], arrays: Arrays = NUMPY) -> Array:
        """Return samples on the [0, 1] scale of the scene.

        Parameters
        ----------
        planes
            (rank, pixels) whole numbers below 2**28, in 2**-6 steps.
        bands
            Which of the fitted bands.
        arrays
            What kind of array `planes` is.

        Returns
        -------
        ndarray or Tensor
            (bands, pixels) float64.
        """
        # Multiples of 2**-22 below 2**31: exact in float64 in any order of summation.
        directions = arrays.put(self.directions[bands] * 2.0**-PLANE_BITS)
        values = directions @ arrays.cast(planes, "float64")
        values += arrays.put(self.mean[bands][:, None])
        values *= float(self.step)
        return values


def _differences(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diff(values, prepend=0)

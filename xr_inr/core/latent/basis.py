"""The spectral basis of the latent model: a mean spectrum and directions, each rounded as finely as its planes deserve.

An error e in one entry of direction k costs e**2 times the energy of plane k. At equal slope with latents of step 1
that asks for steps of about 1 / sqrt(energy) (reverse water-filling); what the other directions can make up for does
not count. The mean is the first column, the direction of a plane of ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.column_rounding import feedback, round_columns
from xr_inr.core.latent.columns import LARGEST_LEVEL, read_columns, write_columns
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.core.latent.wavelet import PLANE_BITS
from xr_inr.exceptions import PayloadError

_FINEST = 16
"""Bits after the point that the finest direction may have."""

MAX_DIRECTION_SUM = 512.0
"""A band's absolute directions must sum to less: 2**9 * 2**16 times planes below 2**28 stays below 2**53."""

_COARSEST_MEAN = -8
MOST_COMPONENTS = 255
_STEP_BYTES = 4
_WEIGHT = 0.14
"""Squared steps that a bit of the basis is worth, as a bit of the latents is."""

_COARSER = 0.9
"""Factor on the steps of columns that the high-rate formula gives; tuned."""

_USUAL_BITS = 8
_BITS_SCALE = 9
"""Index of the scale of what a direction has more bits than the one before it."""


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
        gram: NDArray[np.float64],
        step: float,
        weights: NDArray[np.float64] | None = None,
    ) -> LatentBasis:
        """Round a mean and directions, each as finely as it deserves and as the stored form can hold.

        Parameters
        ----------
        mean
            (bands,) in steps.
        directions
            (bands, rank).
        gram
            (1 + rank, 1 + rank) Gram matrix of a plane of ones and the planes, in squared steps.
        step
            The quantiser step, on the [0, 1] scale of the scene.
        weights
            (bands,) what the samples were multiplied with that mean and directions are of, and are stored without; 1 if
            None.
        """
        if weights is not None:
            mean, directions = mean / weights, directions / weights[:, None]
        # Rounding adds at most half to each of 255 entries.
        sums = np.abs(directions).sum(axis=1, keepdims=True)
        directions = directions * (MAX_DIRECTION_SUM / 2 / np.maximum(sums, MAX_DIRECTION_SUM / 2))
        targets = np.column_stack([mean, directions])
        bits = np.rint(0.5 * np.log2(feedback(gram)[1]) - math.log2(_COARSER)).astype(np.int64)
        largest = max(float(np.abs(mean).max(initial=0.0)), 1.0)
        bits[0] = max(min(bits[0], math.floor(math.log2(LARGEST_LEVEL / 2 / largest)), _FINEST), _COARSEST_MEAN)
        bits[1:] = np.clip(bits[1:], 0, _FINEST)
        steps = np.ldexp(1.0, -bits.astype(np.intc))
        levels = round_columns(targets, steps, gram, _WEIGHT if weights is None else _WEIGHT / np.square(weights))
        # Directions that make up for others could outgrow what can be stored.
        grown = np.abs(levels * steps)[:, 1:].sum(axis=1) >= MAX_DIRECTION_SUM
        levels[grown] = np.rint(targets[grown] / steps)
        return cls(np.float32(step), levels[:, 0], int(bits[0]), levels[:, 1:], bits[1:])

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        writer = ByteWriter()
        writer.u8(self.rank)
        writer.raw(np.asarray(self.step, "<f4").tobytes())
        writer.u8(self.mean_bits + 32)
        encoder = SymbolEncoder()
        more = np.diff(self.direction_bits, prepend=_USUAL_BITS)
        encoder.put(more.astype(np.int32), *_laws_of_bits(self.rank))
        write_columns(encoder, np.column_stack([self.mean_levels, self.direction_levels]))
        writer.raw(encoder.getvalue())
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
        decoder = SymbolDecoder(reader.rest())
        bits = np.cumsum(decoder.take(*_laws_of_bits(rank)).astype(np.int64)) + _USUAL_BITS
        if rank and not 0 <= bits.min() <= bits.max() <= _FINEST:
            raise PayloadError(f"a direction must have 0 to {_FINEST} bits. Got {bits.min()} to {bits.max()}.")
        levels = read_columns(decoder, bands, 1 + rank)
        decoder.finish()
        basis = cls(step, levels[:, 0], mean_bits, levels[:, 1:], bits)
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
        directions, mean, step = self.factors(bands)
        # Multiples of 2**-22 below 2**31: exact in float64 in any order of summation.
        values = arrays.put(directions) @ arrays.cast(planes, "float64")
        values += arrays.put(mean[:, None])
        values *= step
        return values

    def factors(self, bands: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Return what spectra are made with: planes are multiplied by the first, then the others are added, multiplied.

        Parameters
        ----------
        bands
            Which of the fitted bands.

        Returns
        -------
        directions, mean, step
            (bands, rank) of planes in 2**-6 steps; (bands,) in steps; and a step on the [0, 1] scale of the scene.
        """
        return self.directions[bands] * 2.0**-PLANE_BITS, self.mean[bands], float(self.step)


def _laws_of_bits(rank: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.full(rank, _BITS_SCALE), np.zeros(rank, np.int64)

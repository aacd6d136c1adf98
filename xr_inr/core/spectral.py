"""The spectral basis: a mean spectrum and the leading KLT directions, so that r components are fitted, not c bands.

The basis is orthonormal, so squared error in components is squared error in bands, and the error of the components
left out is known before any fit (Karhunen-Loeve transform; the eigenvalues of the band covariance are the energies).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import fixed_point
from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.packing import largest_level, pack_signed, packed_bytes, unpack_signed
from xr_inr.core.scene import Scene, Tile
from xr_inr.core.source import WHOLE_SAMPLES
from xr_inr.exceptions import PayloadError

VECTOR_BITS = 8
"""Bits of one entry of a stored direction."""

_MEAN_LEVELS = 65_535
_MEAN_BYTES, _SCALE_BYTES, _UNIT_BYTES = 2, 2, 4
_ANALYSED_PIXELS = 262_144
_FILL_ROUNDS = 3
_MAX_RANK = 1024
_UNIT_DEVIATIONS = 4.0
"""Coefficient 1 in standard deviations of the leading component: networks learn outputs below 1 much faster."""


@dataclass(frozen=True)
class Analysis:
    """The KLT of a scene's fitted bands."""

    mean: NDArray[np.float64]
    """(bands,) mean spectrum, on the [0, 1] scale of the scene."""

    energies: NDArray[np.float64]
    """(bands,) eigenvalues of the covariance, largest first: the squared error a component saves, summed over bands."""

    vectors: NDArray[np.float64]
    """(bands, bands) eigenvectors as columns, in the order of `energies`."""


@dataclass(frozen=True)
class SpectralBasis:
    """What is stored of the KLT: ``band = mean + unit * sum_k vectors[band, k] * coefficient[k]``."""

    mean_levels: NDArray[np.int64]
    """(bands,) mean spectrum in steps of 1/65535 of the value range."""

    vector_levels: NDArray[np.int64]
    """(bands, rank) directions, in steps of `scales`."""

    scales: NDArray[np.float16]
    """(rank,) step of each direction."""

    unit: np.float32
    """What coefficient 1 means, on the [0, 1] scale of the scene."""

    @property
    def rank(self) -> int:
        """How many components are kept."""
        return len(self.scales)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(bands,) mean spectrum, on the [0, 1] scale of the scene."""
        return self.mean_levels / _MEAN_LEVELS

    @property
    def vectors(self) -> NDArray[np.float64]:
        """(bands, rank) directions in steps of 2**-20."""
        return fixed_point.to_values(self.vector_levels.astype(np.float64) * self.scales.astype(np.float64))

    @classmethod
    def quantise(cls, analysis: Analysis, rank: int, weights: NDArray[np.float64] | None = None) -> SpectralBasis:
        """Round the leading `rank` directions of `analysis` to their stored form.

        Parameters
        ----------
        analysis
            The KLT.
        rank
            How many directions.
        weights
            (bands,) what the samples were multiplied with that it is of, and is stored without; 1 if None.
        """
        mean, vectors = analysis.mean, analysis.vectors[:, :rank]
        if weights is not None:
            mean, vectors = mean / weights, vectors / weights[:, None]
            # A band of little weight must not outgrow what a reader takes.
            sums, most = np.abs(vectors).sum(axis=1, keepdims=True), fixed_point.MAX_VECTOR_SUM / 2
            vectors = vectors * (most / np.maximum(sums, most))
        top = largest_level(VECTOR_BITS)
        scales = (np.abs(vectors).max(axis=0) / top).astype(np.float16)
        levels = np.clip(np.rint(vectors / scales.astype(np.float64)), -top, top).astype(np.int64)
        unit = np.float32(_UNIT_DEVIATIONS * np.sqrt(max(analysis.energies[0], 1e-30))) if rank else np.float32(1.0)
        mean_levels = np.rint(np.clip(mean, 0.0, 1.0) * _MEAN_LEVELS).astype(np.int64)
        return cls(mean_levels, levels, scales, unit)

    @staticmethod
    def stored_bytes(bands: int, rank: int) -> int:
        """Return the size of the stored form."""
        rank_bytes = 1 if rank < 0x80 else 2
        return (
            rank_bytes
            + _UNIT_BYTES
            + _MEAN_BYTES * bands
            + _SCALE_BYTES * rank
            + packed_bytes(bands * rank, VECTOR_BITS)
        )

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        writer = ByteWriter()
        writer.varint(self.rank)
        writer.raw(np.asarray(self.unit, "<f4").tobytes())
        writer.raw(self.mean_levels.astype("<u2").tobytes())
        writer.raw(self.scales.astype("<f2").tobytes())
        writer.raw(pack_signed(self.vector_levels, VECTOR_BITS))
        return writer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, bands: int) -> SpectralBasis:
        """Read what `to_bytes` wrote for `bands` fitted bands; raises `PayloadError`."""
        reader = ByteReader(data, "spectral basis")
        rank = reader.varint("rank", high=min(bands, _MAX_RANK))
        unit = np.frombuffer(reader.raw(_UNIT_BYTES), "<f4").astype(np.float32)[0]
        mean_levels = np.frombuffer(reader.raw(_MEAN_BYTES * bands), "<u2").astype(np.int64)
        scales = np.frombuffer(reader.raw(_SCALE_BYTES * rank), "<f2").astype(np.float16)
        levels = unpack_signed(reader.raw(packed_bytes(bands * rank, VECTOR_BITS)), bands * rank, VECTOR_BITS)
        reader.finish()
        basis = cls(mean_levels, levels.reshape(bands, rank), scales, unit)
        one = float(2**fixed_point.VALUE_BITS)
        if not (np.isfinite(unit) and np.isfinite(scales).all()):
            raise PayloadError("unit and scales of the spectral basis must be finite")
        if rank and np.abs(basis.vectors).sum(axis=1).max() >= fixed_point.MAX_VECTOR_SUM * one:
            raise PayloadError(f"a row of the spectral basis must sum to less than {fixed_point.MAX_VECTOR_SUM}")
        return basis

    def coefficients(
        self, values: NDArray[np.float32], weights: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """Return the least-squares coefficients, (pixels, rank), of `values`, (bands, pixels), that have weights."""
        vectors = self.vectors / 2.0**fixed_point.VALUE_BITS * float(self.unit)
        mean = self.mean
        if weights is not None:
            mean, vectors = mean * weights, vectors * weights[:, None]
        solve = np.linalg.pinv(vectors) if self.rank else vectors.T
        result: NDArray[np.float32] = (solve @ (values - mean[:, None])).T.astype(np.float32)
        return result

    def spectra(self, coefficients: Array, bands: NDArray[np.intp], arrays: Arrays = NUMPY) -> Array:
        """Return the scaled samples of some bands, exactly the same on every machine.

        Parameters
        ----------
        coefficients
            (points, rank) float64 in steps of 2**-20.
        bands
            Indices into the fitted bands.
        arrays
            What kind of array `coefficients` is.

        Returns
        -------
        ndarray or Tensor
            (bands, points) on the [0, 1] scale of the scene.
        """
        products = arrays.put(self.vectors[bands]) @ coefficients.T
        products *= float(self.unit) / 2.0 ** (2 * fixed_point.VALUE_BITS)
        products += arrays.put(self.mean[bands, None])
        return products


def analyse(scene: Scene) -> Analysis:
    """Return the KLT of the fitted bands.

    Masked samples are filled, round by round, with what the leading components say of them; a scene with masked samples
    and many pixels is analysed on evenly spaced ones.
    """
    if not scene.has_gaps:
        return _of_all(scene)
    values, valid = _analysed(scene)
    counts = np.maximum(valid.sum(axis=1), 1)
    mean = (values * valid).sum(axis=1) / counts
    values = np.where(valid, values, mean[:, None])
    found = _eigen(values)
    if valid.all():
        return found
    for _ in range(_FILL_ROUNDS):
        rank = max(1, int((found.energies > 1e-3 * found.energies[0]).sum()))
        leading = found.vectors[:, :rank]
        filled = leading @ (leading.T @ (values - found.mean[:, None])) + found.mean[:, None]
        values = np.where(valid, values, filled)
        found = _eigen(values)
    return found


def _of_all(scene: Scene) -> Analysis:
    """Return the KLT of a scene without gaps, summed up tile by tile, each of them looked at once."""
    pixels = scene.layout.shape[1] * scene.layout.shape[2]
    near: NDArray[np.float64] | None = None
    totals, gram = np.zeros(0), np.zeros((0, 0))
    for tile in scene.tiles():
        sums = tile.values.sum(axis=1, dtype=np.float64)
        if near is None:
            # Squares taken near the mean lose no digits.
            near = sums / tile.values.shape[1]
            totals, gram = np.zeros(len(sums)), np.zeros((len(sums), len(sums)))
        totals += sums
        centred = tile.values.astype(np.float64)
        centred -= near[:, None]
        gram += centred @ centred.T
    mean = totals / pixels
    beside = np.zeros_like(mean) if near is None else mean - near
    return _decomposed(mean, gram / pixels - np.outer(beside, beside))


def _analysed(scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the spectra that are looked at, (bands, pixels), and where they are valid."""
    measured = np.flatnonzero(np.concatenate([_measured(tile) for tile in scene.tiles()]))
    bands = len(scene.layout.fitted_bands)
    most = _ANALYSED_PIXELS if scene.size <= WHOLE_SAMPLES else min(_ANALYSED_PIXELS, WHOLE_SAMPLES // bands)
    if len(measured) > most:
        measured = measured[np.linspace(0, len(measured) - 1, most).astype(np.intp)]
    values, valid = np.empty((bands, len(measured))), np.ones((bands, len(measured)), bool)
    for tile in scene.tiles():
        here = slice(*np.searchsorted(measured, [tile.pixels.start, tile.pixels.stop]))
        chosen = measured[here] - tile.pixels.start
        values[:, here] = tile.values[:, chosen]
        if tile.valid is not None:
            valid[:, here] = tile.valid[:, chosen]
    return values, valid


def _measured(tile: Tile) -> NDArray[np.bool_]:
    if tile.valid is None:
        return np.ones(tile.values.shape[1], bool)
    return np.asarray(tile.valid.any(axis=0))


def _eigen(values: NDArray[np.float64]) -> Analysis:
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    return _decomposed(mean, centred @ centred.T / values.shape[1])


def _decomposed(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Analysis:
    energies, vectors = np.linalg.eigh(covariance)
    return Analysis(mean, np.maximum(energies[::-1], 0.0), vectors[:, ::-1])

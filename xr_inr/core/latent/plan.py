"""What a latent fit starts from: planes of the scene, and which step and rank a target is likely to ask for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.tradeoff import CALIBRATION, NOISE, RATE_SCALE
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.scene import Scene
from xr_inr.core.spectral import analyse as analyse_spectra

MOST_PLANES = 160
_LARGEST_PLANNED = 2.0**16
_BITS_OF_AN_ENTRY = 1.5
_FILL_ROUNDS = 3
_FILL_SHARE = 1e-3
_STEPS = 40


@dataclass(frozen=True)
class ScenePlanes:
    """A scene as planes of its leading KLT components."""

    mean: NDArray[np.float64]
    """(bands,) mean spectrum, on the [0, 1] scale of the scene."""

    vectors: NDArray[np.float64]
    """(bands, components) KLT directions."""

    planes: NDArray[np.float32]
    """(components, height, width) on the [0, 1] scale."""

    values: NDArray[np.float32]
    """(bands, pixels) the scene less its mean, masked samples filled with what the components say."""

    void: NDArray[np.bool_] | None
    """(height, width) pixels without any valid sample; None if there are none."""

    pyramid: Pyramid
    """The subbands of a plane."""

    @classmethod
    def of(cls, scene: Scene) -> ScenePlanes:
        """Analyse a scene of which at least one band is fitted."""
        analysis = analyse_spectra(scene)
        height, width = scene.layout.shape[1:]
        centred = scene.values - analysis.mean.astype(np.float32)[:, None]
        void = None
        if scene.valid is not None:
            centred[~scene.valid] = 0.0
            void = ~scene.valid.any(axis=0).reshape(height, width)
            void = void if void.any() else None
            _fill(centred, scene.valid, analysis.vectors, analysis.energies)
        count = min(len(analysis.mean), MOST_PLANES)
        vectors = analysis.vectors[:, :count]
        planes = (vectors.T.astype(np.float32) @ centred).reshape(count, height, width)
        return cls(analysis.mean, vectors, planes, centred, void, Pyramid.of((height, width)))

    @cached_property
    def subbands(self) -> list[NDArray[np.floating]]:
        """The subbands of all planes."""
        return analyse(self.planes, self.pyramid)

    @cached_property
    def _energies(self) -> list[NDArray[np.float32]]:
        """Squares of latents averaged over 3 x 3."""
        return [_averaged(np.square(part)) for part in self.subbands]

    def costs(self, step: float, components: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what the leading components take and leave, were they coded with that step.

        Returns
        -------
        bits, errors
            (components,) estimated bits, and squared error in squared steps.
        """
        bits, errors = np.zeros(components), np.zeros(components)
        for part in self._energies:
            energy = part[:components] / np.float32(step * step)
            bits += 0.5 * np.log2(1.0 + RATE_SCALE * energy).sum((1, 2), dtype=np.float64)
            errors += (energy / (1.0 + NOISE * energy)).sum((1, 2), dtype=np.float64)
        return CALIBRATION * bits, errors

    def rank(self, step: float, weight: float) -> tuple[int, float]:
        """Return how many components are worth their bits at that step, and how many bits those take in all.

        Parameters
        ----------
        step
            Quantiser step, on the [0, 1] scale.
        weight
            Squared steps that a bit is worth (lambda).
        """
        total = np.square(self.planes, dtype=np.float64).sum((1, 2)) / step**2
        candidates = int((total > 0.05 * self.planes[0].size).sum())
        if not candidates:
            return 0, 0.0
        bits, errors = self.costs(step, candidates)
        # Entries of about 1 / sqrt(bands), rounded to steps of about 1 / sqrt(energy).
        entries = 0.5 * np.log2(total[:candidates] / len(self.mean)) + _BITS_OF_AN_ENTRY
        bits = bits + np.maximum(entries, 1.0) * len(self.mean)
        gains = total[:candidates] - errors - weight * bits
        rank = int(np.argmax(np.concatenate([[0.0], np.cumsum(gains)])))
        return rank, float(bits[:rank].sum())

    def step_for_bits(self, bits: float, weight: float) -> float:
        """Return the finest step whose components take about at most so many bits."""
        low, high = self.finest_step, self._coarsest
        for _ in range(_STEPS):
            middle = float(np.sqrt(low * high))
            if self.rank(middle, weight)[1] > bits:
                low = middle
            else:
                high = middle
            if high / low < 1.01:
                break
        return high

    def step_for_error(self, error: float) -> float:
        """Return about the step that leaves a mean squared error, on the [0, 1] scale."""
        low, high = self.finest_step, self._coarsest
        count = self.values.size
        whole = float(np.square(self.values, dtype=np.float64).sum())
        kept = np.square(self.planes, dtype=np.float64).sum((1, 2))
        for _ in range(_STEPS):
            middle = float(np.sqrt(low * high))
            rank = self.rank(middle, 0.13)[0]
            left = whole - kept[:rank].sum() + (self.costs(middle, rank)[1].sum() * middle**2 if rank else 0.0)
            if left / count > error:
                high = middle
            else:
                low = middle
            if high / low < 1.01:
                break
        return low

    @cached_property
    def finest_step(self) -> float:
        """The smallest step at which every latent can be stored, on the [0, 1] scale."""
        largest = max(float(np.abs(part).max()) for part in self.subbands if part.size)
        return max(largest / _LARGEST_PLANNED, 1e-12)

    @property
    def _coarsest(self) -> float:
        return self.finest_step * _LARGEST_PLANNED * 4.0


def _averaged(energies: NDArray[np.floating]) -> NDArray[np.float32]:
    if min(energies.shape[-2:]) < 2:
        return energies.astype(np.float32)
    padded = np.pad(energies, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    averaged: NDArray[np.float32] = ((rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9.0).astype(np.float32)
    return averaged


def _fill(
    centred: NDArray[np.float32],
    valid: NDArray[np.bool_],
    vectors: NDArray[np.float64],
    energies: NDArray[np.float64],
) -> None:
    """Fill masked samples, in place, with what the strong components of their pixels say."""
    rank = max(1, int((energies > _FILL_SHARE * energies[0]).sum()))
    leading = vectors[:, :rank].astype(np.float32)
    partly = np.flatnonzero(~valid.all(axis=0) & valid.any(axis=0))
    for _ in range(_FILL_ROUNDS):
        spectra = centred[:, partly]
        foretold = leading @ (leading.T @ spectra)
        centred[:, partly] = np.where(valid[:, partly], spectra, foretold)

"""What a fit minimises: squared error over the valid samples, measured in components where there is a basis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from xr_inr.core import fixed_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xr_inr.core.scene import Scene
    from xr_inr.core.spectral import SpectralBasis


class Objective:
    """Squared error of a network's outputs.

    Pixels whose fitted bands are all valid are compared output by output: the basis is orthonormal, so that is their
    error in bands, less a part no network can reach, which is known. Pixels with masked bands are compared in the
    bands that are valid; pixels without a valid one are left out.

    Parameters
    ----------
    scene
        The scene to fit.
    basis
        The spectral basis the network feeds; None if its outputs are the bands themselves.
    device
        Where to compute.
    home
        Where positions and targets lie; points that are asked for are sent from there. Where to compute if None.
    """

    def __init__(
        self, scene: Scene, basis: SpectralBasis | None, device: torch.device, home: torch.device | None = None
    ) -> None:
        self.device = device
        self.home = device if home is None else home
        valid = scene.valid
        pixels = scene.values.shape[1]
        whole = np.ones(pixels, bool) if valid is None else valid.all(axis=0)
        partial = np.zeros(pixels, bool) if valid is None else valid.any(axis=0) & ~whole
        order = np.concatenate([np.flatnonzero(whole), np.flatnonzero(partial)])
        self._whole = int(whole.sum())
        self.places = torch.as_tensor(_positions(order, scene.layout.shape[1:]), device=self.home)
        """The positions of all points, (points, 2), where they lie."""
        spectra = scene.values[:, whole]
        targets = spectra.T if basis is None else basis.coefficients(spectra, scene.weights)
        self.targets = torch.as_tensor(np.ascontiguousarray(targets, np.float32), device=self.home)
        """What a network shall give at points without a masked band, which come first: (points, outputs) float32."""
        self.energy_per_output = 1.0 if basis is None else float(basis.unit) ** 2
        """Squared error on the [0, 1] scale of the scene for each squared error of an output."""
        self._unreachable = (
            0.0 if basis is None else _unreachable(spectra, targets, _affine_arrays(basis, scene.weights))
        )
        self._spectra = torch.as_tensor(np.ascontiguousarray(scene.values[:, partial].T), device=self.home)
        self._counts = (
            None
            if valid is None
            else torch.as_tensor(np.ascontiguousarray(valid[:, partial].T, np.float32), device=self.home)
        )
        self._basis = None if basis is None else _affine(_affine_arrays(basis, scene.weights), device)
        self.output_weights: Tensor | None = None
        """What outputs are multiplied by before they are compared, (outputs,): without a basis they have no weights."""
        if basis is None and scene.weights is not None:
            self.output_weights = torch.as_tensor(scene.weights, dtype=torch.float32, device=device)
        self._reach = _reach(scene)
        self.outputs = self.targets.shape[1]
        """How many values the network gives."""

    @property
    def points(self) -> int:
        """How many positions count."""
        return len(self.places)

    def positions(self, index: Tensor | None = None) -> Tensor:
        """Return the positions, (points, 2), of all points or of those in `index`, where to compute."""
        return (self.places if index is None else self.places[index]).to(self.device)

    def whole_among(self, index: Tensor) -> int:
        """Return how many of some points have no masked band; `index` as for `squared_error`, on the CPU at best."""
        return int(torch.searchsorted(index, self._whole))

    def whole_between(self, start: int, stop: int) -> int:
        """Return how many of the points from one to before another have no masked band."""
        return min(max(self._whole - start, 0), stop - start)

    def squared_error(self, outputs: Tensor, index: Tensor | None = None, whole: int | None = None) -> Tensor:
        """Return the summed squared error that a network can change, on the [0, 1] scale of the scene.

        Parameters
        ----------
        outputs
            (points, outputs) at `positions(index)`.
        index
            Which points, in ascending order and where targets lie; all if None.
        whole
            How many of them have no masked band; counted if None, for which a device must be waited for.

        Returns
        -------
        Tensor
            A scalar.
        """
        if whole is None:
            whole = self._whole if index is None else self.whole_among(index)
        targets = (self.targets if index is None else self.targets[index[:whole]]).to(self.device)
        if self.output_weights is not None:
            outputs = outputs * self.output_weights
        error = (outputs[:whole] - targets).square().sum() * self.energy_per_output
        if whole < len(outputs) and self._counts is not None:
            rest = slice(None) if index is None else index[whole:] - self._whole
            bands = outputs[whole:] if self._basis is None else outputs[whole:] @ self._basis[0].T + self._basis[1]
            spectra, counts = self._spectra[rest].to(self.device), self._counts[rest].to(self.device)
            error = error + ((bands - spectra) * counts).square().sum()
        return error

    def psnr(self, squared_error: float) -> float:
        """Return the PSNR in dB over all valid samples of the scene (paper, eq. 2 and 3) for a summed squared error."""
        return self._reach - 10.0 * math.log10(max(squared_error + self._unreachable, 1e-30))


def _positions(order: NDArray[np.intp], size: tuple[int, int]) -> NDArray[np.float32]:
    rows, columns = np.divmod(order, size[1])
    steps = np.stack([fixed_point.grid_positions(columns, size[1]), fixed_point.grid_positions(rows, size[0])], axis=1)
    return (steps / 2.0**fixed_point.VALUE_BITS).astype(np.float32)


def _unreachable(
    spectra: NDArray[np.float32], targets: NDArray[np.float32], affine: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> float:
    vectors, mean = affine
    total = 0.0
    for start in range(0, len(targets), 65_536):
        part = slice(start, start + 65_536)
        total += float(np.square(targets[part] @ vectors.T + mean - spectra[:, part].T, dtype=np.float64).sum())
    return total


def _affine_arrays(
    basis: SpectralBasis, weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return directions, (bands, rank), and mean, (bands,), as they are in samples times weights."""
    vectors, mean = basis.vectors / 2.0**fixed_point.VALUE_BITS * float(basis.unit), basis.mean
    if weights is not None:
        vectors, mean = vectors * weights[:, None], mean * weights
    return vectors.astype(np.float32), mean.astype(np.float32)


def _affine(arrays: tuple[NDArray[np.float32], NDArray[np.float32]], device: torch.device) -> tuple[Tensor, Tensor]:
    vectors, mean = arrays
    return torch.as_tensor(vectors, device=device), torch.as_tensor(mean, device=device)


def _reach(scene: Scene) -> float:
    """Return 10 log10 of the squared peak on the [0, 1] scale times the valid samples: constant bands count too."""
    spread = float(scene.layout.high) - float(scene.layout.low)
    peak = scene.peak or spread
    return 20.0 * (math.log10(peak) - math.log10(spread)) + 10.0 * math.log10(scene.valid_samples)

"""The wavelet as products with matrices, for fits that part planes of one size over and over.

A lifting step is four reads and writes of a plane, and as many again on the way back of a gradient; for sides of up to
some hundred samples a product with a matrix of all steps is quicker.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xr_inr.core.latent.wavelet import GAIN, Pyramid, split

LARGEST_SIDE = 512
"""Samples along an axis beyond which lifting is quicker."""


class Analysis:
    """Parts planes as `wavelet.analyse` does, but for the last bits of floats.

    Parameters
    ----------
    pyramid
        What to part them into.
    device
        Where planes are.
    """

    def __init__(self, pyramid: Pyramid, device: torch.device) -> None:
        self.size = pyramid.size
        """(height, width) of the planes."""

        self._levels = []
        height, width = pyramid.size
        for _ in range(pyramid.levels):
            self._levels.append(((height, width), _matrix(height, device), _matrix(width, device)))
            height, width = (height + 1) // 2, (width + 1) // 2

    def __call__(self, planes: Tensor) -> list[Tensor]:
        """Return the subbands of planes, (rank, height, width), nearly orthonormal.

        They come in the pyramid's order; the three of a level are one tensor, one after the other along its first axis,
        where they are of one shape, which saves an operation for each two of them ever after.
        """
        details: list[Tensor] = []
        low = planes
        for _, down, across in self._levels:
            parted = _across(_across(low, across).mT, down).mT
            low, *own = _quarters(parted)
            details = [*([torch.cat(own)] if own[0].shape == own[1].shape == own[2].shape else own), *details]
        return [low, *details]

    def transposed(self, subbands: list[Tensor]) -> Tensor:
        """Return what the transpose of the analysis makes of subbands: of their gradients the gradient of planes.

        Parameters
        ----------
        subbands
            As they come from a call.

        Returns
        -------
        Tensor
            (rank, height, width).
        """
        low, *details = subbands
        for size, down, across in reversed(self._levels):
            parted = low.new_empty(len(low), *size)
            first, *own = _quarters(parted)
            joined = own[0].shape == own[1].shape == own[2].shape
            parts = torch.tensor_split(details[0], len(own)) if joined else details[: len(own)]
            details = details[1 if joined else len(own) :]
            for quarter, part in zip((first, *own), (low, *parts), strict=True):
                quarter.copy_(part)
            low = _across_back(_across_back(parted.mT, down).mT, across)
        return low


def _quarters(parted: Tensor) -> list[Tensor]:
    """Return what is low-pass and what is high-pass along one axis or the other, in the pyramid's order; views."""
    rows, columns = ((side + 1) // 2 for side in parted.shape[-2:])
    return [
        parted[:, :rows, :columns],
        parted[:, :rows, columns:],
        parted[:, rows:, :columns],
        parted[:, rows:, columns:],
    ]


def _matrix(side: int, device: torch.device) -> Tensor | None:
    """Return what turns samples along the last axis into low-pass and then high-pass, (side, side)."""
    if side > LARGEST_SIDE:
        return None
    return _across(torch.eye(side, dtype=torch.float64), None).float().to(device)


def _across(planes: Tensor, matrix: Tensor | None) -> Tensor:
    if matrix is not None:
        return planes @ matrix
    low, high = split(planes, torch)
    return torch.cat([low * GAIN, high / GAIN], -1)


def _across_back(gradient: Tensor, matrix: Tensor | None) -> Tensor:
    if matrix is not None:
        return gradient @ matrix.mT
    planes = torch.zeros_like(gradient, requires_grad=True)
    with torch.enable_grad():
        (found,) = torch.autograd.grad(_across(planes, None), planes, gradient)
    return found

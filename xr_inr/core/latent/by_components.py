"""The wavelet where planes may lie elsewhere than what computes: some components at a time go there and come back.

Components are parted and put together each by itself, so nothing is lost or blended where parts meet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from xr_inr.core.latent.wavelet import Pyramid, analyse, synthesise_unrounded

_SAMPLES_AT_ONCE = 2**22
"""Of planes that are sent to a device, together; a larger plane goes alone."""


def parts_of(components: int, pixels: int, device: torch.device, home: torch.device) -> list[slice]:
    """Return the components that are computed together: all where they lie, few where they must be sent.

    Parameters
    ----------
    components
        How many there are.
    pixels
        Of a plane.
    device
        Where they are computed.
    home
        Where they lie.
    """
    step = max(components, 1) if device == home else max(1, _SAMPLES_AT_ONCE // max(pixels, 1))
    return [slice(start, min(start + step, components)) for start in range(0, components, step)] or [slice(0, 0)]


def analysed(planes: Tensor, pyramid: Pyramid, device: torch.device) -> list[Tensor]:
    """Return the subbands of planes, (rank, height, width), where these lie; computed on a device."""
    home = planes.device
    found = []
    for part in parts_of(len(planes), math.prod(pyramid.size), device, home):
        subbands = analyse(planes[part].to(device), pyramid, torch)
        found.append([subband.to(home) for subband in subbands])
    return [_joined(parts) for parts in zip(*found, strict=True)]


def synthesised(latents: list[Tensor], pyramid: Pyramid, device: torch.device) -> Tensor:
    """Return the planes of latents, (rank, height, width), where these lie; computed on a device."""
    home = latents[0].device
    parts = parts_of(len(latents[0]), math.prod(pyramid.size), device, home)
    return _joined([_planes([one[part].to(device) for one in latents], pyramid).to(home) for part in parts])


class Synthesis:
    """The planes of latents, and the way back.

    Parameters
    ----------
    latents
        One tensor a subband, (rank, height, width).
    pyramid
        The subbands.
    device
        Where to compute; what comes of it lies where latents do.
    """

    def __init__(self, latents: list[Tensor], pyramid: Pyramid, device: torch.device) -> None:
        self._latents, self._pyramid, self._device = latents, pyramid, device
        self._home = latents[0].device
        self._parts = parts_of(len(latents[0]), math.prod(pyramid.size), device, self._home)
        self._kept: tuple[list[Tensor], Tensor] | None = None
        if len(self._parts) == 1:
            self._kept = self._graph(self._parts[0])
            found = self._kept[1].detach().to(self._home)
        else:
            with torch.no_grad():
                found = synthesised(latents, pyramid, device)
        self.planes = found
        """(rank, height, width)."""

    def slopes(self, of_planes: Tensor) -> list[Tensor]:
        """Return slopes with respect to latents, from those with respect to planes, (rank, height, width); once."""
        found = []
        for part in self._parts:
            # What latents are does not matter to slopes, so several graphs need not be kept.
            leaves, planes = self._kept or self._graph(part)
            own = torch.autograd.grad(planes, leaves, of_planes[part].to(self._device), materialize_grads=True)
            found.append([slope.to(self._home) for slope in own])
        self._kept = None
        return [_joined(parts) for parts in zip(*found, strict=True)]

    def _graph(self, part: slice) -> tuple[list[Tensor], Tensor]:
        """Return the latents of some components as leaves, and their planes."""
        leaves = [one[part].detach().to(self._device, copy=True).requires_grad_() for one in self._latents]
        with torch.enable_grad():
            return leaves, _planes(leaves, self._pyramid)


def _planes(latents: list[Tensor], pyramid: Pyramid) -> Tensor:
    planes: Tensor = synthesise_unrounded(latents, pyramid, torch)
    return planes


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))

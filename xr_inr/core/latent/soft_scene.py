"""What latents give, as a function with gradients: planes, and how far they are from those of the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent.synthesis import LARGEST_INPUT, SineSynthesis
from xr_inr.core.latent.wavelet import Pyramid, synthesise_unrounded

_POINTS_AT_ONCE = {"cpu": 2**17, "cuda": 2**24}
"""Pixels whose activations are held at a time where no gradient needs them."""


@dataclass
class SoftSynthesis:
    """The sinusoidal network as torch sees it."""

    layers: list[tuple[Tensor, Tensor]]
    """(weights (out, in), biases (out,)) of each layer."""

    input_octaves: Tensor
    """(inputs,) 2**octave units are an input of 1."""

    output_octaves: Tensor
    """(outputs,) an output of 1 is 2**octave units."""

    unit: float
    """Quantiser steps in a unit."""

    @classmethod
    def of(cls, network: SineSynthesis, device: torch.device) -> SoftSynthesis:
        """Return a stored network with its weights as leaves."""
        layers = [
            tuple(
                torch.tensor(part * 2.0**-bits, dtype=torch.float32, device=device).requires_grad_()
                for part in (weights, biases)
            )
            for bits, (weights, biases) in zip(network.step_bits, network.layers, strict=True)
        ]
        octaves = [
            torch.tensor(part, dtype=torch.float32, device=device)
            for part in (network.input_octaves, network.output_octaves)
        ]
        return cls([(weights, biases) for weights, biases in layers], octaves[0], octaves[1], float(network.unit))

    @property
    def inputs(self) -> int:
        """How many leading planes it looks at."""
        return len(self.input_octaves)

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and biases."""
        return [part for layer in self.layers for part in layer]

    def stored(self, step_bits: tuple[int, ...]) -> SineSynthesis:
        """Return the network with its weights rounded to multiples of 2**-bits, a number of bits a layer."""
        layers = tuple(
            (_levels(weights, bits), _levels(biases, bits))
            for bits, (weights, biases) in zip(step_bits, self.layers, strict=True)
        )
        inputs, outputs = (part.cpu().numpy().astype(np.int64) for part in (self.input_octaves, self.output_octaves))
        return SineSynthesis(np.float32(self.unit), inputs, outputs, step_bits, layers)

    def __call__(self, planes: Tensor) -> Tensor:
        """Return what is foretold of the later planes, (outputs, height, width), from the first, in steps."""
        points = planes.flatten(1)
        step = points.shape[1] if torch.is_grad_enabled() else _POINTS_AT_ONCE[points.device.type]
        parts = [self._foretold(points[:, start : start + step]) for start in range(0, points.shape[1], step)]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, 1)).reshape(-1, *planes.shape[1:])

    def _foretold(self, points: Tensor) -> Tensor:
        """Return what is foretold, (outputs, points), from (inputs, points)."""
        values = points.T / (self.unit * torch.exp2(self.input_octaves))
        values = values.clamp(-LARGEST_INPUT, LARGEST_INPUT)
        for weight, bias in self.layers[:-1]:
            values = torch.sin(values @ weight.T + bias)
        weight, bias = self.layers[-1]
        foretold = (values @ weight.T + bias) * (self.unit * torch.exp2(self.output_octaves))
        return foretold.T


def _levels(values: Tensor, bits: int) -> np.ndarray:
    return np.rint(values.detach().cpu().numpy().astype(np.float64) * 2.0**bits).astype(np.int64)


@dataclass
class SoftScene:
    """Planes that latents should give."""

    planes: Tensor
    """(rank, height, width) in quantiser steps."""

    heard: Tensor | None
    """(height, width) 1 where an error counts, 0 where nothing was measured; None if all count."""

    pyramid: Pyramid
    """The subbands."""

    synthesis: SoftSynthesis | None = None
    """The sinusoidal network."""

    def rescale(self, factor: float) -> None:
        """Take on another quantiser step, `factor` times the present one."""
        self.planes = self.planes / factor
        if self.synthesis is not None:
            self.synthesis.unit /= factor

    def decoded(self, latents: list[Tensor], *, foretelling: bool = True) -> Tensor:
        """Return the planes of latents, (rank, height, width).

        Parameters
        ----------
        latents
            One tensor a subband, (rank, height, width).
        foretelling
            Whether gradients reach the first planes through what the network makes of them.
        """
        planes: Tensor = synthesise_unrounded(latents, self.pyramid, torch)
        return self.with_foretold(planes, foretelling=foretelling)

    def with_foretold(self, planes: Tensor, *, foretelling: bool) -> Tensor:
        """Return what latents alone give, (rank, height, width), with what the network says added to later planes."""
        if self.synthesis is None:
            return planes
        known, later = planes[: self.synthesis.inputs], planes[self.synthesis.inputs :]
        with torch.set_grad_enabled(foretelling and torch.is_grad_enabled()):
            foretold = self.synthesis(known)
        return torch.cat([known, later + foretold])

    def error(self, latents: list[Tensor], *, foretelling: bool = True) -> Tensor:
        """Return the sum of squared errors, in squared steps; arguments as for `decoded`."""
        squares = (self.decoded(latents, foretelling=foretelling) - self.planes).square()
        return squares.sum() if self.heard is None else (squares * self.heard).sum()

    @torch.enable_grad()
    def slopes(self, latents: list[Tensor]) -> list[Tensor]:
        """Return the gradient of `error` with respect to latents, the network's part in later planes taken as given.

        So the curvature is that of the wavelet alone, and about 2 everywhere.
        """
        leaves = [part.detach().clone().requires_grad_() for part in latents]
        torch.autograd.backward(self.error(leaves, foretelling=False))
        return [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]

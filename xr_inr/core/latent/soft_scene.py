"""What latents give, as a function with gradients: planes, and how far they are from those of the scene."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.fixed_point import MAX_ROW_SUM
from xr_inr.core.latent.by_components import Synthesis, synthesised
from xr_inr.core.latent.sine_fit import said_by
from xr_inr.core.latent.synthesis import BESIDE, LARGEST_INPUT, SineSynthesis
from xr_inr.core.latent.wavelet import Pyramid

_COARSEST_ROUNDING = 0.25
"""What a weight that is stored with at least one bit after the point may be rounded by."""

_POINTS_AT_ONCE = {"cpu": 2**17, "cuda": 2**20}
"""Pixels whose activations are held at a time where no gradient needs them."""


@dataclass
class SoftSynthesis:
    """A sinusoidal network as torch sees it."""

    layers: list[tuple[Tensor, Tensor]]
    """(weights (out, in), biases (out,)) of each layer."""

    input_octaves: Tensor
    """(inputs,) 2**octave units are a coordinate of 1."""

    slope_octaves: Tensor
    """(inputs,) a difference of 2**octave units from a neighbour, or a sum of them, is a coordinate of 1."""

    output_octaves: Tensor
    """(outputs,) an output of 1 is 2**octave units."""

    unit: float
    """Quantiser steps in a unit."""

    step_bits: tuple[int, ...] = ()
    """Bits after the point that the weights of each layer are stored with; none while they are not settled."""

    curved: bool = False
    """As `SineSynthesis.curved`."""

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
        planes, slopes, outputs = (
            torch.tensor(part, dtype=torch.float32, device=device)
            for part in (network.input_octaves, network.slope_octaves, network.output_octaves)
        )
        unit = float(network.unit)
        told = [(weights, biases) for weights, biases in layers]
        return cls(told, planes, slopes, outputs, unit, network.step_bits, network.curved)

    @property
    def inputs(self) -> int:
        """How many leading planes it looks at."""
        return len(self.input_octaves)

    @property
    def outputs(self) -> int:
        """How many planes it speaks of."""
        return len(self.output_octaves)

    @property
    def parameters(self) -> list[Tensor]:
        """All weights and biases."""
        return [part for layer in self.layers for part in layer]

    def to(self, device: torch.device) -> SoftSynthesis:
        """Return the network on a device."""
        layers = [(weights.to(device), biases.to(device)) for weights, biases in self.layers]
        planes, slopes, outputs = (
            part.to(device) for part in (self.input_octaves, self.slope_octaves, self.output_octaves)
        )
        return replace(self, layers=layers, input_octaves=planes, slope_octaves=slopes, output_octaves=outputs)

    @torch.no_grad()
    def confined(self) -> SoftSynthesis:
        """Return the network with each unit's weights small enough to be stored, whatever they are rounded to.

        Sums of absolute weights that are too large, which no fit should lead to, are brought down as a whole.
        """
        layers = []
        for index, (weights, biases) in enumerate(self.layers):
            gain = LARGEST_INPUT if index == 0 else 1.0
            rounding = _COARSEST_ROUNDING * (gain * weights.shape[1] + 1.0)
            sums = gain * weights.abs().sum(1) + biases.abs()
            factor = (max(MAX_ROW_SUM - rounding - 1.0, 0.0) / sums.clamp_min(1e-9)).clamp_max(1.0)
            layers.append((weights * factor[:, None], biases * factor))
        return replace(self, layers=layers)

    def stored(self, step_bits: tuple[int, ...]) -> SineSynthesis:
        """Return the network with its weights rounded to multiples of 2**-bits, a number of bits a layer."""
        layers = tuple(
            (_levels(weights, bits), _levels(biases, bits))
            for bits, (weights, biases) in zip(step_bits, self.layers, strict=True)
        )
        stored = (self.input_octaves, self.slope_octaves, self.output_octaves)
        planes, slopes, outputs = (part.cpu().numpy().astype(np.int64) for part in stored)
        return SineSynthesis(np.float32(self.unit), planes, slopes, outputs, step_bits, layers, self.curved)

    def __call__(self, planes: Tensor) -> Tensor:
        """Return what is said of planes, (outputs, height, width), from the first, in steps, and where planes lie."""
        height, width = planes.shape[1:]
        device = self.output_octaves.device
        rows = height if torch.is_grad_enabled() else max(_POINTS_AT_ONCE[device.type] // width, 1)
        parts = [self._foretold(planes, slice(start, min(start + rows, height))) for start in range(0, height, rows)]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, 1)).reshape(-1, height, width)

    def _foretold(self, planes: Tensor, part: slice) -> Tensor:
        """Return what is foretold of some rows, (outputs, points)."""
        above, below = max(part.start - 1, 0), min(part.stop + 1, planes.shape[1])
        own = planes[:, above:below].to(self.output_octaves.device) / self.unit
        seen = coordinates(own, self.input_octaves, self.slope_octaves, curved=self.curved)
        width = planes.shape[2]
        values = seen[(part.start - above) * width : (part.stop - above) * width]
        foretold = said_by(self.layers, values) * (self.unit * torch.exp2(self.output_octaves))
        return foretold.T.to(planes.device)


def coordinates(planes: Tensor, input_octaves: Tensor, slope_octaves: Tensor, *, curved: bool = False) -> Tensor:
    """Return what a network sees of each pixel, (pixels, coordinates), clipped to `LARGEST_INPUT`.

    Parameters
    ----------
    planes
        (inputs, height, width).
    input_octaves, slope_octaves
        (inputs,) what of a plane, and of its differences from a neighbour, is a coordinate of 1.
    curved
        As `SineSynthesis.curved`.
    """
    height, width = planes.shape[1:]
    seen = torch.nn.functional.pad(planes[None], (1, 1, 1, 1), mode="replicate")[0]
    slopes = [
        seen[:, 1 + down : 1 + down + height, 1 + across : 1 + across + width] - planes for down, across in BESIDE
    ]
    if curved:
        slopes = [torch.stack(slopes).sum(0)]
    octaves = torch.cat([input_octaves, *[slope_octaves] * len(slopes)])
    found = torch.cat([planes, *slopes]).flatten(1).mul_(torch.exp2(-octaves)[:, None])
    return found.clamp_(-LARGEST_INPUT, LARGEST_INPUT).T


def _levels(values: Tensor, bits: int) -> np.ndarray:
    return np.rint(values.detach().cpu().numpy().astype(np.float64) * 2.0**bits).astype(np.int64)


@dataclass(frozen=True)
class Missed:
    """What latents leave of the planes that they should give."""

    squares: Tensor
    """(rank,) sum of squared errors of each plane, in squared steps."""

    slopes: list[Tensor]
    """The gradient of all of them with respect to latents, one tensor a subband, (rank, height, width)."""


@dataclass
class SoftScene:
    """Planes that latents should give."""

    planes: Tensor
    """(rank, height, width) in quantiser steps."""

    heard: Tensor | None
    """(height, width) 1 where an error counts, 0 where nothing was measured or the pixel repeats another; None if all
    count."""

    pyramid: Pyramid
    """The subbands."""

    cascade: list[SoftSynthesis] = field(default_factory=list)
    """The sinusoidal networks that foretell, in the order they speak."""

    restoring: SoftSynthesis | None = None
    """The one that corrects all planes in the end."""

    device: torch.device | None = None
    """Where planes of latents are computed; where planes lie if None. Networks are where they are."""

    repeated: NDArray[np.bool_] | None = None
    """As `LatentSide.repeated`."""

    @property
    def networks(self) -> list[SoftSynthesis]:
        """All sinusoidal networks."""
        return self.cascade if self.restoring is None else [*self.cascade, self.restoring]

    def rescale(self, factor: float) -> None:
        """Take on another quantiser step, `factor` times the present one."""
        self.planes = self.planes / factor
        for network in self.networks:
            network.unit /= factor

    def decoded(self, latents: list[Tensor], *, foretelling: bool = True) -> Tensor:
        """Return the planes of latents, (rank, height, width).

        Parameters
        ----------
        latents
            One tensor a subband, (rank, height, width).
        foretelling
            Whether gradients reach the first planes through what the networks make of them.
        """
        planes = synthesised(latents, self.pyramid, self.worked_on)
        return self.with_foretold(planes, foretelling=foretelling)

    def with_foretold(self, planes: Tensor, *, foretelling: bool) -> Tensor:
        """Return what latents alone give, (rank, height, width), with what the networks say added to it."""
        through = foretelling and torch.is_grad_enabled()
        for network in self.cascade:
            known, end = planes[: network.inputs], network.inputs + network.outputs
            with torch.set_grad_enabled(through):
                foretold = network(known)
            planes = torch.cat([known, planes[network.inputs : end] + foretold, planes[end:]])
        if self.restoring is None:
            return planes
        with torch.set_grad_enabled(through):
            restored = self.restoring(planes[: self.restoring.inputs])
        return planes + restored

    def error(self, latents: list[Tensor], *, foretelling: bool = True) -> Tensor:
        """Return the sum of squared errors, in squared steps; arguments as for `decoded`."""
        squares = (self.decoded(latents, foretelling=foretelling) - self.planes).square()
        return squares.sum() if self.heard is None else (squares * self.heard).sum()

    def missed(self, latents: list[Tensor]) -> Missed:
        """Return by how much latents miss the planes, and which way the error grows.

        What networks add to planes is taken as given. So the curvature is that of the wavelet alone, and about 2
        everywhere.
        """
        synthesis = Synthesis(latents, self.pyramid, self.worked_on)
        with torch.no_grad():
            errors = self.with_foretold(synthesis.planes, foretelling=False) - self.planes
            counted = errors if self.heard is None else errors * self.heard
            squares = (counted * errors).sum((1, 2))
        return Missed(squares, synthesis.slopes(2.0 * counted))

    @property
    def worked_on(self) -> torch.device:
        """Where planes of latents are computed."""
        return self.planes.device if self.device is None else self.device

"""Fitting the sinusoidal network: so that what it leaves to the latents takes few bits."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.soft_scene import SoftSynthesis
from xr_inr.core.latent.synthesis import LARGEST_INPUT, SineSynthesis
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.siren.optimiser import Soap

_FREQUENCY = 3.0
"""Of the first layer's initial weights: turns grow with it."""

_STEP_BITS = (3, 4, 5, 6)
"""Bits after the point that weights may have."""

_RATE_SCALE = 4.0


def rate_surrogate(subbands: list[Tensor]) -> Tensor:
    """Return about how many bits subbands take when rounded to whole numbers.

    Half the logarithm of one plus four times the local energy, taken over 3 x 3 latents: the rate of a Gaussian whose
    variance the context tells.
    """
    total = subbands[0].new_zeros(())
    for part in subbands:
        energy = part.square()
        if min(part.shape[-2:]) > 1:
            padded = torch.nn.functional.pad(energy[:, None], (1, 1, 1, 1), mode="replicate")
            energy = torch.nn.functional.avg_pool2d(padded, 3, 1)[:, 0]
        total = total + 0.5 * torch.log2(1.0 + _RATE_SCALE * energy).sum()
    return total


def fit_synthesis(
    known: NDArray[np.float32],
    wanted: NDArray[np.floating],
    pyramid: Pyramid,
    *,
    width: int,
    iterations: int,
    learning_rate: float,
    device: torch.device,
    seed: int,
) -> tuple[SineSynthesis, float]:
    """Fit a network that foretells the later planes from the first.

    Parameters
    ----------
    known
        (inputs, height, width) decoded planes, in quantiser steps.
    wanted
        (outputs, height, width) planes to foretell, in quantiser steps.
    pyramid
        The subbands their difference will be coded in.
    width
        Units of each hidden layer.
    iterations
        Steps of the optimiser.
    learning_rate
        The largest learning rate.
    device
        Where to fit.
    seed
        Of the initial weights.

    Returns
    -------
    network, bits
        The network as stored, and about how many bits the differences then take.
    """
    inputs = len(known)
    inputs_octaves = _octaves(known, device)
    output_octaves = _octaves(wanted, device)
    coordinates = torch.tensor(known.reshape(inputs, -1).T, dtype=torch.float32, device=device)
    coordinates = (coordinates / torch.exp2(inputs_octaves)).clamp(-LARGEST_INPUT, LARGEST_INPUT)
    target = torch.tensor(np.ascontiguousarray(wanted), dtype=torch.float32, device=device)
    scale = torch.exp2(output_octaves)
    layers = _initial(inputs, width, len(wanted), seed, device)
    weights = [parameter.requires_grad_() for layer in layers for parameter in layer]
    optimiser = Soap(weights)

    def left_over(parameters: list[tuple[Tensor, Tensor]]) -> Tensor:
        foretold = _evaluate(parameters, coordinates) * scale
        return target - foretold.T.reshape(target.shape)

    def bits_of(parameters: list[tuple[Tensor, Tensor]]) -> Tensor:
        return rate_surrogate(analyse(left_over(parameters), pyramid, torch))

    pixels = target[0].numel()
    for iteration in range(iterations):
        optimiser.zero_grad()
        loss = bits_of(layers) / pixels
        torch.autograd.backward(loss)
        warm = min(1.0, (iteration + 1) / 20)
        optimiser.step(learning_rate * warm * 0.5 * (1 + math.cos(math.pi * iteration / iterations)))
    soft = SoftSynthesis(layers, inputs_octaves, output_octaves, 1.0)

    def stored(bits: int) -> tuple[SineSynthesis, float]:
        network = soft.stored((bits,) * len(layers))
        with torch.no_grad():
            rounded = SoftSynthesis.of(network, device)
            return network, float(bits_of(rounded.layers)) + 8.0 * len(network.to_bytes())

    return min((stored(bits) for bits in _STEP_BITS), key=lambda found: found[1])


def _octaves(planes: NDArray[np.floating], device: torch.device) -> Tensor:
    """Return the power of two next above the deviation of each plane."""
    deviations = planes.reshape(len(planes), -1).std(axis=1)
    octaves = np.clip(np.ceil(np.log2(np.maximum(deviations, 1e-3))), -8, 30)
    return torch.tensor(octaves, dtype=torch.float32, device=device)


def _initial(inputs: int, width: int, outputs: int, seed: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)

    def uniform(shape: tuple[int, ...], limit: float) -> Tensor:
        return ((2.0 * torch.rand(shape, generator=generator) - 1.0) * limit).to(device)

    first = _FREQUENCY / math.sqrt(inputs)
    inner = math.sqrt(6.0 / width)
    return [
        (uniform((width, inputs), first), uniform((width,), math.pi)),
        (uniform((width, width), inner), uniform((width,), 1.0)),
        (uniform((outputs, width), 0.1 * inner), torch.zeros(outputs, device=device)),
    ]


def _evaluate(layers: list[tuple[Tensor, Tensor]], values: Tensor) -> Tensor:
    for weight, bias in layers[:-1]:
        values = torch.sin(values @ weight.T + bias)
    weight, bias = layers[-1]
    return values @ weight.T + bias

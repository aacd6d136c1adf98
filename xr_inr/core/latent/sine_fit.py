"""What fits of sinusoidal networks share: initial weights, what they say, and the steps that weights are stored in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

_FREQUENCY = 3.0
"""Of the first layer's initial weights: turns grow with it."""

Layers = list[tuple[Tensor, Tensor]]
"""(weights (out, in), biases (out,)) of each layer."""

Found = TypeVar("Found")


def uniform_layers(
    seen: Sequence[tuple[int, float]], width: int, outputs: int, seed: int, device: torch.device
) -> Layers:
    """Return the initial weights of a network.

    Parameters
    ----------
    seen
        Of each kind of coordinate how many there are, and how large their weights are; the first kind has a share of 1.
    width
        Units of each hidden layer.
    outputs
        Planes that the network speaks of.
    seed
        Of what is drawn.
    device
        Where they shall be.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(shape: tuple[int, ...], limit: float) -> Tensor:
        return ((2.0 * torch.rand(shape, generator=generator) - 1.0) * limit).to(device)

    first = _FREQUENCY / math.sqrt(seen[0][0])
    inner = math.sqrt(6.0 / width)
    return [
        (torch.cat([uniform((width, count), share * first) for count, share in seen], 1), uniform((width,), math.pi)),
        (uniform((width, width), inner), uniform((width,), 1.0)),
        (uniform((outputs, width), 0.1 * inner), torch.zeros(outputs, device=device)),
    ]


def said_by(layers: Layers, seen: Tensor) -> Tensor:
    """Return what layers make of coordinates, (pixels, outputs) of (pixels, coordinates)."""
    values = seen
    for weight, bias in layers[:-1]:
        values = torch.sin(values @ weight.T + bias)
    weight, bias = layers[-1]
    return values @ weight.T + bias


def best_stored(
    stored: Callable[[tuple[int, ...]], Found], saved: Callable[[Found], float], layers: int, bits: Sequence[int]
) -> Found:
    """Return the best network of those with other steps: at first one for all layers, then each layer's own.

    Parameters
    ----------
    stored
        Gives the network whose weights have these bits after the point, a number a layer.
    saved
        What a network saves.
    layers
        How many layers there are.
    bits
        What all layers may have at first.
    """
    best: Found | None = None
    chosen: tuple[int, ...] = ()
    for tried in bits:
        found = stored((tried,) * layers)
        if best is None or saved(found) > saved(best):
            best, chosen = found, (tried,) * layers
    if best is None:
        raise ValueError("weights must be tried with some number of bits. Got none.")
    for index in range(layers):
        for change in (-1, 1):
            other = (*chosen[:index], max(chosen[index] + change, 0), *chosen[index + 1 :])
            found = stored(other)
            if saved(found) > saved(best):
                best, chosen = found, other
    return best

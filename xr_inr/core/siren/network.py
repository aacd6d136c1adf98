"""The network of the paper in torch: initialisation and evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from xr_inr.core.siren.architecture import INPUTS, Architecture

OMEGA_0 = 30.0
"""Frequency factor of the sines (Sitzmann et al., arXiv 2006.09661)."""

Parameters = list[tuple[Tensor, Tensor]]
"""(weights (units, inputs), biases (units,)) of each layer, first to last."""


def initialise(architecture: Architecture, generator: torch.Generator, device: torch.device) -> Parameters:
    """Draw the SIREN initialisation.

    Weights are uniform in +-1/inputs in the first layer and +-sqrt(6/inputs)/omega_0 in the others (Sitzmann et al.,
    section 3.2), biases uniform in +-1/sqrt(inputs).

    Parameters
    ----------
    architecture
        The shape of the network.
    generator
        A CPU generator, so that every device starts from the same numbers.
    device
        Where the parameters shall live.

    Returns
    -------
    list of (weights, biases)
        Leaf tensors, float32, that require gradients.
    """

    def uniform(shape: tuple[int, ...], bound: float) -> Tensor:
        drawn = torch.empty(shape).uniform_(-bound, bound, generator=generator)
        return drawn.to(device).requires_grad_()

    layers = []
    for index, (units, inputs) in enumerate(architecture.layer_shapes):
        bound = 1.0 / INPUTS if index == 0 else math.sqrt(6.0 / inputs) / OMEGA_0
        layers.append((uniform((units, inputs), bound), uniform((units,), 1.0 / math.sqrt(inputs))))
    return layers


def evaluate(layers: Sequence[tuple[Tensor, Tensor]], positions: Tensor, omega_0: float = OMEGA_0) -> Tensor:
    """Return the outputs, (points, outputs), at `positions`, (points, 2) in [-1, 1]: sin(w0 (Wx + b)), linear last."""
    values = positions
    for weights, biases in layers[:-1]:
        values = torch.sin(torch.nn.functional.linear(values, weights * omega_0, biases * omega_0))
    weights, biases = layers[-1]
    return torch.nn.functional.linear(values, weights, biases)

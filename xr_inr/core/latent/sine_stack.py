"""Several sinusoidal networks that descend in one tensor program: what they say, and where errors of it lead.

Gradients are by hand: a small network has few products, and what records and replays them takes longer than they do.
Units stand along rows and pixels along columns, as planes have them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from xr_inr.core.latent.sine_fit import Layers

_LEVELS = 4.5 * 2.0**4
"""Levels of a weight of 1, at a usual step, times what makes the entropy of a level follow from its mean magnitude."""


class SineStack:
    """Networks that differ in their weights, and in how many outputs they have.

    Parameters
    ----------
    networks
        The layers of each; copied, unless there is but one, which is changed in place. Networks with fewer outputs than
        others have further ones, of weights 0, which nobody shall look at.
    """

    def __init__(self, networks: Sequence[Layers]) -> None:
        self.parameters = [part for layer in zip(*networks, strict=True) for part in _stacked(layer)]
        """Weights (1, networks, outputs, inputs) and biases (1, networks, outputs) of each layer, in turn."""

        self._counts = [
            self.parameters[0].new_tensor([weights.numel() + len(biases) for weights, biases in layer])
            for layer in zip(*networks, strict=True)
        ]
        self._values: list[Tensor] = []
        self._turns: list[Tensor] = []

    def say(self, seen: Tensor, *, out: Tensor) -> Tensor:
        """Return what the networks make of coordinates; what `slopes` needs is kept until the next call.

        Parameters
        ----------
        seen
            (networks, coordinates, pixels).
        out
            (networks, outputs, pixels), where it is put.
        """
        self._values, self._turns = [seen], []
        *hidden, last = zip(self.parameters[::2], self.parameters[1::2], strict=True)
        for weights, biases in hidden:
            angles = torch.baddbmm(biases[0, :, :, None], weights[0], self._values[-1])
            self._values.append(angles.sin())
            self._turns.append(angles.cos_())
        weights, biases = last
        return torch.baddbmm(biases[0, :, :, None], weights[0], self._values[-1], out=out)

    def slopes(self, of_said: Tensor) -> list[Tensor]:
        """Return the gradients of the parameters, shaped as these.

        Parameters
        ----------
        of_said
            (networks, outputs, pixels) the gradient of what `say` returned last.
        """
        found: list[Tensor] = []
        slopes = of_said
        for index in range(len(self._values) - 1, -1, -1):
            found = [slopes @ self._values[index].mT, slopes.sum(-1), *found]
            if index:
                slopes = (self.parameters[2 * index][0].mT @ slopes).mul_(self._turns[index - 1])
        return [part[None] for part in found]

    def add_tolls(self, slopes: Sequence[Tensor], tolls: Tensor) -> None:
        """Add to gradients those of about how many bits parameters take, times what a bit of each network counts.

        Parameters
        ----------
        slopes
            As `slopes` returns them.
        tolls
            (networks,).
        """
        for index, counts in enumerate(self._counts):
            layer = self.parameters[2 * index][0], self.parameters[2 * index + 1][0]
            each = tolls * slope_of_bits(*layer, counts)
            for part, slope in zip(layer, slopes[2 * index : 2 * index + 2], strict=True):
                slope[0].addcmul_(part.sign(), each.view(-1, *[1] * (part.ndim - 1)))

    def keep(self, networks: Sequence[Layers]) -> None:
        """Write the layers to those of single networks."""
        for number, layers in enumerate(networks):
            for single, stacked in zip((part for layer in layers for part in layer), self.parameters, strict=True):
                single.copy_(stacked[0, number, : len(single)])


def bits_of_weights(weights: Tensor, biases: Tensor, count: float | Tensor) -> Tensor:
    """Return about how many bits a layer takes, or each of some layers: the code's scale follows the mean magnitude.

    Parameters
    ----------
    weights, biases
        (..., out, in) and (..., out).
    count
        (...) how many weights and biases there are; what stands beside them is 0.
    """
    return count * torch.log2(1.0 + _LEVELS * _mean(weights, biases, count))


def slope_of_bits(weights: Tensor, biases: Tensor, count: float | Tensor) -> Tensor:
    """Return how `bits_of_weights` changes with the magnitude of any weight or bias of a layer."""
    return _LEVELS / math.log(2.0) / (1.0 + _LEVELS * _mean(weights, biases, count))


def padded(part: Tensor, most: int) -> Tensor:
    """Return a tensor with zeros added along its first axis."""
    return part if len(part) == most else torch.cat([part, part.new_zeros(most - len(part), *part.shape[1:])])


def _mean(weights: Tensor, biases: Tensor, count: float | Tensor) -> Tensor:
    return (weights.abs().sum((-2, -1)) + biases.abs().sum(-1)) / count


def _stacked(layers: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return a layer of several networks, (1, networks, out, in) and (1, networks, out)."""
    if len(layers) == 1:
        weights, biases = layers[0]
        return weights[None, None], biases[None, None]
    most = max(len(biases) for _, biases in layers)
    weights, biases = (torch.stack([padded(part, most) for part in parts])[None] for parts in zip(*layers, strict=True))
    return weights, biases

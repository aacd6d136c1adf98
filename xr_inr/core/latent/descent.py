"""The descent of sinusoidal networks: of one, or of several of equal shape in one tensor program."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from xr_inr.core.captured import Captured
from xr_inr.core.latent.memory import BYTES_OF_A_LATENT
from xr_inr.core.latent.presets import LatentPreset
from xr_inr.core.latent.sine_fit import Layers, said_by
from xr_inr.core.siren.optimiser import Soap
from xr_inr.core.siren.stack_optimiser import StackOptimiser

_WARM_UP = 20
_TOLL_FROM = (0.1, 0.5)
"""Parts of the iterations between which the toll of weights grows to what it is."""

_LEVELS = 4.5 * 2.0**4
"""Levels of a weight of 1, at a usual step, times what makes the entropy of a level follow from its mean magnitude."""

_HELD = 3
"""Copies of an activation that a step holds: itself, its sine, their gradients in turn."""


class Loss(Protocol):
    """What a network is fitted to make small."""

    @property
    def kind(self) -> Hashable:
        """What losses that can be computed together have in common."""

    def of_all(self, losses: Sequence[Any], left: Sequence[Tensor]) -> Tensor:
        """Return the sum of losses of one kind, given what each network leaves, (outputs, pixels)."""


@dataclass(frozen=True)
class Descent:
    """A network to be fitted, in place."""

    layers: Layers
    """Where to begin, and what is found."""

    seen: Sequence[Tensor]
    """What the first layer sees, (pixels, coordinates); iterations take turns with them."""

    wanted: Tensor
    """(outputs, pixels) what it should say."""

    scale: Tensor
    """(outputs,) what an output of 1 stands for."""

    loss: Loss
    """What is made of what it leaves."""

    preset: LatentPreset
    """How many iterations, the largest learning rate, and how much the bits of weights count."""

    toll: float = 0.0
    """What a bit of the payload is worth in the loss."""

    @property
    def kind(self) -> Hashable:
        """What descents that can be done together have in common."""
        return self.loss.kind, self.layers[0][0].shape, self.seen[0].shape, len(self.seen), self.preset

    @property
    def size(self) -> int:
        """As many latents as take about the memory that this does."""
        units = sum(len(biases) for _, biases in self.layers)
        numbers = len(self.seen) * self.seen[0].numel() + _HELD * units * len(self.seen[0])
        return -(-numbers * self.wanted.element_size() // BYTES_OF_A_LATENT)


@torch.enable_grad()
def descend(descents: Sequence[Descent]) -> None:
    """Fit networks whose descents are of one kind; each takes the steps that it would take alone, floats aside."""
    if descents[0].wanted.is_cuda:
        _Together(descents).descend_captured()
    elif len(descents) == 1:
        _descend_alone(descents[0])
    else:
        _Together(descents).descend()


def _descend_alone(descent: Descent) -> None:
    layers, loss = descent.layers, descent.loss
    optimiser = Soap([parameter.requires_grad_() for layer in layers for parameter in layer])
    for iteration in range(descent.preset.synthesis_iterations):
        optimiser.zero_grad()
        said = said_by(layers, descent.seen[iteration % len(descent.seen)]) * descent.scale
        total = loss.of_all([loss], [descent.wanted - said.T])
        toll = _toll(descent.preset, iteration)
        if toll:
            total = total + toll * descent.toll * sum(
                bits_of_weights(*layer, layer[0].numel() + len(layer[1])) for layer in layers
            )
        torch.autograd.backward(total)
        optimiser.step(_learning_rate(descent.preset, iteration))


class _Together:
    """Networks that descend in one tensor program."""

    def __init__(self, descents: Sequence[Descent]) -> None:
        self._descents = descents
        most = max(len(descent.wanted) for descent in descents)
        self._preset = descents[0].preset
        layers = range(len(descents[0].layers))
        self._stacks = [_stacked([descent.layers[index] for descent in descents]) for index in layers]
        self._scales = torch.stack([_padded(descent.scale, most) for descent in descents])[:, None]
        self._seen = [torch.stack(parts) for parts in zip(*(descent.seen for descent in descents), strict=True)]
        self._parameters = [parameter for stack in self._stacks for parameter in stack]
        self._optimiser = StackOptimiser(self._parameters, soap=True)
        self._tolls = self._scales.new_tensor([descent.toll for descent in descents])
        self._counts = [
            self._scales.new_tensor([weights.numel() + len(biases) for weights, biases in own])
            for own in zip(*(descent.layers for descent in descents), strict=True)
        ]
        self._share = self._scales.new_zeros(())

    def descend(self) -> None:
        """Do all iterations."""
        for iteration in range(self._preset.synthesis_iterations):
            self._step(iteration)
        self._keep()

    def descend_captured(self) -> None:
        """Do all iterations, those after the first by a program that reads and writes the same tensors."""
        self._step(0)
        seen = self._seen[0].clone()
        gradients = [torch.zeros_like(parameter) for parameter in self._parameters]
        rates = torch.zeros(2, device=seen.device)

        def go_on() -> None:
            for kept, gradient in zip(gradients, torch.autograd.grad(self._loss(seen), self._parameters), strict=True):
                kept.copy_(gradient)
            self._optimiser.move(self._parameters, gradients, rates)

        program = Captured(seen.device)
        for iteration in range(1, self._preset.synthesis_iterations):
            seen.copy_(self._seen[iteration % len(self._seen)])
            for rate, value in zip(rates, self._optimiser.rates(_learning_rate(self._preset, iteration)), strict=True):
                rate.fill_(value)
            self._share.fill_(_toll(self._preset, iteration))
            program.run(go_on)
            self._optimiser.moved()
        self._keep()

    def _step(self, iteration: int) -> None:
        self._share.fill_(_toll(self._preset, iteration))
        torch.autograd.backward(self._loss(self._seen[iteration % len(self._seen)]))
        self._optimiser.step(self._parameters, [_learning_rate(self._preset, iteration)] * len(self._descents))

    def _loss(self, seen: Tensor) -> Tensor:
        said = _said_by_all(self._stacks, seen) * self._scales
        pairs = zip(self._descents, said, strict=True)
        left = [descent.wanted - own[:, : len(descent.wanted)].T for descent, own in pairs]
        total = self._descents[0].loss.of_all([descent.loss for descent in self._descents], left)
        if not self._preset.toll:
            return total
        layers = zip(self._stacks, self._counts, strict=True)
        bits = [bits_of_weights(weights[0], biases[0], counts) for (weights, biases), counts in layers]
        return total + self._share * (self._tolls * torch.stack(bits).sum(0)).sum()

    @torch.no_grad()
    def _keep(self) -> None:
        for number, descent in enumerate(self._descents):
            for (weights, biases), (all_weights, all_biases) in zip(descent.layers, self._stacks, strict=True):
                weights.copy_(all_weights[0, number, : len(weights)])
                biases.copy_(all_biases[0, number, : len(biases)])


def _learning_rate(preset: LatentPreset, iteration: int) -> float:
    warm = min(1.0, (iteration + 1) / _WARM_UP)
    falling = 0.5 * (1 + math.cos(math.pi * iteration / preset.synthesis_iterations))
    return preset.learning_rate * warm * falling


def _toll(preset: LatentPreset, iteration: int) -> float:
    """Return what the bits of weights count for: nothing while a network finds its way, and ever more then."""
    start, end = _TOLL_FROM
    return preset.toll * min(max((iteration / preset.synthesis_iterations - start) / (end - start), 0.0), 1.0)


def bits_of_weights(weights: Tensor, biases: Tensor, count: float | Tensor) -> Tensor:
    """Return about how many bits a layer takes, or each of some layers: the code's scale follows the mean magnitude.

    Parameters
    ----------
    weights, biases
        (..., out, in) and (..., out).
    count
        (...) how many weights and biases there are; what stands beside them is 0.
    """
    mean = (weights.abs().sum((-2, -1)) + biases.abs().sum(-1)) / count
    return count * torch.log2(1.0 + _LEVELS * mean)


def _stacked(layers: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return a layer of several networks, (1, networks, out, in) and (1, networks, out), as leaves.

    Networks with fewer outputs have empty ones, which nothing looks at.
    """
    most = max(len(biases) for _, biases in layers)
    weights, biases = (
        torch.stack([_padded(part.detach(), most) for part in parts])[None] for parts in zip(*layers, strict=True)
    )
    return weights.requires_grad_(), biases.requires_grad_()


def _padded(part: Tensor, most: int) -> Tensor:
    return torch.cat([part, part.new_zeros(most - len(part), *part.shape[1:])])


def _said_by_all(stacks: Sequence[tuple[Tensor, Tensor]], seen: Tensor) -> Tensor:
    """Return what networks make of coordinates, (networks, pixels, outputs) of (networks, pixels, coordinates)."""
    values = seen
    for weights, biases in stacks[:-1]:
        values = torch.sin(torch.baddbmm(biases[0, :, None], values, weights[0].mT))
    weights, biases = stacks[-1]
    return torch.baddbmm(biases[0, :, None], values, weights[0].mT)

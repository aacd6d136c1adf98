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
from xr_inr.core.latent.sine_fit import Layers
from xr_inr.core.latent.sine_stack import SineStack, padded
from xr_inr.core.siren.optimiser import Soap
from xr_inr.core.siren.stack_optimiser import StackOptimiser

_WARM_UP = 20
_TOLL_FROM = (0.1, 0.5)
"""Parts of the iterations between which the toll of weights grows to what it is."""

_HELD = 3
"""Copies of an activation that a step holds: itself, its sine, their gradients in turn."""


class Loss(Protocol):
    """What a network is fitted to make small."""

    @property
    def kind(self) -> Hashable:
        """What losses that can be computed together have in common."""

    def turn_to_slopes(self, losses: Sequence[Any], left: Sequence[Tensor]) -> None:
        """Put in place of what each network leaves, (outputs, pixels), how losses of one kind change with it."""


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


@torch.no_grad()
def descend(descents: Sequence[Descent]) -> None:
    """Fit networks whose descents are of one kind; each takes the steps that it would take alone, floats aside."""
    if descents[0].wanted.is_cuda:
        _Together(descents).descend_captured()
    elif len(descents) == 1:
        _descend_alone(descents[0])
    else:
        _Together(descents).descend()


def _descend_alone(descent: Descent) -> None:
    """Do all iterations of one network; its optimiser takes fewer operations than that of several."""
    slopes = _Slopes([descent])
    parameters = [parameter for layer in descent.layers for parameter in layer]
    optimiser = Soap(parameters)
    for iteration in range(descent.preset.synthesis_iterations):
        for parameter, slope in zip(parameters, slopes.at(iteration), strict=True):
            parameter.grad = slope[0, 0]
        optimiser.step(_learning_rate(descent.preset, iteration))
    optimiser.zero_grad()


class _Slopes:
    """Where the losses of some networks lead them."""

    def __init__(self, descents: Sequence[Descent]) -> None:
        first = descents[0]
        self._losses = [descent.loss for descent in descents]
        self._outputs = [len(descent.wanted) for descent in descents]
        self._preset = first.preset
        most = max(self._outputs)
        self._wanted = torch.stack([padded(descent.wanted, most) for descent in descents])
        # Negative: what is left is what is wanted minus what is said.
        self._scales = -torch.stack([padded(descent.scale, most) for descent in descents])[:, :, None]
        # One buffer, written over and over: memory that is asked for anew comes as slowly as what is done with it.
        self._room = torch.empty_like(self._wanted)
        self.seen = [torch.stack([part.T for part in parts]) for parts in zip(*(d.seen for d in descents), strict=True)]
        """(networks, coordinates, pixels), which iterations take turns with."""

        self.stack = SineStack([descent.layers for descent in descents])
        self._tolls = first.wanted.new_tensor([descent.toll for descent in descents])
        self._share = first.wanted.new_zeros(())

    def at(self, iteration: int) -> list[Tensor]:
        """Return the gradients of all parameters at an iteration."""
        self.charge(iteration)
        return self.of(self.seen[iteration % len(self.seen)])

    def charge(self, iteration: int) -> None:
        """Let weights be charged as they are at an iteration."""
        self._share.fill_(_toll(self._preset, iteration))

    def of(self, seen: Tensor) -> list[Tensor]:
        """Return the gradients of all parameters, given coordinates."""
        left = self.stack.say(seen, out=self._room).mul_(self._scales).add_(self._wanted)
        # Outputs that a network lacks leave nothing, and stay so.
        own = [part[:count] for part, count in zip(left, self._outputs, strict=True)]
        self._losses[0].turn_to_slopes(self._losses, own)
        found = self.stack.slopes(left.mul_(self._scales))
        if self._preset.toll:
            self.stack.add_tolls(found, self._share * self._tolls)
        return found


class _Together:
    """Networks that descend in one tensor program."""

    def __init__(self, descents: Sequence[Descent]) -> None:
        self._descents = descents
        self._preset = descents[0].preset
        self._slopes = _Slopes(descents)
        self._parameters = self._slopes.stack.parameters
        self._optimiser = StackOptimiser(self._parameters, soap=True)

    def descend(self) -> None:
        """Do all iterations."""
        for iteration in range(self._preset.synthesis_iterations):
            self._step(iteration)
        self._keep()

    def descend_captured(self) -> None:
        """Do all iterations, those after the first by a program that reads and writes the same tensors."""
        self._step(0)
        all_seen = self._slopes.seen
        seen = all_seen[0].clone()
        rates = torch.zeros(2, device=seen.device)

        def go_on() -> None:
            self._optimiser.move(self._parameters, self._slopes.of(seen), rates)

        program = Captured(seen.device)
        for iteration in range(1, self._preset.synthesis_iterations):
            seen.copy_(all_seen[iteration % len(all_seen)])
            for rate, value in zip(rates, self._optimiser.rates(_learning_rate(self._preset, iteration)), strict=True):
                rate.fill_(value)
            self._slopes.charge(iteration)
            program.run(go_on)
            self._optimiser.moved()
        self._keep()

    def _step(self, iteration: int) -> None:
        for parameter, slope in zip(self._parameters, self._slopes.at(iteration), strict=True):
            parameter.grad = slope
        self._optimiser.step(self._parameters, [_learning_rate(self._preset, iteration)] * len(self._descents))

    def _keep(self) -> None:
        self._slopes.stack.keep([descent.layers for descent in self._descents])


def _learning_rate(preset: LatentPreset, iteration: int) -> float:
    warm = min(1.0, (iteration + 1) / _WARM_UP)
    falling = 0.5 * (1 + math.cos(math.pi * iteration / preset.synthesis_iterations))
    return preset.learning_rate * warm * falling


def _toll(preset: LatentPreset, iteration: int) -> float:
    """Return what the bits of weights count for: nothing while a network finds its way, and ever more then."""
    start, end = _TOLL_FROM
    return preset.toll * min(max((iteration / preset.synthesis_iterations - start) / (end - start), 0.0), 1.0)

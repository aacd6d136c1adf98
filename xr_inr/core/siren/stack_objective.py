"""The errors of several networks, each against its own scene, in one tensor program."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.stack import Stack

_POINTS_AT_ONCE = 65_536


class StackObjective:
    """Squared errors of a stack of networks.

    Scenes of fewer points than others are filled up with points that do not count. Scenes with pixels of which only
    some bands are masked are compared one after the other.

    Parameters
    ----------
    objectives
        What each network is to minimise; all of as many outputs, on one device, and with targets in the same place.
    at_once
        How many points of all networks together are evaluated at a time where all are looked at, at most.
    """

    def __init__(self, objectives: Sequence[Objective], at_once: int | None = None) -> None:
        self._own = list(objectives)
        self._at_once = _POINTS_AT_ONCE if at_once is None else min(at_once, _POINTS_AT_ONCE)
        self._points = max(objective.points for objective in objectives)
        first = objectives[0]
        count, device = len(objectives), first.device
        self._device, self._home = device, first.home
        self._parted = [number for number, own in enumerate(objectives) if len(own.targets) < own.points]
        self._positions = _stacked([own.places for own in objectives], self._points)
        self._targets = _stacked([own.targets for own in objectives], self._points)
        self._weights = None
        if self._parted or any(own.points < self._points for own in objectives):
            self._weights = torch.zeros(count, self._points, device=self._home)
            for number, own in enumerate(objectives):
                if number not in self._parted:
                    self._weights[number, : own.points] = 1.0
        self._energies = torch.tensor([objective.energy_per_output for objective in objectives], device=device)
        own_weights = [objective.output_weights for objective in objectives]
        self._output_weights = (
            None
            if all(weights is None for weights in own_weights)
            else torch.stack([torch.ones(first.outputs, device=device) if own is None else own for own in own_weights])
        )
        self._numbers = torch.arange(count, device=self._home).unsqueeze(1)

    @property
    def keeps_its_shape(self) -> bool:
        """Whether errors are found by the same operations on the device whatever the points."""
        return not self._parted and self._home == self._device

    @property
    def home(self) -> torch.device:
        """Where targets lie."""
        return self._home

    @property
    def points(self) -> int:
        """How many points the largest scene has."""
        return self._points

    @property
    def count(self) -> int:
        """How many networks there are."""
        return len(self._own)

    def psnr(self, number: int, squared_error: float) -> float:
        """Return the PSNR in dB over all valid samples of a scene for a summed squared error."""
        return self._own[number].psnr(squared_error)

    def whole_among(self, index: Tensor) -> list[int]:
        """Return of each network's points, (networks, points) on the CPU, how many have no masked band."""
        return [own.whole_among(points) for own, points in zip(self._own, index, strict=True)] if self._parted else []

    def errors_at(self, networks: Stack, index: Tensor, wholes: Sequence[int]) -> Tensor:
        """Return the summed squared error of each network at some points, (networks,), with gradients.

        Parameters
        ----------
        networks
            To evaluate.
        index
            Points of each scene, (networks, points) int64, ascending, and where targets lie.
        wholes
            What `whole_among` says of these points.
        """
        chosen = (self._numbers, index)
        weights = None if self._weights is None else self._weights[chosen].to(self._device)
        positions, targets = self._positions[chosen].to(self._device), self._targets[chosen].to(self._device)
        return self._compare(networks.outputs(positions), targets, weights, list(index), wholes)

    def errors_between(self, networks: Stack, start: int, stop: int) -> Tensor:
        """Return the summed squared error of each network from one point to before another, (networks,)."""
        part = slice(start, stop)
        weights = None if self._weights is None else self._weights[:, part].to(self._device)
        compared = self._own if self._parted else []
        ends = [max(start, min(stop, own.points)) for own in compared]
        index = [torch.arange(start, end, device=self._home) for end in ends]
        positions, targets = self._positions[:, part].to(self._device), self._targets[:, part].to(self._device)
        wholes = [own.whole_between(start, end) for own, end in zip(compared, ends, strict=True)]
        return self._compare(networks.outputs(positions), targets, weights, index, wholes)

    @torch.no_grad()
    def errors_everywhere(self, networks: Stack) -> Tensor:
        """Return the summed squared error of each network over all points, (networks,), some at a time."""
        step = max(1, self._at_once // self.count)
        starts = range(0, self._points, step)
        parts = [self.errors_between(networks, start, min(start + step, self._points)) for start in starts]
        return torch.stack(parts).sum(0)

    def only(self, numbers: Sequence[int]) -> StackObjective:
        """Return the objective of some of the networks."""
        return StackObjective([self._own[number] for number in numbers], self._at_once)

    def _compare(
        self,
        outputs: Tensor,
        targets: Tensor,
        weights: Tensor | None,
        index: Sequence[Tensor],
        wholes: Sequence[int],
    ) -> Tensor:
        compared = outputs if self._output_weights is None else outputs * self._output_weights.unsqueeze(1)
        squares = (compared - targets).square()
        if weights is not None:
            squares = squares * weights.unsqueeze(2)
        errors = squares.sum((1, 2)) * self._energies
        if not self._parted:
            return errors
        each = list(errors.unbind())
        for number in self._parted:
            points = index[number]
            each[number] = self._own[number].squared_error(outputs[number, : len(points)], points, wholes[number])
        return torch.stack(each)


def _stacked(parts: Sequence[Tensor], points: int) -> Tensor:
    """Return what scenes have for their points, (points, values) each, side by side and filled up with zeros."""
    if len(parts) == 1 and len(parts[0]) == points:
        return parts[0].unsqueeze(0)
    found = parts[0].new_zeros(len(parts), points, parts[0].shape[1])
    for own, part in zip(found, parts, strict=True):
        own[: len(part)] = part
    return found

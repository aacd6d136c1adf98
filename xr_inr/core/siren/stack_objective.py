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
        What each network is to minimise; all of as many outputs, on one device.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._own = list(objectives)
        self._points = max(objective.points for objective in objectives)
        first = objectives[0]
        count, device = len(objectives), first.targets.device
        self._positions = torch.zeros(count, self._points, 2, device=device)
        self._targets = torch.zeros(count, self._points, first.outputs, device=device)
        weights = torch.zeros(count, self._points, device=device)
        self._parted = []
        for number, objective in enumerate(objectives):
            self._positions[number, : objective.points] = objective.positions()
            if len(objective.targets) < objective.points:
                self._parted.append(number)
                continue
            self._targets[number, : objective.points] = objective.targets
            weights[number, : objective.points] = 1.0
        self._weights = None if bool(weights.all()) else weights
        self._energies = torch.tensor([objective.energy_per_output for objective in objectives], device=device)
        own_weights = [objective.output_weights for objective in objectives]
        self._output_weights = (
            None
            if all(weights is None for weights in own_weights)
            else torch.stack([torch.ones(first.outputs, device=device) if own is None else own for own in own_weights])
        )
        self._numbers = torch.arange(count, device=device).unsqueeze(1)

    @property
    def keeps_its_shape(self) -> bool:
        """Whether errors are found by the same operations whatever the points."""
        return not self._parted

    @property
    def count(self) -> int:
        """How many networks there are."""
        return len(self._own)

    def psnr(self, number: int, squared_error: float) -> float:
        """Return the PSNR in dB over all valid samples of a scene for a summed squared error."""
        return self._own[number].psnr(squared_error)

    def errors(self, networks: Stack, index: Tensor | None = None) -> Tensor:
        """Return the summed squared error of each network.

        Parameters
        ----------
        networks
            To evaluate.
        index
            Points of each scene, (networks, points) int64, ascending; all if None.

        Returns
        -------
        Tensor
            (networks,), with gradients.
        """
        if index is None:
            return self._between(networks, 0, self._points)
        chosen = (self._numbers, index)
        weights = None if self._weights is None else self._weights[chosen]
        return self._compare(networks.outputs(self._positions[chosen]), self._targets[chosen], weights, list(index))

    @torch.no_grad()
    def errors_everywhere(self, networks: Stack) -> Tensor:
        """Return the summed squared error of each network over all points, (networks,), some at a time."""
        step = max(1, _POINTS_AT_ONCE // self.count)
        starts = range(0, self._points, step)
        parts = [self._between(networks, start, min(start + step, self._points)) for start in starts]
        return torch.stack(parts).sum(0)

    def only(self, numbers: Sequence[int]) -> StackObjective:
        """Return the objective of some of the networks."""
        return StackObjective([self._own[number] for number in numbers])

    def _between(self, networks: Stack, start: int, stop: int) -> Tensor:
        part = slice(start, stop)
        weights = None if self._weights is None else self._weights[:, part]
        device = self._positions.device
        ends = [max(start, min(stop, own.points)) for own in self._own] if self._parted else []
        index = [torch.arange(start, end, device=device) for end in ends]
        return self._compare(networks.outputs(self._positions[:, part]), self._targets[:, part], weights, index)

    def _compare(self, outputs: Tensor, targets: Tensor, weights: Tensor | None, index: Sequence[Tensor]) -> Tensor:
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
            each[number] = self._own[number].squared_error(outputs[number, : len(points)], points)
        return torch.stack(each)

"""The errors of a stack of networks and where they lead, as a program that a CUDA device is given whole."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from xr_inr.core.captured import Captured
from xr_inr.core.siren.stack import Stack
from xr_inr.core.siren.stack_objective import StackObjective


class StackGradient:
    """Finds the gradient of the mean squared errors of networks, iteration by iteration.

    Parameters
    ----------
    objective
        What each network is to minimise.
    stack
        The networks, as leaf tensors that change in place.
    weight_bits
        In which stored form the parameters are evaluated; None for as they are.
    counts
        How many points an iteration compares, of each network.
    at_once
        How many points of all networks together are compared at a time; gradients of parts are added up.
    """

    def __init__(
        self, objective: StackObjective, stack: Stack, weight_bits: int | None, counts: Sequence[int], at_once: int
    ) -> None:
        self._objective, self._stack, self._bits = objective, stack, weight_bits
        self._step = max(1, at_once // len(counts))
        device = stack.tensors[0].device
        self._counts = torch.tensor(counts, dtype=torch.float32, device=device)
        self._errors = torch.zeros_like(self._counts)
        self._gradients = [torch.zeros_like(part) for part in stack.tensors]
        self._index: Tensor | None = None
        self._wholes: list[int] = []
        self._program = Captured(device, allowed=objective.keeps_its_shape)

    def is_of(self, stack: Stack, weight_bits: int | None) -> bool:
        """Whether it is that of these networks in this form."""
        return self._stack is stack and self._bits == weight_bits

    def find(self, index: Tensor | None) -> Tensor:
        """Give the networks their gradients, and return the summed squared error of each, (networks,).

        Parameters
        ----------
        index
            Points of each scene, (networks, points) int64 on the CPU, ascending, as many as ever; all if None.
        """
        if index is not None:
            self._wholes = self._objective.whole_among(index)
            device = self._objective.home
            if self._index is None:
                self._index = torch.empty_like(index, device=device)
            # From pinned memory it is copied while the device works.
            self._index.copy_(index.pin_memory() if device.type == "cuda" else index, non_blocking=True)
        self._program.run(self._find)
        for part, gradient in zip(self._stack.tensors, self._gradients, strict=True):
            part.grad = gradient
        return self._errors

    @torch.enable_grad()
    def _find(self) -> None:
        points = self._objective.points if self._index is None else self._index.shape[1]
        for start in range(0, points, self._step):
            networks = self._stack if self._bits is None else self._stack.as_stored(self._bits)
            errors = self._errors_of(networks, start, min(start + self._step, points))
            found = torch.autograd.grad((errors / self._counts).sum(), self._stack.tensors)
            for kept, part in zip((self._errors, *self._gradients), (errors.detach(), *found), strict=True):
                if start:
                    kept.add_(part)
                else:
                    kept.copy_(part)

    def _errors_of(self, networks: Stack, start: int, stop: int) -> Tensor:
        if self._index is None:
            return self._objective.errors_between(networks, start, stop)
        wholes = [min(max(whole - start, 0), stop - start) for whole in self._wholes]
        return self._objective.errors_at(networks, self._index[:, start:stop], wholes)

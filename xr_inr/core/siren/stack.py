"""Networks of one architecture side by side: layers of equal shape of all of them are one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xr_inr.core.siren.network import OMEGA_0, Parameters
from xr_inr.core.siren.quantisation import are_exact, as_stored


@dataclass(frozen=True)
class Stack:
    """The parameters of several networks.

    The first layers, the hidden ones and the last ones are a group each, so that a step takes as many operations for
    a deep network as for a shallow one.
    """

    groups: Parameters
    """(weights (layers, networks, units, inputs), biases (layers, networks, units)) of each group, first to last."""

    @classmethod
    def of(cls, networks: Sequence[Parameters]) -> Stack:
        """Return networks of one architecture side by side, as leaf tensors that require gradients."""
        depth = len(networks[0])
        groups = []
        for layers in (range(1), range(1, depth - 1), range(depth - 1, depth)):
            if layers:
                weights, biases = (
                    torch.stack(
                        [torch.stack([network[layer][part].detach() for network in networks]) for layer in layers]
                    )
                    for part in (0, 1)
                )
                groups.append((weights.requires_grad_(), biases.requires_grad_()))
        return cls(groups)

    @property
    def count(self) -> int:
        """How many networks there are."""
        return self.groups[0][0].shape[1]

    @property
    def tensors(self) -> list[Tensor]:
        """All parameters, weights and biases by turns."""
        return [part for group in self.groups for part in group]

    def as_stored(self, weight_bits: int) -> Stack:
        """Return the parameters as they will be read back, with the gradient of the parameters themselves."""
        return Stack(as_stored(self.groups, weight_bits))

    def decodable(self) -> list[bool]:
        """Return of each network whether the decoder's sums stay exact."""
        exact = [are_exact(weights, biases).all(2).all(0) for weights, biases in self.groups]
        found: list[bool] = torch.stack(exact).all(0).tolist()
        return found

    def network(self, number: int) -> Parameters:
        """Return the parameters of a network, which change with those of the stack."""
        return [
            (weights[layer, number].detach(), biases[layer, number].detach())
            for weights, biases in self.groups
            for layer in range(len(weights))
        ]

    @torch.no_grad()
    def take(self, other: Stack, numbers: Sequence[int]) -> None:
        """Overwrite networks with those of another stack."""
        everything = len(numbers) == self.count
        for own, theirs in zip(self.tensors, other.tensors, strict=True):
            if everything:
                own.copy_(theirs)
            else:
                own[:, numbers] = theirs[:, numbers]

    def copy(self) -> Stack:
        """Return a copy without gradients."""
        return self._each(lambda part: part.detach().clone())

    def only(self, numbers: Sequence[int]) -> Stack:
        """Return some of the networks, as leaf tensors."""
        return self._each(lambda part: part.detach()[:, numbers].clone().requires_grad_(part.requires_grad))

    def outputs(self, positions: Tensor) -> Tensor:
        """Return the outputs, (networks, points, outputs), at `positions`, (networks, points, 2) in [-1, 1]."""
        values = positions
        for weights, biases in self.groups[:-1]:
            scaled = zip((weights * OMEGA_0).unbind(), (biases * OMEGA_0).unsqueeze(2).unbind(), strict=True)
            for layer, offsets in scaled:
                values = torch.baddbmm(offsets, values, layer.mT).sin()
        weights, biases = self.groups[-1]
        return torch.baddbmm(biases[0].unsqueeze(1), values, weights[0].mT)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Stack:
        return Stack([(change(weights), change(biases)) for weights, biases in self.groups])

"""What moves the parameters of a fit: torch's Adam, and SOAP.

SOAP is Adam run in the slowly turning eigenbasis of Shampoo's preconditioner (Vyas et al., 'SOAP: Improving and
Stabilizing Shampoo using Adam', arXiv 2409.11321). Matrices get SOAP, biases Adam.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor


class Optimiser(Protocol):
    """What a fit asks of an optimiser."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self, learning_rate: float) -> None:
        """Move every parameter against its gradient."""

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers: tensors, numbers, lists and dicts."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what another one of the same parameters did."""


class Adam:
    """torch's Adam with the learning rate given at each step."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._adam = torch.optim.Adam(parameters)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._adam.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> None:
        """Move every parameter against its gradient."""
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        self._adam.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers."""
        return self._adam.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what another one of the same parameters did."""
        self._adam.load_state_dict(state)


@dataclass
class _State:
    """What is remembered of one parameter."""

    mean: Tensor
    square: Tensor
    grams: list[Tensor | None] = field(default_factory=list)
    bases: list[Tensor | None] = field(default_factory=list)
    steps: int = 0


class Soap:
    """The optimiser of the faster presets.

    Parameters
    ----------
    parameters
        Leaf tensors; matrices are preconditioned on both sides.
    betas
        Decay of the mean and of the squared gradient.
    gram_beta
        Decay of the preconditioner.
    largest_side
        A side of a matrix longer than this is not turned: its eigenbasis would cost more than it gains.
    refresh_every
        Steps between two updates of the eigenbasis.
    eps
        Added to the root of the squared gradient.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        betas: tuple[float, float] = (0.9, 0.9),
        gram_beta: float = 0.95,
        largest_side: int = 1024,
        refresh_every: int = 10,
        eps: float = 1e-8,
    ) -> None:
        self._parameters = list(parameters)
        self._betas = betas
        self._gram_beta = gram_beta
        self._largest_side = largest_side
        self._refresh_every = refresh_every
        self._eps = eps
        self._states = [_State(torch.zeros_like(p), torch.zeros_like(p)) for p in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter against its gradient."""
        for parameter, state in zip(self._parameters, self._states, strict=True):
            if parameter.grad is not None:
                self._update(parameter, parameter.grad, state, learning_rate)

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers."""
        return {"states": [dict(vars(state)) for state in self._states]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what another one of the same parameters did."""
        for own, saved in zip(self._states, state["states"], strict=True):
            device = own.mean.device
            vars(own).update({name: _moved(value, device) for name, value in saved.items()})

    def _update(self, parameter: Tensor, gradient: Tensor, state: _State, learning_rate: float) -> None:
        if parameter.ndim == 2:
            self._follow(gradient, state)
            if not state.bases:
                # The first gradient only says which way the eigenbasis lies.
                state.bases = [None if gram is None else eigenbasis(gram) for gram in state.grams]
                return
        state.steps += 1
        first, second = self._betas
        state.mean.lerp_(gradient, 1.0 - first)
        turned = turn(gradient, state.bases)
        state.square.mul_(second).addcmul_(turned, turned, value=1.0 - second)
        correction = (1.0 - second**state.steps) ** 0.5 / (1.0 - first**state.steps)
        direction = turn(state.mean, state.bases) / state.square.sqrt().add_(self._eps)
        parameter.add_(turn_back(direction, state.bases), alpha=-learning_rate * correction)
        if state.bases and state.steps % self._refresh_every == 0:
            _refresh(state)

    def _follow(self, gradient: Tensor, state: _State) -> None:
        if not state.grams:
            state.grams = [
                gradient.new_zeros(length, length) if length <= self._largest_side else None
                for length in gradient.shape
            ]
        for side, gram in enumerate(state.grams):
            if gram is not None:
                product = gradient @ gradient.T if side == 0 else gradient.T @ gradient
                gram.lerp_(product, 1.0 - self._gram_beta)


def _moved(value: Any, device: torch.device) -> Any:
    """Return tensors, and those in lists, on `device`, and all else as it is."""
    if isinstance(value, list):
        return [_moved(part, device) for part in value]
    return value.to(device) if isinstance(value, Tensor) else value


def eigenbasis(gram: Tensor) -> Tensor:
    """Return eigenvectors as columns, largest first; in float64, since the first Gram matrix is of low rank.

    Matrices, here and in `turn`, may be (rows, columns) or stand in a stack, (networks, rows, columns).
    """
    vectors: Tensor = torch.linalg.eigh(gram.double())[1]
    return vectors.flip(-1).to(gram.dtype).contiguous()


def _refresh(state: _State) -> None:
    """Let the eigenbases follow by one step of orthogonal iteration; the squared gradients keep to their vectors."""
    for side, (gram, basis) in enumerate(zip(state.grams, state.bases, strict=True)):
        if gram is None or basis is None:
            continue
        product = gram @ basis
        order = torch.argsort((basis * product).sum(0), descending=True)
        state.square = state.square.index_select(side, order)
        state.bases[side] = torch.linalg.qr(product[:, order])[0]


def turn(values: Tensor, bases: Sequence[Tensor | None]) -> Tensor:
    """Bring matrices into the eigenbases of their sides; biases have none."""
    left, right = bases or (None, None)
    values = values if left is None else left.mT @ values
    return values if right is None else values @ right


def turn_back(values: Tensor, bases: Sequence[Tensor | None]) -> Tensor:
    """Undo `turn`."""
    left, right = bases or (None, None)
    values = values if left is None else left @ values
    return values if right is None else values @ right.mT

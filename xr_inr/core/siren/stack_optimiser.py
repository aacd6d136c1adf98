"""What moves the parameters of a stack of networks: SOAP and Adam of each, in one tensor program.

A network takes the steps that `xr_inr.core.siren.optimiser` would give it alone; it may begin again without the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from xr_inr.core.siren.optimiser import eigenbasis, turn, turn_back

_GRAM_BETA = 0.95
_LARGEST_SIDE = 1024
_REFRESH_EVERY = 10
_EPS = 1e-8


@dataclass
class _State:
    """What is remembered of one tensor of parameters; all with its layers and networks as one leading axis."""

    mean: Tensor
    square: Tensor
    grams: list[Tensor | None] = field(default_factory=list)
    bases: list[Tensor | None] = field(default_factory=list)

    @property
    def tensors(self) -> list[Tensor]:
        return [self.mean, self.square, *(part for part in (*self.grams, *self.bases) if part is not None)]


class StackOptimiser:
    """Adam, or SOAP, which is Adam in the eigenbasis of each matrix, of several networks.

    Parameters
    ----------
    parameters
        Of all networks: (layers, networks, units, inputs) or (layers, networks, units).
    soap
        Whether matrices are turned into their eigenbases.
    """

    def __init__(self, parameters: Sequence[Tensor], *, soap: bool) -> None:
        self._soap = soap
        self._betas = (0.9, 0.9) if soap else (0.9, 0.999)
        self._ages = [0] * parameters[0].shape[1]
        self._layers = [len(parameter) for parameter in parameters]
        self._states = [self._begin(parameter.detach().flatten(0, 1)) for parameter in parameters]

    @torch.no_grad()
    def step(self, parameters: Sequence[Tensor], learning_rates: Sequence[float]) -> None:
        """Move the parameters against their gradients, which are forgotten, each network at its own rate."""
        for parameter, state, layers in zip(parameters, self._states, self._layers, strict=True):
            if parameter.grad is not None:
                flat, gradient = parameter.detach().flatten(0, 1), parameter.grad.flatten(0, 1)
                self._update(flat, gradient, state, layers, learning_rates)
                parameter.grad = None
        self._ages = [age + 1 for age in self._ages]

    @torch.no_grad()
    def move(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], rates: Tensor) -> None:
        """Do what is the same at every step of SOAP but the first, on the same tensors: it may be captured.

        Parameters
        ----------
        parameters, gradients
            Of all networks, which are all of one age.
        rates
            (2,) what `rates` tells.
        """
        for parameter, gradient, state in zip(parameters, gradients, self._states, strict=True):
            flat, own = gradient.flatten(0, 1), rates[0 if state.grams else 1]
            if state.grams:
                _follow(flat, state)
            _descend(parameter.detach().flatten(0, 1), flat, state, own, betas=self._betas, eps=_EPS)

    def rates(self, learning_rate: float) -> tuple[float, float]:
        """Return the rates of matrices and of other parameters that the next `move` takes."""
        matrices, others = (learning_rate * _correction(self._ages[0] + more, self._betas) for more in (0, 1))
        return matrices, others

    @torch.no_grad()
    def moved(self) -> None:
        """Take note that all networks have moved: let eigenbases follow where it is their turn."""
        for state in self._states:
            if state.grams and self._ages[0] % _REFRESH_EVERY == 0:
                _refresh(state, None)
        self._ages = [age + 1 for age in self._ages]

    @torch.no_grad()
    def restart(self, numbers: Sequence[int]) -> None:
        """Forget all of some networks."""
        for state, layers in zip(self._states, self._layers, strict=True):
            rows = self._rows(numbers, layers)
            for part in state.tensors:
                part[rows] = 0.0
        for number in numbers:
            self._ages[number] = 0

    def keep(self, numbers: Sequence[int]) -> None:
        """Forget all networks but some."""
        for state, layers in zip(self._states, self._layers, strict=True):
            rows = self._rows(numbers, layers)
            state.mean, state.square = state.mean[rows], state.square[rows]
            state.grams = [None if gram is None else gram[rows] for gram in state.grams]
            state.bases = [None if basis is None else basis[rows] for basis in state.bases]
        self._ages = [self._ages[number] for number in numbers]

    def _begin(self, parameter: Tensor) -> _State:
        state = _State(torch.zeros_like(parameter), torch.zeros_like(parameter))
        if self._soap and parameter.ndim == 3:
            for length in parameter.shape[1:]:
                square = parameter.new_zeros(len(parameter), length, length) if length <= _LARGEST_SIDE else None
                state.grams.append(square)
                state.bases.append(None if square is None else square.clone())
        return state

    def _update(
        self, parameter: Tensor, gradient: Tensor, state: _State, layers: int, learning_rates: Sequence[float]
    ) -> None:
        fresh: list[int] = []
        if state.grams:
            _follow(gradient, state)
            fresh = [number for number, age in enumerate(self._ages) if not age]
            if fresh:
                _find_bases(state, self._rows(fresh, layers))
            if len(fresh) == len(self._ages):
                # The first gradient only says which way the eigenbases lie.
                return
        steps = [age if state.grams else age + 1 for age in self._ages]
        second = self._betas[1]
        corrections = [_correction(count, self._betas) for count in steps]
        # torch's Adam adds eps to the corrected root, SOAP to the root itself.
        eps = (
            _EPS
            if self._soap
            else self._per_network([_EPS * (1.0 - second**count) ** 0.5 for count in steps], layers, state.square)
        )
        rates = [rate * correction for rate, correction in zip(learning_rates, corrections, strict=True)]
        _descend(parameter, gradient, state, self._per_network(rates, layers, parameter), betas=self._betas, eps=eps)
        if fresh:
            rows = self._rows(fresh, layers)
            state.mean[rows] = state.square[rows] = 0.0
        due = [number for number, count in enumerate(steps) if count and count % _REFRESH_EVERY == 0]
        if state.grams and due:
            _refresh(state, None if len(due) == len(steps) else self._rows(due, layers))

    def _per_network(self, values: Sequence[float], layers: int, like: Tensor) -> Tensor | float:
        """Return a number of each network as a tensor that goes with `like`, or the number that all have."""
        if len(set(values)) == 1:
            return values[0]
        found = torch.tensor([*values] * layers, dtype=like.dtype, device=like.device)
        return found.view(-1, *[1] * (like.ndim - 1))

    def _rows(self, numbers: Iterable[int], layers: int) -> list[int]:
        numbers = list(numbers)
        return [layer * len(self._ages) + number for layer in range(layers) for number in numbers]


def _correction(count: int, betas: tuple[float, float]) -> float:
    """Return what makes up for averages that began at 0 so many steps ago."""
    first, second = betas
    return (1.0 - second**count) ** 0.5 / (1.0 - first**count) if count else 0.0


def _descend(
    parameter: Tensor,
    gradient: Tensor,
    state: _State,
    rates: Tensor | float,
    *,
    betas: tuple[float, float],
    eps: Tensor | float,
) -> None:
    """Take a gradient into the averages, and move the parameter along them."""
    first, second = betas
    state.mean.lerp_(gradient, 1.0 - first)
    turned = turn(gradient, state.bases)
    state.square.mul_(second).addcmul_(turned, turned, value=1.0 - second)
    direction = turn_back(turn(state.mean, state.bases) / state.square.sqrt().add_(eps), state.bases)
    if isinstance(rates, float):
        parameter.add_(direction, alpha=-rates)
    else:
        parameter.addcmul_(direction, rates, value=-1.0)


def _follow(gradient: Tensor, state: _State) -> None:
    for side, gram in enumerate(state.grams):
        if gram is not None:
            product = gradient @ gradient.mT if side == 0 else gradient.mT @ gradient
            gram.lerp_(product, 1.0 - _GRAM_BETA)


def _find_bases(state: _State, rows: Sequence[int]) -> None:
    """Set the eigenbases of some networks."""
    for gram, basis in zip(state.grams, state.bases, strict=True):
        if gram is not None and basis is not None:
            basis[rows] = eigenbasis(gram[rows])


def _refresh(state: _State, rows: Sequence[int] | None) -> None:
    """Let the eigenbases follow by one step of orthogonal iteration; the squared gradients keep to their vectors."""
    some = slice(None) if rows is None else rows
    for side, (gram, basis) in enumerate(zip(state.grams, state.bases, strict=True)):
        if gram is None or basis is None:
            continue
        own = basis[some]
        product = gram[some] @ own
        order = (own * product).sum(-2).argsort(-1, descending=True)
        square = state.square[some]
        along = order.unsqueeze(-1 if side == 0 else -2).expand_as(square)
        state.square[some] = square.gather(-2 if side == 0 else -1, along)
        basis[some] = torch.linalg.qr(product.gather(-1, order.unsqueeze(-2).expand_as(product)))[0]

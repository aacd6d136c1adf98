"""The context network as torch trains it: rounded forwards exactly as the decoder rounds, smooth backwards."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent.laws import SCALES, UNIT_SCALE
from xr_inr.core.latent.network import (
    LARGEST_BIAS,
    LARGEST_VALUE,
    LARGEST_WEIGHT,
    OFFSET_UNIT,
    SHAPES,
    VALUE_UNIT,
    WEIGHT_UNIT,
    ContextNetwork,
)

_BIAS_UNIT = WEIGHT_UNIT * VALUE_UNIT
_WEIGHTS = ("first", "second", "third")
_DEVIATIONS = {"first": 0.25, "of_pass": 0.5, "second": 0.3, "third": 0.3}
"""Of the initial parameters; the others begin as constants."""

_CONSTANTS = {"second_bias": 0.5, "third_bias": UNIT_SCALE / 2}


class TrainableContext(torch.nn.Module):
    """A context network whose parameters have gradients.

    Parameters
    ----------
    levels
        How many levels of details the examples have. Coarser ones take the biases of the last: larger scenes have them.
    seed
        Of the initial parameters.
    """

    def __init__(self, levels: int, seed: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self._last_level = min(levels, SHAPES["of_level"][0]) - 1
        self._parameters_by_name = torch.nn.ParameterDict(
            {
                name: torch.nn.Parameter(
                    _DEVIATIONS.get(name, 0.0) * torch.randn(shape, generator=random) + _CONSTANTS.get(name, 0.0)
                )
                for name, shape in SHAPES.items()
            }
        )

    def forward(self, features: Tensor, places: Tensor, offsets: Tensor) -> Tensor:
        """Return the index of each latent's scale before it is rounded, shape (latents,).

        Parameters
        ----------
        features
            (latents, features) whole numbers, float32.
        places
            (latents, 3) pass, orientation and level, int64.
        offsets
            (latents,) what to add to the indices, in units of 1 / `OFFSET_UNIT`.
        """
        number, orientation, level = places.T
        biases = (
            self._rounded("of_pass")[number]
            + self._rounded("of_orientation")[orientation]
            + self._rounded("of_level")[level.clamp(max=self._last_level)]
        )
        hidden = _rectified(features / VALUE_UNIT @ self._rounded("first").T + biases)
        hidden = _rectified(hidden @ self._rounded("second").T + self._rounded("second_bias"))
        indices: Tensor = (hidden @ self._rounded("third").T + self._rounded("third_bias"))[:, 0]
        return (indices + offsets / OFFSET_UNIT).clamp(0, SCALES - 1)

    @torch.no_grad()
    def confine(self) -> None:
        """Bring parameters back to what can be stored."""
        for name, parameter in self._parameters_by_name.items():
            limit = _largest(name) / _unit(name)
            parameter.clamp_(-limit, limit)

    @torch.no_grad()
    def network(self) -> ContextNetwork:
        """Return the network as it is stored."""
        stored = {name: np.rint(self._rounded(name).numpy() * _unit(name)).astype(np.int32) for name in SHAPES}
        stored["of_level"][self._last_level + 1 :] = stored["of_level"][self._last_level]
        return ContextNetwork(**stored)

    def _rounded(self, name: str) -> Tensor:
        values: Tensor = self._parameters_by_name[name]
        return _straight_through(values, torch.round(values * _unit(name)) / _unit(name))


def _unit(name: str) -> int:
    return WEIGHT_UNIT if name in _WEIGHTS else _BIAS_UNIT


def _largest(name: str) -> int:
    return LARGEST_WEIGHT if name in _WEIGHTS else LARGEST_BIAS


def _rectified(values: Tensor) -> Tensor:
    values = values.clamp(0, LARGEST_VALUE / VALUE_UNIT)
    return _straight_through(values, torch.floor(values * VALUE_UNIT) / VALUE_UNIT)


def _straight_through(values: Tensor, rounded: Tensor) -> Tensor:
    """Return `rounded` with the gradient of `values`; exact, since a float32 holds the difference of two so near."""
    return values + (rounded - values).detach()

"""Rounding weights while they are fitted, so that what is stored is what was fitted.

Each row of a weight matrix has its own step, kept as float16; the gradient passes the rounding straight through
(Bengio et al., arXiv 1308.3432).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from xr_inr.core.fixed_point import MAX_ROW_SUM
from xr_inr.core.packing import largest_level
from xr_inr.core.siren.storage import FLOAT_BITS, Layers, QuantisedLayer

_SMALLEST_STEP = 2.0**-14
"""The smallest normal float16."""


def row_steps(weights: Tensor, bits: int) -> Tensor:
    """Return the step of each row, (..., units, 1): its largest magnitude becomes the largest level."""
    largest = weights.detach().abs().amax(-1, keepdim=True)
    return _half((largest / largest_level(bits)).clamp_min(_SMALLEST_STEP))


def as_stored(layers: Sequence[tuple[Tensor, Tensor]], bits: int) -> list[tuple[Tensor, Tensor]]:
    """Return the parameters as they will be read back, with the gradient of the parameters themselves.

    Weights are (..., units, inputs) and biases (..., units): leading axes number networks.
    """
    if bits == 32:
        return list(layers)
    if bits == 16:
        return [_halved(layer) for layer in layers]
    stored = [_halved(layers[0])]
    for weights, biases in layers[1:]:
        steps = row_steps(weights, bits)
        stored.append((_through(weights, _levels(weights, steps, bits) * steps), _through(biases, _half(biases))))
    return stored


def is_decodable(layers: Sequence[tuple[Tensor, Tensor]]) -> bool:
    """Whether the decoder's sums stay exact: rounding to the stored form moves a sum by less than the margin left."""
    return all(bool(are_exact(weights, biases).all()) for weights, biases in layers)


def are_exact(weights: Tensor, biases: Tensor) -> Tensor:
    """Return of each unit, (..., units), whether the decoder's sum stays exact."""
    return weights.abs().sum(-1) + biases.abs() < 0.98 * MAX_ROW_SUM


def to_float_layers(layers: Sequence[tuple[Tensor, Tensor]]) -> Layers:
    """Return the parameters as numpy arrays, for storage as floats."""
    return [(_numpy(weights), _numpy(biases)) for weights, biases in layers]


def to_integer_layers(layers: Sequence[tuple[Tensor, Tensor]], bits: int) -> list[QuantisedLayer]:
    """Return the parameters of all layers but the first as integers of `bits` bits with steps."""
    if bits in FLOAT_BITS:
        raise ValueError(f"bits must not be one of {FLOAT_BITS}. Got {bits}.")
    stored = []
    for weights, biases in layers[1:]:
        steps = row_steps(weights, bits)
        levels = _numpy(_levels(weights, steps, bits)).astype(np.int64)
        stored.append(QuantisedLayer(levels, _numpy(steps[:, 0]).astype(np.float16), _numpy(biases).astype(np.float16)))
    return stored


def _levels(weights: Tensor, steps: Tensor, bits: int) -> Tensor:
    top = largest_level(bits)
    return (weights / steps).round().clamp(-top, top)


def _halved(layer: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    weights, biases = layer
    return _through(weights, _half(weights)), _through(biases, _half(biases))


def _through(parameter: Tensor, stored: Tensor) -> Tensor:
    return parameter + (stored - parameter).detach()


def _half(values: Tensor) -> Tensor:
    return values.half().to(values.dtype)


def _numpy(values: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return values.detach().cpu().numpy()

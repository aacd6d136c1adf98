"""Evaluating a stored network at grid positions, to the same bits everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import fixed_point
from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.siren.storage import StoredNetwork
from xr_inr.exceptions import PayloadError

_POINTS_AT_ONCE = 1024
_VALUES_AT_ONCE = 2**21
"""Values of a layer that are held: a network as wide as the format allows takes fewer points at a time."""


class Evaluator:
    """A network with its weights rounded to fixed point.

    Parameters
    ----------
    network
        The stored network.
    size
        (height, width) of the grid it was fitted on.
    arrays
        Where to evaluate.

    Raises
    ------
    PayloadError
        When weights are not finite or so large that sums would not be exact.
    """

    def __init__(self, network: StoredNetwork, size: tuple[int, int], arrays: Arrays = NUMPY) -> None:
        self._omega_0 = network.omega_0
        self._size = size
        self._arrays = arrays
        layers = [
            (fixed_point.to_weights(weights), fixed_point.to_weights(biases)) for weights, biases in network.layers
        ]
        limit = fixed_point.MAX_ROW_SUM * 2.0**fixed_point.WEIGHT_BITS
        for weights, biases in layers:
            sums = np.abs(weights).sum(axis=1) + np.abs(biases)
            if not (sums < limit).all():
                raise PayloadError(
                    f"the weights of a unit must be finite and sum to less than {fixed_point.MAX_ROW_SUM}"
                )
        self._layers = [(arrays.put(weights), arrays.put(biases)) for weights, biases in layers]

    def __call__(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Array:
        """Return the outputs at the points (rows[i], columns[i]): (points, outputs) in steps of 2**-20."""
        outputs = self._arrays.zeros((len(rows), len(self._layers[-1][1])), "float64")
        widest = max(len(biases) for _, biases in self._layers)
        step = self._arrays.at_once(max(1, min(_POINTS_AT_ONCE, _VALUES_AT_ONCE // widest)))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            outputs[part] = self._evaluate(rows[part], columns[part])
        return outputs

    def _evaluate(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Array:
        height, width = self._size
        values = self._arrays.put(
            np.stack([fixed_point.grid_positions(columns, width), fixed_point.grid_positions(rows, height)], axis=1)
        )
        for weights, biases in self._layers[:-1]:
            values = fixed_point.sine_of_products(_products(values, weights, biases), self._omega_0, self._arrays.xp)
        weights, biases = self._layers[-1]
        return fixed_point.products_to_values(_products(values, weights, biases), self._arrays.xp)


def _products(values: Array, weights: Array, biases: Array) -> Array:
    products = values @ weights.T
    products += biases * 2.0**fixed_point.VALUE_BITS
    return products

"""Evaluating a stored network at grid positions with numpy alone, to the same bits everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import fixed_point
from xr_inr.core.siren.storage import StoredNetwork
from xr_inr.exceptions import PayloadError

_POINTS_AT_ONCE = 1024


class Evaluator:
    """A network with its weights rounded to fixed point.

    Parameters
    ----------
    network
        The stored network.
    size
        (height, width) of the grid it was fitted on.

    Raises
    ------
    PayloadError
        When weights are not finite or so large that sums would not be exact.
    """

    def __init__(self, network: StoredNetwork, size: tuple[int, int]) -> None:
        self._omega_0 = network.omega_0
        self._size = size
        self._layers = [
            (fixed_point.to_weights(weights), fixed_point.to_weights(biases)) for weights, biases in network.layers
        ]
        limit = fixed_point.MAX_ROW_SUM * 2.0**fixed_point.WEIGHT_BITS
        for weights, biases in self._layers:
            sums = np.abs(weights).sum(axis=1) + np.abs(biases)
            if not (sums < limit).all():
                raise PayloadError(
                    f"the weights of a unit must be finite and sum to less than {fixed_point.MAX_ROW_SUM}"
                )

    def __call__(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the outputs at the points (rows[i], columns[i]): (points, outputs) in steps of 2**-20."""
        outputs = np.empty((len(rows), len(self._layers[-1][1])))
        for start in range(0, len(rows), _POINTS_AT_ONCE):
            part = slice(start, start + _POINTS_AT_ONCE)
            outputs[part] = self._evaluate(rows[part], columns[part])
        return outputs

    def _evaluate(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        height, width = self._size
        values = np.stack(
            [fixed_point.grid_positions(columns, width), fixed_point.grid_positions(rows, height)], axis=1
        )
        for weights, biases in self._layers[:-1]:
            values = fixed_point.sine_of_products(_products(values, weights, biases), self._omega_0)
        weights, biases = self._layers[-1]
        return fixed_point.products_to_values(_products(values, weights, biases))


def _products(
    values: NDArray[np.float64], weights: NDArray[np.float64], biases: NDArray[np.float64]
) -> NDArray[np.float64]:
    products: NDArray[np.float64] = values @ weights.T
    products += biases * 2.0**fixed_point.VALUE_BITS
    return products

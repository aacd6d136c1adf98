"""The context network at work: features of latents in, the index of each law's scale out."""

from __future__ import annotations

import types

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.arrays import Array, Arrays
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.network import HIDDEN, LARGEST_VALUE, VALUE_UNIT, WEIGHT_UNIT, ContextNetwork

_OUTPUT_UNIT = WEIGHT_UNIT * VALUE_UNIT
_POINTS_AT_ONCE = 3072
"""Activations of so many points stay in a cache."""


class ScaleIndices:
    """Evaluates a context network.

    Weights and biases are divided by their units, powers of two, beforehand: that changes no sum's bits but saves a
    pass over all activations.

    Parameters
    ----------
    network
        The network.
    arrays
        Where to evaluate it.
    """

    def __init__(self, network: ContextNetwork, arrays: Arrays) -> None:
        self._arrays = arrays
        self._network = network
        self._at_once = arrays.at_once(_POINTS_AT_ONCE)
        self._dtype = arrays.product_dtype
        self._first, self._second, self._third = (self._put(layer) for layer in _layers(network))
        self._first_biases: dict[tuple[int, int, int], Array] = {}
        self._room: tuple[Array, ...] = ()
        self._units: tuple[Array, ...] = ()

    def __call__(self, features: Array, place: tuple[int, int, int], offsets: Array) -> Array:
        """Return the index of each law's scale, int32, shape (points,); arguments as for `halves`."""
        return self.halves(features, place, offsets) >> 1

    def halves(self, features: Array, place: tuple[int, int, int], offsets: Array) -> Array:
        """Return how many half indices each law's scale has, int32, shape (points,).

        Parameters
        ----------
        features
            (`context.FEATURES`, points) whole numbers.
        place
            (pass, orientation, level) of all points.
        offsets
            (points,) float32 what to add to each index, multiples of 1 / `network.OFFSET_UNIT`.
        """
        if kernels.KERNELS is not None and self._arrays.device is None:
            return self._compiled(kernels.KERNELS, features, place, offsets)
        points = features.shape[1]
        # Parts alike: few sizes of scratch, and none too small.
        step = -(-points // -(-points // self._at_once)) if points else 1
        if points == step:
            return self._arrays.cast(self._outputs(features, place, offsets), "int32")
        found = self._arrays.zeros((points,), "int32")
        for start in range(0, points, step):
            part = slice(start, start + step)
            found[part] = self._outputs(features[:, part], place, offsets[part])
        return found

    def _compiled(
        self, compiled: types.ModuleType, features: Array, place: tuple[int, int, int], offsets: Array
    ) -> Array:
        """Return half indices as the C kernel gives them, which takes rows of features however far apart."""
        rows = np.asarray(features, np.float32)
        if rows.strides[1] != rows.itemsize:
            rows = np.ascontiguousarray(rows)
        weights = self._first, self._first_bias(place), self._second, self._third
        halves = np.empty(features.shape[1], np.int32)
        compiled.half_indices(*weights, rows, np.ascontiguousarray(offsets, np.float32), halves)
        return halves

    def _outputs(self, features: Array, place: tuple[int, int, int], offsets: Array) -> Array:
        """Return twice what the network gives, (points,), in [0, 2 (`SCALES` - 1)]; to be rounded down."""
        arrays, xp = self._arrays, self._arrays.xp
        first, first_hidden, second, second_hidden, out = self._scratch(features.shape[1])
        xp.matmul(self._first, arrays.cast(features, self._dtype), out=first_hidden)
        first_hidden += self._first_bias(place)
        xp.floor(first_hidden, out=first_hidden)
        arrays.clip(first_hidden, 0, LARGEST_VALUE)
        xp.matmul(self._second, first, out=second_hidden)
        xp.floor(second_hidden, out=second_hidden)
        arrays.clip(second_hidden, 0, LARGEST_VALUE)
        xp.matmul(self._third, second, out=out)
        out += offsets
        arrays.clip(out, 0, SCALES - 1)
        out *= 2
        return out[0]

    def _scratch(self, points: int) -> tuple[Array, ...]:
        """Return both hidden layers, each whole and without its last unit of 1, which bears a bias; and the output."""
        if not self._room or len(self._room[0]) < (HIDDEN + 1) * points:
            size = (HIDDEN + 1) * max(points, self._at_once)
            self._room = tuple(self._arrays.zeros((size,), self._dtype) for _ in range(3))
            self._units = ()
        if not self._units or self._units[0].shape[1] != points:
            first, second = (room[: (HIDDEN + 1) * points].reshape(HIDDEN + 1, points) for room in self._room[:2])
            first[HIDDEN] = second[HIDDEN] = 1
            self._units = first, first[:HIDDEN], second, second[:HIDDEN], self._room[2][:points].reshape(1, points)
        return self._units

    def _first_bias(self, place: tuple[int, int, int]) -> Array:
        if place not in self._first_biases:
            number, orientation, level = place
            network = self._network
            bias = network.of_pass[number] + network.of_orientation[orientation] + network.of_level[level]
            self._first_biases[place] = self._put(bias[:, None] / WEIGHT_UNIT)
        return self._first_biases[place]

    def _put(self, values: NDArray[np.float64]) -> Array:
        return self._arrays.put(values.astype(self._dtype))


def kernel_weights(network: ContextNetwork) -> NDArray[np.float32]:
    """Return all weights of a network over their units, one part after the other, for the C kernel of latents."""
    first, second, third = _layers(network)
    biases = (part / WEIGHT_UNIT for part in (network.of_pass, network.of_orientation, network.of_level))
    return np.concatenate([part.ravel() for part in (first, *biases, second, third)]).astype(np.float32)


def _layers(network: ContextNetwork) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights of the three layers over their units, the latter two with a last column of biases."""
    return (
        network.first / WEIGHT_UNIT,
        _with_bias(network.second, network.second_bias) / WEIGHT_UNIT,
        _with_bias(network.third, network.third_bias + _OUTPUT_UNIT // 2) / _OUTPUT_UNIT,
    )


def _with_bias(weights: NDArray[np.int32], bias: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate([weights, bias[:, None]], axis=1)

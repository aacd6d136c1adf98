"""A sinusoidal network that says what planes are, given those before them: y = W3 sin(W2 sin(W1 x))).

It is a SIREN (Sitzmann et al., arXiv 2006.09661) whose coordinates are decoded planes of leading components, at a pixel
and beside it. Spectra of a scene lie near a curved surface, which a linear basis cannot follow; and bands that see the
ground a little shifted or blurred against one another leave slopes of the first planes in the later ones. Evaluated in
the exact arithmetic of `core.fixed_point`.
"""

from __future__ import annotations

import functools
import math
import operator
import types
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import fixed_point, kernels
from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.latent.wavelet import LARGEST_PLANE, PLANE_BITS
from xr_inr.exceptions import PayloadError

OMEGA_0 = 1.0
"""Frequency factor of the sines; weights carry the frequencies."""

LARGEST_INPUT = 4.0
"""Inputs are clipped to this, in units of their own scale."""

BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""(down, across) of the neighbours whose differences from the pixel are coordinates too, one by one or summed."""

_WEIGHT_ONE = 2.0**fixed_point.WEIGHT_BITS
_PIXELS_AT_ONCE = 4096
"""What so many pixels take stays in a cache."""


@dataclass(frozen=True)
class SineSynthesis:
    """A network in the numbers that are stored.

    Raises
    ------
    PayloadError
        When weights are so large that sums would not be exact.
    """

    unit: np.float32
    """Quantiser steps in the unit of octaves: the network stays as it is when the step changes."""

    input_octaves: NDArray[np.int64]
    """(inputs,) a plane's value of 2**octave units is a coordinate of 1."""

    slope_octaves: NDArray[np.int64]
    """(inputs,) a plane's difference of 2**octave units from a neighbour, or its sum, is a coordinate of 1."""

    output_octaves: NDArray[np.int64]
    """(outputs,) an output of 1 is 2**octave units."""

    step_bits: tuple[int, ...]
    """Each layer's weights and biases are multiples of 2**-bits."""

    layers: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    """(weights (out, in), biases (out,)) of each layer, in multiples of its step. The first layer sees the planes of a
    pixel, then their differences from each of `BESIDE` in turn, or the sums of these."""

    curved: bool = False
    """Whether the differences of a plane are summed to one coordinate, its curvature."""

    def __post_init__(self) -> None:
        for weights, biases in self._exact_layers:
            if (np.abs(weights).sum(0) + np.abs(biases)).max() >= fixed_point.MAX_ROW_SUM * _WEIGHT_ONE:
                raise PayloadError(f"the weights of a unit must sum to less than {fixed_point.MAX_ROW_SUM}")

    @property
    def inputs(self) -> int:
        """How many leading components it looks at: all before those it foretells."""
        return len(self.input_octaves)

    @property
    def outputs(self) -> int:
        """How many components it speaks of."""
        return len(self.output_octaves)

    @cached_property
    def _exact_layers(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """(weights (in, out), biases (out,)) of each layer, in steps of 2**-24."""
        found = []
        for index, (bits, (weights, biases)) in enumerate(zip(self.step_bits, self.layers, strict=True)):
            # Inputs reach 4, activations 1: the first layer's sums are taken on quarters.
            gain = LARGEST_INPUT if index == 0 else 1.0
            unit = math.ldexp(1.0, fixed_point.WEIGHT_BITS - bits)
            found.append((weights.T.astype(np.float64) * (unit * gain), biases.astype(np.float64) * unit))
        return found

    def __call__(self, planes: Array, arrays: Arrays = NUMPY) -> Array:
        """Return what is foretold at every pixel.

        Parameters
        ----------
        planes
            (inputs, rows, columns) in steps of 2**-6 quantiser steps. Beyond an edge stands what stands at it.
        arrays
            What kind of array `planes` is.

        Returns
        -------
        ndarray or Tensor
            (outputs, rows, columns) float32 whole numbers up to `wavelet.LARGEST_PLANE`, in the same unit.
        """
        octaves = np.concatenate([self.input_octaves, np.tile(self.slope_octaves, 1 if self.curved else len(BESIDE))])
        gains = _powers_of_two(fixed_point.VALUE_BITS - PLANE_BITS - octaves) / float(self.unit)
        last_gains = float(self.unit) * _powers_of_two(self.output_octaves + PLANE_BITS - fixed_point.VALUE_BITS)
        if kernels.KERNELS is not None and arrays.device is None:
            return self._compiled(kernels.KERNELS, planes, gains, last_gains)
        xp, (_, rows, columns) = arrays.xp, planes.shape
        scale, last_scale = arrays.put(gains[:, None]), arrays.put(last_gains[:, None])
        layers = [(arrays.put(weights.T), arrays.put(biases[:, None])) for weights, biases in self._exact_layers]
        limit = LARGEST_INPUT * 2.0**fixed_point.VALUE_BITS
        foretold = arrays.zeros((self.outputs, rows, columns), "float32")
        step = max(arrays.at_once(_PIXELS_AT_ONCE) // max(columns, 1), 1)
        for start in range(0, rows, step):
            part = slice(start, min(start + step, rows))
            values = xp.round(_coordinates(planes, part, self.curved, arrays) * scale)
            values = xp.clip(values, -limit, limit) / LARGEST_INPUT
            for index, (weights, biases) in enumerate(layers):
                products = weights @ values
                products += biases * 2.0**fixed_point.VALUE_BITS
                if index < len(layers) - 1:
                    values = fixed_point.sine_of_products(products, OMEGA_0, xp)
                else:
                    values = fixed_point.products_to_values(products, xp)
            values = xp.clip(xp.round(values * last_scale), -LARGEST_PLANE, LARGEST_PLANE)
            foretold[:, part] = values.reshape(self.outputs, part.stop - part.start, columns)
        return foretold

    def _compiled(
        self,
        compiled: types.ModuleType,
        planes: NDArray[np.float32],
        gains: NDArray[np.float64],
        last_gains: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        one = 2.0**fixed_point.VALUE_BITS
        layers = np.concatenate(
            [part for weights, biases in self._exact_layers for part in (weights.T.ravel(), biases * one)]
        )
        foretold = np.empty((self.outputs, *planes.shape[1:]), np.float32)
        width = len(self.layers[0][1])
        seen = np.ascontiguousarray(planes, np.float32)
        compiled.say(width, self.curved, gains, layers, last_gains, seen, foretold)
        return foretold


def _coordinates(planes: Array, part: slice, curved: bool, arrays: Arrays) -> Array:
    """Return the coordinates of some rows of pixels, (coordinates, pixels), float64 in the planes' unit."""
    rows, columns = planes.shape[1:]
    above, below = max(part.start - 1, 0), min(part.stop + 1, rows)
    seen = arrays.cast(planes[:, above:below], "float64")
    if part.start == 0:
        seen = arrays.xp.concatenate([seen[:, :1], seen], 1)
    if part.stop == rows:
        seen = arrays.xp.concatenate([seen, seen[:, -1:]], 1)
    seen = arrays.xp.concatenate([seen[:, :, :1], seen, seen[:, :, -1:]], 2)
    height = part.stop - part.start
    centre = seen[:, 1 : 1 + height, 1 : 1 + columns]
    slopes = [
        seen[:, 1 + down : 1 + down + height, 1 + across : 1 + across + columns] - centre for down, across in BESIDE
    ]
    if curved:
        slopes = [functools.reduce(operator.add, slopes)]
    return arrays.xp.concatenate([centre, *slopes]).reshape(-1, height * columns)


def _powers_of_two(exponents: NDArray[np.int64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.ldexp(1.0, exponents.astype(np.intc))
    return powers

"""The sinusoidal network that says what the later planes are, given the first ones: y = W3 sin(W2 sin(W1 x))).

It is a SIREN (Sitzmann et al., arXiv 2006.09661) whose coordinates are the decoded planes of the leading components:
spectra of a scene lie near a curved surface, which a linear basis cannot follow. Evaluated pixel by pixel in the exact
arithmetic of `core.fixed_point`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import fixed_point
from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.wavelet import LARGEST_PLANE, PLANE_BITS
from xr_inr.exceptions import PayloadError

OMEGA_0 = 1.0
"""Frequency factor of the sines; weights carry the frequencies."""

LARGEST_INPUT = 4.0
"""Inputs are clipped to this, in units of their own scale."""

LARGEST_WIDTH = 64
_LARGEST_LEVEL = 2**15
_MOST_BITS = 20
_LAYERS = 3
_UNIT_BYTES = 4
_SMALLEST_UNIT = 1e-12
_WEIGHT_ONE = 2.0**fixed_point.WEIGHT_BITS
_PIXELS_AT_ONCE = 4096
"""What so many pixels take stays in a cache."""


@dataclass(frozen=True)
class SineSynthesis:
    """A network as it is stored.

    Raises
    ------
    PayloadError
        When weights are so large that sums would not be exact.
    """

    unit: np.float32
    """Quantiser steps in the unit of octaves: the network stays as it is when the step changes."""

    input_octaves: NDArray[np.int64]
    """(inputs,) a plane's value of 2**octave units is an input of 1."""

    output_octaves: NDArray[np.int64]
    """(outputs,) an output of 1 is 2**octave units."""

    step_bits: tuple[int, ...]
    """Each layer's weights and biases are multiples of 2**-bits."""

    layers: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    """(weights (out, in), biases (out,)) of each layer, in multiples of its step."""

    def __post_init__(self) -> None:
        for weights, biases in self._exact_layers:
            if (np.abs(weights).sum(0) + np.abs(biases)).max() >= fixed_point.MAX_ROW_SUM * _WEIGHT_ONE:
                raise PayloadError(f"the weights of a unit must sum to less than {fixed_point.MAX_ROW_SUM}")

    @property
    def inputs(self) -> int:
        """How many leading components it looks at."""
        return len(self.input_octaves)

    @property
    def outputs(self) -> int:
        """How many components it foretells: those after its inputs."""
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

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        writer = ByteWriter()
        writer.u8(self.inputs)
        writer.u8(len(self.layers[0][1]))
        writer.raw(np.asarray(self.unit, "<f4").tobytes())
        for octaves in (self.input_octaves, self.output_octaves):
            for octave in octaves:
                writer.u8(int(octave) + 32)
        for bits in self.step_bits:
            writer.u8(bits)
        parts = [np.concatenate([weights, biases[:, None]], axis=1).ravel() for weights, biases in self.layers]
        writer.raw(write_parameters(parts))
        return writer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, rank: int) -> SineSynthesis:
        """Read what `to_bytes` wrote for `rank` components; raises `PayloadError`."""
        reader = ByteReader(data, "sinusoidal network")
        inputs = reader.u8("inputs", low=1, high=max(rank - 1, 1))
        width = reader.u8("hidden width", low=1, high=LARGEST_WIDTH)
        unit = np.frombuffer(reader.raw(_UNIT_BYTES), "<f4").astype(np.float32)[0]
        if not (np.isfinite(unit) and _SMALLEST_UNIT < unit < 1 / _SMALLEST_UNIT):
            raise PayloadError(f"the unit of the sinusoidal network must be positive and finite. Got {unit}.")
        outputs = rank - inputs
        if outputs < 1:
            raise PayloadError(f"a sinusoidal network of {inputs} inputs needs more than {rank} components")
        input_octaves, output_octaves = (
            np.array([reader.u8("octave", high=64) - 32 for _ in range(count)], np.int64) for count in (inputs, outputs)
        )
        bits = tuple(reader.u8("step", high=_MOST_BITS) for _ in range(_LAYERS))
        shapes = [(width, inputs), (width, width), (outputs, width)]
        parts = read_parameters(reader.rest(), [high * (wide + 1) for high, wide in shapes], _LARGEST_LEVEL)
        layers = []
        for (high, wide), part in zip(shapes, parts, strict=True):
            matrix = part.reshape(high, wide + 1)
            layers.append((matrix[:, :-1], matrix[:, -1]))
        return cls(unit, input_octaves, output_octaves, bits, tuple(layers))

    def __call__(self, planes: Array, arrays: Arrays = NUMPY) -> Array:
        """Return what is foretold at some pixels.

        Parameters
        ----------
        planes
            (inputs, pixels) in steps of 2**-6 quantiser steps.
        arrays
            What kind of array `planes` is.

        Returns
        -------
        ndarray or Tensor
            (outputs, pixels) float32 whole numbers up to `wavelet.LARGEST_PLANE`, in the same unit.
        """
        xp, pixels = arrays.xp, planes.shape[1]
        limit = LARGEST_INPUT * 2.0**fixed_point.VALUE_BITS
        gains = _powers_of_two(fixed_point.VALUE_BITS - PLANE_BITS - self.input_octaves) / float(self.unit)
        scale = arrays.put(gains[:, None])
        layers = [(arrays.put(weights.T), arrays.put(biases[:, None])) for weights, biases in self._exact_layers]
        gains = float(self.unit) * _powers_of_two(self.output_octaves + PLANE_BITS - fixed_point.VALUE_BITS)
        last_scale = arrays.put(gains[:, None])
        foretold = arrays.zeros((self.outputs, pixels), "float32")
        step = arrays.at_once(_PIXELS_AT_ONCE)
        for start in range(0, pixels, step):
            values = xp.round(arrays.cast(planes[:, start : start + step], "float64") * scale)
            values = xp.clip(values, -limit, limit) / LARGEST_INPUT
            for index, (weights, biases) in enumerate(layers):
                products = weights @ values
                products += biases * 2.0**fixed_point.VALUE_BITS
                if index < len(layers) - 1:
                    values = fixed_point.sine_of_products(products, OMEGA_0, xp)
                else:
                    values = fixed_point.products_to_values(products, xp)
            values = xp.clip(xp.round(values * last_scale), -LARGEST_PLANE, LARGEST_PLANE)
            foretold[:, start : start + step] = values
        return foretold


def _powers_of_two(exponents: NDArray[np.int64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.ldexp(1.0, exponents.astype(np.intc))
    return powers

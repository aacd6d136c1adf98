"""Arithmetic that gives the same bits on every machine, in any order of summation.

Activations and coefficients are multiples of 2**-20, weights of 2**-24. A matrix product of such integers held in
float64 is exact as long as every partial sum stays below 2**53, so neither the BLAS, nor the number of threads, nor
the number of points evaluated together can change a sample. What is not a sum of products is elementwise IEEE 754.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.arrays import Array

VALUE_BITS = 20
"""Fraction bits of coordinates, activations, coefficients and spectral vectors."""

WEIGHT_BITS = 24
"""Fraction bits of network weights and biases."""

MAX_ROW_SUM = 512.0
"""The sum of absolute weights (bias included) of one unit must stay below: 2**9 * 2**(20 + 24) = 2**53."""

MAX_VECTOR_SUM = 16.0
"""The same for one band's row of spectral vectors: 2**9 coefficients * 2**4 * 2**(20 + 20) = 2**53."""

_LARGEST_SCALE = 2.0**-3
"""Turns in a step of products up to which the compiled sines hold: 2**53 such steps are less than 2**51 turns."""

_VALUE_ONE = float(2**VALUE_BITS)
_WEIGHT_ONE = float(2**WEIGHT_BITS)

# Chebyshev interpolation of cos(2 pi v) in powers of v**2, |v| <= 1/4: largest error 2.3e-10, half a step is 4.8e-7.
_COSINE = (
    0.9999999997791529,
    -19.739208547715332,
    64.93934647616803,
    -85.45356475943481,
    60.14388953533489,
    -24.98143432289362,
)


def to_values(real: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to integers that count steps of 2**-20."""
    rounded: NDArray[np.float64] = np.rint(real * _VALUE_ONE)
    return rounded


def to_weights(real: NDArray[Any]) -> NDArray[np.float64]:
    """Round to integers that count steps of 2**-24."""
    rounded: NDArray[np.float64] = np.rint(real.astype(np.float64) * _WEIGHT_ONE)
    return rounded


def grid_positions(index: NDArray[np.intp], size: int) -> NDArray[np.float64]:
    """Return the positions of grid `index` on [-1, 1], in steps of 2**-20; a grid of one point stands at 0."""
    if size == 1:
        return np.zeros(len(index))
    rounded: NDArray[np.float64] = np.rint((2.0 * index - (size - 1)) * _VALUE_ONE / (size - 1))
    return rounded


def products_to_values(products: Array, xp: types.ModuleType = np) -> Array:
    """Round products of values and weights (steps of 2**-44) to values (steps of 2**-20)."""
    return xp.round(products / _WEIGHT_ONE)


def sine_of_products(products: Array, omega_0: float, xp: types.ModuleType = np) -> Array:
    """Return ``sin(omega_0 * z)`` as values, z being products of values and weights.

    Parameters
    ----------
    products
        float64 integers counting steps of 2**-44, of numpy or torch; overwritten.
    omega_0
        Frequency factor of the sine, radians per unit.
    xp
        numpy or torch.

    Returns
    -------
    ndarray or Tensor
        float64 integers counting steps of 2**-20, the shape of `products`.
    """
    scale = omega_0 / (2.0 * np.pi) / (_VALUE_ONE * _WEIGHT_ONE)
    if kernels.KERNELS is not None and xp is np and products.flags.c_contiguous and abs(scale) < _LARGEST_SCALE:
        kernels.KERNELS.sines(products, scale)
        return products
    turns = products
    turns *= scale
    turns -= xp.round(turns)
    # sin(2 pi t) = sign(t) cos(2 pi (|t| - 1/4)) for |t| <= 1/2
    squared = xp.abs(turns)
    squared -= 0.25
    squared *= squared
    result = xp.full_like(squared, _COSINE[-1])
    for coefficient in _COSINE[-2::-1]:
        result *= squared
        result += coefficient
    xp.copysign(result, turns, out=result)
    result *= _VALUE_ONE
    return xp.round(result, out=result)

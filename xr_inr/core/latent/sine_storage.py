"""What stored sinusoidal networks have in common: a unit, octaves, and layers of weights in steps of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.synthesis import SineSynthesis
from xr_inr.exceptions import PayloadError

LARGEST_WIDTH = 64
"""Units of a hidden layer."""

LARGEST_LEVEL = 2**15
"""Magnitude of a stored weight, bias or difference of octaves."""

LAYERS = 3

Layer = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(weights (out, in), biases (out,)) in multiples of the layer's step."""

_MOST_BITS = 20
_UNIT_BYTES = 4
_SMALLEST_UNIT = 1e-12
_LARGEST_OCTAVE = 32


def write_unit(writer: ByteWriter, unit: np.float32) -> None:
    """Append the quantiser steps in a unit of octaves."""
    writer.raw(np.asarray(unit, "<f4").tobytes())


def read_unit(reader: ByteReader) -> np.float32:
    """Read what `write_unit` wrote; raises `PayloadError`."""
    unit = np.float32(np.frombuffer(reader.raw(_UNIT_BYTES), "<f4")[0])
    if not (np.isfinite(unit) and _SMALLEST_UNIT < unit < 1 / _SMALLEST_UNIT):
        raise PayloadError(f"the unit of the sinusoidal networks must be positive and finite. Got {unit}.")
    return unit


def read_width(reader: ByteReader) -> int:
    """Read the units of the hidden layers; raises `PayloadError`."""
    return reader.u8("hidden width", low=1, high=LARGEST_WIDTH)


def read_step_bits(reader: ByteReader) -> tuple[int, ...]:
    """Read the bits after the point of each layer's weights; raises `PayloadError`."""
    return tuple(reader.u8("step", high=_MOST_BITS) for _ in range(LAYERS))


def octave_steps(octaves: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return octaves as they are stored, each as its difference from the one before."""
    steps: NDArray[np.int64] = np.diff(np.concatenate(octaves), prepend=0).astype(np.int64)
    return steps


def octaves_of(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the octaves that `octave_steps` stand for; raises `PayloadError`."""
    octaves = np.cumsum(steps)
    if np.abs(octaves).max() > _LARGEST_OCTAVE:
        raise PayloadError(f"an octave must lie within +-{_LARGEST_OCTAVE}. Got {octaves[np.abs(octaves).argmax()]}.")
    return octaves


def levels_of_layers(network: SineSynthesis) -> list[NDArray[np.int64]]:
    """Return the numbers of each layer in the order they are stored: of each unit its weights, then its bias."""
    return [np.concatenate([weights, biases[:, None]], axis=1).ravel() for weights, biases in network.layers]


def layer_of(levels: NDArray[np.int64], shape: tuple[int, int]) -> Layer:
    """Return the (out, in) layer whose numbers `levels_of_layers` gives."""
    matrix = levels.reshape(shape[0], shape[1] + 1)
    return matrix[:, :-1], matrix[:, -1]

"""Sinusoidal networks one after the other: each foretells the next planes from all before, what was foretold included.

The first planes hold most of a scene, and foretelling one of them makes those after it cheaper still; so there are
several small networks in place of one that would leave the first planes alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.synthesis import BESIDE, SineSynthesis
from xr_inr.exceptions import PayloadError

Cascade = tuple[SineSynthesis, ...]
"""Networks in the order they are evaluated, each of more inputs than the last. All have one `SineSynthesis.unit`."""

MOST_NETWORKS = 8
LARGEST_WIDTH = 64
_LARGEST_LEVEL = 2**15
_MOST_BITS = 20
_LAYERS = 3
_UNIT_BYTES = 4
_SMALLEST_UNIT = 1e-12
_OCTAVES = 32


def foretell(planes: Array, cascade: Cascade, arrays: Arrays = NUMPY) -> Array:
    """Return planes with what the networks say added to what latents give.

    Parameters
    ----------
    planes
        (rank, rows, columns) whole numbers in steps of 2**-6 quantiser steps.
    cascade
        The networks.
    arrays
        What kind of array `planes` is.

    Returns
    -------
    ndarray or Tensor
        (rank, rows, columns); that of a window is wrong within `len(cascade)` pixels of an edge that is none of the
        scene's, where a network would have seen other neighbours.
    """
    if not cascade:
        return planes
    found = arrays.xp.concatenate([planes])
    for network in cascade:
        found[network.inputs : network.inputs + network.outputs] += network(found[: network.inputs], arrays)
    return found


def write_cascade(cascade: Cascade) -> bytes:
    """Return the stored form of networks, at least one."""
    writer = ByteWriter()
    writer.u8(len(cascade))
    writer.raw(np.asarray(cascade[0].unit, "<f4").tobytes())
    sets: list[NDArray[np.int64]] = []
    for network in cascade:
        for number in (network.inputs, network.outputs, len(network.layers[0][1])):
            writer.u8(number)
        for octaves in (network.input_octaves, network.slope_octaves, network.output_octaves):
            for octave in octaves:
                writer.u8(int(octave) + _OCTAVES)
        for bits in network.step_bits:
            writer.u8(bits)
        sets += [np.concatenate([weights, biases[:, None]], axis=1).ravel() for weights, biases in network.layers]
    writer.raw(write_parameters(sets))
    return writer.getvalue()


def read_cascade(data: bytes, rank: int) -> Cascade:
    """Read what `write_cascade` wrote for `rank` components; raises `PayloadError`."""
    reader = ByteReader(data, "sinusoidal networks")
    count = reader.u8("networks", low=1, high=MOST_NETWORKS)
    unit = np.frombuffer(reader.raw(_UNIT_BYTES), "<f4").astype(np.float32)[0]
    if not (np.isfinite(unit) and _SMALLEST_UNIT < unit < 1 / _SMALLEST_UNIT):
        raise PayloadError(f"the unit of the sinusoidal networks must be positive and finite. Got {unit}.")
    heads: list[_Head] = []
    foretold = 1
    for _ in range(count):
        heads.append(_Head(reader, foretold, rank))
        foretold = heads[-1].inputs + heads[-1].outputs
    shapes = [shape for head in heads for shape in head.shapes]
    parts = read_parameters(reader.rest(), [high * (wide + 1) for high, wide in shapes], _LARGEST_LEVEL)
    matrices = [part.reshape(high, wide + 1) for (high, wide), part in zip(shapes, parts, strict=True)]
    return tuple(
        head.network(unit, matrices[_LAYERS * index : _LAYERS * (index + 1)]) for index, head in enumerate(heads)
    )


class _Head:
    """What is stored of a network before its weights.

    Parameters
    ----------
    reader
        Where it is read from.
    fewest
        Components that networks before it leave behind: it must look at so many.
    rank
        How many components there are.
    """

    def __init__(self, reader: ByteReader, fewest: int, rank: int) -> None:
        if fewest > rank - 1:
            raise PayloadError(f"a sinusoidal network of {fewest} inputs needs more than {rank} components")
        self.inputs = reader.u8("inputs", low=fewest, high=rank - 1)
        self.outputs = reader.u8("outputs", low=1, high=rank - self.inputs)
        self._width = reader.u8("hidden width", low=1, high=LARGEST_WIDTH)
        self._octaves = [
            np.array([reader.u8("octave", high=2 * _OCTAVES) - _OCTAVES for _ in range(count)], np.int64)
            for count in (self.inputs, self.inputs, self.outputs)
        ]
        self._bits = tuple(reader.u8("step", high=_MOST_BITS) for _ in range(_LAYERS))

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of each layer."""
        coordinates = self.inputs * (1 + len(BESIDE))
        return [(self._width, coordinates), (self._width, self._width), (self.outputs, self._width)]

    def network(self, unit: np.float32, matrices: Sequence[NDArray[np.int64]]) -> SineSynthesis:
        """Return the network of these weights, biases last; raises `PayloadError`."""
        layers = tuple((matrix[:, :-1], matrix[:, -1]) for matrix in matrices)
        return SineSynthesis(unit, *self._octaves, self._bits, layers)

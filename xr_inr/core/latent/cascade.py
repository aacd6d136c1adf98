"""Sinusoidal networks one after the other: each foretells the next planes from all before, what was foretold included.

The first planes hold most of a scene, and foretelling one of them makes those after it cheaper still; so there are
several small networks in place of one that would leave the first planes alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.sine_storage import (
    LARGEST_LEVEL,
    LAYERS,
    layer_of,
    levels_of_layers,
    octave_steps,
    octaves_of,
    read_step_bits,
    read_unit,
    read_width,
    write_unit,
)
from xr_inr.core.latent.synthesis import BESIDE, SineSynthesis
from xr_inr.exceptions import PayloadError

Cascade = tuple[SineSynthesis, ...]
"""Networks in the order they are evaluated, each of more inputs than the one before. All have one unit, and the same
octaves for the same inputs."""

MOST_NETWORKS = 8


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
    """Return the stored form of networks, at least one.

    Raises
    ------
    ValueError
        When networks differ in what is stored once for all: the unit, and the octaves of what they see.
    """
    _check_alike(cascade)
    writer = ByteWriter()
    writer.u8(len(cascade))
    write_unit(writer, cascade[0].unit)
    sets: list[NDArray[np.int64]] = []
    for network in cascade:
        for number in (network.inputs, network.outputs, len(network.layers[0][1]), *network.step_bits):
            writer.u8(number)
        sets += levels_of_layers(network)
    seen = cascade[-1]
    octaves = [seen.input_octaves, seen.slope_octaves, *(network.output_octaves for network in cascade)]
    writer.raw(write_parameters([octave_steps(octaves), *sets]))
    return writer.getvalue()


def read_cascade(data: bytes, rank: int) -> Cascade:
    """Read what `write_cascade` wrote for `rank` components; raises `PayloadError`."""
    reader = ByteReader(data, "sinusoidal networks")
    count = reader.u8("networks", low=1, high=MOST_NETWORKS)
    unit = read_unit(reader)
    heads: list[_Head] = []
    foretold = 1
    for _ in range(count):
        heads.append(_Head(reader, foretold, rank))
        foretold = heads[-1].inputs + heads[-1].outputs
    shapes = [shape for head in heads for shape in head.shapes]
    seen, outputs = heads[-1].inputs, [head.outputs for head in heads]
    counts = [2 * seen + sum(outputs), *(high * (wide + 1) for high, wide in shapes)]
    steps, *parts = read_parameters(reader.rest(), counts, LARGEST_LEVEL)
    octaves = octaves_of(steps)
    of_planes, of_slopes, *of_outputs = np.split(octaves, np.cumsum([seen, seen, *outputs])[:-1])
    layers = [layer_of(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    return tuple(
        SineSynthesis(
            unit,
            of_planes[: head.inputs],
            of_slopes[: head.inputs],
            of_outputs[index],
            head.step_bits,
            tuple(layers[LAYERS * index : LAYERS * (index + 1)]),
        )
        for index, head in enumerate(heads)
    )


def _check_alike(cascade: Cascade) -> None:
    last = cascade[-1]
    for number, network in enumerate(cascade, 1):
        shared: dict[str, tuple[Any, Any]] = {
            "unit": (network.unit, last.unit),
            "input octaves": (network.input_octaves, last.input_octaves[: network.inputs]),
            "slope octaves": (network.slope_octaves, last.slope_octaves[: network.inputs]),
        }
        for what, (own, kept) in shared.items():
            if not np.array_equal(own, kept):
                raise ValueError(
                    f"all networks must have the {what} of the last one. Got {own} in network {number}, not {kept}."
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
        self._width = read_width(reader)
        self.step_bits = read_step_bits(reader)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of each layer."""
        coordinates = self.inputs * (1 + len(BESIDE))
        return [(self._width, coordinates), (self._width, self._width), (self.outputs, self._width)]

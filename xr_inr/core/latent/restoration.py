"""A last sinusoidal network that brings decoded planes nearer to those of the scene.

What rounding takes from a plane shows in the others, and in what stands beside a pixel: spectra that occur in a scene
are few among all that planes could give. So the network sees the planes that have latents, and their curvature, and
says what to add to every plane. It has no part in what latents stand for, so it can be fitted once they are settled.
"""

from __future__ import annotations

import numpy as np

from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.sine_storage import (
    LARGEST_LEVEL,
    layer_of,
    levels_of_layers,
    octave_steps,
    octaves_of,
    read_step_bits,
    read_unit,
    read_width,
    write_unit,
)
from xr_inr.core.latent.synthesis import SineSynthesis
from xr_inr.core.latent.wavelet import LARGEST_PLANE


def restore(planes: Array, network: SineSynthesis | None, arrays: Arrays = NUMPY) -> Array:
    """Return planes with what a restoring network says added to them.

    Parameters
    ----------
    planes
        (rank, rows, columns) whole numbers in steps of 2**-6 quantiser steps.
    network
        The network; None where there is none.
    arrays
        What kind of array `planes` is.

    Returns
    -------
    ndarray or Tensor
        (rank, rows, columns) up to `wavelet.LARGEST_PLANE`; that of a window is wrong at an edge that is none of the
        scene's.
    """
    if network is None:
        return planes
    return arrays.xp.clip(planes + network(planes[: network.inputs], arrays), -LARGEST_PLANE, LARGEST_PLANE)


def write_restoration(network: SineSynthesis) -> bytes:
    """Return the stored form of a restoring network."""
    writer = ByteWriter()
    write_unit(writer, network.unit)
    for number in (network.inputs, len(network.layers[0][1]), *network.step_bits):
        writer.u8(number)
    octaves = octave_steps([network.input_octaves, network.slope_octaves, network.output_octaves])
    writer.raw(write_parameters([octaves, *levels_of_layers(network)]))
    return writer.getvalue()


def read_restoration(data: bytes, rank: int) -> SineSynthesis:
    """Read what `write_restoration` wrote for `rank` components; raises `PayloadError`."""
    reader = ByteReader(data, "restoring network")
    unit = read_unit(reader)
    inputs = reader.u8("inputs", low=1, high=rank)
    width = read_width(reader)
    step_bits = read_step_bits(reader)
    shapes = [(width, 2 * inputs), (width, width), (rank, width)]
    counts = [2 * inputs + rank, *(high * (wide + 1) for high, wide in shapes)]
    steps, *parts = read_parameters(reader.rest(), counts, LARGEST_LEVEL)
    planes, curvatures, outputs = np.split(octaves_of(steps), [inputs, 2 * inputs])
    layers = tuple(layer_of(part, shape) for part, shape in zip(parts, shapes, strict=True))
    return SineSynthesis(unit, planes, curvatures, outputs, step_bits, layers, curved=True)

"""Parameters as bytes: the paper's Table I for 32 and 16-bit floats, and integers of few bits with scales.

Where weights are integers, the first layer and all biases stay float16: its rows of two weights would need a scale
each and gain nothing, and rounding the biases loses more than 8-bit weights gain.

Table I, most significant bit first, no gaps: w 16, h 16, c 16, n_h 8, w_h 8, q 1 (0: 32 bits, 1: 16 bits), then the
parameters layer by layer, weights in rows, then biases; zeros fill the last byte. In front of it stands omega_0 as a
float32, since Table I does not say it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter, Section, varint_bytes
from xr_inr.core.packing import pack_signed, packed_bytes, unpack_signed
from xr_inr.core.siren.architecture import Architecture
from xr_inr.exceptions import PayloadError, RequestError

FLOAT_BITS = (32, 16)
"""Weight bits that are stored as Table I says."""

INTEGER_BITS = (8, 7, 6, 5, 4)
"""Weight bits that are stored as integers with scales."""

_TABLE_I_FIELDS = (("w", 16), ("h", 16), ("c", 16), ("n_h", 8), ("w_h", 8), ("q", 1))
_TABLE_I_BITS = sum(bits for _, bits in _TABLE_I_FIELDS)
_OMEGA_BYTES, _HALF_BYTES = 4, 2
_MAX_WIDTH = 65_535
_NOT_FINITE = "the parameters of a network must be finite"

Layers = list[tuple[NDArray[Any], NDArray[Any]]]
"""(weights (units, inputs), biases (units,)) of each layer, first to last."""


@dataclass(frozen=True)
class StoredNetwork:
    """A network as it stands in a payload."""

    architecture: Architecture
    """Its shape."""

    omega_0: float
    """Frequency factor of the sines."""

    layers: Layers
    """The parameters as the decoder uses them, float64."""


@dataclass(frozen=True)
class QuantisedLayer:
    """One layer of integer weights: ``weights = levels * scales[:, None]``."""

    levels: NDArray[np.int64]
    """(units, inputs)."""

    scales: NDArray[np.float16]
    """(units,) step of each row."""

    biases: NDArray[np.float16]
    """(units,)."""


def network_section(bits: int) -> Section:
    """Return the section that holds weights of `bits` bits."""
    return Section.NETWORK_TABLE_I if bits in FLOAT_BITS else Section.NETWORK_QUANTISED


def network_bytes(architecture: Architecture, bits: int) -> int:
    """Return the size of the stored network, in bytes."""
    if bits in FLOAT_BITS:
        return _OMEGA_BYTES + -(-(_TABLE_I_BITS + architecture.parameters * bits) // 8)
    header = 2 + varint_bytes(architecture.hidden_width) + varint_bytes(architecture.outputs) + _OMEGA_BYTES
    (first_units, first_inputs), *rest = architecture.layer_shapes
    return (
        header
        + _HALF_BYTES * first_units * (first_inputs + 1)
        + sum(packed_bytes(units * inputs, bits) + 2 * _HALF_BYTES * units for units, inputs in rest)
    )


def write_table_i(
    layers: Layers, architecture: Architecture, omega_0: float, size: tuple[int, int], bits: int
) -> bytes:
    """Return Table I for a scene of `size` (height, width), after omega_0.

    Raises
    ------
    RequestError
        When a field does not fit the bits Table I gives it.
    """
    height, width = size
    values = (
        width,
        height,
        architecture.outputs,
        architecture.hidden_layers,
        architecture.hidden_width,
        int(bits == 16),
    )
    digits = []
    for (name, field_bits), value in zip(_TABLE_I_FIELDS, values, strict=True):
        if value >= 2**field_bits:
            raise RequestError(f"{name} must be below {2**field_bits} to be stored as Table I says. Got {value}.")
        digits += [value >> shift & 1 for shift in range(field_bits - 1, -1, -1)]
    floats = np.concatenate([part.ravel() for layer in layers for part in layer]).astype(f">f{bits // 8}")
    table = np.packbits(np.concatenate([np.array(digits, np.uint8), np.unpackbits(floats.view(np.uint8))]))
    return np.asarray(omega_0, "<f4").tobytes() + table.tobytes()


def read_table_i(data: bytes, size: tuple[int, int]) -> StoredNetwork:
    """Read what `write_table_i` wrote for a scene of `size` (height, width); raises `PayloadError`."""
    reader = ByteReader(data, "network")
    omega_0 = _omega_0(reader)
    digits = np.unpackbits(np.frombuffer(reader.rest(), np.uint8))
    if len(digits) < _TABLE_I_BITS:
        raise PayloadError(f"Table I needs {_TABLE_I_BITS} bits before the parameters. Got {len(digits)}.")
    fields, start = {}, 0
    for name, field_bits in _TABLE_I_FIELDS:
        fields[name] = int("".join(map(str, digits[start : start + field_bits])), 2)
        start += field_bits
    if (fields["h"], fields["w"]) != size:
        raise PayloadError(f"Table I is for {fields['h']} x {fields['w']} pixels, the scene header for {size}")
    architecture = _architecture(fields["n_h"], fields["w_h"], fields["c"])
    bits = 16 if fields["q"] else 32
    if len(data) != network_bytes(architecture, bits):
        raise PayloadError(f"a network {architecture} of {bits} bits does not take {len(data)} bytes")
    if digits[start + architecture.parameters * bits :].any():
        raise PayloadError("Table I must be filled up with zeros")
    floats = np.packbits(digits[start : start + architecture.parameters * bits]).view(f">f{bits // 8}")
    if not np.isfinite(floats).all():
        raise PayloadError(_NOT_FINITE)
    layers, position = [], 0
    for units, inputs in architecture.layer_shapes:
        weights = floats[position : position + units * inputs].reshape(units, inputs)
        position += units * inputs
        layers.append((weights.astype(np.float64), floats[position : position + units].astype(np.float64)))
        position += units
    return StoredNetwork(architecture, omega_0, layers)


def write_quantised(
    first: tuple[NDArray[Any], NDArray[Any]],
    layers: list[QuantisedLayer],
    architecture: Architecture,
    omega_0: float,
    bits: int,
) -> bytes:
    """Return the stored form of a network: the first layer as floats, the others as integers."""
    writer = ByteWriter()
    writer.raw(np.asarray(omega_0, "<f4").tobytes())
    writer.u8(architecture.hidden_layers)
    writer.varint(architecture.hidden_width)
    writer.varint(architecture.outputs)
    writer.u8(bits)
    for part in first:
        writer.raw(part.astype("<f2").tobytes())
    for layer in layers:
        writer.raw(layer.scales.astype("<f2").tobytes())
        writer.raw(layer.biases.astype("<f2").tobytes())
        writer.raw(pack_signed(layer.levels, bits))
    return writer.getvalue()


def read_quantised(data: bytes) -> StoredNetwork:
    """Read what `write_quantised` wrote; raises `PayloadError`."""
    reader = ByteReader(data, "network")
    omega_0 = _omega_0(reader)
    architecture = _architecture(
        reader.u8("n_h"), reader.varint("w_h", high=_MAX_WIDTH), reader.varint("c", high=_MAX_WIDTH)
    )
    bits = reader.u8("weight bits", low=min(INTEGER_BITS), high=max(INTEGER_BITS))
    if len(data) != network_bytes(architecture, bits):
        raise PayloadError(f"a network {architecture} of {bits} bits does not take {len(data)} bytes")

    def halves(count: int) -> NDArray[np.float64]:
        values = np.frombuffer(reader.raw(_HALF_BYTES * count), "<f2").astype(np.float64)
        if not np.isfinite(values).all():
            raise PayloadError(_NOT_FINITE)
        return values

    (units, inputs), *rest = architecture.layer_shapes
    layers = [(halves(units * inputs).reshape(units, inputs), halves(units))]
    for units, inputs in rest:
        scales, biases = halves(units), halves(units)
        levels = unpack_signed(reader.raw(packed_bytes(units * inputs, bits)), units * inputs, bits)
        layers.append((levels.reshape(units, inputs) * scales[:, None], biases))
    reader.finish()
    return StoredNetwork(architecture, omega_0, layers)


def _omega_0(reader: ByteReader) -> float:
    omega_0 = float(np.frombuffer(reader.raw(_OMEGA_BYTES), "<f4")[0])
    if not 0 < omega_0 < 1e6:
        raise PayloadError(f"omega_0 must be in (0, 1e6). Got {omega_0}.")
    return omega_0


def _architecture(hidden_layers: int, hidden_width: int, outputs: int) -> Architecture:
    if min(hidden_layers, hidden_width, outputs) < 1:
        raise PayloadError(f"n_h, w_h and c must be at least 1. Got {hidden_layers}, {hidden_width}, {outputs}.")
    return Architecture(hidden_layers, hidden_width, outputs)

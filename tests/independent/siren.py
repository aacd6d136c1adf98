"""The model `siren`: the chapter of that name in docs/format.md."""

from __future__ import annotations

import numpy as np

from .arithmetic import evaluate
from .container import Fields


def integers(data, count, bits):
    """Return packed integers of few bits."""
    digits = np.unpackbits(np.frombuffer(data, np.uint8))[: count * bits].reshape(count, bits)
    return digits @ (1 << np.arange(bits - 1, -1, -1)) - 2 ** (bits - 1)


def shapes(hidden, width, outputs):
    return [(width, 2)] + [(width, width)] * (hidden - 1) + [(outputs, width)]


def table_i(data):
    omega = float(np.frombuffer(data[:4], "<f4")[0])
    text = "".join(f"{byte:08b}" for byte in data[4:])
    found, at = [], 0
    for size in (16, 16, 16, 8, 8, 1):
        found.append(int(text[at : at + size], 2))
        at += size
    _w, _h, outputs, hidden, width, half = found
    bits = 16 if half else 32
    layers = []
    for units, inputs in shapes(hidden, width, outputs):
        count = units * (inputs + 1)
        part = text[at : at + count * bits]
        at += count * bits
        raw = int(part, 2).to_bytes(count * bits // 8, "big")
        numbers = np.frombuffer(raw, f">f{bits // 8}").astype(float)
        layers.append((numbers[: units * inputs].reshape(units, inputs), numbers[units * inputs :]))
    return omega, layers


def integer_weights(data):
    fields = Fields(data)
    omega = float(fields.numbers("f4", 1)[0])
    hidden, width, outputs, bits = fields.u8(), fields.varint(), fields.varint(), fields.u8()
    first = fields.numbers("f2", 2 * width).astype(float).reshape(width, 2)
    layers = [(first, fields.numbers("f2", width).astype(float))]
    for units, inputs in shapes(hidden, width, outputs)[1:]:
        scales, biases = (fields.numbers("f2", units).astype(float) for _ in range(2))
        levels = integers(fields.take(-(-units * inputs * bits // 8)), units * inputs, bits)
        layers.append((levels.reshape(units, inputs) * scales[:, None], biases))
    assert not fields.rest()
    return omega, layers


def positions(size):
    if size == 1:
        return np.zeros(1)
    return np.rint((2 * np.arange(size) - (size - 1)) * 2**20 / (size - 1))


def values_of(sections, header):
    """Return the model's values, (fitted bands, height, width)."""
    bands = len(header.fitted)
    _, height, width = header.shape
    outputs = np.zeros((0, height * width))
    if 5 in sections or 6 in sections:
        omega, layers = table_i(sections[5]) if 5 in sections else integer_weights(sections[6])
        whole = [(np.rint(weights * 2**24), np.rint(biases * 2**24)) for weights, biases in layers]
        y, x = np.meshgrid(positions(height), positions(width), indexing="ij")
        outputs = evaluate(whole, np.stack([x.ravel(), y.ravel()]), omega)
    if 4 not in sections:
        return (outputs / 2**20).reshape(bands, height, width)
    fields = Fields(sections[4])
    rank = fields.varint()
    unit = float(fields.numbers("f4", 1)[0])
    mean = fields.numbers("u2", bands)
    scales = fields.numbers("f2", rank).astype(float)
    levels = integers(fields.take(bands * rank), bands * rank, 8).reshape(bands, rank)
    assert not fields.rest()
    sums = np.rint(levels * scales * 2**20) @ outputs
    return (sums * (unit / 2**40) + (mean / 65535)[:, None]).reshape(bands, height, width)

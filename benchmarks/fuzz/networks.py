"""Sinusoidal networks of any numbers, coded as the format codes them.

Coded integers of which a byte is changed hardly ever end where they should: only numbers that are coded anew get to
where they are checked and used.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.fuzz import seeds
from xr_inr.core.bitstream import ByteWriter, Section, write_container
from xr_inr.core.latent.cascade import MOST_NETWORKS
from xr_inr.core.latent.parameters import write_parameters
from xr_inr.core.latent.sine_storage import LARGEST_WIDTH
from xr_inr.core.latent.synthesis import BESIDE

_WIDTHS = (1, 1, 2, 3, 8, LARGEST_WIDTH)
_UNITS = (1.0, 0.5, 3.7, 1.1e-12, 9e11)
_BAD_UNITS = (0.0, -1.0, 1e-12, 1e13, 3e38, float("nan"), float("inf"))
_BITS = (0, 4, 8, 12, 16, 19, 20, 20)
_LARGEST_WEIGHT, _LARGEST_OCTAVE = 2**15, 32
_LYING = 0.2
"""How often a number is one that no reader may take."""


def sealed(chance: Random, _given: Sequence[bytes]) -> bytes:
    """Return a payload with other networks; the checksum fits."""
    model, held, rank = chance.choice(seeds.foretold())
    changed = {}
    if (which := chance.random()) < 0.8:
        changed[Section.LATENT_SYNTHESIS] = coded(chance, rank)
    if which > 0.5:
        changed[Section.LATENT_RESTORATION] = coded_restoring(chance, rank)
    return write_container(model, held | changed)


def alone(chance: Random, _given: Sequence[bytes]) -> bytes:
    """Return networks for as many components as the reader of the section by itself has."""
    return coded(chance, seeds.RANK)


def restoring_alone(chance: Random, _given: Sequence[bytes]) -> bytes:
    """Return a restoring network for as many components as the reader of the section by itself has."""
    return coded_restoring(chance, seeds.RANK)


def coded_restoring(chance: Random, rank: int) -> bytes:
    """Return a restoring network for `rank` components."""
    generator = np.random.default_rng(chance.getrandbits(64))
    inputs, width = chance.randint(1, rank), chance.choice(_WIDTHS)
    head = [inputs, width, *(chance.choice(_BITS) for _ in range(3))]
    counts = [width * (2 * inputs + 1), width * (width + 1), rank * (width + 1)]
    sets = [np.diff(_numbers(chance, generator, 2 * inputs + rank, _LARGEST_OCTAVE), prepend=0)]
    sets += [_numbers(chance, generator, count, _LARGEST_WEIGHT) for count in counts]
    if chance.random() < _LYING:
        head[chance.randrange(5)] = chance.choice((0, 1, 2, rank - 1, rank + 1, 21, 64, 65, 255))
    writer = ByteWriter()
    writer.raw(np.asarray(chance.choice(_BAD_UNITS if chance.random() < _LYING / 4 else _UNITS), "<f4").tobytes())
    for number in head:
        writer.u8(number)
    writer.raw(write_parameters(sets))
    return writer.getvalue()


def coded(chance: Random, rank: int) -> bytes:
    """Return networks for `rank` components."""
    generator = np.random.default_rng(chance.getrandbits(64))
    heads: list[list[int]] = []
    counts: list[int] = []
    start = 1
    while start < rank and len(heads) < MOST_NETWORKS and (not heads or chance.random() < 0.7):
        inputs = start if chance.random() < 0.7 else chance.randint(start, rank - 1)
        outputs = 1 if chance.random() < 0.5 else chance.randint(1, rank - inputs)
        width = chance.choice(_WIDTHS)
        heads.append([inputs, outputs, width, *(chance.choice(_BITS) for _ in range(3))])
        counts += [width * (inputs * (1 + len(BESIDE)) + 1), width * (width + 1), outputs * (width + 1)]
        start = inputs + outputs
    octaves = 2 * heads[-1][0] + sum(head[1] for head in heads)
    sets = [np.diff(_numbers(chance, generator, octaves, _LARGEST_OCTAVE), prepend=0)]
    sets += [_numbers(chance, generator, count, _LARGEST_WEIGHT) for count in counts]
    if chance.random() < _LYING / 4:
        heads[-1][1] = rank - heads[-1][0]
        heads.append([rank, 1, 1, 0, 0, 0])  # where no component is left
    elif chance.random() < _LYING:
        chance.choice(heads)[chance.randrange(6)] = chance.choice((0, 1, 2, rank - 1, rank, 21, 64, 65, 255))
    writer = ByteWriter()
    writer.u8(chance.choice((0, MOST_NETWORKS + 1, 255)) if chance.random() < _LYING / 4 else len(heads))
    unit = chance.choice(_BAD_UNITS if chance.random() < _LYING / 4 else _UNITS)
    writer.raw(np.asarray(unit, "<f4").tobytes())
    for number in (number for head in heads for number in head):
        writer.u8(number)
    writer.raw(write_parameters(sets))
    return writer.getvalue()


def _numbers(chance: Random, generator: np.random.Generator, count: int, largest: int) -> NDArray[np.int64]:
    """Return numbers up to `largest`: none, small, a few of the largest, any; at times one beyond."""
    how = chance.random()
    found: NDArray[Any] = np.zeros(count, np.int64)
    if how < 0.5:
        found = generator.integers(-9, 10, count)
    elif how < 0.7:
        found = generator.choice([0, 0, 0, 0, 0, 0, -largest, largest], count)
    elif how < 0.85:
        found = generator.integers(-largest, largest + 1, count)
    if chance.random() < _LYING / 20:
        found[chance.randrange(count)] = chance.choice((-1, 1)) * (largest + 1)
    return found.astype(np.int64)

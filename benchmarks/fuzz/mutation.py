"""Ways to alter bytes, payloads and JSON; all chance comes from the generator that is given."""

from __future__ import annotations

import copy
import json
import math
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import google_crc32c

from benchmarks.fuzz import seeds
from xr_inr.core.bitstream import FORMAT_VERSION, MAGIC, Section, varint_bytes, write_container

Mutation = Callable[[Random, Sequence[bytes]], bytes]
"""Returns one of some bytes, altered."""

NUMBERS = (
    *range(12),
    *(2**bits + off for bits in (6, 7, 8, 14, 15, 16, 21, 31, 32, 35, 53, 62) for off in (-1, 0, 1)),
    2**63 - 1,
)
"""At the limits of types and of the format."""

_FOREVER = b"\xff" * 10
"""A varint that does not end."""

_HEADS = 24
"""Bytes at the beginning of a section among which most of its counts stand."""

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**64), 10**400, 0.0, -0.0, 1e308, 5e-324, 0.5),
    *(
        math.nan,
        math.inf,
        -math.inf,
        "",
        "0",
        "latent",
        "siren",
        "paper",
        "cuda:99",
        "<f4",
        "f2",
        "O",
        "i4,i4",
        "\0",
        "é",
    ),
    *([], {}, [[]], [0], [-1], [None], ["a"], [1e9], [3, 8, 8], [2**40] * 3, {"a": 1}, [[1, 2], 3]),
)
"""What a value of JSON may be replaced by."""


def raw(chance: Random, given: Sequence[bytes]) -> bytes:
    """Change, add or remove bytes anywhere; a checksum no longer fits."""
    return altered(chance, chance.choice(given))


def sealed(chance: Random, _given: Sequence[bytes]) -> bytes:
    """Alter the sections of a payload as `raw` does, leave some out or take them from another; the checksum fits."""
    model, held = chance.choice(seeds.parts())
    held = dict(held)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        tag = chance.choice(tuple(held) or tuple(Section))
        what = chance.random()
        if what < 0.9:
            held[tag] = altered(chance, held.get(tag, b""))
        elif what < 0.94:
            held.pop(tag, None)
        else:
            others = chance.choice(seeds.parts())[1]
            tag = chance.choice(tuple(others))
            held[tag] = others[tag]
    return write_container(model, held)


def fields(chance: Random, _given: Sequence[bytes]) -> bytes:
    """Set counts, sizes, lengths or tags of a payload to numbers at the limits; the checksum fits."""
    model, held = chance.choice(seeds.parts())
    held = dict(held)
    if chance.random() < 0.3:
        return _lying(chance, model, held)
    tag = Section.SCENE if chance.random() < 0.5 else chance.choice(tuple(held))
    content = held[tag]
    for _ in range(chance.choice((1, 1, 2))):
        place = chance.randrange(min(len(content), _HEADS) + 1)
        content = content[:place] + number(chance) + content[place + chance.choice((0, 1, 1, 1, 2, 4)) :]
    held[tag] = content
    return write_container(model, held)


def values(chance: Random, given: Sequence[bytes]) -> bytes:
    """Replace, remove or add values of a JSON text."""
    tree = json.loads(chance.choice(given))
    for _ in range(chance.choice((1, 1, 2, 3))):
        holder = tree
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.6:
                holder = holder[key]
                continue
            what = chance.random()
            if what < 0.8:
                holder[key] = copy.deepcopy(chance.choice(_VALUES))
            elif what < 0.95:
                del holder[key]
            elif isinstance(holder, dict):
                holder[chance.choice(("", "id", "name", "device", "bpppb", "psnr", "shape", "x"))] = copy.deepcopy(
                    chance.choice(_VALUES)
                )
            break
    return json.dumps(tree).encode()


def text(chance: Random, given: Sequence[bytes]) -> bytes:
    """Alter a JSON text as `raw` does."""
    return altered(chance, chance.choice(given))


def altered(chance: Random, data: bytes) -> bytes:
    """Return bytes with one to four changes."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        what, place = chance.randrange(8), chance.randrange(len(changed) + 1)
        if what == 0:
            changed[place:place] = chance.randbytes(chance.choice((1, 1, 2, 8)))
        elif what == 1:
            del changed[place : place + chance.choice((1, 1, 2, 8, 64))]
        elif what == 2:
            del changed[place:]
        elif what == 3:
            start = chance.randrange(len(changed) + 1)
            changed[place:place] = changed[start : start + chance.choice((1, 4, 16))]
        elif place < len(changed):
            changed[place] = (
                changed[place] ^ (1 << chance.randrange(8))
                if what < 6
                else chance.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
            )
    return bytes(changed)


def number(chance: Random) -> bytes:
    """Return a number at the limits, as a varint or as bytes of a sample."""
    what = chance.random()
    if what < 0.7:
        return varint(chance.choice(NUMBERS))
    if what < 0.75:
        return _FOREVER
    form = chance.choice(("<e", "<f", "<d"))
    return struct.pack(form, chance.choice((0.0, -0.0, math.nan, math.inf, -math.inf, 1.0, 6e-8, 65504.0)))


def _lying(chance: Random, model: int, held: dict[Section, bytes]) -> bytes:
    """Return a container whose table says other tags, lengths or counts than it has."""
    table = [[int(tag), len(content)] for tag, content in held.items()]
    head = [FORMAT_VERSION, model, len(table)]
    what = chance.random()
    if what < 0.2 or not table:
        head[chance.randrange(3)] = chance.choice((0, 1, 2, 3, 127, 128, 254, 255))
    elif what < 0.6:
        chance.choice(table)[1] = chance.choice(NUMBERS)
    else:
        chance.choice(table)[0] = chance.choice((*range(13), 127, 128, 255))
    body = MAGIC + bytes(head) + b"".join(bytes([tag]) + varint(length) for tag, length in table)
    body += b"".join(held.values())
    return body + struct.pack("<I", google_crc32c.value(body))


def varint(value: int) -> bytes:
    """Return a number as the format writes counts."""
    length = varint_bytes(value)
    return bytes(value >> 7 * place & 0x7F | (0x80 if place < length - 1 else 0) for place in range(length))

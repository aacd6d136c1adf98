"""What a codec of the comparison is: a scene and a number of bytes in, a stream out; the scene back from it alone."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Scene = NDArray[Any]
"""Samples, (bands, height, width), integers."""


class OutOfReachError(Exception):
    """The codec cannot store the scene in so few bytes; the message says how many it needs, or why."""


@dataclass(frozen=True)
class Stream:
    """A scene as a codec stores it."""

    payload: bytes
    """Everything `Codec.decode` needs, side information included."""

    settings: str
    """What the codec chose, for the reader of the table."""


class Codec(ABC):
    """One way to store a scene in at most so many bytes, at the best settings it has."""

    name: str
    """How the tables call it."""

    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions belong beside its results."""

    @property
    def device(self) -> str:
        """Where it encodes."""
        return "cpu"

    def missing(self) -> str | None:
        """Say what it needs and does not find here, or None."""
        return None

    @abstractmethod
    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store `scene`, (bands, height, width), as well as it can within `budget` bytes.

        Raises
        ------
        OutOfReachError
            When no stream is that small.
        """

    @abstractmethod
    def decode(self, payload: bytes) -> Scene:
        """Return the samples, (bands, height, width), in the dtype of the scene, from the payload alone."""


def best_below(
    encode: Callable[[float], bytes], budget: int, *, coarse: float, fine: float, steps: int
) -> tuple[bytes, float] | None:
    """Find the finest setting whose stream fits, by bisection.

    Parameters
    ----------
    encode
        A function of a setting that returns a stream, the larger the nearer to `fine`.
    budget
        Bytes the stream may take.
    coarse, fine
        The ends of the interval; either may be the larger number.
    steps
        How often to halve it.

    Returns
    -------
    The stream and its setting, or None where even the coarse end does not fit.
    """
    found = (encode(coarse), coarse)
    if len(found[0]) > budget:
        return None
    for _ in range(steps):
        middle = (coarse + fine) / 2
        stream = encode(middle)
        if len(stream) <= budget:
            found, coarse = (stream, middle), middle
        else:
            fine = middle
    return found


def best_whole_below(
    encode: Callable[[int], bytes], budget: int, *, coarse: int, fine: int
) -> tuple[bytes, int] | None:
    """Find the finest whole-numbered setting whose stream fits, as `best_below` does."""
    sign = 1 if fine > coarse else -1
    steps = math.ceil(math.log2(abs(fine - coarse) + 1)) + 1
    streams: dict[int, bytes] = {}

    def encode_at(setting: float) -> bytes:
        whole = coarse + sign * int(abs(setting - coarse))
        if whole not in streams:
            streams[whole] = encode(whole)
        return streams[whole]

    found = best_below(encode_at, budget, coarse=coarse, fine=fine + sign, steps=steps)
    return None if found is None else (found[0], coarse + sign * int(abs(found[1] - coarse)))


def to_dtype(values: NDArray[np.floating[Any]], dtype: np.dtype[Any]) -> Scene:
    """Round to the integers that `dtype` holds."""
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    rounded: Scene = np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return rounded

"""The context network as it is stored: features of a latent in, the index of its law's scale out, all on integers.

Two hidden layers with clipped rectifiers. Features and activations are whole numbers up to 127 and 255, weights up to
127, so that every sum stays below 2**24 and float32 holds it exactly, whatever the order of summation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.context import FEATURES
from xr_inr.core.latent.wavelet import MOST_LEVELS
from xr_inr.exceptions import PayloadError

HIDDEN = 16
"""Units of each hidden layer."""

WEIGHT_UNIT = 32
"""A weight of 1, as stored."""

VALUE_UNIT = 16
"""An activation of 1, as a whole number."""

LARGEST_WEIGHT = 127
LARGEST_VALUE = 255
LARGEST_BIAS = 2**20
OFFSET_UNIT = 2
"""An offset of 1 scale index, as stored."""

LARGEST_OFFSET = 8
"""Magnitude of a component's offset: 4 scale indices."""

IDENTITY_BYTES = 4
"""Bytes of a network's identity."""

SHAPES = {
    "first": (HIDDEN, FEATURES),
    "of_pass": (4, HIDDEN),
    "of_orientation": (4, HIDDEN),
    "of_level": (MOST_LEVELS + 1, HIDDEN),
    "second": (HIDDEN, HIDDEN),
    "second_bias": (HIDDEN,),
    "third": (1, HIDDEN),
    "third_bias": (1,),
}
"""The parameters and their shapes, in the order they are stored."""

_MATRICES = ("first", "second", "third")


@dataclass(frozen=True)
class ContextNetwork:
    """Parameters, whole numbers: weights in units of 1/32, biases in units of 1/512."""

    first: NDArray[np.int32]
    """(hidden, features)."""

    of_pass: NDArray[np.int32]
    """(4, hidden) biases of the first layer, by pass."""

    of_orientation: NDArray[np.int32]
    """(4, hidden) the same by orientation of the subband."""

    of_level: NDArray[np.int32]
    """(levels, hidden) the same by level."""

    second: NDArray[np.int32]
    """(hidden, hidden)."""

    second_bias: NDArray[np.int32]
    """(hidden,)."""

    third: NDArray[np.int32]
    """(1, hidden)."""

    third_bias: NDArray[np.int32]
    """(1,)."""

    @cached_property
    def identity(self) -> bytes:
        """What names this network in a payload: the first bytes of a SHA-256 over its parameters."""
        return hashlib.sha256(self.to_bytes()).digest()[:IDENTITY_BYTES]

    def to_bytes(self) -> bytes:
        """Return the parameters as little-endian int32, in the order of `SHAPES`."""
        return b"".join(getattr(self, name).astype("<i4").tobytes() for name in SHAPES)

    @classmethod
    def from_bytes(cls, data: bytes) -> ContextNetwork:
        """Read what `to_bytes` wrote.

        Raises
        ------
        ValueError
            When parameters are missing or too large for exact sums.
        """
        wanted = 4 * sum(int(np.prod(shape)) for shape in SHAPES.values())
        if len(data) != wanted:
            raise ValueError(f"a context network has {wanted} bytes. Got {len(data)}.")
        found, start = {}, 0
        for name, shape in SHAPES.items():
            count = int(np.prod(shape))
            values = np.frombuffer(data, "<i4", count, start).astype(np.int32).reshape(shape)
            largest = LARGEST_WEIGHT if name in _MATRICES else LARGEST_BIAS
            if values.max() > largest or values.min() < -largest:
                raise ValueError(f"{name} must lie within +-{largest}")
            found[name] = values
            start += 4 * count
        return cls(**found)


def shipped() -> ContextNetwork:
    """Return the network that comes with the package, fitted to other scenes beforehand."""
    global _shipped  # noqa: PLW0603 - read once
    if _shipped is None:
        file = resources.files("xr_inr.core.latent") / "context_network.bin"
        _shipped = ContextNetwork.from_bytes(file.read_bytes())
    return _shipped


_shipped: ContextNetwork | None = None


def network_of(identity: bytes) -> ContextNetwork:
    """Return the network of that identity; raises `PayloadError` when this xr_inr does not have it."""
    network = shipped()
    if identity != network.identity:
        raise PayloadError(
            f"the payload was made with the context network {identity.hex()}; this xr_inr has only "
            f"{network.identity.hex()}. Install the xr-inr that wrote it, or a newer one."
        )
    return network

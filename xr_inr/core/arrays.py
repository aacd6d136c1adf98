"""Where the arithmetic of a decoding runs: numpy, or torch on a device, with the same integers as the result.

Functions that are given an `Arrays` use only what numpy and torch call alike. They keep to operations whose rounding
IEEE 754 fixes, each a call of its own, so that no compiler contracts two into one rounding; to products of matrices
of whole numbers whose sums their floats hold exactly, so that no order of summation matters; and to division by
powers of two, since torch multiplies by reciprocals on some devices. ``round`` is half to even in both.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import device as devices

Array = Any
"""A numpy array or a torch tensor."""

_TIMES_AS_MANY = 64
"""Torch's calls cost more than numpy's, a GPU's most of all, so there shall be fewer."""


@dataclass(frozen=True)
class Arrays:
    """numpy, or torch on one device."""

    xp: types.ModuleType
    """The module."""

    device: Any = None
    """The torch device; None for numpy."""

    _tables: dict[int, tuple[NDArray[Any], Array]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Tables that were looked up, which stay as they are, and what they are on the device."""

    @classmethod
    def on(cls, device: str | None) -> Arrays:
        """Return numpy for None, else torch on the device of that name, as `core.device.resolve` knows it.

        Raises
        ------
        RequestError
            For an unknown name or a CUDA device that is not there.
        DependencyError
            Where torch cannot be imported.
        """
        if device is None:
            return NUMPY
        resolved = devices.resolve(device)
        import torch  # noqa: PLC0415 - reading must not load it unasked

        return cls(torch, resolved)

    @property
    def product_dtype(self) -> str:
        """The dtype in which matrices of small whole numbers are multiplied: sums below 2**24 are exact in it.

        Of torch float64: what a user may have set for float32 products (TF32, bfloat16, autocast) leaves it alone.
        """
        return "float32" if self.device is None else "float64"

    def at_once(self, cached: int) -> int:
        """Return on how much to work at a time: on as much as a cache holds for numpy, many times that for torch."""
        return cached if self.device is None else _TIMES_AS_MANY * cached

    def zeros(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Return zeros of the dtype of that name."""
        return self.xp.zeros(shape, dtype=getattr(self.xp, dtype), device=self.device)

    def cast(self, array: Array, dtype: str) -> Array:
        """Return an array of this kind in the dtype of that name; itself if it is."""
        if self.device is None:
            return np.asarray(array, np.dtype(dtype))
        return array.to(getattr(self.xp, dtype))

    def clip(self, array: Array, low: float, high: float) -> None:
        """Clip to [low, high], in place."""
        if self.device is None:
            array.clip(low, high, out=array)
        else:
            self.xp.clip(array, low, high, out=array)

    def look_up(self, table: NDArray[Any], index: Array) -> Array:
        """Return the entries of a table at whole numbers that are not negative; the last entry for larger ones."""
        if self.device is None:
            return table.take(index, mode="clip")
        if id(table) not in self._tables:
            self._tables[id(table)] = table, self.put(table)
        return self._tables[id(table)][1][index.clip(max=len(table) - 1)]

    def put(self, array: NDArray[Any]) -> Array:
        """Return a numpy array as an array of this kind."""
        return array if self.device is None else self.xp.tensor(array, device=self.device)

    def get(self, array: Array) -> NDArray[Any]:
        """Return an array of this kind as a numpy array."""
        found: NDArray[Any] = array if self.device is None else array.cpu().numpy()
        return found


NUMPY = Arrays(np)

"""What a model leaves of the samples, band by band, so that no array of floats as large as the scene is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.residual.grid import Grid

_SOME = 2**16
"""Samples that tell of all."""


@dataclass(frozen=True)
class Remainder:
    """Samples of fitted bands and what a model gives for them."""

    grid: Grid
    """How they become whole numbers."""

    samples: NDArray[Any]
    """(fitted bands, height, width) in the scene's dtype; anything where not valid."""

    decoded: NDArray[Any]
    """What the model gives, of that shape and dtype."""

    validity: NDArray[np.bool_] | None
    """Which samples count, of that shape; None where all do."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(fitted bands, height, width)."""
        bands, height, width = self.samples.shape
        return bands, height, width

    def part(self, rows: slice, columns: slice) -> Remainder:
        """Return a part of the scene, as views."""
        valid = None if self.validity is None else self.validity[:, rows, columns]
        return Remainder(self.grid, self.samples[:, rows, columns], self.decoded[:, rows, columns], valid)

    def valid(self, band: int) -> NDArray[np.bool_]:
        """Return which samples of a band count, (height, width)."""
        return np.ones(self.shape[1:], bool) if self.validity is None else self.validity[band]

    def all_valid(self) -> NDArray[np.bool_]:
        """Return which samples count, (fitted bands, height, width)."""
        return np.ones(self.shape, bool) if self.validity is None else self.validity

    def residuals(self, band: int) -> NDArray[np.float64]:
        """Return what is left of a band, (height, width), in units of the grid; 0 where samples do not count."""
        valid, low = self.valid(band), self.grid.layout.dtype.type(self.grid.layout.low)
        samples, decoded = (np.where(valid, part[band], low) for part in (self.samples, self.decoded))
        left: NDArray[np.float64] = self.grid.positions(samples) - self.grid.numbers(decoded)
        return np.where(valid, left, 0.0)

    def some_errors(self) -> NDArray[np.float64]:
        """Return errors of the model, in steps of the grid: of some valid samples, (some,), evenly spread."""
        parts = []
        for band in range(len(self.samples)):
            errors = self.residuals(band)[self.valid(band)]
            # An odd stride does not meet the same columns of all rows.
            parts.append(errors[:: (errors.size * len(self.samples) // _SOME) | 1])
        found: NDArray[np.float64] = np.concatenate(parts) / self.grid.step
        return found

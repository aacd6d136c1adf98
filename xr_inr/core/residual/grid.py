"""Samples as whole numbers, and the step in which a bound lets them be rounded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.decoded_values import beside_nodata
from xr_inr.core.scene_layout import SceneLayout
from xr_inr.exceptions import RequestError

MOST_NUMBERS = 2**26
"""Whole numbers from the lowest to the highest sample."""

LARGEST_STEP = 2**27 + 1

_FLOAT_STEP = 64
"""Units in a step of floats: the model's prediction is rounded to one of them."""

_ROUNDED = 1.0 - 2.0**-20
"""Leaves room for the roundings of float64."""

_LEAST_ERROR = 2.0**-1000
"""Units of smaller errors would not be normal numbers of float64."""


@dataclass(frozen=True)
class Grid:
    """How samples of fitted bands become whole numbers: (sample - low) / unit."""

    layout: SceneLayout
    """The scene, with its lowest and highest sample."""

    step: int
    """Units from one value of a residual to the next."""

    unit: float
    """What a number counts, in data units; 1 for integers."""

    @classmethod
    def for_bound(cls, layout: SceneLayout, max_error: float) -> Grid:
        """Return the coarsest grid that keeps an error.

        Raises
        ------
        RequestError
            When the dtype, or the width of its range, does not allow so small an error.
        """
        low, high = float(layout.low), float(layout.high)
        inside = layout.nodata is not None and low <= float(layout.nodata) <= high
        if layout.dtype.kind in "iu":
            if high - low > MOST_NUMBERS:
                raise RequestError(
                    f"max_error needs integers within {MOST_NUMBERS} of each other. Got {low:.0f} to {high:.0f}."
                )
            bound = int(min(math.floor(max_error), high - low))
            # What is decoded as nodata moves to the value beside it.
            return cls(layout, 2 * (bound - (inside and bound > 0)) + 1, 1.0)
        spacing = float(np.spacing(layout.dtype.type(max(abs(low), abs(high)))))
        smallest = max(
            (4.0 if inside else 3.0) * spacing, (high - low) * 2.0 * _FLOAT_STEP / MOST_NUMBERS, _LEAST_ERROR
        )
        if max_error < smallest:
            raise RequestError(
                f"max_error on {layout.dtype.name} samples from {low:g} to {high:g} must be at least {smallest:.6g}. "
                f"Got {max_error:g}."
            )
        # Two roundings of float64 and one to the dtype, each at most half of that. None leaves the range of samples,
        # so no error is wider than that.
        kept = min(max_error - (2.5 if inside else 1.5) * spacing, max(high - low, _LEAST_ERROR))
        return cls(layout, _FLOAT_STEP, 2.0 * kept * _ROUNDED / _FLOAT_STEP)

    def positions(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Return where samples lie, in units above the lowest; whole for integers."""
        found: NDArray[np.float64] = (samples.astype(np.float64) - float(self.layout.low)) / self.unit
        return found

    def numbers(self, samples: NDArray[Any]) -> NDArray[np.int64]:
        """Return the whole numbers nearest to samples."""
        return np.rint(self.positions(samples)).astype(np.int64)

    def samples(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Return the samples that whole numbers stand for, in the scene's dtype, within its range."""
        layout = self.layout
        values = numbers * self.unit
        values += float(layout.low)
        np.clip(values, float(layout.low), float(layout.high), out=values)
        return beside_nodata(values.astype(layout.dtype), layout)

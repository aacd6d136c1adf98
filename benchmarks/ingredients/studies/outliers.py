"""Outliers told of, and not: what whole fits to one size leave of the error of a scene with dead and hot samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ingredients.studies import RATE
from benchmarks.ingredients.studies.planes import StudyPlanes
from benchmarks.ingredients.studies.whole_fits import squared_error
from benchmarks.ingredients.variant import replaced

_PRESETS = ("fast", "balanced")
_SHARE = 1e-4
"""Of all samples, those that are moved."""

_FURTHEST = 6.0
"""Standard deviations of their band that they are moved by, at most, and at least one."""


def outliers(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent the squared error changes where a payload may tell of outliers."""
    found = {}
    for what, cube in (("as it is", planes.cube), ("with outliers", with_outliers(planes.cube))):
        for preset in _PRESETS:
            with replaced({"tries.choices": lambda _: lambda *_: iter(())}):
                before = squared_error(cube, preset, RATE)
            found[f"{what}, {preset}"] = 100.0 * (squared_error(cube, preset, RATE) / before - 1.0)
    return found


def with_outliers(cube: NDArray[Any]) -> NDArray[Any]:
    """Return a scene, (bands, height, width), with some samples moved up or down within its range."""
    generator = np.random.default_rng(0)
    hit = generator.random(cube.shape) < _SHARE
    spreads = np.broadcast_to(cube.std(axis=(1, 2), keepdims=True), cube.shape)[hit]
    far = spreads * generator.uniform(1.0, _FURTHEST, len(spreads)) * generator.choice([-1.0, 1.0], len(spreads))
    moved = cube.copy()
    moved[hit] = np.clip(cube[hit] + far, cube.min(), cube.max()).astype(cube.dtype)
    return moved

"""Repeated pixels told, and not: what whole fits to one size leave of the error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ingredients.studies import RATE
from benchmarks.ingredients.studies.planes import StudyPlanes
from benchmarks.ingredients.variant import replaced
from xr_inr.core.decode import decode
from xr_inr.core.encode import encode_array
from xr_inr.core.latent.aim import Aim
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene

_PRESETS = ("fast", "balanced")


def repeats(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent the squared error changes where a payload may tell of repeated pixels."""
    alike = prepare_scene(planes.cube).repeats
    found = {"pixels that repeat another, of all": 0.0 if alike is None else 100.0 * float(alike.repeated.mean())}
    for preset in _PRESETS:
        with replaced({"tries._planned": _unaware}):
            before = _squares(planes.cube, preset)
        found[f"squared error, {preset}"] = 100.0 * (_squares(planes.cube, preset) / before - 1.0)
    return found


def _unaware(planned: Callable[[Aim], tuple[ScenePlanes, float]]) -> Callable[[Aim], tuple[ScenePlanes, float]]:
    """Return a plan of a fit that does not know which pixels are alike."""
    return lambda aim: planned(replace(aim, scene=replace(aim.scene, repeats=None)))


def _squares(cube: NDArray[Any], preset: str) -> float:
    payload = encode_array(cube, FitRequest(bpppb=RATE, preset=preset, device="cpu")).payload
    return float(np.square(decode(payload) - cube.astype(np.float64)).sum())

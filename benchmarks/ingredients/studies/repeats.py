"""Repeated pixels told, and not: what whole fits to one size leave of the error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks.ingredients.studies import RATE
from benchmarks.ingredients.studies.planes import StudyPlanes
from benchmarks.ingredients.studies.whole_fits import squared_error
from benchmarks.ingredients.variant import replaced
from xr_inr.core.latent.aim import Aim
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.scene import prepare_scene

_PRESETS = ("fast", "balanced")


def repeats(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent the squared error changes where a payload may tell of repeated pixels."""
    alike = prepare_scene(planes.cube).repeats
    found = {"pixels that repeat another, of all": 0.0 if alike is None else 100.0 * float(alike.repeated.mean())}
    for preset in _PRESETS:
        with replaced({"tries._planned": _unaware}):
            before = squared_error(planes.cube, preset, RATE)
        found[f"squared error, {preset}"] = 100.0 * (squared_error(planes.cube, preset, RATE) / before - 1.0)
    return found


def _unaware(planned: Callable[[Aim], tuple[ScenePlanes, float]]) -> Callable[[Aim], tuple[ScenePlanes, float]]:
    """Return a plan of a fit that does not know which pixels are alike."""
    return lambda aim: planned(replace(aim, scene=replace(aim.scene, repeats=None)))

"""What the results say of each preset, as the file that comes with the package and ``xr-inr info --presets`` prints."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.curves import ANCHOR, RATE, Measured, at, by_scene, deltas, measured, title
from benchmarks.scenes import MAIN
from xr_inr.core.request import PRESETS_OF
from xr_inr.preset_figures import FIGURES, FILE

SCENE = "indian_pines_200"
"""On which time and PSNR are told: it is there on every machine."""

Scenes = Mapping[str, Sequence[Measured]]
"""What was measured on each scene."""


def write(path: Path = FILE) -> None:
    """Write the figures anew."""
    path.write_text(expected())


def expected() -> str:
    """Return the text of the file as the results say it must be."""
    scenes = by_scene(measured())
    presets = [f"{model}, {name}" for model, names in PRESETS_OF.items() for name in names]
    figures = {
        "scene": title(SCENE),
        "bpppb": RATE,
        "anchor": ANCHOR,
        "presets": {preset: _figures(scenes, preset) for preset in presets},
    }
    return f"{json.dumps(figures, indent=2)}\n"


def _figures(scenes: Scenes, preset: str) -> dict[str, Any]:
    """Return `FIGURES` of one preset, None for what was not measured; differences in rate over the main scenes."""
    one = next((one for one in at(scenes.get(SCENE, ()), RATE) if one.codec == preset and one.stored), None)
    compared = [deltas(scenes[name], ANCHOR).get(preset) for name in MAIN if name in scenes]
    rates = [delta.rate_percent for delta in compared if delta is not None and delta.rate_percent is not None]
    known: dict[str, Any] = {}
    if one is not None:
        known = {
            "encode_s": _rounded(one.encode_s, 1),
            "threads": int(one.row["threads"]),
            "cores": int(one.row["cores"]),
            "device": one.row["device"],
            "psnr_db": _rounded(one.figure("psnr_db"), 2),
        }
    if rates:
        known |= {"bd_rate_percent": _rounded(statistics.mean(rates), 1), "bd_rate_scenes": len(rates)}
    return {name: known.get(name) for name in FIGURES}


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None

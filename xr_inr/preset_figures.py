"""What each preset was measured to take and to give; ``python -m benchmarks table`` writes the file of the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

FILE = Path(__file__).with_name("preset_figures.json")
"""What all figures are measured on, and the figures of each preset by its model and name."""

CONDITIONS = ("scene", "bpppb", "anchor")
"""What the figures of all presets have in common: the scene and the rate of ``encode_s`` and ``psnr_db``, and the codec
that ``bd_rate_percent`` is against."""

FIGURES = ("encode_s", "threads", "cores", "device", "psnr_db", "bd_rate_percent", "bd_rate_scenes")
"""The figures of a preset, None where it was not measured.

``encode_s`` are seconds of encoding, of the processor or, where ``device`` is a GPU, of the clock, with ``threads``
threads on a machine of ``cores`` cores; ``psnr_db`` is the PSNR of that. ``bd_rate_percent`` is the Bjontegaard delta
in rate, negative where the preset takes less than the anchor, as the mean of ``bd_rate_scenes`` scenes.
"""

_NOTHING = "-"


def figures_of(preset: str) -> dict[str, Any]:
    """Return `CONDITIONS` and `FIGURES` of a preset, named by model and name as in ``"latent, fast"``."""
    measured = _read()
    found = measured["presets"].get(preset, {})
    return {name: measured[name] for name in CONDITIONS} | {name: found.get(name) for name in FIGURES}


def as_text(preset: str) -> dict[str, str]:
    """Return the figures of a preset by their titles, a dash where there is none."""
    found = figures_of(preset)
    machine = f"({found['device']}, threads: {found['threads']}, cores: {found['cores']})"
    scenes = f"(scenes: {found['bd_rate_scenes']})"
    return {
        "encode s": _NOTHING if found["encode_s"] is None else f"{found['encode_s']:.1f} {machine}",
        "PSNR dB": _NOTHING if found["psnr_db"] is None else f"{found['psnr_db']:.2f}",
        "BD-rate %": _NOTHING if found["bd_rate_percent"] is None else f"{found['bd_rate_percent']:+.1f} {scenes}",
    }


def conditions() -> str:
    """Return what the figures in `as_text` are of, in two sentences."""
    measured = _read()
    return (
        f"encode s, PSNR dB: {measured['scene']}, at {measured['bpppb']:g} bpppb, processor seconds (on a GPU those of "
        f"the clock). BD-rate %: against {measured['anchor']} over the PSNR that both reach, mean of the scenes."
    )


def _read() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(FILE.read_text()))

"""PSNR over the iterations of one long fit (the paper's Figure 6)."""

from __future__ import annotations

from benchmarks.paper.experiment import HIDDEN_LAYERS, Experiment
from benchmarks.paper.fits import Fit
from xr_inr.core.siren.presets import PRESETS

BPPPB = 0.1
"""The budget, of 16-bit weights."""

_SNAPSHOTS = 60


def _fits(scene: str, iterations: int) -> list[Fit]:
    every = max(1, iterations // _SNAPSHOTS)
    return [Fit(scene, f"{BPPPB:g} bpppb", iterations, HIDDEN_LAYERS, bpppb=BPPPB, every=every)]


EXPERIMENT = Experiment("iterations", iterations=PRESETS["paper"].iterations, fits=_fits, scenes=("jasper_ridge_224",))

"""Which of the networks within a budget fits best: PSNR of each depth at the widest it can have (Figure 4)."""

from __future__ import annotations

from benchmarks.paper.experiment import Experiment
from benchmarks.paper.fits import Fit
from xr_inr.core.siren.presets import PRESETS

BPPPB = 0.1
"""The budget, of 16-bit weights."""


def _fits(scene: str, iterations: int) -> list[Fit]:
    return [
        Fit(scene, f"{BPPPB:g} bpppb, n_h {depth}", iterations, depth, bpppb=BPPPB)
        for depth in PRESETS["paper"].hidden_layers
    ]


EXPERIMENT = Experiment("search", iterations=200, fits=_fits)

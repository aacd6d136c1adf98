"""PSNR over the capacity of the network, after equally many iterations (the paper's Figure 3)."""

from __future__ import annotations

from benchmarks.paper.experiment import HIDDEN_LAYERS, Experiment
from benchmarks.paper.fits import Fit

_WIDTHS = {"jasper_ridge_224": (10, 20, 37, 60, 90)}
_FEWER_WIDTHS = (20, 37, 60)


def _fits(scene: str, iterations: int) -> list[Fit]:
    return [
        Fit(scene, f"{HIDDEN_LAYERS} x {width}", iterations, HIDDEN_LAYERS, hidden_width=width)
        for width in _WIDTHS.get(scene, _FEWER_WIDTHS)
    ]


EXPERIMENT = Experiment("capacity", iterations=500, fits=_fits)

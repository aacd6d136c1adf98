"""The paper's network beside JPEG, JPEG 2000 and PCA-DCT, rate by rate (the paper's Figure 5 and Table II).

Every network is fitted once and stored twice: in 32 bits, and rounded to the paper's half precision.
"""

from __future__ import annotations

import math

from benchmarks import results
from benchmarks.paper import iterations as long_fits
from benchmarks.paper.experiment import HIDDEN_LAYERS, Experiment
from benchmarks.paper.fits import Fit
from benchmarks.results import Row
from benchmarks.scenes import SCENES

RATES = (0.02, 0.04, 0.1, 0.2)
"""Bits per pixel per band of the networks in 16 bits; in 32 bits they take twice that."""

PEERS = ("jpeg, per band", "jpeg 2000, per band", "pca + dct", "klt + jpeg 2000")
"""The paper's peers, and one it does not have."""

_DISTINCT = ("scene", "iterations", "asked_bpppb", "weight_bits")
"""The columns that tell one network in one form from the others."""


def _fits(scene: str, iterations: int) -> list[Fit]:
    return [Fit(scene, f"{rate:g} bpppb", iterations, HIDDEN_LAYERS, bpppb=rate, bits=(16, 32)) for rate in RATES]


EXPERIMENT = Experiment("rate-distortion", iterations=1000, fits=_fits)


def fitted() -> list[Row]:
    """Return the rows of `EXPERIMENT` and the ends of the fits of `iterations`, each network of a length once."""
    ends: dict[tuple[str, str], Row] = {}
    for row in long_fits.EXPERIMENT.rows():
        before = ends.setdefault((row["scene"], row["fit"]), row)
        ends[row["scene"], row["fit"]] = max(before, row, key=lambda one: int(one["iteration"]))
    once: dict[tuple[str, ...], Row] = {}
    for row in (*EXPERIMENT.rows(), *ends.values()):
        once.setdefault(tuple(row[column] for column in _DISTINCT), row)
    return list(once.values())


def peers(scene: str) -> dict[str, list[Row]]:
    """Return the rows of each peer measured on a scene, by rising rate, from ``results/rate_distortion.tsv``."""
    rows = [row for row in results.read(results.GRID) if row["status"] == "ok" and row["scene"] == scene]
    rows.sort(key=lambda row: float(row["bpppb"]))
    found = {codec: [row for row in rows if row["codec"] == codec] for codec in PEERS}
    return {codec: ones for codec, ones in found.items() if ones}


def nearest(rows: list[Row], bpppb: float) -> Row | None:
    """Return the row asked for at a rate, None where there is none."""
    return next((row for row in rows if row["asked_bpppb"] and math.isclose(float(row["asked_bpppb"]), bpppb)), None)


def table_ii(bpppb: float = 0.1) -> str:
    """Return the paper's Table II as Markdown: every method asked for `bpppb` bits per pixel per band on each scene."""
    lines = ["| scene | method | n_h, w_h | iterations | bytes | bpppb | PSNR dB |", "|---|---|---|--:|--:|--:|--:|"]
    ours = fitted()
    for scene in dict.fromkeys(row["scene"] for row in ours):
        own = [row for row in ours if row["scene"] == scene and math.isclose(float(row["asked_bpppb"]), bpppb)]
        lines += [
            _line(scene, f"SIREN, {row['weight_bits']} bits", row, f"{row['n_h']}, {row['w_h']}", row["iterations"])
            for row in own
        ]
        found = {codec: nearest(rows, bpppb) for codec, rows in peers(scene).items()}
        lines += [_line(scene, codec, row) for codec, row in found.items() if row is not None]
    return "\n".join(lines)


def _line(scene: str, method: str, row: Row, network: str = "", iterations: str = "") -> str:
    count = f"{int(iterations):,}" if iterations else ""
    return (
        f"| {SCENES[scene].title} | {method} | {network} | {count} | {int(row['bytes']):,} | "
        f"{float(row['bpppb']):.4f} | {float(row['psnr_db']):.2f} |"
    )

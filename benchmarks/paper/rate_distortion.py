"""The paper's network beside JPEG, JPEG 2000 and PCA-DCT, rate by rate (the paper's Figure 5 and Table II).

Every network is fitted once and stored twice: in 32 bits, and rounded to the paper's half precision.
"""

from __future__ import annotations

import math

from benchmarks import results
from benchmarks.paper.experiment import HIDDEN_LAYERS, Experiment
from benchmarks.paper.fits import Fit
from benchmarks.results import Row
from benchmarks.scenes import SCENES

RATES = (0.02, 0.04, 0.1, 0.2)
"""Bits per pixel per band of the networks in 16 bits; in 32 bits they take twice that."""

PEERS = ("jpeg, per band", "jpeg 2000, per band", "pca + dct", "klt + jpeg 2000")
"""The paper's peers, and one it does not have."""

_STAND_INS = {"jasper_ridge_224": "jasper_ridge_198"}
"""Scenes whose peers may be measured without the water bands only."""


def _fits(scene: str, iterations: int) -> list[Fit]:
    return [Fit(scene, f"{rate:g} bpppb", iterations, HIDDEN_LAYERS, bpppb=rate, bits=(16, 32)) for rate in RATES]


EXPERIMENT = Experiment("rate-distortion", iterations=1500, fits=_fits)


def peers(scene: str) -> dict[str, list[Row]]:
    """Return the rows of each peer on a scene, by rising rate, from ``results/rate_distortion.tsv``.

    Where the scene itself was not measured, those of the scene without water bands; their names then say so.
    """
    stored = [row for row in results.read("rate_distortion") if row["status"] == "ok" and row["codec"] in PEERS]
    for name in (scene, _STAND_INS.get(scene)):
        rows = [row for row in stored if row["scene"] == name]
        if rows:
            suffix = "" if name == scene else f" ({SCENES[str(name)].title.rpartition(', ')[2]})"
            found = {
                f"{codec}{suffix}": [row for row in rows if row["codec"] == codec]
                for codec in PEERS
                if any(row["codec"] == codec for row in rows)
            }
            return {name: sorted(ones, key=lambda row: float(row["bpppb"])) for name, ones in found.items()}
    return {}


def nearest(rows: list[Row], bpppb: float) -> Row | None:
    """Return the row asked for at a rate, None where there is none."""
    return next((row for row in rows if row["asked_bpppb"] and math.isclose(float(row["asked_bpppb"]), bpppb)), None)


def table_ii(bpppb: float = 0.1) -> str:
    """Return the paper's Table II as Markdown: every method asked for `bpppb` bits per pixel per band on each scene."""
    lines = ["| scene | method | n_h, w_h | iterations | bytes | bpppb | PSNR dB |", "|---|---|---|--:|--:|--:|--:|"]
    ours = EXPERIMENT.rows()
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

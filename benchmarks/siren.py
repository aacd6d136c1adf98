"""The siren model measured on real scenes; every row is one payload, decoded and compared.

    XR_INR_SCENES=folder python -m benchmarks.siren quality    # presets on every scene
    XR_INR_SCENES=folder python -m benchmarks.siren storage    # 8-bit against float16 at equal bytes
    XR_INR_SCENES=folder python -m benchmarks.siren speed      # the paper's settings against the default, equal PSNR

Each writes ``benchmarks/results/siren_<name>.tsv``. The folder holds cubes as .npy, shape (bands, y, x).
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import datetime as dt
import math
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import xr_inr
from xr_inr.core.encode import encode_array
from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.request import FitRequest
from xr_inr.core.siren.presets import PRESETS

RESULTS = Path(__file__).parent / "results"
SCENES = {
    "jasper_ridge_224": "Jasper Ridge, 224 bands",
    "indian_pines_200": "Indian Pines, 200 bands",
    "pavia_centre_crop": "Pavia Centre crop, 102 bands",
    "abu_airport_1": "Los Angeles airport, 205 bands",
    "abu_beach_1": "ABU beach, 188 bands",
}

Row = dict[str, Any]
Curve = list[tuple[float, float]]


def load(name: str) -> NDArray[Any]:
    """Return a scene from the folder that XR_INR_SCENES names."""
    folder = os.environ.get("XR_INR_SCENES")
    if not folder or not (Path(folder) / f"{name}.npy").exists():
        raise SystemExit(f"XR_INR_SCENES must name a folder with {name}.npy. Got {folder!r}.")
    scene: NDArray[Any] = np.load(Path(folder) / f"{name}.npy")
    return scene


def fit(name: str, **request: Any) -> Row:
    """Fit one payload and return its row."""
    scene = load(name)
    encoded = encode_array(scene, FitRequest(device="cpu", **request))
    started = time.perf_counter()
    xr_inr.decode(encoded.payload)
    decode_s = time.perf_counter() - started
    figures = encoded.figures
    bands = figures.band_psnr
    return {
        "scene": SCENES[name],
        "preset": request.get("preset", "balanced"),
        "weight_bits": FitRequest(**request).stored_bits,
        "asked_bpppb": request["bpppb"],
        "bytes": len(encoded.payload),
        "bpppb": f"{len(encoded.payload) * 8 / scene.size:.5f}",
        "psnr_db": f"{figures.psnr:.3f}",
        "peak": f"{figures.peak:g}",
        "mean_band_psnr_db": f"{np.nanmean(bands[np.isfinite(bands)]):.3f}",
        "sam_degrees": f"{figures.sam:.4f}",
        "max_error": f"{figures.max_error:g}",
        "network": encoded.architecture,
        "iterations": encoded.iterations,
        "encode_s": f"{encoded.seconds:.1f}",
        "decode_s": f"{decode_s:.3f}",
    }


def quality() -> Iterator[Row]:
    """Yield the presets on every scene, and the paper's 16-bit floats on its own."""
    for preset in ("fast", "balanced"):
        for name in SCENES:
            yield fit(name, bpppb=0.1, preset=preset)
    yield fit("jasper_ridge_224", bpppb=0.15, preset="balanced", weight_bits=16)


def storage() -> Iterator[Row]:
    """Yield the forms of storage at equal bytes."""
    for name in ("jasper_ridge_224", "indian_pines_200", "pavia_centre_crop", "abu_airport_1"):
        for bpppb in (0.05, 0.15):
            for bits in (16, 8, 6):
                yield fit(name, bpppb=bpppb, preset="fast", weight_bits=bits)


OURS = ("fast", "balanced")


def speed(seconds: float) -> Iterator[Row]:
    """Yield the time the default and the paper's settings take to one PSNR, float16, in one run.

    The paper's networks are given their architecture; the default's time includes its search.
    """
    curves = {name: _curve(name, seconds) for name in OURS}
    for depth, share in ((5, 1.0), (3, 0.5), (8, 0.5)):
        name = f"paper, n_h {depth}"
        PRESETS[name] = dataclasses.replace(PRESETS["paper"], name=name, hidden_layers=(depth,), rungs=())
        curves[name] = _curve(name, share * seconds)
    best = max((name for name in curves if name not in OURS), key=lambda name: curves[name][-1][1])
    target = min(curves[name][-1][1] for name in (*OURS, best))
    for name, curve in curves.items():
        reached = _reached(curve, target)
        yield {
            "scene": SCENES["jasper_ridge_224"],
            "preset": name,
            "weight_bits": 16,
            "asked_bpppb": 0.15,
            "seconds_fitted": f"{curve[-1][0]:.1f}",
            "psnr_at_the_end_db": f"{curve[-1][1]:.3f}",
            "compared_at_psnr_db": f"{target:.3f}",
            "seconds_to_reach_it": f"{reached:.1f}",
            "paper_takes_times_longer": f"{_reached(curves[best], target) / reached:.1f}",
        }


def _reached(curve: Curve, target: float) -> float:
    return next((elapsed for elapsed, psnr in curve if psnr >= target), math.inf)


def _curve(preset: str, seconds: float) -> Curve:
    """Return (seconds, best PSNR so far) of a fit of Jasper Ridge, ended after `seconds`."""
    curve: Curve = []
    started = time.perf_counter()

    def report(progress: Progress) -> None:
        elapsed = time.perf_counter() - started
        curve.append((elapsed, max(progress.psnr, curve[-1][1] if curve else progress.psnr)))
        if elapsed > seconds:
            raise KeyboardInterrupt

    request = FitRequest(bpppb=0.15, preset=preset, weight_bits=16, device="cpu")
    encode_array(load("jasper_ridge_224"), request, monitor=Monitor(report=report, keep_best=lambda _: True))
    print(f"# {preset}: {curve[-1][1]:.2f} dB after {curve[-1][0]:.0f} s", flush=True)
    return curve


EXPERIMENTS = {"quality": quality, "storage": storage}


def _machine() -> Row:
    return {
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "device": "cpu",
        "versions": f"xr_inr {xr_inr.__version__}, torch {torch.__version__}, python {platform.python_version()}",
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
    }


def main() -> None:
    """Run one experiment and write its table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=(*EXPERIMENTS, "speed"))
    parser.add_argument("--seconds", type=float, default=900.0, help="of each fit in 'speed'")
    options = parser.parse_args()
    rows = speed(options.seconds) if options.experiment == "speed" else EXPERIMENTS[options.experiment]()
    target = RESULTS / f"siren_{options.experiment}.tsv"
    machine = _machine()
    with target.open("w", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            complete = row | machine
            if writer is None:
                writer = csv.DictWriter(file, list(complete), delimiter="\t", lineterminator="\n")
                writer.writeheader()
            writer.writerow(complete)
            file.flush()
            print("\t".join(str(value) for value in row.values()), flush=True)


if __name__ == "__main__":
    main()

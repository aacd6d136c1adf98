"""How small a scene gets when no sample may err by more than a bound: 0, and parts of its range up to 1 %.

A row is measured once and written at once, so that a run that was cut short goes on. What is written is the largest
error of what was decoded; a codec that breaks its bound has a row that says so and no place in the table.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

import xr_inr
from benchmarks import results, scenes
from benchmarks.codecs.base import Scene
from benchmarks.codecs.bounded import BOUNDED, Bounded
from benchmarks.codecs.klt_residual import KLT_RESIDUAL
from benchmarks.markdown import NOTHING, markdown
from benchmarks.results import Row

TABLE = "bounds"

SCENES = (
    "jasper_ridge_224",
    "jasper_ridge_198",
    "indian_pines_200",
    "pavia_centre_crop",
    "abu_airport_1",
    "abu_beach_1",
)
PARTS = (0.0, 0.001, 0.0025, 0.005, 0.01)
"""Bounds in parts of the range from the lowest to the highest sample, rounded to whole numbers."""


def _encode_ours(scene: Scene, bound: int) -> bytes:
    return xr_inr.encode(scene, max_error=bound, preset="fast")


CODECS: dict[str, Bounded] = BOUNDED | {
    "klt + jpeg 2000 + residual": KLT_RESIDUAL,
    "latent, fast": Bounded(_encode_ours, xr_inr.decode),
}
"""In the order they are measured: what is quick first."""


def bound_of(scene: Scene, part: float) -> int:
    """Return a part of the range of a scene as a whole number, at least 1 unless the part is 0."""
    return 0 if part == 0 else max(1, round(part * (int(scene.max()) - int(scene.min()))))


def run(names: Sequence[str] = SCENES, codecs: Sequence[str] = tuple(CODECS)) -> None:
    """Measure what has no row in ``results/bounds.tsv`` yet."""
    rows = results.read(TABLE)
    done = {(row["scene"], row["part"], row["codec"]) for row in rows}
    for name in names:
        scene = scenes.load(name)
        for codec in codecs:
            for part in PARTS:
                if (name, f"{part:g}", codec) not in done:
                    rows.append(measured(name, scene, part, codec))
                    print(*(rows[-1][key] for key in ("scene", "codec", "bound", "bpppb", "processor_s")), flush=True)
                    results.write(TABLE, rows, list(rows[-1]))


def measured(name: str, scene: Scene, part: float, codec: str) -> Row:
    """Return the row of a scene, a bound and a codec; times are of encoding and decoding together."""
    bound = bound_of(scene, part)
    wall, processor = time.perf_counter(), time.process_time()
    stream = CODECS[codec].encode(scene, bound)
    decoded = CODECS[codec].decode(stream)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    reached = float(np.abs(decoded.astype(np.float64) - scene).max())
    return {
        "scene": name,
        "part": f"{part:g}",
        "bound": str(bound),
        "codec": codec,
        "bytes": str(len(stream)),
        "bpppb": f"{8 * len(stream) / scene.size:.5f}",
        "max_error": f"{reached:g}",
        "held": str(reached <= bound),
        "processor_s": f"{processor:.2f}",
        "wall_s": f"{wall:.2f}",
        **results.machine(["imagecodecs", "pcodec"]),
    }


def table() -> str:
    """Return a table for each scene: bits per pixel per band at each bound, the fewest bold."""
    parts = []
    for name in SCENES:
        rows = {(row["codec"], row["part"]): row for row in results.read(TABLE) if row["scene"] == name}
        bounds = {row["part"]: row["bound"] for row in sorted(rows.values(), key=lambda row: float(row["part"]))}
        lines = []
        for codec in CODECS:
            cells = [_cell(rows, codec, part) for part in bounds]
            if any(cell != NOTHING for cell in cells):
                lines.append([codec, *cells])
        if lines:
            header = ["codec", *(f"within {bound}" for bound in bounds.values())]
            parts.append(f"{scenes.SCENES[name].title}, bits per pixel per band:\n\n{markdown(header, lines)}")
    return "\n\n".join(parts) or NOTHING


def _cell(rows: Mapping[tuple[str, str], Row], codec: str, part: str) -> str:
    row = rows.get((codec, part))
    if row is None:
        return NOTHING
    if row["held"] != "True":
        return f"broken ({row['max_error']})"
    kept = [float(other["bpppb"]) for (_, at), other in rows.items() if at == part and other["held"] == "True"]
    figure = f"{float(row['bpppb']):.3f}"
    return f"**{figure}**" if float(row["bpppb"]) == min(kept) else figure

"""Many small arrays encoded at once beside one at a time: ``python -m benchmarks speed batch``.

Each measurement is a process of its own on one thread, ``python -m benchmarks.speed.batch WAY MODEL PRESET BPPPB``,
after one array that is not timed.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import xr_inr
from benchmarks import results, scenes
from benchmarks.curves import title as title_of
from benchmarks.results import Row, number
from benchmarks.speed.process import measured_by

TABLE = "batch"
SCENE = "indian_pines_200"
"""On every machine: it comes with a package."""

ALONE, AT_ONCE = WAYS = ("one at a time", "at once")
COUNT, SIDE, BANDS = 16, 32, 100
"""Arrays of SIDE x SIDE pixels, from a square of the scene, with every second band."""

CELLS = (
    ("latent", "fast", 0.1),
    ("latent", "fast", 0.3),
    ("latent", "balanced", 0.1),
    ("siren", "fast", 0.1),
    ("siren", "fast", 0.3),
)
"""Models, presets, and bits per pixel per band."""

COLUMNS = (
    "scene",
    "way",
    "model",
    "preset",
    "asked_bpppb",
    "repeat",
    "arrays",
    "bands",
    "height",
    "width",
    "bytes",
    "psnr_db",
    "encode_s",
    "encode_cpu_s",
    *results.machine(),
)
"""`psnr_db` is over the samples of all arrays; `encode_cpu_s` is processor time, which other work does not lengthen."""

Arrays = Sequence[NDArray[np.generic]]


@dataclass(frozen=True)
class Measured:
    """What one process tells."""

    bytes: int
    """Of all payloads."""

    psnr_db: float
    """Over the samples of all arrays."""

    encode_s: float
    """Wall time."""

    encode_cpu_s: float
    """Processor time."""


def arrays() -> list[NDArray[np.generic]]:
    """Return the arrays, each (`BANDS`, `SIDE`, `SIDE`)."""
    scene = scenes.load(SCENE)[: 2 * BANDS : 2]
    across = round(COUNT**0.5)
    corners = [divmod(number, across) for number in range(COUNT)]
    return [
        np.ascontiguousarray(scene[:, row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE])
        for row, column in corners
    ]


def measure(way: str, model: str, preset: str, bpppb: float, chosen: Arrays) -> Measured:
    """Encode arrays in one of `WAYS`, and compare what their payloads decode to."""

    def encode(some: Arrays) -> list[bytes]:
        return xr_inr.encode_many(some, bpppb=bpppb, model=model, preset=preset, device="cpu")

    encode(chosen[:1])  # imports, and what is made once for all
    started = time.perf_counter(), time.process_time()
    payloads = encode(chosen) if way == AT_ONCE else [encode([one])[0] for one in chosen]
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    whole, decoded = (np.concatenate(parts, axis=2) for parts in (chosen, [xr_inr.decode(one) for one in payloads]))
    psnr = xr_inr.compare(whole, decoded).psnr
    return Measured(sum(map(len, payloads)), psnr, wall, cpu)


def run(repeats: int) -> None:
    """Measure everything, and write ``results/batch.tsv``."""
    results.write(TABLE, list(_rows(repeats)), COLUMNS)


def _rows(repeats: int) -> Iterator[Row]:
    machine = results.machine(("torch", "constriction")) | {"threads": "1"}
    shape = {"arrays": str(COUNT), "bands": str(BANDS), "height": str(SIDE), "width": str(SIDE)}
    for repeat in range(repeats):
        for model, preset, bpppb in CELLS:
            for way in WAYS:
                found = _in_a_process(way, model, preset, bpppb)
                cell = {"scene": SCENE, "way": way, "model": model, "preset": preset, "asked_bpppb": f"{bpppb:g}"}
                row = cell | {"repeat": str(repeat)} | shape | _written(found) | machine
                print(*(row[name] for name in COLUMNS), flush=True)
                yield row


def _written(found: Measured) -> Row:
    return {name: f"{value:.3f}" if isinstance(value, float) else str(value) for name, value in vars(found).items()}


def _in_a_process(way: str, model: str, preset: str, bpppb: float) -> Measured:
    return Measured(**measured_by("benchmarks.speed.batch", way, model, preset, f"{bpppb:g}"))


def tables() -> dict[str, str]:
    """Return the block ``batch``, if there are results."""
    rows = results.read(TABLE)
    return {TABLE: table(rows)} if rows else {}


def table(rows: Sequence[Row]) -> str:
    """Return how long arrays take at once and one at a time, as Markdown."""
    lines = [
        "| model, preset | bpppb | one at a time s | at once s | times as fast | bytes | PSNR dB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    cells = [(row["model"], row["preset"], row["asked_bpppb"]) for row in rows]
    for model, preset, bpppb in dict.fromkeys(cells):
        own = [row for row, cell in zip(rows, cells, strict=True) if cell == (model, preset, bpppb)]
        seconds, sizes, qualities = (
            [_median(own, way, column) for way in WAYS] for column in ("encode_cpu_s", "bytes", "psnr_db")
        )
        lines.append(
            f"| `{model}, {preset}` | {bpppb} | {seconds[0]:.1f} | {seconds[1]:.1f} | {seconds[0] / seconds[1]:.2f} "
            f"| {_both(f'{size:,.0f}' for size in sizes)} | {_both(f'{psnr:.2f}' for psnr in qualities)} |"
        )
    first = rows[0]
    repeats = len({row["repeat"] for row in rows})
    intro = (
        f"Processor seconds for {first['arrays']} arrays of {first['bands']} x {first['height']} x {first['width']} "
        f"samples of {title_of(first['scene'])}, each to the size asked for: `xr_inr.encode_many` of all, and of one "
        f"after the other; one thread of {first['cores']} cores, {first['date']}; medians of {repeats} "
        f"{'repeats' if repeats > 1 else 'repeat'}. Bytes and PSNR of all; two figures where the ways differ."
    )
    return "\n".join([intro, "", *lines])


def _median(rows: Sequence[Row], way: str, column: str) -> float:
    return statistics.median(number(row, column) for row in rows if row["way"] == way)


def _both(texts: Iterator[str]) -> str:
    return " / ".join(dict.fromkeys(texts))


def _told(way: str, model: str, preset: str, bpppb: str) -> Measured:
    return measure(way, model, preset, float(bpppb), arrays())


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(_told(*sys.argv[1:]))))

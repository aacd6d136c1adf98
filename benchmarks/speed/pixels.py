"""How long, and in how much memory, a scene of more and more pixels is encoded: ``python -m benchmarks speed pixels``.

Each measurement is a process of its own on one thread, ``python -m benchmarks.speed.pixels SIDE``, after a small array
that is not timed. Sizes that have a row of the same machine and versions are not measured again.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import xr_inr
from benchmarks import results, scenes
from benchmarks.curves import title as title_of
from benchmarks.results import Row, number
from benchmarks.speed.job import peak_kib, start_peak_anew
from benchmarks.speed.process import measured_by
from benchmarks.speed.tables import growth
from xr_inr.core.decode import Payload

TABLE = "pixels"
SCENE = "indian_pines_200"
"""On every machine: it comes with a package."""

SIDES = (64, 128, 256, 512, 1024)
BANDS = 100
PRESET, BPPPB = "fast", 0.04

COLUMNS = (
    "scene",
    "preset",
    "asked_bpppb",
    "bands",
    "height",
    "width",
    "bytes",
    "psnr_db",
    "rank",
    "encode_s",
    "encode_cpu_s",
    "peak_mib",
    *results.machine(),
)
"""`encode_cpu_s` is processor time, which other work does not lengthen; `peak_mib` what the call holds beyond what was
resident before it, empty where the system does not tell."""

_MACHINE = ("cores", "device", "versions")
_GAIN_DEVIATION = 0.02
_MEDIAN_OF_DEVIATION = 0.6745


@dataclass(frozen=True)
class Measured:
    """What one process tells."""

    bytes: int
    psnr_db: float
    rank: int
    encode_s: float
    encode_cpu_s: float
    peak_mib: float | None


def grown(scene: NDArray[np.integer], side: int, seed: int = 0) -> NDArray[np.integer]:
    """Return a scene of (bands, side, side): one mirrored again and again, each time at another gain, with new noise.

    Parameters
    ----------
    scene
        (bands, height, width).
    side
        Rows and columns wanted.
    seed
        Of gains and noise. The noise is as strong in each band as that of the scene: of what its neighbours in band
        and column do not tell, by the median of magnitudes.
    """
    height, width = scene.shape[1:]
    padding = ((0, 0), (0, max(0, side - height)), (0, max(0, side - width)))
    random = np.random.default_rng(seed)
    found = np.pad(scene, padding, mode="symmetric")[:, :side, :side].astype(np.float32)
    for top in range(0, side, height):
        for left in range(0, side, width):
            found[:, top : top + height, left : left + width] *= np.float32(1 + _GAIN_DEVIATION * random.normal())
    for band, deviation in enumerate(_noise(scene)):
        found[band] += deviation * random.standard_normal((side, side), dtype=np.float32)
    limits = np.iinfo(scene.dtype)
    np.clip(np.rint(found, out=found), limits.min, limits.max, out=found)
    return found.astype(scene.dtype)


def _noise(scene: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the deviation of each band's noise, (bands,)."""
    floats = scene.astype(np.float32)
    told = floats[1:-1] - 0.5 * (floats[:-2] + floats[2:])
    left = np.abs(np.diff(told, axis=2))
    # A difference of two, each of one sample and the mean of two others, has three times the variance of a sample.
    inner = np.median(left, axis=(1, 2)) / _MEDIAN_OF_DEVIATION / np.sqrt(3.0)
    return np.pad(inner, 1, mode="edge").astype(np.float32)


def measure(side: int) -> Measured:
    """Encode the scene of that side, and tell time, memory and what came of it."""
    scene = scenes.load(SCENE)[: 2 * BANDS : 2]
    xr_inr.encode(np.ascontiguousarray(scene[:, :32, :32]), bpppb=1.0, preset=PRESET, device="cpu")
    chosen = grown(scene, side)
    anew = start_peak_anew()
    before = peak_kib()
    started = time.perf_counter(), time.process_time()
    payload = xr_inr.encode(chosen, bpppb=BPPPB, preset=PRESET, device="cpu")
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    peak = (peak_kib() - before) / 1024 if anew else None
    psnr = xr_inr.compare(chosen, xr_inr.decode(payload)).psnr
    rank = Payload(payload).rank or 0
    return Measured(len(payload), psnr, rank, wall, cpu, peak)


def run(sides: Sequence[int] = SIDES) -> None:
    """Measure what has no row of this machine yet, and write ``results/pixels.tsv`` after each size."""
    machine = results.machine(("torch", "constriction")) | {"threads": "1"}
    known = {row["height"]: row for row in results.read(TABLE) if all(row[name] == machine[name] for name in _MACHINE)}
    for side in sides:
        if str(side) not in known:
            shape = {"bands": str(BANDS), "height": str(side), "width": str(side)}
            cell = {"scene": SCENE, "preset": PRESET, "asked_bpppb": f"{BPPPB:g}"} | shape
            known[str(side)] = cell | _written(Measured(**measured_by("benchmarks.speed.pixels", str(side)))) | machine
            print(*(known[str(side)][name] for name in COLUMNS), flush=True)
            results.write(TABLE, sorted(known.values(), key=lambda row: number(row, "height")), COLUMNS)


def _written(found: Measured) -> Row:
    def text(value: object) -> str:
        return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

    return {name: text(value) for name, value in vars(found).items()}


def tables() -> dict[str, str]:
    """Return the block ``pixels``, if there are results."""
    rows = results.read(TABLE)
    return {TABLE: table(rows)} if rows else {}


def table(rows: Sequence[Row]) -> str:
    """Return time and memory by size, and the exponents of both, as Markdown."""
    lines = [
        "| pixels | processor s | microseconds a pixel | wall s | peak MiB | bytes a sample | rank | PSNR dB |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        pixels, seconds, peak = _pixels(row), number(row, "encode_cpu_s"), number(row, "peak_mib")
        lines.append(
            f"| {pixels:,.0f} | {seconds:,.1f} | {1e6 * seconds / pixels:,.0f} | {number(row, 'encode_s'):,.1f} "
            f"| {peak:,.0f} | {peak * 2**20 / pixels / number(row, 'bands'):,.1f} | {row['rank']} "
            f"| {number(row, 'psnr_db'):.2f} |"
        )
    first = rows[0]
    intro = (
        f"`latent, {first['preset']}` at {first['asked_bpppb']} bpppb on {first['bands']} bands of "
        f"{title_of(first['scene'])}, mirrored again and again, each time at another gain and with noise as strong as "
        f"its own; one thread of {first['cores']} cores, {first['date']}. Memory is what the call holds beyond Python, "
        "libraries and its input."
    )
    return "\n".join([intro + _exponents(rows), "", *lines])


def _exponents(rows: Sequence[Row]) -> str:
    if len(rows) < 3:
        return ""
    quantities = {"encode_cpu_s": "Processor time", "peak_mib": "memory"}
    laws = {name: growth([(_pixels(row), number(row, name)) for row in rows]) for name in quantities}
    told = (
        f"{name} ~ pixels^{laws[key].exponent:.2f} ± {laws[key].standard_error:.2f}" for key, name in quantities.items()
    )
    return " " + ", ".join(told) + "."


def _pixels(row: Row) -> float:
    return number(row, "height") * number(row, "width")


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(measure(int(sys.argv[1])))))

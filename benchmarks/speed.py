"""How fast ours encodes and decodes beside KLT + JPEG 2000, and how both grow with pixels, bands and bytes.

Every measurement is a process of its own (`benchmarks.speed_job`) on one thread; methods take turns within a repeat,
so that a change of the machine's load falls on all of them. Nothing else should run meanwhile.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks import results, scenes
from benchmarks.codecs.base import OutOfReachError
from benchmarks.results import Row
from benchmarks.speed_job import ONE_PASS, OUT_OF_REACH, PEER, PRESETS, Measured
from benchmarks.speed_tables import AXES, OPERATIONS, growth, medians

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "benchmarks" / "speed_scaling.png"

COLUMNS = (
    "scene",
    "axis",
    "method",
    "operation",
    "repeat",
    "bands",
    "height",
    "width",
    "asked_bpppb",
    "bytes",
    "in_process_s",
    "whole_process_s",
    "peak_memory_mib",
    "call_memory_mib",
    *results.machine(),
)
"""`in_process_s` is the call alone (decode: the median of calls after the first), `whole_process_s` from the start of
Python to its end with imports and files, `call_memory_mib` the memory of the call beyond what was resident before it.
`axis` says which size a row of the growth belongs to."""

SPEED_SCENE = "pavia_centre_crop"
SPEED_BPPPB = 0.1
WARM_DECODES = 7

GROWTH_SCENE = "indian_pines_200"
GROWTH_METHODS = ("siren, fast", PEER, ONE_PASS)
SIDES = (36, 60, 102, 171, 288)
BANDS = (25, 42, 71, 119, 200)
BUDGETS = (0.01, 0.025, 0.063, 0.16, 0.4)
GROWTH_BPPPB = 0.04

_LOOKS = (("#E27A1E", "o"), ("#1A1A1A", "s"), ("#8C8C8C", "D"))
"""Colours and markers of `GROWTH_METHODS`."""

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Cell:
    """A scene at a budget, for every one of `methods`."""

    scene_name: str
    axis: str
    scene: NDArray[Any]
    bpppb: float
    methods: tuple[str, ...]


def speed_cells() -> Iterator[Cell]:
    """Yield the one cell on which throughputs are compared."""
    yield Cell(SPEED_SCENE, "", scenes.load(SPEED_SCENE), SPEED_BPPPB, (*PRESETS, PEER, ONE_PASS))


def scaling_cells() -> Iterator[Cell]:
    """Yield what grows: pixels by a factor of 64, bands by 8, bits per pixel per band by 40."""
    scene = scenes.load(GROWTH_SCENE)
    half = scene[::2]
    for side in SIDES:
        yield Cell(GROWTH_SCENE, "pixels", resized(half, side), GROWTH_BPPPB, GROWTH_METHODS)
    for bands in BANDS:
        chosen = np.linspace(0, len(scene) - 1, bands).round().astype(int)
        yield Cell(GROWTH_SCENE, "bands", resized(scene[chosen], 102), GROWTH_BPPPB, GROWTH_METHODS)
    for bpppb in BUDGETS:
        yield Cell(GROWTH_SCENE, "bpppb", resized(half, 72), bpppb, GROWTH_METHODS)


def resized(scene: NDArray[Any], side: int) -> NDArray[Any]:
    """Return (bands, side, side): the scene's upper left corner, mirrored at its edges where it is too small."""
    height, width = scene.shape[1:]
    padding = ((0, 0), (0, max(0, side - height)), (0, max(0, side - width)))
    return np.ascontiguousarray(np.pad(scene, padding, mode="symmetric")[:, :side, :side])


KINDS: dict[str, Callable[[], Iterator[Cell]]] = {"speed": speed_cells, "scaling": scaling_cells}


def run(kind: str, repeats: int) -> None:
    """Measure ``speed`` or ``scaling`` and write ``results/<kind>.tsv``, whole after every cell.

    Parameters
    ----------
    kind
        Which of `KINDS`.
    repeats
        How often everything is encoded and decoded.
    """
    rows: list[Row] = []
    cells = list(KINDS[kind]())
    machine = results.machine(("torch", "imagecodecs")) | {"threads": "1"}
    for repeat in range(repeats):
        for cell in cells:
            rows += [row | machine for row in measure(cell, repeat)]
            results.write(kind, rows, COLUMNS)


def measure(cell: Cell, repeat: int) -> Iterator[Row]:
    """Yield the rows of one cell: method after method encodes and decodes; none where it cannot store so little."""
    with tempfile.TemporaryDirectory() as folder:
        scene_file, stream_file = Path(folder, "scene.npy"), Path(folder, "stream.bin")
        np.save(scene_file, cell.scene)
        for method in cell.methods:
            try:
                for operation in OPERATIONS[:1] if method == ONE_PASS else OPERATIONS:
                    row = _measure_one(cell, method, operation, scene_file, stream_file) | {"repeat": str(repeat)}
                    print(*(row[name] for name in COLUMNS if name in row), flush=True)
                    yield row
            except OutOfReachError as error:
                print(f"skipped: {method} at {cell.bpppb:g} bpppb of {cell.scene.shape}: {error}", flush=True)


def _measure_one(cell: Cell, method: str, operation: str, scene_file: Path, stream_file: Path) -> Row:
    job = (operation, method, f"{cell.bpppb:g}")
    files = (str(scene_file), str(stream_file))
    measured, whole_s = _in_a_process(*job, "1", *files)
    seconds = measured.seconds[0]
    if operation == "decode":
        warm, _ = _in_a_process(*job, str(1 + WARM_DECODES), *files)
        seconds = statistics.median(warm.seconds[1:])
    bands, height, width = cell.scene.shape
    return {
        "scene": cell.scene_name,
        "axis": cell.axis,
        "method": method,
        "operation": operation,
        "bands": str(bands),
        "height": str(height),
        "width": str(width),
        "asked_bpppb": f"{cell.bpppb:g}",
        "bytes": str(stream_file.stat().st_size),
        "in_process_s": f"{seconds:.6f}",
        "whole_process_s": f"{whole_s:.4f}",
        "peak_memory_mib": f"{measured.peak_kib / 1024:.1f}",
        "call_memory_mib": f"{measured.call_kib / 1024:.2f}",
    }


def _in_a_process(*arguments: str) -> tuple[Measured, float]:
    """Return what the job tells of itself, and how long its process took."""
    command = [sys.executable, "-m", "benchmarks.speed_job", *arguments]
    environment = os.environ | _ONE_THREAD
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    whole_s = time.perf_counter() - started
    if done.returncode == OUT_OF_REACH:
        raise OutOfReachError(done.stderr.strip())
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1])), whole_s


def draw() -> None:
    """Draw seconds over pixels, bands and budget, with the fitted exponents, from ``results/scaling.tsv``."""
    rows = results.read("scaling")
    if not rows:
        return
    figure = Figure(figsize=(12, 7), layout="constrained")
    plots = figure.subplots(len(OPERATIONS), len(AXES), squeeze=False)
    for line, operation in enumerate(OPERATIONS):
        for column, (axis, title) in enumerate(AXES.items()):
            plot = plots[line][column]
            for method, (colour, marker) in zip(GROWTH_METHODS, _LOOKS, strict=True):
                points = medians(rows, axis, method, operation, "in_process_s")
                if len(points) < 3:
                    continue
                law = growth(points)
                sizes = [size for size, _ in points]
                plot.plot(sizes, [seconds for _, seconds in points], marker, color=colour)
                label = f"{method}: {law.exponent:.2f} ± {law.standard_error:.2f}"
                plot.plot(sizes, [law.at(size) for size in sizes], color=colour, label=label)
            plot.set(xscale="log", yscale="log", xlabel=title, ylabel=f"{operation}, s")
            plot.grid(visible=True, which="major", alpha=0.3)
            if plot.lines:
                plot.legend(title="exponent", fontsize="small", title_fontsize="small")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)

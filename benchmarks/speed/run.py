"""How fast ours encodes and decodes beside KLT + JPEG 2000, and how both grow with pixels, bands and bytes.

And how soon the spectrum of a single pixel of ours is there.

Every measurement is a process of its own (`benchmarks.speed.job`), with a thread for each core where methods are
compared, with one where growth is told; methods take turns within a repeat, so that a change of the machine's load
falls on all of them. Nothing else should run meanwhile.
"""

from __future__ import annotations

import itertools
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
from numpy.typing import NDArray

from benchmarks import results, scenes
from benchmarks.codecs.base import OutOfReachError
from benchmarks.results import Row
from benchmarks.speed.job import ONE_PASS, OURS, OUT_OF_REACH, PEER, SPECTRA, Measured
from benchmarks.speed.process import with_threads
from benchmarks.speed.tables import OPERATIONS

CHECKPOINTS = Path(__file__).parents[1] / ".checkpoints"
"""Where the rows of an unfinished run wait."""

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
"""`in_process_s` is the call alone (an encode's first call, of all else the median of calls after the first),
`whole_process_s` from the start of Python to its end with imports and files and one call, `call_memory_mib` the memory
of the call beyond what was resident before it, empty where the system does not tell. `axis` says which size a row of
the growth belongs to."""

_ROUND = ("scene", "axis", "asked_bpppb", "bands", "height", "width", "repeat", "threads")
"""Columns that tell the rows of one cell in one repeat from others."""

_MACHINE = ("cores", "device", "versions")
"""Columns in which all rows of a table agree."""

SCENE = "indian_pines_200"
"""On every machine: it comes with a package."""

BPPPB = 0.04
"""Bits per pixel per band, unless they are what grows."""

WARM_CALLS = 7
"""Calls after the first, of what is quick."""

METHODS = (*OURS, PEER, ONE_PASS)
GROWTH_METHODS = ("latent, fast", "latent, balanced", "siren, fast", PEER, ONE_PASS)
SIDES = (36, 60, 102, 170, 288)
BANDS = (25, 42, 71, 119, 200)
BUDGETS = (0.01, 0.025, 0.063, 0.16, 0.4)
GROWTH_SIDE = 72
"""Of what grows in bands or in bits."""


@dataclass(frozen=True)
class Cell:
    """`SCENE` or a part of it at a budget, for every one of `methods`."""

    axis: str
    scene: NDArray[Any]
    bpppb: float
    methods: tuple[str, ...]
    spectra: bool = False
    """Whether spectra of single pixels are read of ours, too."""

    threads: int = 1
    """That libraries may use."""

    def operations(self, method: str) -> tuple[str, ...]:
        """Return what is measured of a method, in that order."""
        if method == ONE_PASS:
            return OPERATIONS[:1]
        return (*OPERATIONS, *SPECTRA) if self.spectra and method in OURS else OPERATIONS

    def columns(self, repeat: int) -> Row:
        """Return what all rows of one repeat have in common."""
        sizes = zip(("bands", "height", "width"), map(str, self.scene.shape), strict=True)
        return {
            "scene": SCENE,
            "axis": self.axis,
            "repeat": str(repeat),
            **dict(sizes),
            "asked_bpppb": f"{self.bpppb:g}",
            "threads": str(self.threads),
        }


def speed_cells() -> Iterator[Cell]:
    """Yield the one cell on which throughputs are compared and spectra read."""
    yield Cell("", scenes.load(SCENE), BPPPB, METHODS, spectra=True, threads=os.cpu_count() or 1)


def scaling_cells() -> Iterator[Cell]:
    """Yield what grows: pixels by a factor of 64, bands by 8, bits per pixel per band by 40."""
    scene = scenes.load(SCENE)
    half = scene[::2]
    for side in SIDES:
        yield Cell("pixels", resized(half, side), BPPPB, GROWTH_METHODS)
    for bands in BANDS:
        chosen = np.linspace(0, len(scene) - 1, bands).round().astype(int)
        yield Cell("bands", resized(scene[chosen], GROWTH_SIDE), BPPPB, GROWTH_METHODS)
    for bpppb in BUDGETS:
        yield Cell("bpppb", resized(half, GROWTH_SIDE), bpppb, GROWTH_METHODS)


def resized(scene: NDArray[Any], side: int) -> NDArray[Any]:
    """Return (bands, side, side): the scene's upper left corner, mirrored at its edges where it is too small."""
    height, width = scene.shape[1:]
    padding = ((0, 0), (0, max(0, side - height)), (0, max(0, side - width)))
    return np.ascontiguousarray(np.pad(scene, padding, mode="symmetric")[:, :side, :side])


KINDS: dict[str, Callable[[], Iterator[Cell]]] = {"speed": speed_cells, "scaling": scaling_cells}


def run(kind: str, repeats: int) -> None:
    """Measure ``speed`` or ``scaling``, and write ``results/<kind>.tsv`` when all of it is measured.

    Until then the rows wait in `CHECKPOINTS`, where a run that was cut short goes on. Methods of one cell in one repeat
    are measured in one go, because they are compared with each other. Rows of another machine or of other versions are
    dropped.

    Parameters
    ----------
    kind
        Which of `KINDS`.
    repeats
        How often everything is measured.
    """
    CHECKPOINTS.mkdir(exist_ok=True)
    waiting = str(CHECKPOINTS / kind)  # absolute, which leads out of the results' folder
    machine = results.machine(("torch", "constriction", "imagecodecs"))
    measured: dict[tuple[str, ...], list[Row]] = {}
    for row in results.read(waiting):
        if all(row[name] == machine[name] for name in _MACHINE):
            measured.setdefault(_round(row), []).append(row)
    cells = list(KINDS[kind]())
    wanted = {_round(cell.columns(repeat)): (cell, repeat) for repeat in range(repeats) for cell in cells}
    for key, (cell, repeat) in wanted.items():
        if key not in measured:
            told = machine | {"threads": str(cell.threads)}
            measured[key] = [row | told for row in measure(cell, repeat)]
            results.write(waiting, itertools.chain(*measured.values()), COLUMNS)
    results.write(kind, (row for key in wanted for row in measured[key]), COLUMNS)
    Path(f"{waiting}.tsv").unlink(missing_ok=True)


def _round(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in _ROUND)


def measure(cell: Cell, repeat: int) -> Iterator[Row]:
    """Yield the rows of one cell: method after method does its operations; none where it cannot store so little."""
    with tempfile.TemporaryDirectory() as folder:
        scene_file, stream_file = Path(folder, "scene.npy"), Path(folder, "stream.bin")
        np.save(scene_file, cell.scene)
        for method in cell.methods:
            try:
                for operation in cell.operations(method):
                    job = (operation, method, f"{cell.bpppb:g}")
                    row = cell.columns(repeat) | _measure_one(job, cell.threads, scene_file, stream_file)
                    print(*(row[name] for name in COLUMNS if name in row), flush=True)
                    yield row
            except OutOfReachError as error:
                print(f"skipped: {method} at {cell.bpppb:g} bpppb of {cell.scene.shape}: {error}", flush=True)


def _measure_one(job: tuple[str, str, str], threads: int, scene_file: Path, stream_file: Path) -> Row:
    operation, method, _ = job
    files = (str(scene_file), str(stream_file))
    measured, whole_s = _in_a_process(threads, *job, "1", *files)
    seconds = measured.seconds[0]
    if operation != "encode":
        warm, _ = _in_a_process(threads, *job, str(1 + WARM_CALLS), *files)
        seconds = statistics.median(warm.seconds[1:])
    return {
        "method": method,
        "operation": operation,
        "bytes": str(stream_file.stat().st_size),
        "in_process_s": f"{seconds:.6f}",
        "whole_process_s": f"{whole_s:.4f}",
        "peak_memory_mib": f"{measured.peak_kib / 1024:.1f}",
        "call_memory_mib": "" if measured.call_kib is None else f"{measured.call_kib / 1024:.2f}",
    }


def _in_a_process(threads: int, *arguments: str) -> tuple[Measured, float]:
    """Return what the job tells of itself, and how long its process took."""
    command = [sys.executable, "-m", "benchmarks.speed.job", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, env=with_threads(threads), capture_output=True, text=True, check=False)  # noqa: S603
    whole_s = time.perf_counter() - started
    if done.returncode == OUT_OF_REACH:
        raise OutOfReachError(done.stderr.strip())
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1])), whole_s

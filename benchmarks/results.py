"""Tables of results as tab-separated files: one row, one stream that was decoded and compared."""

from __future__ import annotations

import csv
import datetime as dt
import fcntl
import importlib.metadata
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"

GRID = "rate_distortion"
"""The table of scenes x codecs x rates."""

RATES = (0.01, 0.02, 0.04, 0.07, 0.1, 0.2, 0.4)
"""Bits per pixel per band that codecs are asked for."""

MISSING = "missing: "
"""Begins the status of a row that lacks a package, a GPU or a scene; it is measured as soon as that is there."""

Row = dict[str, str]
"""A row as it stands in a file."""

FIGURES = (
    "bytes",
    "bpppb",
    "psnr_db",
    "peak",
    "mean_band_psnr_db",
    "sam_mean_degrees",
    "sam_p99_degrees",
    "max_error",
)
"""The columns of a stream that was decoded and compared."""

COLUMNS = (
    "scene",
    "codec",
    "asked_bpppb",
    "status",
    "settings",
    *FIGURES,
    "encode_s",
    "encode_cpu_s",
    "decode_s",
    "peak_memory_mib",
    "cores",
    "threads",
    "device",
    "versions",
    "date",
)
"""What is recorded of a stream. `status` is ``ok``, or says why there is none. ``asked_bpppb`` is empty for lossless
codecs. `psnr_db` is over all samples with `peak` the scene's largest value, `mean_band_psnr_db` the mean over the bands
of each band against its own largest value, of the bands that are not restored exactly. `encode_s` is wall time,
`encode_cpu_s` and `decode_s` are processor time, which other work on the machine does not lengthen (where a GPU
decodes, wall time)."""


def read(name: str) -> list[Row]:
    """Return the rows of ``results/<name>.tsv``, none where there is no such file."""
    path = FOLDER / f"{name}.tsv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def write(name: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write ``results/<name>.tsv`` whole: either all rows are there or the file is as before."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.tsv"
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(columns), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)


@contextmanager
def locked() -> Iterator[None]:
    """Keep other processes from changing the results until the block is left."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def number(row: Mapping[str, str], column: str) -> float:
    """Return a column as a number, NaN where it is empty."""
    return float(row[column] or "nan")


def place(row: Mapping[str, str], orders: Mapping[str, Sequence[str]]) -> tuple[int, ...]:
    """Return where a row is sorted: by columns, each in an order of its values; what is no more there comes last."""
    return tuple(order.index(row[column]) if row[column] in order else len(order) for column, order in orders.items())


def machine(libraries: Iterable[str] = (), *, device: str = "cpu") -> dict[str, str]:
    """Return what belongs beside a measurement: cores, threads a process may use, device, versions, date."""
    names = ("xr-inr", "numpy", *libraries)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return {
        "cores": str(os.cpu_count()),
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        "device": device,
        "versions": ", ".join([*versions, f"python {platform.python_version()}"]),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
    }

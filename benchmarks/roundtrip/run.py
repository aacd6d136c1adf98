"""Sends every item through every route, and writes what became of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import rasterio

from benchmarks import results
from benchmarks.results import Row
from benchmarks.roundtrip.items import ITEMS
from benchmarks.roundtrip.routes import ROUTES, outcome

TABLE = "roundtrip"
COLUMNS = ("item", "source", *ROUTES, "versions", "date")
LIBRARIES = ("rasterio", "rioxarray", "xarray", "zarr")


def run() -> None:
    """Write ``results/roundtrip.tsv``."""
    results.write(TABLE, _rows(), COLUMNS)


def _rows() -> Iterator[Row]:
    made = results.machine(LIBRARIES)
    versions = f"{made['versions']}, gdal {rasterio.__gdal_version__}"
    for item in ITEMS:
        row = {"item": item.name, "source": item.source, "versions": versions, "date": made["date"]}
        for route in ROUTES:
            with tempfile.TemporaryDirectory() as folder:
                row[route] = outcome(item, route, Path(folder))
        print(*(row[column] for column in COLUMNS[: 2 + len(ROUTES)]), sep="\t", flush=True)
        yield row

"""Spectra of single pixels of a compressed store, as a table of comma-separated values.

Shows pointwise reading: all pixels at once, each chunk read once, nothing else decoded. Pixels are given as coordinates
in the CRS of the scene, or spread over it where none are given::

    python examples/spectra_of_pixels.py scene.zarr spectra.csv
    python examples/spectra_of_pixels.py scene.zarr spectra.csv --at 364500 5809500 --at 365000 5809000

The table has a line for each band: its wavelength where the scene has them, else its number, then a value for each
pixel, empty where it is nodata.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from xr_inr.opening import open_scene


def spread(scene: xr.DataArray, count: int) -> list[tuple[float, float]]:
    """Return the (x, y) of pixels along the diagonal of a scene."""
    shares = (np.arange(count) + 0.5) / count
    rows, columns = ((shares * scene.sizes[axis]).astype(int) for axis in ("y", "x"))
    return [(float(scene.x[column]), float(scene.y[row])) for row, column in zip(rows, columns, strict=True)]


def spectra_at(scene: xr.DataArray, points: Sequence[tuple[float, float]]) -> xr.DataArray:
    """Return the spectra nearest to points (x, y), dimensions (band, pixel), masked and scaled as the scene says."""
    x, y = (xr.DataArray(list(values), dims="pixel") for values in zip(*points, strict=True))
    # Decoded first, as stored; what is scaled afterwards is small.
    chosen = scene.sel(x=x, y=y, method="nearest").transpose("band", "pixel").load()
    decoded: xr.DataArray = xr.decode_cf(chosen.to_dataset(name="spectra"))["spectra"]
    return decoded


def write_table(spectra: xr.DataArray, path: Path) -> None:
    """Write spectra, a line for each band."""
    label = "wavelength" if "wavelength" in spectra.coords else "band"
    pixels = [f"x={x:.12g} y={y:.12g}" for x, y in zip(spectra.x.to_numpy(), spectra.y.to_numpy(), strict=True)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([label, *pixels])
        for name, values in zip(spectra[label].to_numpy(), spectra.to_numpy(), strict=True):
            writer.writerow([f"{name:g}", *("" if np.isnan(value) else f"{value:g}" for value in values)])


def main(source: Path, target: Path, points: Sequence[tuple[float, float]]) -> None:
    """Write the spectra at some points of the store `source` to `target`."""
    scene = open_scene(source)
    started = time.perf_counter()
    spectra = spectra_at(scene, points or spread(scene, 5))
    print(f"{spectra.sizes['pixel']} spectra of {spectra.sizes['band']} bands in {time.perf_counter() - started:.3f} s")
    write_table(spectra, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a store that xr_inr wrote")
    parser.add_argument("target", type=Path, help="the table")
    parser.add_argument("--at", nargs=2, type=float, action="append", metavar=("X", "Y"), help="a pixel, in the CRS")
    asked = parser.parse_args()
    main(asked.source, asked.target, [(x, y) for x, y in asked.at or ()])

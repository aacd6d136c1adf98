"""A GeoTIFF as a compressed Zarr store with all its metadata, and back.

Shows that CRS, transform, nodata, band names, wavelengths and tags come through, that masked samples are exact, and
what was lost otherwise. Run it on any raster with many bands; 0.1 bits per pixel per band unless told otherwise::

    python examples/geotiff_to_zarr.py scene.tif folder
    python examples/geotiff_to_zarr.py scene.tif folder --bpppb 0.2 --preset best

It leaves ``folder/scene.zarr``, ``folder/scene.tif`` and ``folder/scene.html``, the report as a page.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr

import xr_inr


def main(source: Path, folder: Path, *, bpppb: float, preset: str) -> None:
    """Compress `source` into `folder`, read it as a colleague would, and write it back."""
    folder.mkdir(parents=True, exist_ok=True)
    store, again = folder / f"{source.stem}.zarr", folder / f"{source.stem}.tif"

    scene = xr_inr.open_raster(source)
    small = scene.inr.compress(bpppb=bpppb, preset=preset)
    small.inr.to_zarr(store, mode="w")
    small.inr.report.to_html(folder / f"{source.stem}.html")
    print(small.inr.report)

    # Unscaled, so that samples and nodata are those of the file.
    stored = xr.open_zarr(store, mask_and_scale=False, chunks=None)["scene"]
    xr_inr.write_raster(stored, again, overwrite=True)

    with rasterio.open(source) as first, rasterio.open(again) as second:
        for name, kept in {
            "CRS": first.crs == second.crs,
            "transform": first.transform == second.transform,
            "nodata": first.nodata == second.nodata,
            "band names": first.descriptions == second.descriptions,
            "tags": all(first.tags(band) == second.tags(band) for band in first.indexes),
            "masked samples": bool(np.array_equal(first.read_masks(), second.read_masks())),
        }.items():
            print(f"  {name:<15} {'kept' if kept else 'LOST'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a raster that GDAL reads")
    parser.add_argument("folder", type=Path, help="where the results go")
    parser.add_argument("--bpppb", type=float, default=0.1, help="bits per pixel per band")
    parser.add_argument("--preset", default="balanced", help="fast, balanced or best")
    asked = parser.parse_args()
    main(asked.source, asked.folder, bpppb=asked.bpppb, preset=asked.preset)

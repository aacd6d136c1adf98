"""The main job from end to end: Indian Pines as a GeoTIFF -> compressed Zarr store -> windows, spectra, GeoTIFF.

Run it with ``make demo``, or ``python examples/demo.py FOLDER`` where the extras ``fit`` and ``demo`` are installed.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import rasterio
import xarray as xr
from rasterio.transform import Affine

import xr_inr
from xr_inr.plots import quicklook

BPPPB = 0.1

# The cube as published has no georeferencing. The test site lies west of West Lafayette, Indiana; this puts its
# upper left corner near there on the 20 m grid of UTM zone 16N. Right to a few hundred metres, not to a pixel.
CRS = "EPSG:32616"
TRANSFORM = Affine(20.0, 0.0, 497_720.0, 0.0, -20.0, 4_480_260.0)

# 220 channels of AVIRIS, taken as evenly spaced, less the 20 of water absorption that the 'corrected' cube leaves out.
ABSENT = {*range(104, 109), *range(150, 164), 220}
WAVELENGTHS = [400.0 + (channel - 1) * 2100.0 / 219.0 for channel in range(1, 221) if channel not in ABSENT]


def write_source(path: Path) -> None:
    """Write the Indian Pines cube that tensorly ships as a georeferenced GeoTIFF."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tensorly's own, of no concern here
        from tensorly.datasets import load_indian_pines  # noqa: PLC0415

        cube = np.moveaxis(np.asarray(load_indian_pines().tensor), -1, 0).astype(np.uint16)
    count, height, width = cube.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=cube.dtype,
        count=count,
        height=height,
        width=width,
        crs=CRS,
        transform=TRANSFORM,
    ) as target:
        target.write(cube)
        for band, wavelength in enumerate(WAVELENGTHS, start=1):
            target.set_band_description(band, f"{wavelength:.0f} nm")
            target.update_tags(band, wavelength=f"{wavelength:.2f}", wavelength_units="Nanometers")


def main(folder: Path) -> None:
    """Do the main job in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    source, store, again = (
        folder / name for name in ("indian_pines.tif", "indian_pines.zarr", "indian_pines_again.tif")
    )
    write_source(source)
    print(f"{source}: Indian Pines, placed on its approximate UTM 16N grid, {source.stat().st_size:,} bytes\n")

    original = xr_inr.open_raster(source)
    small = original.inr.compress(bpppb=BPPPB)
    print(small.inr.report)
    small.inr.to_zarr(store, mode="w")

    # From here on as anybody would read it: plain xarray, which finds the codec by its name.
    scene = xr.open_zarr(store, chunks=None)["scene"]
    print(f"\nopened with plain xarray: CRS {scene.rio.crs}, {dict(scene.sizes)}")
    for what, part in (
        ("one spectrum", scene.isel(y=72, x=72)),
        ("one band", scene.sel(band=30)),
        ("a window of 20 x 20", scene.isel(y=slice(40, 60), x=slice(40, 60))),
    ):
        started = time.perf_counter()
        part.to_numpy()
        print(f"  {what:<20} {part.size:>8,} samples in {1000 * (time.perf_counter() - started):6.1f} ms")

    xr_inr.write_raster(xr.open_zarr(store, mask_and_scale=False, chunks=None)["scene"], again, overwrite=True)
    with rasterio.open(source) as first, rasterio.open(again) as second:
        kept = {
            "CRS": first.crs == second.crs,
            "transform": first.transform == second.transform,
            "band names": first.descriptions == second.descriptions,
            "wavelengths": all(first.tags(band) == second.tags(band) for band in first.indexes),
        }
    print(f"written back to {again}: " + ", ".join(f"{name} {'kept' if ok else 'LOST'}" for name, ok in kept.items()))

    mpl.use("Agg")
    report = small.inr.report
    title = f"Indian Pines, 200 bands: {report.bpppb:.3f} bpppb, {report.ratio:.0f} : 1, {report.psnr:.1f} dB"
    figure, _ = quicklook(original, small, pixels=[(30, 30), (72, 72), (110, 60)], title=title)
    picture = folder / "indian_pines.png"
    figure.savefig(picture, dpi=110)
    page = folder / "indian_pines.html"
    report.to_html(page)
    print(f"picture: {picture}\npage:    {page}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo"))

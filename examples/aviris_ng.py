"""An AVIRIS-NG flight line (ENVI, BIL) -> compressed store -> a spectrum over the good bands.

The header has the wavelengths, the bad bands and a grid that follows the flight, turned against north; all of it comes
along. ``python examples/aviris_ng.py ang20150420t182808_corr_v1e_img FOLDER``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import xarray as xr

import xr_inr

NODATA = -9999.0


def open_line(image: Path) -> xr.DataArray:
    """Open a flight line; the header lies beside the image, with the suffix .hdr.

    Returns
    -------
    xarray.DataArray
        (band, y, x), float32, with wavelength, fwhm and good_bands along bands, nodata, CRS and transform.
    """
    scene = xr_inr.open_raster(image)
    # Not every header says what marks pixels beside the line.
    scene.attrs.setdefault("_FillValue", np.float32(NODATA))
    return scene


def main(source: Path, folder: Path, bpppb: float = 0.3) -> None:
    """Compress a flight line, read it back, and print the spectrum in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / f"{source.stem}.zarr"
    original = open_line(source)
    small = original.to_dataset(name="reflectance").inr.compress(bpppb=bpppb, chunks={"y": 256, "x": 256})
    print(small.inr.report)
    small.inr.to_zarr(store, mode="w")

    # From here on as anybody would read it.
    scene = xr.open_zarr(store)["reflectance"]
    grid = scene.rio.transform()
    print(f"CRS {scene.rio.crs}, pixels of {np.hypot(grid.a, grid.d):.2f} m")
    print(f"rows run {np.degrees(np.arctan2(grid.d, grid.a)):.1f} degrees against east")
    spectrum = scene.isel(y=scene.sizes["y"] // 2, x=scene.sizes["x"] // 2)
    if "good_bands" in scene.coords:
        spectrum = spectrum.isel(band=np.flatnonzero(scene["good_bands"] == 1))
    for wavelength, value in zip(spectrum["wavelength"].to_numpy(), spectrum.to_numpy(), strict=True):
        print(f"  {wavelength:7.1f} nm  {value:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

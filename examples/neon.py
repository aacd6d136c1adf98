"""A NEON tile (surface reflectance, HDF5) -> compressed store -> a spectrum.

One cube (y, x, band) below the name of the site; wavelengths, map info and EPSG code stand in groups of metadata.
``python examples/neon.py NEON_D01_HARV_DP3_726000_4699000_reflectance.h5 FOLDER``
"""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
from rasterio.transform import Affine

import xr_inr  # noqa: F401  (registers .inr)


def open_tile(source: Path) -> xr.DataArray:
    """Open a tile, its samples read when they are needed.

    Returns
    -------
    xarray.DataArray
        (y, x, band), int16, with wavelengths, scale, nodata, CRS and transform.
    """
    with h5py.File(source) as file:
        site = next(name for name, group in file.items() if "Reflectance" in group)
        metadata = file[f"{site}/Reflectance/Metadata"]
        wavelength, fwhm = (metadata[f"Spectral_Data/{name}"][()] for name in ("Wavelength", "FWHM"))
        place = metadata["Coordinate_System"]
        epsg, info = place["EPSG Code"][()], place["Map_Info"][()].decode()
        said = file[f"{site}/Reflectance/Reflectance_Data"].attrs
        nodata, scale = (float(np.ravel(said[name])[0]) for name in ("Data_Ignore_Value", "Scale_Factor"))
    # UTM, pixel and line of the reference, its easting and northing, pixel size in x and y, zone, ...
    _, pixel, line, east, north, width, height, *_ = info.split(",")
    step_x, step_y = float(width), -float(height)
    grid = Affine(
        step_x, 0.0, float(east) - (float(pixel) - 1) * step_x, 0.0, step_y, float(north) - (float(line) - 1) * step_y
    )
    group = f"{site}/Reflectance"
    tile = xr.open_dataset(source, engine="h5netcdf", group=group, phony_dims="access", mask_and_scale=False)
    scene = tile["Reflectance_Data"]
    scene = scene.rename(dict(zip(scene.dims, ("y", "x", "band"), strict=True)))
    scene = scene.assign_coords(
        wavelength=("band", wavelength, {"units": "nm", "standard_name": "radiation_wavelength"}),
        fwhm=("band", fwhm, {"units": "nm"}),
        y=grid.f + step_y * (np.arange(scene.sizes["y"]) + 0.5),
        x=grid.c + step_x * (np.arange(scene.sizes["x"]) + 0.5),
    )
    scene.attrs = {
        "long_name": f"surface reflectance, {site}",
        "scale_factor": 1 / scale,
        "_FillValue": scene.dtype.type(nodata),
    }
    scene.encoding = {}
    placed: xr.DataArray = scene.rio.write_crs(int(epsg)).rio.write_transform(grid)
    return placed


def main(source: Path, folder: Path, bpppb: float = 0.3) -> None:
    """Compress a tile, read it back, and print the spectrum in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / f"{source.stem}.zarr"
    small = open_tile(source).to_dataset(name="reflectance").inr.compress(bpppb=bpppb, chunks={"y": 256, "x": 256})
    print(small.inr.report)
    small.inr.to_zarr(store, mode="w")

    # From here on as anybody would read it: plain xarray scales and masks.
    scene = xr.open_zarr(store)["reflectance"]
    grid = scene.rio.transform()
    print(f"CRS {scene.rio.crs}, upper left corner at {grid.c:.0f}, {grid.f:.0f}")
    spectrum = scene.isel(y=scene.sizes["y"] // 2, x=scene.sizes["x"] // 2)
    for wavelength, value in zip(scene["wavelength"].to_numpy(), spectrum.to_numpy(), strict=True):
        print(f"  {wavelength:7.1f} nm  {value:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

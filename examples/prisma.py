"""A PRISMA scene (L2D reflectance, HDF-EOS5) -> compressed store -> a spectrum over both detectors.

Two cubes, VNIR and SWIR, of order (y, band, x), each with a scale of its own: two groups of one store, compressed as
the numbers they are. ``python examples/prisma.py PRS_L2D_STD_....he5 FOLDER``
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

FIELDS = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"
PIXEL = 30.0
NODATA = 0


def open_cube(source: Path, detector: str) -> xr.DataArray:
    """Open the cube of a detector, its bands by rising wavelength, its samples read when they are needed.

    Parameters
    ----------
    source
        The product.
    detector
        'Vnir' or 'Swir'.

    Returns
    -------
    xarray.DataArray
        (y, band, x), uint16, with wavelengths, scale and offset, nodata, CRS and transform.
    """
    with h5py.File(source) as file:
        said = dict(file.attrs)
    wavelength, fwhm = (np.asarray(said[f"List_{what}_{detector}"], float) for what in ("Cw", "Fwhm"))
    # Channels that were not acquired have the wavelength 0; the others come by falling wavelength.
    order = np.argsort(wavelength, kind="stable")
    order = order[wavelength[order] > 0]
    low, high = (float(said[f"L2Scale{detector}{end}"]) for end in ("Min", "Max"))
    # The corner is the centre of its pixel.
    east, north = float(said["Product_ULcorner_easting"]), float(said["Product_ULcorner_northing"])
    fields = xr.open_dataset(source, engine="h5netcdf", group=FIELDS, phony_dims="access", mask_and_scale=False)
    cube = fields[f"{detector.upper()}_Cube"]
    cube = cube.rename(dict(zip(cube.dims, ("y", "band", "x"), strict=True))).isel(band=order)
    cube = cube.assign_coords(
        wavelength=("band", wavelength[order], {"units": "nm", "standard_name": "radiation_wavelength"}),
        fwhm=("band", fwhm[order], {"units": "nm"}),
        y=north - PIXEL * np.arange(cube.sizes["y"]),
        x=east + PIXEL * np.arange(cube.sizes["x"]),
    )
    cube.attrs = {
        "long_name": f"surface reflectance, {detector.upper()}",
        "scale_factor": (high - low) / 65535,
        "add_offset": low,
        "_FillValue": np.uint16(NODATA),
    }
    cube.encoding = {}
    grid = Affine(PIXEL, 0.0, east - PIXEL / 2, 0.0, -PIXEL, north + PIXEL / 2)
    placed: xr.DataArray = cube.rio.write_crs(int(said["Epsg_Code"])).rio.write_transform(grid)
    return placed


def main(source: Path, folder: Path, bpppb: float = 0.3) -> None:
    """Compress both cubes, read them back, and print the spectrum in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / f"{source.stem}.zarr"
    cubes = {name.lower(): open_cube(source, name).to_dataset(name="reflectance") for name in ("Vnir", "Swir")}
    small = xr.DataTree.from_dict(cubes).inr.compress(bpppb=bpppb, chunks={"y": 256, "x": 256})
    print(small.inr.report)
    small.inr.to_zarr(store, mode="w")

    # From here on as anybody would read it: plain xarray scales and masks.
    tree = xr.open_datatree(store, engine="zarr")
    for detector in ("vnir", "swir"):
        scene = tree[detector]["reflectance"]
        spectrum = scene.isel(y=scene.sizes["y"] // 2, x=scene.sizes["x"] // 2)
        grid = scene.rio.transform()
        print(f"{detector}: CRS {scene.rio.crs}, upper left corner at {grid.c:.0f}, {grid.f:.0f}")
        for wavelength, value in zip(scene["wavelength"].to_numpy(), spectrum.to_numpy(), strict=True):
            print(f"  {wavelength:7.1f} nm  {value:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

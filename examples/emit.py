"""An EMIT granule (L2A reflectance, NetCDF) -> compressed store -> orthorectified GeoTIFF.

The scene is not orthorectified: lookup tables say which of its pixels belongs where. They stay as they are, beside the
compressed scene, and are applied to what was decoded. ``python examples/emit.py EMIT_L2A_RFL_....nc FOLDER``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import xarray as xr
from rasterio.transform import Affine

import xr_inr

RGB = (660.0, 550.0, 470.0)


def compress(source: Path, store: Path, bpppb: float) -> None:
    """Compress a granule, in pieces of 256 x 256 pixels, so that it need not fit in memory.

    Parameters
    ----------
    source
        The NetCDF file, with the groups ``location`` and ``sensor_band_parameters``.
    store
        The Zarr store to write; a name that ends in .zarr.zip makes one file.
    bpppb
        Bits per pixel per band.
    """
    tree = xr.open_datatree(source, engine="h5netcdf")
    small = tree.inr.compress(bpppb=bpppb, chunks={"downtrack": 256, "crosstrack": 256})
    print(small.inr.report)
    small.inr.to_zarr(store, mode="w")


def orthorectify(scene: xr.DataArray, location: xr.DataTree, grid: Affine, wkt: str) -> xr.DataArray:
    """Put pixels where the lookup tables say; NaN where there is none.

    Parameters
    ----------
    scene
        (downtrack, crosstrack, bands), or a selection of its bands.
    location
        The group with ``glt_x`` and ``glt_y``: numbers of columns and rows, from 1; 0, or NaN, for none.
    grid, wkt
        Transform and CRS of the lookup tables.

    Returns
    -------
    xarray.DataArray
        (band, y, x), float32, with wavelengths and CRS.
    """
    columns, rows = (np.nan_to_num(location[name].to_numpy()).astype(int) for name in ("glt_x", "glt_y"))
    seen = (columns > 0) & (rows > 0)
    samples = scene.transpose("bands", "downtrack", "crosstrack").to_numpy()
    placed = np.full((len(samples), *seen.shape), np.nan, np.float32)
    placed[:, seen] = samples[:, rows[seen] - 1, columns[seen] - 1]
    height, width = seen.shape
    x, y = grid.c + grid.a * (np.arange(width) + 0.5), grid.f + grid.e * (np.arange(height) + 0.5)
    coords = {"y": y, "x": x, "wavelength": ("band", scene["wavelength"].to_numpy(), scene["wavelength"].attrs)}
    ortho = xr.DataArray(placed, dims=("band", "y", "x"), coords=coords, attrs={"_FillValue": np.float32(np.nan)})
    georeferenced: xr.DataArray = ortho.rio.write_crs(wkt).rio.write_transform(grid)
    return georeferenced


def main(source: Path, folder: Path, bpppb: float = 0.3) -> None:
    """Compress a granule, read it back, and write a picture of it where it belongs."""
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / f"{source.stem}.zarr"
    compress(source, store, bpppb)

    # From here on as anybody would read it.
    tree = xr.open_datatree(store, engine="zarr")
    scene, location = tree.dataset["reflectance"], tree.children["location"]
    wavelength = scene["wavelength"].to_numpy()
    spectrum = scene.isel(downtrack=scene.sizes["downtrack"] // 2, crosstrack=scene.sizes["crosstrack"] // 2)
    good = spectrum.isel(bands=np.flatnonzero(scene["good_bands"] == 1))
    print(
        f"{good.size} good bands of {spectrum.size}; the largest reflectance in the middle is {float(good.max()):.3f}"
    )

    bands = [int(np.abs(wavelength - target).argmin()) for target in RGB]
    grid = Affine.from_gdal(*np.asarray(tree.attrs["geotransform"], float))
    ortho = orthorectify(scene.isel(bands=bands), location, grid, str(tree.attrs["spatial_ref"]))
    xr_inr.write_raster(ortho, folder / f"{source.stem}_ortho.tif", overwrite=True)
    print(f"{folder / source.stem}_ortho.tif: {', '.join(f'{nm:.0f} nm' for nm in wavelength[bands])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

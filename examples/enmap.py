"""An EnMAP scene (L2A, GeoTIFF and METADATA.XML) -> compressed store -> GeoTIFF and a spectrum.

The GeoTIFF has the place and the nodata value, the XML file beside it the wavelengths, gains and offsets of the bands.
``python examples/enmap.py ENMAP01-____L2A-...-SPECTRAL_IMAGE.TIF FOLDER``
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import xarray as xr

import xr_inr

SUFFIX = "SPECTRAL_IMAGE"


def open_scene(image: Path) -> xr.DataArray:
    """Open a scene with the wavelengths of its bands.

    Parameters
    ----------
    image
        The GeoTIFF. Its METADATA.XML lies beside it; without one, wavelengths are those of the file's own tags.

    Returns
    -------
    xarray.DataArray
        (band, y, x) as stored, with wavelength and fwhm in nm, scale and offset, nodata, CRS and transform.
    """
    scene = xr_inr.open_raster(image)
    metadata = image.with_name(f"{image.stem.replace(SUFFIX, 'METADATA')}.XML")
    if not metadata.exists():
        return scene
    bands = ET.parse(metadata).getroot().findall("specific/bandCharacterisation/bandID")  # noqa: S314 - the user's own
    bands.sort(key=lambda band: int(band.attrib["number"]))
    if len(bands) != scene.sizes["band"]:
        raise SystemExit(f"{metadata} must describe {scene.sizes['band']} bands. It has {len(bands)}.")
    wavelength, fwhm, gain, offset = (
        np.array([float(band.findtext(tag, "nan")) for band in bands])
        for tag in ("wavelengthCenterOfBand", "FWHMOfBand", "GainOfBand", "OffsetOfBand")
    )
    scene = scene.assign_coords(
        wavelength=("band", wavelength, {"units": "nm", "standard_name": "radiation_wavelength"}),
        fwhm=("band", fwhm, {"units": "nm"}),
    )
    if len(set(gain)) == len(set(offset)) == 1:
        # As L2A has them: one scale for all bands is what xarray can apply.
        scene.attrs |= {"scale_factor": float(gain[0]), "add_offset": float(offset[0])}
    return scene


def main(source: Path, folder: Path, bpppb: float = 0.3) -> None:
    """Compress a scene, read it back, and write it as a GeoTIFF again."""
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / f"{source.stem}.zarr"
    original = open_scene(source)
    small = original.to_dataset(name="reflectance").inr.compress(bpppb=bpppb, chunks={"y": 256, "x": 256})
    print(small.inr.report)
    small.inr.to_zarr(store, mode="w")

    # From here on as anybody would read it: plain xarray scales and masks.
    scene = xr.open_zarr(store)["reflectance"]
    spectrum = scene.isel(y=scene.sizes["y"] // 2, x=scene.sizes["x"] // 2).dropna("band")
    grid = scene.rio.transform()
    print(f"CRS {scene.rio.crs}, upper left corner at {grid.c:.0f}, {grid.f:.0f}")
    for wavelength, value in zip(spectrum["wavelength"].to_numpy(), spectrum.to_numpy(), strict=True):
        print(f"  {wavelength:7.1f} nm  {value:.4f}")

    # And back, as stored: numbers, nodata, wavelengths of bands.
    again = xr.open_zarr(store, mask_and_scale=False)["reflectance"]
    xr_inr.write_raster(again, folder / f"{source.stem}_again.tif", overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

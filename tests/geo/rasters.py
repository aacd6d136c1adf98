"""Rasters with everything that GDAL keeps, what rasterio tells of them, and their way through plain Zarr."""

import os
import warnings
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from benchmarks.roundtrip.rasters import NORTH_UP, ROTATED, make_raster
from xr_inr.geo import attach_georeference

__all__ = ["NORTH_UP", "ROTATED", "make_raster"]

LOCAL_CRS = "+proj=laea +lat_0=10 +lon_0=-81 +ellps=WGS84 +units=m"
GCPS = [
    GroundControlPoint(row=0, col=0, x=12.1, y=52.5, z=31.25, id="1", info=""),
    GroundControlPoint(row=0, col=5, x=12.7, y=52.4, z=0.0, id="2", info=""),
    GroundControlPoint(row=4, col=0, x=12.2, y=52.1, z=0.0, id="3", info=""),
]
RPC = {
    **{f"{axis}_OFF": "1.5" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{axis}_SCALE": "2.25" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{axis}_{part}_COEFF": "0.1 " * 19 + "1" for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")},
    "ERR_BIAS": "-1",
    "ERR_RAND": "-1",
}
WAVELENGTHS = [{"wavelength": f"{450.25 + 10 * i}", "wavelength_units": "nm", "fwhm": f"{6.5 + i}"} for i in range(4)]


def describe(path):
    """Everything rasterio reports of a raster."""
    hidden = {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "LocationInfo"}
    names = ("crs", "transform", "nodata", "dtypes", "shape", "descriptions", "units", "scales", "offsets")
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(path) as source,
    ):
        told = {name: getattr(source, name) for name in names}
        told["nodata"] = str(told["nodata"])  # NaN equals NaN
        told["colorinterp"] = source.colorinterp
        told["gcps"] = ([point.asdict() for point in source.gcps[0]], source.gcps[1])
        told["tags"] = {ns: source.tags(ns=ns) for ns in {"", *source.tag_namespaces()} - hidden}
        told["tags"][""] = {"AREA_OR_POINT": "Area", **source.tags()}  # what every GeoTIFF says
        told["band_tags"] = [
            {ns: source.tags(i, ns=ns or None) for ns in {"", *source.tag_namespaces(i)} - hidden}
            for i in source.indexes
        ]
        told["values"] = source.read().tobytes()
    return told


def through_zarr(da, store, zarr_format):
    """Store an array in plain Zarr, and open it as anybody would who wants its own values."""
    ds = attach_georeference(da.to_dataset(name="scene"), ["scene"])
    ds["scene"].encoding["compressors"] = None
    ds.to_zarr(store, zarr_format=zarr_format, consolidated=False)
    return xr.open_zarr(store, mask_and_scale=False, consolidated=False)["scene"]


RASTERS = {
    "nothing but pixels": {},
    "CRS and transform": {"crs": "EPSG:32633", "transform": NORTH_UP},
    "a rotated transform": {"crs": "EPSG:32612", "transform": ROTATED},
    "rows from south to north": {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 3.3, 0, 0.1, 7.7)},
    "a transform of inexact numbers": {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 3.3, 0, -0.3, 7.7)},
    "a transform without CRS": {"transform": NORTH_UP},
    "a CRS without transform": {"crs": "EPSG:32633"},
    "a CRS without code": {"crs": LOCAL_CRS, "transform": NORTH_UP},
    "ground control points": {"gcps": (GCPS, rasterio.CRS.from_epsg(4326))},
    "rational polynomials": {"tags": {"RPC": RPC}},
    "rational polynomials beside a place": {"tags": {"RPC": RPC}, "crs": "EPSG:32633", "transform": NORTH_UP},
    "pixel is point": {"crs": "EPSG:32633", "transform": NORTH_UP, "tags": {"": {"AREA_OR_POINT": "Point"}}},
    "nodata": {"nodata": -32768},
    "nodata out of float32's decimals": {"nodata": -3.4e38, "dtype": "float32"},
    "nodata NaN": {"nodata": np.nan, "dtype": "float32"},
    "floats without nodata": {"dtype": "float32"},
    "unsigned bytes, which are no picture": {"dtype": "uint8", "count": 3},
    "complex numbers": {"dtype": "complex64"},
    "large integers": {"dtype": "uint64"},
    "one band": {"count": 1, "descriptions": ["NDVI"], "units": ["1"], "band_tags": {"": [{"a": "b"}]}},
    "descriptions of some bands": {"descriptions": ["blue", None, "red", None]},
    "one description for all bands": {"descriptions": ["radiance"] * 4},
    "units of some bands": {"units": ["W", "", "m", ""]},
    "one unit for all bands": {"units": ["1"] * 4},
    "scale and offset": {"scales": [1e-4] * 4, "offsets": [0.5] * 4},
    "scales that differ": {"scales": [0.1, 0.2, 0.3, 0.4], "offsets": [0.5] * 4},
    "offsets that differ": {"offsets": [0.1, 0.2, 0.3, 0.4]},
    "colours": {"colorinterp": [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.nir]},
    "dataset tags, as text": {"tags": {"": {"start_time": "2022-07-24T10:45:26", "orbit": "007", "list": "{1,2}"}}},
    "dataset tags named like attributes": {
        "tags": {"": {"units": "days since 1970-01-01", "scale_factor": "2", "coordinates": "lat lon", "nodata": "0"}}
    },
    "band tags": {"band_tags": {"": WAVELENGTHS}},
    "band tags of some bands": {"band_tags": {"": [{}, {"wavelength": "550.0"}, {"note": " a = b\nc "}, {}]}},
    "other domains": {
        "tags": {"IMAGERY": {"CLOUDCOVER": "3"}, "xml:XMP": {"<x xmlns": "'y'>z</x>"}},
        "band_tags": {"IMAGERY": [{"CENTRAL_WAVELENGTH_UM": "0.45", "FWHM_UM": "0.006"}, {}, {}, {"X": "1"}]},
    },
}


def scenes():
    folder = os.environ.get("XR_INR_SCENES")
    paths = Path(folder).glob("geo/**/*") if folder else []
    return sorted(path for path in paths if path.suffix in {".tif", ".img"})

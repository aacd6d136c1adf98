"""What a raster may carry, item by item: how to make one that does, and how rasterio tells whether another does too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from benchmarks.roundtrip.rasters import NORTH_UP, ROTATED, make_envi, make_netcdf, make_raster


@dataclass(frozen=True)
class Item:
    """One thing that is kept or lost."""

    name: str
    """How the table calls it."""

    source: str
    """The format it comes from: GeoTIFF, ENVI or NetCDF."""

    make: Callable[[Path], Path]
    """Writes a file that carries it into a folder."""

    told: Callable[[Any], Any]
    """What an open raster says of it, or the Dataset of a store, opened with plain ``xr.open_zarr``."""

    expected: Any = None
    """What must be told; if None, what the file itself tells."""

    of_store: bool = False
    """Whether the store is asked, rather than the GeoTIFF written from it."""

    def of_raster(self, path: Path) -> Any:
        """Return what rasterio tells of a file."""
        with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning), rasterio.open(path) as raster:
            return self.told(raster)

    def wanted(self, source: Path) -> Any:
        """Return what must be told."""
        return self.of_raster(source) if self.expected is None else self.expected


def _tiff(name: str, told: Callable[[Any], Any], **content: Any) -> Item:
    return Item(name, "GeoTIFF", lambda folder: make_raster(folder / "source.tif", **content), told)


def _stored(name: str, told: Callable[[Any], Any], expected: Any) -> Item:
    make = lambda folder: make_raster(folder / "source.tif", band_tags={"": _BANDS}, **_UTM)  # noqa: E731
    return Item(name, "GeoTIFF", make, told, expected, of_store=True)


def _envi(name: str, told: Callable[[Any], Any], fields: dict[str, str], expected: Any = None) -> Item:
    make = lambda folder: make_envi(folder / "source.img", fields)  # noqa: E731
    # What a header says of bands, and a GeoTIFF cannot, is asked of the store.
    return Item(name, "ENVI", make, told, expected, of_store=expected is not None)


def _netcdf(name: str, told: Callable[[Any], Any], expected: Any, *, of_store: bool = False, **content: Any) -> Item:
    make = lambda folder: make_netcdf(folder / "source.nc", **content)  # noqa: E731
    return Item(name, "NetCDF", make, told, expected, of_store)


def _property(name: str) -> Callable[[Any], Any]:
    return lambda raster: getattr(raster, name)


def _points(raster: Any) -> Any:
    points, crs = raster.gcps
    return [(point.row, point.col, point.x, point.y, point.z) for point in points], crs


def _tags(domain: str, *names: str) -> Callable[[Any], Any]:
    """Return what tells tags of the dataset, some or all of a domain."""
    return lambda raster: {k: v for k, v in raster.tags(ns=domain or None).items() if not names or k in names}


def _band_tags(domain: str, *names: str) -> Callable[[Any], Any]:
    """Return what tells tags of every band, some or all of a domain."""
    return lambda raster: [
        {k: v for k, v in raster.tags(i, ns=domain or None).items() if not names or k in names} for i in raster.indexes
    ]


def _masked(raster: Any) -> Any:
    return raster.read_masks().tolist()


def _scene(ds: xr.Dataset) -> xr.DataArray:
    return next(variable for variable in ds.data_vars.values() if variable.ndim == 3)


def _along_bands(name: str) -> Callable[[xr.Dataset], Any]:
    def told(ds: xr.Dataset) -> Any:
        coordinate = _scene(ds).coords[name]
        return coordinate.dims == _scene(ds).dims[:1], coordinate.to_numpy().tolist()

    return told


def _unit(ds: xr.Dataset) -> Any:
    return _scene(ds).coords["wavelength"].attrs["units"]


def _place(ds: xr.Dataset) -> Any:
    return _scene(ds).rio.crs.to_epsg(), _scene(ds).rio.transform()


def _conventions(ds: xr.Dataset) -> Any:
    declared = sorted(convention["name"] for convention in ds.attrs["zarr_conventions"])
    return declared, ds.attrs["proj:code"], ds.attrs["spatial:transform"], ds.attrs["spatial:dimensions"]


_INEXACT = Affine(0.1, 0, 3.3, 0, 0.3, 7.7)
_UTM: dict[str, Any] = {"crs": "EPSG:32633", "transform": NORTH_UP}
_GCPS = [
    GroundControlPoint(row=row, col=col, x=12.1 + 0.1 * col, y=52.5 - 0.1 * row, z=z, id=str(number), info="")
    for number, (row, col, z) in enumerate([(0, 0, 31.25), (0, 5, 0.0), (4, 0, 0.0)], 1)
]
_RPC = {
    **{f"{axis}_OFF": "1.5" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{axis}_SCALE": "2.25" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{axis}_{part}_COEFF": "0.1 " * 19 + "1" for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")},
    "ERR_BIAS": "-1",
    "ERR_RAND": "-1",
}
_WAVELENGTHS = [450.25, 460.25, 470.25, 480.25]
_FWHM = [6.5, 7.5, 8.5, 9.5]
_BANDS = [
    {"wavelength": f"{wavelength}", "wavelength_units": "nm", "fwhm": f"{fwhm}", "bbl": flag}
    for wavelength, fwhm, flag in zip(_WAVELENGTHS, _FWHM, "1011", strict=True)
]
_IMAGERY = [
    {"CENTRAL_WAVELENGTH_UM": f"{wavelength / 1000:.5f}", "FWHM_UM": f"{fwhm / 1000:.4f}"}
    for wavelength, fwhm in zip(_WAVELENGTHS, _FWHM, strict=True)
]
_HEADER = {
    "map info": "{UTM, 1, 1, 364095, 5809965, 30, 30, 33, North, WGS-84}",
    "wavelength": "{450.25, 460.25, 470.25, 480.25}",
    "fwhm": "{6.5, 7.5, 8.5, 9.5}",
    "wavelength units": "Nanometers",
    "bbl": "{1, 0, 1, 1}",
    "band names": "{a, b, c, d}",
    "data ignore value": "-9999",
    "data gain values": "{1, 2, 3, 4}",
    "data offset values": "{0, 1, 2, 3}",
    "default bands": "{3, 2, 1}",
    "acquisition time": "2020-07-24T10:45:26Z",
    "sensor type": "APEX",
}
_SPECTRAL: dict[str, Any] = {
    "wavelength": ("band", _WAVELENGTHS, {"units": "nm"}),
    "fwhm": ("band", _FWHM, {"units": "nm"}),
    "good_wavelengths": ("band", np.array([1, 0, 1, 1], np.int8)),
}
_MASKED = np.arange(120).reshape(4, 5, 6)
_MASKED[:, 1:3, 2:5] = -7
_COLOURS = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.nir]

_crs = _property("crs")


def _transform(raster: Any) -> Any:
    return [round(number, 9) for number in raster.transform[:6]]


ITEMS: tuple[Item, ...] = (
    _tiff("CRS with a code", _crs, **_UTM),
    _tiff("CRS without a code", _crs, crs="+proj=laea +lat_0=10 +lon_0=-81 +ellps=WGS84 +units=m", transform=NORTH_UP),
    _tiff("compound CRS, with heights", _crs, crs="EPSG:25832+7837", transform=NORTH_UP),
    _tiff("no CRS stays none", _crs, transform=NORTH_UP),
    _tiff("transform, north up", _transform, **_UTM),
    _tiff("transform, south up", _transform, crs="EPSG:4326", transform=_INEXACT),
    _tiff("transform, to the last bit", _property("transform"), crs="EPSG:4326", transform=_INEXACT),
    _tiff("transform, rotated", _transform, crs="EPSG:32612", transform=ROTATED),
    _tiff("no transform stays none", _transform, crs="EPSG:32633"),
    _tiff("ground control points", _points, gcps=(_GCPS, CRS.from_epsg(4326))),
    _tiff("rational polynomials (RPC)", _tags("RPC"), tags={"RPC": _RPC}),
    _tiff("CRS and transform beside RPC", lambda r: (r.crs, r.transform), tags={"RPC": _RPC}, **_UTM),
    _tiff("pixel is area", _tags("", "AREA_OR_POINT"), **_UTM),
    _tiff("pixel is point", _tags("", "AREA_OR_POINT"), tags={"": {"AREA_OR_POINT": "Point"}}, **_UTM),
    _tiff("sample type", _property("dtypes"), nodata=-7, scales=[0.1] * 4),
    _tiff("nodata", _property("nodata"), nodata=-7),
    _tiff("nodata that is NaN", lambda raster: str(raster.nodata), dtype="float32", nodata=np.nan),
    _tiff("which samples are masked", _masked, nodata=-7, samples=_MASKED),
    _tiff("scale and offset", lambda r: (r.scales, r.offsets), scales=[1e-4] * 4, offsets=[0.5] * 4),
    _tiff(
        "scale and offset, by band",
        lambda r: (r.scales, r.offsets),
        scales=[0.1, 0.2, 0.3, 0.4],
        offsets=[0.5, 0.5, 0.5, 1.0],
    ),
    _tiff("descriptions", _property("descriptions"), descriptions=["blue", "green", None, "near infrared"]),
    _tiff("units", _property("units"), units=["1"] * 4),
    _tiff("units, by band", _property("units"), units=["W", "", "m", "K"]),
    _tiff("colour interpretation", _property("colorinterp"), colorinterp=_COLOURS),
    _tiff("tags of the dataset", _tags("", "start", "site"), tags={"": {"start": "2022-07-24", "site": "Arnsberg"}}),
    _tiff("tags of the dataset, of digits", _tags("", "orbit"), tags={"": {"orbit": "007"}}),
    _tiff(
        "tags named like attributes",
        _tags("", "units", "scale_factor", "coordinates", "nodata"),
        tags={"": {"units": "days since 1970-01-01", "scale_factor": "2", "coordinates": "lat lon", "nodata": "0"}},
    ),
    _tiff("tags, by band", _band_tags(""), band_tags={"": _BANDS}),
    _tiff("IMAGERY domain of the dataset", _tags("IMAGERY"), tags={"IMAGERY": {"CLOUDCOVER": "3"}}),
    _tiff("IMAGERY domain, by band", _band_tags("IMAGERY"), band_tags={"IMAGERY": _IMAGERY}),
    _tiff("a domain of one's own", _tags("MINE"), tags={"MINE": {"flight": "12"}}),
    _tiff("a domain of one's own, by band", _band_tags("MINE"), band_tags={"MINE": [{"gain": g} for g in "1234"]}),
    _tiff("an XML domain", _tags("xml:XMP"), tags={"xml:XMP": {"<x xmlns": "'y'>z</x>"}}),
    _tiff("mask band", lambda raster: raster.dataset_mask().tolist(), mask=_MASKED[0] >= 0),
    _tiff("overviews", lambda raster: raster.overviews(1), shape=(64, 64), overviews=[2, 4]),
    _stored("wavelengths as a coordinate along bands", _along_bands("wavelength"), (True, _WAVELENGTHS)),
    _stored("fwhm as a coordinate along bands", _along_bands("fwhm"), (True, _FWHM)),
    _stored("bad bands as a coordinate along bands", _along_bands("good_bands"), (True, [1, 0, 1, 1])),
    _stored("unit of the wavelengths", _unit, "nm"),
    _stored("CRS and transform for plain open_zarr", _place, (32633, NORTH_UP)),
    _stored(
        "proj: and spatial: conventions",
        _conventions,
        (["proj", "spatial"], "EPSG:32633", list(NORTH_UP[:6]), ["y", "x"]),
    ),
    _envi("CRS and transform", lambda r: (r.crs, r.transform), _HEADER),
    _envi("transform, rotated", _transform, {"map info": _HEADER["map info"].replace("WGS-84", "WGS-84, rotation=30")}),
    _envi("nodata, scale and offset", lambda r: (r.nodata, r.scales, r.offsets), _HEADER),
    _envi("band names", _property("descriptions"), _HEADER),
    _envi("default bands, as colours", _property("colorinterp"), _HEADER),
    _envi("wavelengths, by band", _band_tags(""), _HEADER),
    _envi("IMAGERY domain, by band", _band_tags("IMAGERY"), _HEADER),
    _envi("the header, as domain ENVI", _tags("ENVI"), _HEADER),
    _envi("wavelengths as a coordinate along bands", _along_bands("wavelength"), _HEADER, (True, _WAVELENGTHS)),
    _envi("fwhm as a coordinate along bands", _along_bands("fwhm"), _HEADER, (True, _FWHM)),
    _envi("bad bands as a coordinate along bands", _along_bands("good_bands"), _HEADER, (True, [1, 0, 1, 1])),
    _envi("unit of the wavelengths", _unit, _HEADER, "Nanometers"),
    _netcdf("CRS and transform", lambda r: (r.crs.to_epsg(), r.transform), (32633, NORTH_UP)),
    _netcdf("nodata", _property("nodata"), -7.0, attrs={"_FillValue": np.int16(-7)}),
    _netcdf(
        "scale and offset",
        lambda r: (r.scales, r.offsets),
        ((1e-4,) * 4, (0.5,) * 4),
        attrs={"scale_factor": 1e-4, "add_offset": 0.5},
    ),
    _netcdf("units", _property("units"), ("1",) * 4, attrs={"units": "1"}),
    _netcdf("attributes of the variable", _tags("", "sensor"), {"sensor": "APEX"}, attrs={"sensor": "APEX"}),
    _netcdf("attributes of the file", _tags("", "title"), {"title": "a flight"}, titles={"title": "a flight"}),
    _netcdf(
        "wavelengths as tags", _band_tags("", "wavelength"), [{"wavelength": str(w)} for w in _WAVELENGTHS], **_SPECTRAL
    ),
    _netcdf("wavelengths in the IMAGERY domain", _band_tags("IMAGERY"), _IMAGERY, **_SPECTRAL),
    _netcdf("fwhm as tags", _band_tags("", "fwhm"), [{"fwhm": str(width)} for width in _FWHM], **_SPECTRAL),
    _netcdf("good_wavelengths as bbl", _band_tags("", "bbl"), [{"bbl": flag} for flag in "1011"], **_SPECTRAL),
    _netcdf(
        "wavelengths as a coordinate along bands",
        _along_bands("wavelength"),
        (True, _WAVELENGTHS),
        of_store=True,
        **_SPECTRAL,
    ),
    _netcdf("unit of the wavelengths", _unit, "nm", of_store=True, **_SPECTRAL),
)
"""The items, in the order of the table."""

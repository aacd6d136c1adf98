"""Small rasters that carry one kind of metadata each, written without the package."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning

_SETTABLE = ("gcps", "descriptions", "units", "scales", "offsets", "colorinterp")


def make_raster(
    path: Path,
    *,
    dtype: str = "int16",
    count: int = 4,
    shape: tuple[int, int] = (5, 6),
    samples: Any = None,
    tags: Mapping[str, Mapping[str, str]] | None = None,
    band_tags: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
    **content: Any,
) -> Path:
    """Write a GeoTIFF with rasterio alone.

    Parameters
    ----------
    path
        The file.
    dtype, count, shape
        Of its samples.
    samples
        The samples, shape (count, *shape); counted up if None.
    tags, band_tags
        Tags by domain, "" the default one; of the dataset, and for each band.
    **content
        Creation options, and properties by the names rasterio gives them.
    """
    properties = {name: content.pop(name) for name in _SETTABLE if name in content}
    mask = content.pop("mask", None)
    levels = content.pop("overviews", None)
    colours = content.pop("colormap", None)
    if samples is None:
        samples = np.arange(count * shape[0] * shape[1]).reshape(count, *shape)
    profile = {"photometric": "minisblack", "count": count, "height": shape[0], "width": shape[1], "dtype": dtype}
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", **{**profile, **content}) as sink,
    ):
        for domain, pairs in (tags or {}).items():
            sink.update_tags(ns=domain or None, **pairs)
        for domain, bands in (band_tags or {}).items():
            for index, pairs in enumerate(bands, 1):
                sink.update_tags(index, ns=domain or None, **pairs)
        for name, value in properties.items():
            setattr(sink, name, value)
        sink.write(np.asarray(samples).astype(dtype))
        if mask is not None:
            sink.write_mask(mask)
        if colours is not None:
            sink.write_colormap(1, colours)
        if levels is not None:
            sink.build_overviews(levels)
    return path


def make_envi(path: Path, fields: Mapping[str, str]) -> Path:
    """Write an ENVI file of 4 bands of int16, 5 x 6 pixels, with more fields in its header."""
    np.arange(120, dtype="<i2").tofile(path)
    header = {"samples": "6", "lines": "5", "bands": "4", "header offset": "0", "file type": "ENVI Standard"}
    header |= {"data type": "2", "interleave": "bsq", "byte order": "0", **fields}
    lines = ["ENVI", *(f"{name} = {value}" for name, value in header.items())]
    path.with_suffix(".hdr").write_text("\n".join(lines) + "\n")
    return path


def make_netcdf(
    path: Path, *, attrs: Mapping[str, Any] | None = None, titles: Mapping[str, str] | None = None, **coords: Any
) -> Path:
    """Write a NetCDF file as CF says: ``reflectance(band, y, x)`` with a grid mapping, in EPSG:32633.

    Parameters
    ----------
    path
        The file.
    attrs
        Attributes of the variable.
    titles
        Attributes of the file.
    **coords
        More coordinates, as xarray takes them.
    """
    grid = {"crs_wkt": CRS.from_epsg(32633).to_wkt(), "GeoTransform": "364095 30 0 5809965 0 -30"}
    variable = xr.Variable(("band", "y", "x"), np.arange(120, dtype="i2").reshape(4, 5, 6), dict(attrs or {}))
    variable.attrs["grid_mapping"] = "crs"
    variable.attrs["coordinates"] = " ".join(["crs", *coords])
    ds = xr.Dataset({"reflectance": variable}, attrs=dict(titles or {}))
    ds["crs"] = ((), np.int32(0), grid)
    ds["x"] = ("x", 364110.0 + 30.0 * np.arange(6), {"standard_name": "projection_x_coordinate", "units": "m"})
    ds["y"] = ("y", 5809950.0 - 30.0 * np.arange(5), {"standard_name": "projection_y_coordinate", "units": "m"})
    for name, value in coords.items():
        ds[name] = value
    ds.to_netcdf(path, engine="scipy", encoding={name: {"_FillValue": None} for name in ds.variables})
    return path


NORTH_UP = Affine(30.0, 0.0, 364095.0, 0.0, -30.0, 5809965.0)
"""A transform whose rows go from north to south."""

_COLUMN, _ROW = 1.0625184089179753, 0.2847009496127728
ROTATED = Affine(_ROW, _COLUMN, 724440.117, _COLUMN, -_ROW, 4077192.168)
"""A transform of an airborne scene along its line of flight."""

"""A .vrt beside a Zarr store: all that GDAL reads of a raster, its samples decoded window by window."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable
from os import PathLike
from pathlib import Path
from xml.sax.saxutils import quoteattr

from xr_inr.exceptions import RequestError
from xr_inr.geo.planning import check_raster_path, plan_raster, written_beside
from xr_inr.opening import is_store, open_scene
from xr_inr.variables import find_axes

GDAL_SETTINGS = {
    "GDAL_VRT_ENABLE_PYTHON": "TRUSTED_MODULES",
    "GDAL_VRT_PYTHON_TRUSTED_MODULES": "xr_inr_gdal",
}
"""The configuration options with which GDAL reads the samples: environment variables, or ``rasterio.Env``."""

_FUNCTION = "xr_inr_gdal.read_window"

_BAND = re.compile(r'^  <VRTRasterBand (dataType="\w+" band="(\d+)")(?:>|( />))$', re.MULTILINE)


def write_vrt(
    store: str | PathLike[str],
    target: str | PathLike[str] | None = None,
    *,
    variable: Hashable | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a .vrt that GDAL, and all that builds on it, opens as a raster; its samples stay in the Zarr store.

    Size, sample type, CRS, transform or ground control points, nodata, and every property and tag that `write_raster`
    would write to a GeoTIFF stand in the .vrt, with wavelengths in the IMAGERY domain, and any GDAL reads them. For
    samples it calls `xr_inr_gdal`, which decodes the window asked for, where `GDAL_SETTINGS` are in force and GDAL
    finds a Python that has this package.

    Parameters
    ----------
    store
        A Zarr store, a folder or a URL that ends in .zarr.
    target
        The file; by default beside the store, with its name: ``scene.vrt`` for ``scene.zarr``. It holds the way to
        the store, relative to itself, and its own folder: GDAL tells a pixel function nothing of where a .vrt is, so
        what has been moved is found from the working folder, through ``XR_INR_STORES``, or by writing the .vrt anew.
    variable
        Which variable of a store; its only scene if None.
    overwrite
        Whether to replace a file that is there.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    RequestError
        When there is no such store or scene, it has other dimensions than bands, rows and columns, or the target is
        no file in a folder that exists.
    StoreExistsError
        When the file exists, and `overwrite` is False.
    """
    if not is_store(store):
        raise RequestError(f"the store must be a folder, or a URL that ends in .zarr. Got {store}.")
    remote = "://" in str(store)
    if target is None and remote:
        raise RequestError(f"a store at a URL needs a target for its .vrt. Got {store}.")
    source = Path(store).absolute()
    beside = source.with_name(f"{source.name.removesuffix('.zarr')}.vrt")
    path = check_raster_path(beside if target is None else target, overwrite=overwrite)
    scene = open_scene(store, variable)
    plan = plan_raster(scene, imagery=True)
    axes = find_axes(scene)
    if (axes.y, axes.x, axes.band) != plan.dims:
        raise RequestError(f"a .vrt has bands, rows and columns, {axes}. Got {plan.dims}.")
    folder = path.resolve().parent
    way = Path(os.path.relpath(source.parent.resolve(), folder), source.name)
    arguments = {
        "store": str(store) if remote else way.as_posix(),
        "folder": str(folder),
        "variable": str(scene.name),
        "axis": str(axes.chunk_axes.band_axis),
    }
    with written_beside(path) as partial:
        with plan.create(partial, "VRT", {}, path):
            pass
        text, bands = _BAND.subn(lambda band: _derived(band, arguments), partial.read_text(encoding="utf-8"))
        if bands != plan.shape[0]:
            raise RuntimeError(f"GDAL wrote a .vrt with {bands} bands in a form that is unknown, not {plan.shape[0]}")
        partial.write_text(text, encoding="utf-8")
    return path


def _derived(band: re.Match[str], arguments: dict[str, str]) -> str:
    """Return the beginning of a band of GDAL's .vrt as that of one whose samples come from the pixel function."""
    named = arguments | {"band": str(int(band[2]) - 1)}
    given = " ".join(f"{name}={quoteattr(value)}" for name, value in named.items())
    lines = (
        f'  <VRTRasterBand {band[1]} subClass="VRTDerivedRasterBand">',
        f"    <PixelFunctionType>{_FUNCTION}</PixelFunctionType>",
        "    <PixelFunctionLanguage>Python</PixelFunctionLanguage>",
        f"    <PixelFunctionArguments {given} />",
        *(["  </VRTRasterBand>"] if band[3] else []),
    )
    return "\n".join(lines)

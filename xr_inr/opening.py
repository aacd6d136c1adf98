"""Opening the scenes of a raster file or a Zarr store, whichever a path names."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from os import PathLike
from pathlib import Path

import xarray as xr

from xr_inr.exceptions import RequestError
from xr_inr.geo import open_raster
from xr_inr.geo.names import is_reserved
from xr_inr.variables import is_scene
from xr_inr.zip_store import is_zip_name, open_zip


def open_scene(source: str | PathLike[str], variable: Hashable | None = None) -> xr.DataArray:
    """Open the scene of a raster file or a Zarr store, its samples as they are stored, read when they are needed.

    Parameters
    ----------
    source
        A Zarr store, in a folder or in one file named ``.zarr.zip``, or anything that rasterio opens.
    variable
        Which variable of a store; its only scene if None.

    Raises
    ------
    RequestError
        When it does not exist, or does not hold exactly one scene and none was named.
    """
    scenes = {scene.name: scene for scene in open_scenes(source)}
    if variable is not None:
        if variable not in scenes:
            raise RequestError(f"variable must be one of {list(scenes)}. Got {variable!r}.")
        return scenes[variable]
    if len(scenes) != 1:
        raise RequestError(f"{source} must hold one scene, or one must be named. Got {list(scenes)}.")
    return next(iter(scenes.values()))


def open_scenes(source: str | PathLike[str]) -> list[xr.DataArray]:
    """Open all scenes of a raster file or a Zarr store; raises `RequestError` where there is nothing to open.

    Those of a store are in the order of their names, and have its own attributes too.
    """
    if not is_store(source):
        if str(source).rstrip("/").endswith(".zarr"):
            raise RequestError(f"the store must exist. Got {source}.")
        return [open_raster(source)]
    store = open_zip(source) if is_zip_name(source) and not Path(source).is_dir() else str(source)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Failed to open Zarr store with consolidated", category=RuntimeWarning
            )
            ds = xr.open_zarr(store, mask_and_scale=False, chunks=None)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise RequestError(f"{source} is not a Zarr store that can be read: {error}") from error
    # Without consolidated metadata variables come as the folder lists them, in any order.
    scenes = sorted((scene for scene in ds.data_vars.values() if is_scene(scene)), key=lambda scene: str(scene.name))
    if not scenes:
        raise RequestError(f"{source} must hold a scene. Got the variables {list(ds.data_vars)}.")
    # What a file says of all its variables holds for each; one alone has no other place for it.
    shared = {name: value for name, value in ds.attrs.items() if not is_reserved(str(name))}
    return [scene.assign_attrs(shared | scene.attrs) for scene in scenes]


def is_store(source: str | PathLike[str]) -> bool:
    """Whether a scene is in a Zarr store: a folder, a .zarr.zip, or a URL that ends in .zarr; else GDAL opens it."""
    in_folder = Path(source).is_dir() or ("://" in str(source) and str(source).rstrip("/").endswith(".zarr"))
    return in_folder or is_zip_name(source)

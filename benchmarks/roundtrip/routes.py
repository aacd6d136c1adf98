"""The ways from a file to a Zarr store and on to a GeoTIFF: this package's, and what xarray and rioxarray do alone."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import rioxarray
import xarray as xr

import xr_inr
from benchmarks.roundtrip.items import Item
from xr_inr.opening import open_scene

KEPT, LOST = "kept", "lost"
"""What becomes of an item."""


def ours(source: Path, folder: Path) -> tuple[Path, Path]:
    """Compress a file and write it back, as ``xr-inr compress`` and ``xr-inr decompress`` do; NetCDF by xarray.

    Returns
    -------
    tuple of pathlib.Path
        The store and the GeoTIFF.
    """
    scene: Any = _dataset(source) if source.suffix == ".nc" else open_scene(source)
    small = scene.inr.compress(psnr=10.0, preset="fast", device="cpu", allow_labels=True, progress=False)
    small.inr.to_zarr(folder / "scene.zarr")
    xr_inr.write_raster(open_scene(folder / "scene.zarr"), folder / "back.tif")
    return folder / "scene.zarr", folder / "back.tif"


def stock(source: Path, folder: Path) -> tuple[Path, Path]:
    """Go the same way with xarray and rioxarray, with the options that keep most; returns the same.

    ``mask_and_scale=False`` keeps the sample type, and ``decode_coords="all"`` finds the grid mapping.
    """
    ds = _dataset(source) if source.suffix == ".nc" else _by_rioxarray(source)
    ds.to_zarr(folder / "scene.zarr", consolidated=False)
    opened = xr.open_zarr(folder / "scene.zarr", mask_and_scale=False, decode_coords="all", consolidated=False)
    scene = next(variable for variable in opened.data_vars.values() if variable.ndim == 3)
    scene.rio.to_raster(folder / "back.tif")
    return folder / "scene.zarr", folder / "back.tif"


ROUTES = {"stock": stock, "ours": ours}
"""The routes by the columns of the results."""


def outcome(item: Item, route: str, folder: Path) -> str:
    """Return `KEPT`, `LOST`, or the name of the error that a route ends with.

    Parameters
    ----------
    item
        What to look for.
    route
        One of `ROUTES`.
    folder
        An empty one.
    """
    source = item.make(folder)
    wanted = item.wanted(source)
    with warnings.catch_warnings(action="ignore"):
        try:
            store, back = ROUTES[route](source, folder)
            told = _of_store(item, store) if item.of_store else item.of_raster(back)
        except Exception as error:  # noqa: BLE001 - whatever ends a route is its outcome
            return LOST if item.of_store and isinstance(error, KeyError | AttributeError) else type(error).__name__
    return KEPT if told == wanted else LOST


def _of_store(item: Item, store: Path) -> Any:
    with xr.open_zarr(store, mask_and_scale=False, consolidated=False) as ds:
        return item.told(ds)


def _by_rioxarray(source: Path) -> xr.Dataset:
    opened: Any = rioxarray.open_rasterio(source, mask_and_scale=False)
    return xr.Dataset({"scene": opened})


def _dataset(source: Path) -> xr.Dataset:
    return xr.open_dataset(source, engine="scipy", decode_coords="all", mask_and_scale=False)

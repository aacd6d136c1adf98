"""What GDAL calls for the samples of a .vrt that `xr_inr.write_vrt` wrote.

GDAL runs it only where it is told to trust this module::

    GDAL_VRT_ENABLE_PYTHON=TRUSTED_MODULES
    GDAL_VRT_PYTHON_TRUSTED_MODULES=xr_inr_gdal

A .vrt from anywhere may then call each function of this module with arguments of its own, so there is one only, and it
does nothing but read samples of a Zarr store. Modules are imported, not functions, for the same reason.

It is a package of its own since ``import xr_inr`` loads rasterio and pyproj, whose wheels hold a GDAL and a PROJ: a
second one ends the process of a GDAL from elsewhere. Where GDAL imports this first, `xr_inr` loads neither.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from xr_inr import stored_scene as _stored_scene


def read_window(
    _sources: list[NDArray[Any]],
    target: NDArray[Any],
    column: int,
    row: int,
    width: int,
    height: int,
    *_others: Any,
    store: bytes,
    folder: bytes,
    variable: bytes,
    axis: bytes,
    band: bytes,
) -> None:
    """Put the samples of a window of one band into an array: a Python pixel function of GDAL.

    Only the window is decoded; where the array has another size, only the samples nearest to its pixels.

    Parameters
    ----------
    _sources
        Empty: the band has no other source.
    target
        Where the samples go, shape (rows, columns).
    column, row, width, height
        The window, in pixels of the raster.
    *_others
        What GDAL says besides: the raster's width and height, the radius of a buffer, the transform.
    store, folder
        The Zarr store, relative to a folder; see `xr_inr.stored_scene.find_store`.
    variable
        Name of the array in the store.
    axis
        Which axis of the array are its bands.
    band
        Which of them, from 0.

    Raises
    ------
    FileNotFoundError
        If the store is nowhere to be found.
    """
    place = _stored_scene.find_store(store.decode(), folder.decode())
    scene = _stored_scene.open_stored(place, variable.decode(), int(axis))
    rows, columns = target.shape
    nearest = _stored_scene.nearest
    target[:] = scene.read(int(band), nearest(row, height, rows), nearest(column, width, columns))

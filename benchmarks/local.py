"""Cubes read from a user's own files: .npy, .mat, ENVI and GeoTIFF."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUFFIXES = (".npy", ".mat", ".hdr", ".tif")
"""What a scene's file may end in, the first found is taken; ``.hdr`` is an ENVI header beside its data."""

_ENVI_DATA = ("", ".img", ".dat", ".raw", ".bin", ".bsq", ".bil", ".bip", ".envi")
_MAT_NUMBERS = {"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}

_AXIS_ORDERS = ((0, 1, 2), (2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0))
"""Where bands, y and x may lie in a file, y before x first: of a square scene no shape tells them apart."""


def read_cube(file: Path, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Return the cube that a file holds, in its own dtype, whatever the order of its axes.

    Parameters
    ----------
    file
        A .npy array, a .mat file up to version 7.2 with one three-dimensional numeric variable, an ENVI header whose
        data lie beside it under the same stem, or a GeoTIFF.
    shape
        (bands, height, width) that the cube must have. The axes are told apart by their lengths; where those leave a
        choice, y comes before x.

    Returns
    -------
    NDArray
        Samples, (bands, height, width).

    Raises
    ------
    ValueError
        When the file cannot be read so; the message names the rule and what was found.
    """
    readers = {".npy": np.load, ".mat": _read_mat, ".hdr": _read_envi, ".tif": _read_geotiff}
    if file.suffix not in readers:
        raise ValueError(f"a scene's file must end in {', '.join(SUFFIXES)}. Got {file}.")
    cube: NDArray[Any] = readers[file.suffix](file)
    if cube.ndim == 3:
        for order in _AXIS_ORDERS:
            if cube.transpose(order).shape == shape:
                return cube.transpose(order)
    raise ValueError(f"{file} must hold a cube of shape {shape}, its axes in any order. Got {cube.shape}.")


def _read_mat(file: Path) -> NDArray[Any]:
    from scipy import io  # noqa: PLC0415 - only users of .mat files need it

    try:
        variables = io.whosmat(file)
    except NotImplementedError:
        raise ValueError(
            f"a .mat file must be of version 7.2 or older. Got version 7.3 (HDF5): {file}. "
            "Convert it: in MATLAB save(file, name, '-v7'), or read it with h5py and write it with numpy.save."
        ) from None
    cubes = [name for name, size, kind in variables if len(size) == 3 and kind in _MAT_NUMBERS]
    if len(cubes) != 1:
        found = ", ".join(f"{name} ({kind}, {' x '.join(map(str, size))})" for name, size, kind in variables)
        raise ValueError(
            f"{file} must hold exactly one numeric variable of three dimensions. Got {found or 'no variable'}."
        )
    cube: NDArray[Any] = io.loadmat(file, variable_names=cubes)[cubes[0]]
    return cube


def _read_envi(header: Path) -> NDArray[Any]:
    import rasterio  # noqa: PLC0415 - slow to import

    beside = sorted(path for path in header.parent.iterdir() if path.stem == header.stem and path != header)
    data = [path for path in beside if path.is_file() and path.suffix.lower() in _ENVI_DATA]
    if len(data) != 1:
        found = ", ".join(path.name for path in data) or "none"
        raise ValueError(
            f"{header} must have one data file beside it, named {header.stem} with one of the suffixes "
            f"{', '.join(suffix or '(none)' for suffix in _ENVI_DATA)}. Got {found}."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            with rasterio.open(data[0], driver="ENVI") as source:
                cube: NDArray[Any] = source.read()
        except rasterio.errors.RasterioIOError as error:
            raise ValueError(f"{header} and {data[0].name} must be an ENVI header and its data. Got: {error}") from None
    return cube


def _read_geotiff(file: Path) -> NDArray[Any]:
    import rasterio  # noqa: PLC0415 - slow to import

    with rasterio.open(file) as source:
        cube: NDArray[Any] = source.read()
    return cube

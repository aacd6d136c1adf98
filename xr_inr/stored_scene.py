"""Reading windows of one band of an array in a Zarr store, again and again, from any thread."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.array import AsyncArray
from zarr.core.metadata import ArrayV2Metadata, ArrayV3Metadata

from xr_inr.codecs.config import CodecConfig
from xr_inr.codecs.numcodecs import InrCodec as NumcodecsCodec
from xr_inr.codecs.zarr import InrCodec
from xr_inr.exceptions import RequestError

SEARCH_PATH = "XR_INR_STORES"
"""The environment variable that names folders to look for stores in, before the one that was written down."""

_KEPT_SCENES = 16

Index = slice | NDArray[np.intp]
"""Rows or columns."""


@dataclass(frozen=True)
class StoredScene:
    """An open array of bands, rows and columns."""

    array: zarr.Array[Any]
    """The array."""

    band_axis: int
    """Which of its three axes are bands; the others are rows and columns."""

    def read(self, band: int, rows: Index, columns: Index) -> NDArray[Any]:
        """Return the samples of a band where `rows` and `columns` cross; nothing else is decoded."""
        selection: list[Any] = [rows, columns]
        selection.insert(self.band_axis, slice(band, band + 1))
        return np.squeeze(np.asarray(self.array.oindex[tuple(selection)]), self.band_axis)


def find_store(store: str, folder: str) -> str:
    """Return where a store is.

    Parameters
    ----------
    store
        A URL, or a path relative to `folder`.
    folder
        Where the path was relative to when it was written down. It is looked for in the folders that the environment
        variable ``XR_INR_STORES`` names, then there, then in the working folder.

    Raises
    ------
    FileNotFoundError
        If it is in none of them.
    """
    if "://" in store:
        return store
    named = [part for part in os.environ.get(SEARCH_PATH, "").split(os.pathsep) if part]
    places = [Path(part, store) for part in (*named, folder, ".")]
    for place in places:
        if place.is_dir():
            return str(place)
    raise FileNotFoundError(
        f"the Zarr store {store} must be in {folder}, in the working folder, or in a folder that {SEARCH_PATH} names; "
        f"`xr-inr vrt` writes a .vrt with another place. Looked for {', '.join(map(str, places))}."
    )


def open_stored(store: str, variable: str, band_axis: int) -> StoredScene:
    """Return an array of a store, open; the last few are kept until the store is another one.

    Parameters
    ----------
    store
        A path or a URL.
    variable
        Name of the array.
    band_axis
        Which of its axes are bands.

    Raises
    ------
    RequestError
        If the store has no such array of three axes.
    """
    if "://" in store:
        return _open(store, variable, band_axis, None)
    # A store is replaced as a whole, so its folder is another one then.
    found = Path(store).stat()
    return _open(str(Path(store).resolve()), variable, band_axis, (found.st_ino, found.st_mtime_ns))


def nearest(start: int, length: int, count: int) -> Index:
    """Return the indices of the `count` pixels that stand for the `length` of them from `start` on."""
    if count == length:
        return slice(start, start + length)
    return np.asarray(start + (np.arange(count) + 0.5) * length / count, np.intp)


@lru_cache(maxsize=_KEPT_SCENES)
def _open(store: str, variable: str, band_axis: int, _identity: tuple[int, int] | None) -> StoredScene:
    group = zarr.open_group(store, mode="r", use_consolidated=False)
    array = group.get(variable)
    if not isinstance(array, zarr.Array) or array.ndim != 3 or not 0 <= band_axis < 3:
        found = "none" if array is None else str(array)
        raise RequestError(f"{store} must hold an array {variable!r} with a band axis, y and x. Got {found}.")
    return StoredScene(_in_format_3(array), band_axis)


def _in_format_3(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return an array of format 2 as one of format 3 with the same chunks: only there zarr decodes parts of a chunk."""
    metadata = array.metadata
    if not isinstance(metadata, ArrayV2Metadata) or metadata.order != "C" or metadata.filters:
        return array
    codec = metadata.compressor
    if not isinstance(codec, NumcodecsCodec) or not metadata.dtype.to_native_dtype().isnative:
        return array
    shape_of_chunks = ("id", "order", "shape", "dtype")
    config = {name: value for name, value in codec.get_config().items() if name not in shape_of_chunks}
    as_format_3 = ArrayV3Metadata(
        shape=metadata.shape,
        data_type=metadata.dtype,
        chunk_grid={"name": "regular", "configuration": {"chunk_shape": list(metadata.chunks)}},
        chunk_key_encoding={"name": "v2", "configuration": {"separator": metadata.dimension_separator}},
        fill_value=0 if metadata.fill_value is None else metadata.fill_value,
        codecs=[InrCodec.from_config(CodecConfig.from_dict(config))],
        attributes={},
        dimension_names=None,
    )
    return zarr.Array(AsyncArray(as_format_3, array.store_path))

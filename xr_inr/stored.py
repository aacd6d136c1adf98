"""Payloads in a store that was opened: found behind a variable, and copied into another store as they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask.array
import numpy as np
import xarray as xr
import zarr
from xarray.backends.zarr import ZarrArrayWrapper
from xarray.coding.common import _ElementwiseFunctionArray
from xarray.core import indexing
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from xr_inr.codecs.config import CodecConfig
from xr_inr.codecs.found import config_of
from xr_inr.codecs.numcodecs import InrCodec as NumcodecsCodec
from xr_inr.core.decode import Payload
from xr_inr.exceptions import PayloadError, RequestError
from xr_inr.lazy import is_whole

_PACKING = ("scale_factor", "add_offset", "missing_value", "_Unsigned")
"""Attributes of an array that xarray moves into the encoding when it unpacks the samples."""


@dataclass(frozen=True)
class Stored:
    """The payloads of one array of a store."""

    array: zarr.Array[Any]
    """The array."""

    config: CodecConfig
    """The codec's parameters."""

    attrs: Mapping[str, Any]
    """What its attributes say of its samples as they are stored."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its sample type as stored."""
        return np.dtype(self.array.dtype)

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of a chunk."""
        return self.array.chunks

    def lies_in(self, place: str) -> bool:
        """Whether the array lies below a place, as zarr writes it."""
        return str(self.array.store_path).startswith(place)

    def put_into(self, array: zarr.Array[Any]) -> None:
        """Copy the payloads to another Zarr array of this shape and these chunks, of either format.

        Raises
        ------
        PayloadError
            When one is damaged.
        RequestError
            When one is missing, as Zarr leaves out chunks of nothing but the fill value, and `array` has another.
        """
        counts = (-(-size // step) for size, step in zip(self.shape, self.chunk_shape, strict=True))
        for index in itertools.product(*(range(count) for count in counts)):
            source = self.array.store_path / self.array.metadata.encode_chunk_key(index)
            found = sync(source.get(default_buffer_prototype()))
            if found is None:
                if not np.array_equal(self.array.fill_value, array.fill_value):
                    raise RequestError(
                        f"chunk {index} of {self.array.store_path} is not stored and stands for the fill value "
                        f"{self.array.fill_value}; the copy must have the same. Got {array.fill_value}."
                    )
                continue
            try:
                Payload(found.to_bytes(), max_samples=math.prod(self.chunk_shape))
            except PayloadError as error:
                raise PayloadError(f"chunk {index} of {self.array.store_path} cannot be copied: {error}") from error
            sync((array.store_path / array.metadata.encode_chunk_key(index)).set(found))


def stored_of(variable: xr.DataArray) -> Stored | None:
    """Return the payloads in the store that a variable was opened from.

    Returns
    -------
    Stored or None
        None if the variable is of another kind, or a selection, or has been loaded or changed, or if it was told by
        `drop_encoding` to forget the codec.
    """
    config = config_of(variable)
    array = _untouched(variable.variable._data)  # noqa: SLF001
    if config is None or array is None or array.shape != variable.shape or _is_wrapped(array):
        return None
    attrs = {name: array.attrs[name] for name in _PACKING if name in array.attrs}
    for said in (variable.attrs, variable.encoding):
        if said.get("_FillValue") is not None:
            attrs["_FillValue"] = said["_FillValue"]
    return Stored(array, config, attrs)


def _untouched(data: Any) -> zarr.Array[Any] | None:
    """Return the Zarr array that data is all of, unpacked at most; None where there is none."""
    if isinstance(data, dask.array.Array):
        # What xarray makes of an array in a store has two layers; whatever is done with it adds one.
        layers = getattr(data.dask, "layers", {})
        origin = f"original-{data.name}"
        data = layers[origin].get(origin) if set(layers) == {origin, data.name} else None
    while not isinstance(data, ZarrArrayWrapper):
        if isinstance(data, indexing.LazilyIndexedArray):
            if not is_whole(data):
                return None
        elif not isinstance(
            data,
            indexing.ImplicitToExplicitIndexingAdapter
            | indexing.CopyOnWriteArray
            | indexing.MemoryCachedArray
            | _ElementwiseFunctionArray,
        ):
            return None
        data = data.array
    array: zarr.Array[Any] = data.get_array()  # type: ignore[no-untyped-call]
    return array


def _is_wrapped(array: zarr.Array[Any]) -> bool:
    """Whether its chunks are more than a payload each."""
    others = list(array.filters) + [codec for codec in array.compressors if not isinstance(codec, NumcodecsCodec)]
    return bool(others) or array.shards is not None

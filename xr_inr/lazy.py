"""Fitted payloads that xarray sees as an array: what is indexed is decoded, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import MemoryStore

from xr_inr.chunk_record import ChunkIndex, ChunkRecord, Recorded
from xr_inr.codecs.config import CodecConfig
from xr_inr.codecs.zarr import InrCodec
from xr_inr.core.encode import Encoded
from xr_inr.original import Gone, Original


@dataclass
class Fitted(Recorded):
    """The payloads of one variable and what is known of them."""

    shape: tuple[int, ...]
    """Shape of the variable."""

    dtype: np.dtype[Any]
    """Its sample type."""

    chunk_shape: tuple[int, ...]
    """Shape of a chunk; those at the edge may reach beyond the array."""

    config: CodecConfig
    """The codec's parameters."""

    encoded: dict[ChunkIndex, Encoded] = field(default_factory=dict)
    """What was fitted to each chunk."""

    original: Original | Gone = field(default_factory=Gone)
    """The way back to the samples it was fitted to."""

    @property
    def records(self) -> Mapping[ChunkIndex, ChunkRecord]:
        """What each chunk cost and kept."""
        return {index: ChunkRecord.of(chunk) for index, chunk in self.encoded.items()}

    def put_into(self, array: zarr.Array[Any]) -> None:
        """Write the payloads under the keys of a Zarr array of this shape and these chunks."""
        for index, chunk in self.encoded.items():
            key = array.store_path / array.metadata.encode_chunk_key(index)
            sync(key.set(default_buffer_prototype().buffer.from_bytes(chunk.payload)))


class FittedArray(BackendArray):
    """Decodes from payloads in memory, through the same codec that reads them from a store."""

    def __init__(self, fitted: Fitted) -> None:
        self.fitted = fitted
        self.shape = fitted.shape
        self.dtype = fitted.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        decoded: NDArray[Any] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._decode
        )
        return decoded

    def _decode(self, key: tuple[Any, ...]) -> NDArray[Any]:
        return np.asarray(self._array.oindex[key])

    @cached_property
    def _array(self) -> zarr.Array[Any]:
        array = zarr.create_array(
            MemoryStore(),
            shape=self.shape,
            chunks=self.fitted.chunk_shape,
            dtype=self.dtype,
            serializer=InrCodec.from_config(self.fitted.config),
            filters=None,
            compressors=None,
            fill_value=0,
        )
        self.fitted.put_into(array)
        return array

    def __getstate__(self) -> dict[str, Any]:
        # The in-memory store is made again where the array is needed.
        return {name: value for name, value in self.__dict__.items() if name != "_array"}


def as_variable(fitted: Fitted, like: xr.Variable) -> xr.Variable:
    """Return a variable with the dimensions and attributes of `like` whose values decode from `fitted`.

    Of the encoding only what ties it to its coordinates is kept: the rest says how the source was stored.
    """
    return wrapped(FittedArray(fitted), like)


def wrapped(array: BackendArray, like: xr.Variable) -> xr.Variable:
    """Return a variable with the dimensions and attributes of `like`, and the values of `array`."""
    encoding = {key: like.encoding[key] for key in ("grid_mapping", "coordinates") if key in like.encoding}
    return xr.Variable(like.dims, indexing.LazilyIndexedArray(array), like.attrs, encoding)


def fitted_of(variable: xr.DataArray | xr.Variable) -> Fitted | None:
    """Return the payloads behind a variable; None if it has none, or is a selection, or has been loaded or changed."""
    data = behind(variable)
    return data.fitted if isinstance(data, FittedArray) else None


def behind(variable: xr.DataArray | xr.Variable) -> Any:
    """Return what a variable gives its values from, without loading it; None if it is a selection of that."""
    data: Any = variable.variable._data if isinstance(variable, xr.DataArray) else variable._data  # noqa: SLF001
    while isinstance(data, indexing.CopyOnWriteArray | indexing.MemoryCachedArray | indexing.LazilyIndexedArray):
        if isinstance(data, indexing.LazilyIndexedArray) and not is_whole(data):
            return None
        data = data.array
    return data


def is_whole(data: indexing.LazilyIndexedArray) -> bool:
    """Whether a lazily indexed array is all of what it indexes."""
    sizes = data.array.shape
    return len(data.key.tuple) == len(sizes) and all(
        isinstance(item, slice) and item.indices(size) == (0, size, 1)
        for item, size in zip(data.key.tuple, sizes, strict=True)
    )

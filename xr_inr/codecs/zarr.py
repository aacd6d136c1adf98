"""The codec of Zarr format 3: an array-to-bytes codec that decodes only what is selected."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from numpy.typing import NDArray
from zarr.abc.codec import ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin
from zarr.abc.store import ByteGetter
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.core.common import JSON, parse_named_configuration

from xr_inr.codecs.chunks import ChunkAxes, Selection, kept_payload
from xr_inr.codecs.config import CODEC_NAME, CodecConfig
from xr_inr.codecs.provenance import PROVENANCE
from xr_inr.core.decode import Payload
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import PayloadError


@dataclass(frozen=True)
class InrCodec(ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin):
    """Stores each chunk as a model fitted to it.

    Give it as the only codec of an array (``serializer=InrCodec(...), filters=None, compressors=None``): any codec
    after it makes zarr read whole chunks. A chunk holds all bands of a piece of one scene; its axes are the band axis,
    y and x, and any others at length 1.

    Parameters
    ----------
    band_axis
        Index of the band axis of the array.
    nodata
        The value that marks samples without measurement; NaN samples are masked in any case.
    bad_bands
        Indices of the bands that are not to count: each is kept as one typical value.
    **request
        The parameters of `xr_inr.FitRequest`: exactly one target (``bpppb``, ``psnr``, ``sam`` or
        ``max_error``), and ``band_weights``, ``model``, ``preset``, ``weight_bits`` (of a siren), ``device``, ``seed``.

    Raises
    ------
    RequestError
        When a parameter breaks a rule.

    Examples
    --------
    >>> InrCodec(bpppb=0.1).to_dict()
    {'name': 'xr_inr', 'configuration': {'band_axis': 0, 'bpppb': 0.1}}
    """

    is_fixed_size = False

    config: CodecConfig
    """The parameters."""

    origin: str | None = field(default=None, repr=False, compare=False)
    """By which a codec that was read from a store knows what it has decoded; None of any other."""

    def __init__(
        self, *, band_axis: int = 0, nodata: float | None = None, bad_bands: Sequence[int] = (), **request: Any
    ) -> None:
        config = CodecConfig(FitRequest(**request), band_axis, nodata, tuple(bad_bands))
        object.__setattr__(self, "config", config)
        object.__setattr__(self, "origin", None)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """Read the codec from an array's metadata; raises `RequestError` for unknown or broken parameters."""
        _, configuration = parse_named_configuration(data, CODEC_NAME)
        return cls.from_config(CodecConfig.from_dict(configuration), PROVENANCE.new_origin())

    @classmethod
    def from_config(cls, config: CodecConfig, origin: str | None = None) -> Self:
        """Return the codec with these parameters."""
        codec = cls.__new__(cls)
        object.__setattr__(codec, "config", config)
        object.__setattr__(codec, "origin", origin)
        return codec

    def to_dict(self) -> dict[str, JSON]:
        """Return what stands in the array's metadata."""
        return {"name": CODEC_NAME, "configuration": self.config.to_dict()}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuse an array this codec cannot encode before anything is fitted; raises `RequestError`."""
        chunk_shape = getattr(chunk_grid, "chunk_shape", shape)
        self.config.check_array(tuple(chunk_shape), dtype.to_native_dtype())
        PROVENANCE.check_growth(self.origin, tuple(shape), tuple(chunk_shape))

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Refuse: the size depends on the data."""
        raise NotImplementedError(f"the size of {input_byte_length} encoded bytes depends on the data")

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        payload = self.config.encode(chunk_array.as_numpy_array(), _fill(chunk_spec), self.origin)
        return chunk_spec.prototype.buffer.from_bytes(payload)

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return self._decode_selection(chunk_bytes, tuple(slice(size) for size in chunk_spec.shape), chunk_spec)

    def _decode_selection(self, chunk_bytes: Buffer, selection: Selection, chunk_spec: ArraySpec) -> NDBuffer:
        data, axes, fill = chunk_bytes.to_bytes(), self._axes(chunk_spec), _fill(chunk_spec)
        payload = kept_payload(data, math.prod(chunk_spec.shape))
        _check_dtype(payload, chunk_spec)
        PROVENANCE.reading(self.origin)
        decoded = axes.read_selection(payload, selection, chunk_spec.shape, fill)
        if axes.is_whole(selection, payload):
            PROVENANCE.decoded(self.origin, data, axes.to_scene(decoded), fill)
        return _as_buffer(decoded, chunk_spec)

    # In worker threads, as zarr's own compressors: the event loop serves every other array of the process.
    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)

    async def _decode_partial_single(
        self, byte_getter: ByteGetter, selection: Any, chunk_spec: ArraySpec
    ) -> NDBuffer | None:
        chunk_bytes = await byte_getter.get(prototype=chunk_spec.prototype)
        if chunk_bytes is None:
            return None
        return await asyncio.to_thread(self._decode_selection, chunk_bytes, selection, chunk_spec)

    def _decode_partial_sync(self, byte_getter: Any, selection: Selection, chunk_spec: ArraySpec) -> NDBuffer | None:
        chunk_bytes = byte_getter.get_sync(prototype=chunk_spec.prototype)
        return None if chunk_bytes is None else self._decode_selection(chunk_bytes, selection, chunk_spec)

    def _axes(self, chunk_spec: ArraySpec) -> ChunkAxes:
        return ChunkAxes(self.config.band_axis, len(chunk_spec.shape))


def _fill(chunk_spec: ArraySpec) -> Any:
    return chunk_spec.dtype.to_native_dtype().type(chunk_spec.fill_value)


def _check_dtype(payload: Payload, chunk_spec: ArraySpec) -> None:
    """Refuse a payload of another sample type than the array's, in whichever byte order; raises `PayloadError`."""
    wanted = chunk_spec.dtype.to_native_dtype()
    if payload.dtype.newbyteorder("=") != wanted.newbyteorder("="):
        raise PayloadError(f"a payload of {payload.dtype} does not belong to an array of {wanted}")


def _as_buffer(decoded: NDArray[Any], chunk_spec: ArraySpec) -> NDBuffer:
    native: Any = decoded.astype(chunk_spec.dtype.to_native_dtype(), copy=False)
    return chunk_spec.prototype.nd_buffer.from_ndarray_like(native)

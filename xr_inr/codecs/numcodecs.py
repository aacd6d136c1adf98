"""The numcodecs codec, for Zarr format 2 and everybody who calls numcodecs directly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_contiguous_ndarray_like, ndarray_copy
from numpy.typing import NDArray

from xr_inr.codecs.chunks import ChunkAxes
from xr_inr.codecs.config import CODEC_NAME, CodecConfig
from xr_inr.codecs.provenance import PROVENANCE
from xr_inr.core.decode import Payload
from xr_inr.core.request import FitRequest, whole_number
from xr_inr.core.sample_rules import unmasked
from xr_inr.core.scene_layout import MOST_SAMPLES
from xr_inr.exceptions import RequestError


class InrCodec(Codec):  # type: ignore[misc]
    """Stores each buffer as a model fitted to it.

    Parameters
    ----------
    band_axis
        Index of the band axis of the array.
    nodata
        The value that marks samples without measurement; NaN samples are masked in any case.
    bad_bands
        Indices of the bands that are not to count: each is kept as one typical value.
    order
        Memory order of the arrays, 'C' or 'F', as the Zarr array has it.
    shape, dtype
        The shape and dtype of buffers that have none of their own, such as bytes. A decoded array smaller than `shape`
        is padded to it with zeros.
    **request
        The parameters of `xr_inr.FitRequest`: exactly one target (``bpppb``, ``psnr``, ``sam`` or
        ``max_error``), and ``band_weights``, ``model``, ``preset``, ``weight_bits`` (of a siren), ``device``, ``seed``.

    Raises
    ------
    RequestError
        When a parameter breaks a rule.
    """

    codec_id = CODEC_NAME

    def __init__(
        self,
        *,
        band_axis: int = 0,
        nodata: float | None = None,
        bad_bands: Sequence[int] = (),
        order: Literal["C", "F"] = "C",
        shape: tuple[int, ...] | None = None,
        dtype: str | None = None,
        **request: Any,
    ) -> None:
        self._config = CodecConfig(FitRequest(**request), band_axis, nodata, tuple(bad_bands))
        self._origin: str | None = None
        if order not in ("C", "F"):
            raise RequestError(f"order must be 'C' or 'F'. Got {order!r}.")
        if dtype is not None and shape is None:
            raise RequestError(f"dtype must come with a shape. Got dtype={dtype!r} alone.")
        self._order = order
        self._shape = None if shape is None else _sizes(shape)
        try:
            self._dtype = None if dtype is None else np.dtype(dtype)
        except (TypeError, ValueError) as error:
            raise RequestError(f"dtype must name a numpy dtype. Got {dtype!r}.") from error
        if self._shape is not None:
            ChunkAxes(band_axis, len(self._shape)).check_shape(self._shape)

    def get_config(self) -> dict[str, Any]:
        """Return what stands in the array's metadata."""
        config: dict[str, Any] = {"id": self.codec_id, **self._config.to_dict()}
        if self._order != "C":
            config["order"] = self._order
        if self._shape is not None:
            config["shape"] = list(self._shape)
        if self._dtype is not None:
            config["dtype"] = self._dtype.str
        return config

    @property
    def config(self) -> CodecConfig:
        """What both codecs keep in an array's metadata."""
        return self._config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Read the codec from an array's metadata; raises `RequestError` for unknown or broken parameters."""
        own = ("order", "shape", "dtype")
        CodecConfig.from_dict({name: value for name, value in config.items() if name not in (*own, "id")})
        codec = cls(**{name: value for name, value in config.items() if name != "id"})
        if codec._shape is not None:
            # Of a Zarr array; who calls numcodecs directly may encode whatever they like with what has decoded.
            codec._origin = PROVENANCE.new_origin()
        return codec

    def __repr__(self) -> str:
        parameters = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items() if name != "id")
        return f"{type(self).__name__}({parameters})"

    def encode(self, buf: Any) -> bytes:
        """Return the payload of an array.

        Parameters
        ----------
        buf
            An array with its axes, or any buffer if the codec was given a `shape` and a `dtype`.

        Raises
        ------
        RequestError
            When the array breaks a rule, before any fitting.
        """
        return self._config.encode(self._array(buf), None, self._origin)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Return the array a payload holds.

        Parameters
        ----------
        buf
            The payload, as any buffer of bytes.
        out
            Where to put the samples: an array of their shape and type, in any memory order, or any writable buffer
            of their size, which they fill in the codec's order.

        Raises
        ------
        PayloadError
            For anything but a whole, unaltered payload of a known format version, of no more samples than the codec's
            `shape`, or than 2**31 without one.
        """
        data = ensure_bytes(buf)
        payload = Payload(data, max_samples=MOST_SAMPLES if self._shape is None else math.prod(self._shape))
        axes = ChunkAxes(self._config.band_axis, 3 if self._shape is None else len(self._shape))
        shape = self._shape
        if shape is None:
            shape = axes.from_scene(np.empty(payload.shape, bool)).shape
        PROVENANCE.reading(self._origin)
        decoded = np.asarray(axes.read(payload, shape, 0), order=self._order)
        PROVENANCE.decoded(self._origin, data, axes.to_scene(decoded), 0)
        if isinstance(out, np.ndarray) and out.shape == decoded.shape and _same_type(out, decoded):
            out[...] = decoded
            return out
        return decoded if out is None else ndarray_copy(decoded, out)

    def _array(self, buf: Any) -> NDArray[Any]:
        buf = unmasked(buf)
        array = np.asarray(buf) if isinstance(buf, np.ndarray) or _has_axes(buf) else None
        if array is None or array.ndim < 3:
            if self._shape is None or self._dtype is None:
                given = "a buffer without axes" if array is None else f"shape {array.shape}"
                raise RequestError(
                    f"an array must have a band axis, y and x, or the codec a shape and a dtype. Got {given}."
                )
            if array is not None and not array.flags[self._order]:
                raise RequestError(
                    f"an array without a band axis, y and x must lie in memory in the codec's order, {self._order!r}. "
                    f"Got shape {array.shape} with strides {array.strides}."
                )
            flat: NDArray[Any] = np.asarray(ensure_contiguous_ndarray_like(buf)).view(np.uint8)
            wanted = math.prod(self._shape) * self._dtype.itemsize
            if flat.size != wanted:
                raise RequestError(f"a buffer of shape {self._shape} must have {wanted} bytes. Got {flat.size}.")
            return flat.view(self._dtype).reshape(self._shape, order=self._order)
        if self._order == "C" and array.flags.f_contiguous and not array.flags.c_contiguous:
            raise RequestError(
                "an array in Fortran order needs a codec with order='F', or np.ascontiguousarray. "
                f"Got shape {array.shape} with strides {array.strides}."
            )
        if self._shape is not None:
            bands = self._config.band_axis
            inside = array.ndim == len(self._shape) and all(
                size == limit if axis == bands else size <= limit
                for axis, (size, limit) in enumerate(zip(array.shape, self._shape, strict=True))
            )
            if not inside:
                raise RequestError(f"an array must fit in the codec's shape {self._shape}. Got {array.shape}.")
        return array


def _sizes(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, list | tuple):
        raise RequestError(f"shape must be a list of whole numbers. Got {shape!r:.40}.")
    sizes = tuple(whole_number("a side of the shape", size) for size in shape)
    if any(size < 1 for size in sizes):
        raise RequestError(f"every side of the shape must be at least 1. Got {sizes!r:.40}.")
    return sizes


def _same_type(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Whether two arrays have one dtype, in whichever byte order."""
    return bool(first.dtype.newbyteorder("=") == second.dtype.newbyteorder("="))


def _has_axes(buf: Any) -> bool:
    try:
        return memoryview(buf).ndim > 1
    except TypeError as error:
        raise RequestError(f"encode takes arrays and buffers. Got {type(buf).__name__}.") from error

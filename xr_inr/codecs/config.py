"""What both codecs keep in an array's metadata, and how a chunk is encoded with it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.codecs.chunks import ChunkAxes, without_padding
from xr_inr.codecs.provenance import PROVENANCE
from xr_inr.core.encode import encode_array
from xr_inr.core.request import FitRequest, real_number, whole_number
from xr_inr.core.sample_rules import check_form, check_nodata, good_bands
from xr_inr.core.weights import check_count, weightless_bands
from xr_inr.exceptions import RequestError

CODEC_NAME = "xr_inr"
"""The name both codecs are registered under."""

_REQUEST_KEYS = tuple(field.name for field in fields(FitRequest) if field.name != "device")


@dataclass(frozen=True)
class CodecConfig:
    """The parameters of a codec."""

    request: FitRequest
    """How chunks are fitted."""

    band_axis: int = 0
    """Index of the band axis."""

    nodata: float | None = None
    """The value that marks samples without measurement."""

    bad_bands: tuple[int, ...] = ()
    """Indices of the bands that are not to count, in rising order."""

    def __post_init__(self) -> None:
        band_axis = whole_number("band_axis", self.band_axis)
        if band_axis < 0:
            raise RequestError(f"band_axis must not be negative. Got {band_axis}.")
        object.__setattr__(self, "band_axis", band_axis)
        weightless = weightless_bands(self.request.band_weights)
        bad_bands = sorted({whole_number("a bad band", band) for band in (*self.bad_bands, *weightless)})
        if bad_bands and bad_bands[0] < 0:
            raise RequestError(f"bad_bands must not be negative. Got {bad_bands[0]}.")
        object.__setattr__(self, "bad_bands", tuple(bad_bands))
        if self.nodata is not None:
            number = real_number("nodata", self.nodata)
            if number in (math.inf, -math.inf):
                raise RequestError(f"nodata must be finite or NaN: JSON has no infinities. Got {self.nodata}.")
            given: object = self.nodata
            exact = int(given) if isinstance(given, numbers.Integral) else number
            # NaN samples are masked in any case, and JSON has no NaN.
            object.__setattr__(self, "nodata", None if math.isnan(number) else exact)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON values, what is as by default left out."""
        config: dict[str, Any] = {"band_axis": self.band_axis, **self.request.to_dict()}
        if self.nodata is not None:
            config["nodata"] = self.nodata
        if self.bad_bands:
            config["bad_bands"] = list(self.bad_bands)
        return config

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> CodecConfig:
        """Read what `to_dict` returned; raises `RequestError`."""
        known = {*_REQUEST_KEYS, "band_axis", "nodata", "bad_bands"}
        unknown = sorted(set(config) - known)
        if unknown:
            raise RequestError(f"the {CODEC_NAME} codec knows the parameters {sorted(known)}. Got {unknown} too.")
        request = FitRequest(**{name: config[name] for name in _REQUEST_KEYS if name in config})
        bad_bands = config.get("bad_bands", ())
        if not isinstance(bad_bands, list | tuple):
            raise RequestError(f"bad_bands must be a list of whole numbers. Got {bad_bands!r:.40}.")
        return cls(request, config.get("band_axis", 0), config.get("nodata"), tuple(bad_bands))

    def check_array(self, chunk_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Refuse chunks this codec cannot encode, before any is; raises `RequestError`."""
        axes = ChunkAxes(self.band_axis, len(chunk_shape))
        axes.check_shape(chunk_shape)
        check_form(tuple(chunk_shape[axis] for axis in axes.scene_axes), dtype)
        check_count(self.request.band_weights, chunk_shape[self.band_axis])
        good_bands(self.bad_bands, chunk_shape[self.band_axis])
        check_nodata(self.nodata, dtype)

    def encode(self, chunk: NDArray[Any], fill: Any, origin: str | None = None) -> bytes:
        """Return the payload of a chunk.

        Parameters
        ----------
        chunk
            With the axes of the array.
        fill
            The value of its padding; None if it has none.
        origin
            Of a codec that was read from a store, which copies payloads rather than fitting to what they decode to.

        Raises
        ------
        RequestError
            When the chunk breaks a rule, before any fitting.
        """
        self.check_array(chunk.shape, chunk.dtype)
        scene = ChunkAxes(self.band_axis, chunk.ndim).to_scene(chunk)
        # Where a codec is not told the fill value, it decodes with zeros around.
        known = PROVENANCE.payload_of(origin, scene, 0 if fill is None else fill)
        if known is not None:
            return known
        if fill is not None:
            scene = without_padding(scene, fill)
        encoded = encode_array(scene, self.request, nodata=self.nodata, allow_void=True, bad_bands=self.bad_bands)
        return encoded.payload

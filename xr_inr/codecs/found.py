"""The codec that a variable of an opened store was written with."""

from __future__ import annotations

import xarray as xr

from xr_inr.codecs.config import CodecConfig
from xr_inr.codecs.numcodecs import InrCodec as NumcodecsCodec
from xr_inr.codecs.zarr import InrCodec


def format_of(variable: xr.DataArray) -> int:
    """Return the Zarr format of the store that a variable with one of our codecs was opened from."""
    return 3 if isinstance(variable.encoding.get("serializer"), InrCodec) else 2


def config_of(variable: xr.DataArray) -> CodecConfig | None:
    """Return the parameters of the codec in a variable's encoding; None where there is none of ours."""
    said = variable.encoding
    for codec in (said.get("serializer"), *(said.get("compressors") or ())):
        if isinstance(codec, InrCodec | NumcodecsCodec):
            return codec.config
    return None

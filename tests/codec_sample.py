"""The sample array of docs/codec/examples; ``python -m tests.codec_sample`` writes it anew where the format changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import zarr

CODEC = Path(__file__).parents[1] / "docs" / "codec"
SAMPLE = CODEC / "examples" / "sample.zarr"
NODATA = -9999


def scene():
    """Return what the array was made of: int16 (band, y, x), some of it nodata."""
    band, row, column = np.ogrid[:6, :12, :14]
    samples = np.rint(900 + 400 * np.sin(0.4 * row + 0.5 * band) * np.cos(0.3 * column - 0.2 * band)).astype("i2")
    samples[:, :3, :4] = NODATA
    return samples


def digest(samples):
    """Return the SHA-256 of samples, in C order and little-endian."""
    return hashlib.sha256(np.asarray(samples, "<i2").tobytes()).hexdigest()


def make():
    """Write the array; its attribute ``sha256`` is that of the samples it decodes to."""
    from xr_inr.codecs.zarr import InrCodec

    samples = scene()
    array = zarr.create_array(
        SAMPLE,
        shape=samples.shape,
        chunks=samples.shape,
        dtype=samples.dtype,
        dimension_names=("band", "y", "x"),
        fill_value=NODATA,
        serializer=InrCodec(bpppb=3, preset="fast", device="cpu", nodata=NODATA),
        filters=None,
        compressors=None,
        overwrite=True,
    )
    array[...] = samples
    array.update_attributes({"sha256": digest(array[...])})


if __name__ == "__main__":
    make()

"""A store of Zarr format 2 moved to this codec: kept in format 2, as format 3, and as plain bytes through numcodecs.

Shows the three places where the codec fits into what users of numcodecs have, and that all three give the samples of
one and the same payload format. Run it on a store of format 2 with a scene in it::

    python examples/zarr_v2_numcodecs.py old.zarr folder
    python examples/zarr_v2_numcodecs.py old.zarr folder --variable reflectance --bpppb 0.2

It leaves ``folder/format2.zarr`` and ``folder/format3.zarr``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numcodecs
import numpy as np
import xarray as xr

import xr_inr
from xr_inr.opening import open_scene


def size(folder: Path) -> int:
    """Return the bytes of all files of a store."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(source: Path, folder: Path, *, variable: str | None, bpppb: float, preset: str) -> None:
    """Write the scene of `source` into `folder` in both formats, and through numcodecs alone."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = open_scene(source, variable)
    print(f"{source}: {scene.name}, {dict(scene.sizes)}, {size(source):,} bytes")

    # Fitted once, written twice: payloads are the same in both formats.
    small = scene.inr.compress(bpppb=bpppb, preset=preset)
    small.inr.to_zarr(folder / "format2.zarr", mode="w", zarr_format=2)
    small.inr.to_zarr(folder / "format3.zarr", mode="w")
    second, third = (
        xr.open_zarr(folder / name, mask_and_scale=False, chunks=None)[scene.name]
        for name in ("format2.zarr", "format3.zarr")
    )
    np.testing.assert_array_equal(second.to_numpy(), third.to_numpy())
    for name in ("format2.zarr", "format3.zarr"):
        print(f"  {name}: {size(folder / name):,} bytes")

    # Bytes in, bytes out: for whoever has a place for a numcodecs codec but no Zarr.
    codec = numcodecs.get_codec({"id": "xr_inr", "bpppb": bpppb, "preset": preset})
    payload = codec.encode(scene.transpose("band", ...).to_numpy())
    window = xr_inr.decode(payload, window=((0, 4), (0, 4)))
    np.testing.assert_array_equal(window, codec.decode(payload)[:, :4, :4])
    print(f"  numcodecs: {len(payload):,} bytes, a window of {window.shape} read from them")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a Zarr store")
    parser.add_argument("folder", type=Path, help="where the results go")
    parser.add_argument("--variable", help="which variable, if the store holds several scenes")
    parser.add_argument("--bpppb", type=float, default=0.1, help="bits per pixel per band")
    parser.add_argument("--preset", default="balanced", help="fast, balanced or best")
    asked = parser.parse_args()
    main(asked.source, asked.folder, variable=asked.variable, bpppb=asked.bpppb, preset=asked.preset)

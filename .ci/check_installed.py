"""Whether an installed xr_inr works: found by Zarr and rasterio, decodes without torch, and with --fit encodes.

The C kernels must be there; with --without-kernels they must not be, and everything works all the same.
"""

from __future__ import annotations

import sys
from importlib import metadata, resources
from pathlib import Path


def main(*, fit: bool, kernels: bool) -> None:
    """Raise where something is not as it should be."""
    from zarr.registry import get_codec_class

    assert "xr_inr" not in sys.modules
    assert get_codec_class("xr_inr").__module__ == "xr_inr.codecs.zarr"
    (plugin,) = metadata.entry_points(group="rasterio.rio_plugins", name="inr")
    assert plugin.load().name == "inr"

    import xr_inr
    from xr_inr.core.kernels import KERNELS, TOLD

    print(f"kernels: {TOLD}")
    assert (KERNELS is not None) is kernels, TOLD
    assert "site-packages" in Path(xr_inr.__file__).parts, xr_inr.__file__
    for payload in (resources.files("xr_inr") / "built_in").iterdir():
        if payload.name.endswith(".bin"):
            print(payload.name, xr_inr.decode(payload.read_bytes()).shape)
    assert "torch" not in sys.modules

    if fit:
        import numpy as np

        ramp = np.add.outer(np.arange(4) ** 2, np.add.outer(np.arange(24), np.arange(24))).astype(np.uint16)
        payload = xr_inr.encode(ramp, bpppb=2.0, preset="fast")
        decoded = xr_inr.decode(payload)
        assert len(payload) * 8 <= 2.0 * ramp.size
        psnr = xr_inr.compare(ramp, decoded).psnr
        print(f"{len(payload)} bytes, {psnr:.1f} dB")
        assert psnr > 30


if __name__ == "__main__":
    main(fit="--fit" in sys.argv, kernels="--without-kernels" not in sys.argv)

"""The codecs by name; a codec's libraries are imported when it is made."""

from __future__ import annotations

import importlib
import math
import re
from dataclasses import dataclass

from benchmarks.codecs.base import Codec


@dataclass(frozen=True)
class Entry:
    """Where a codec is defined and what its class takes."""

    module: str
    class_name: str
    arguments: tuple[str, ...] = ()
    lossless: bool = False
    """Whether it returns the very samples, whatever the budget."""

    in_a_sandbox: bool = False
    """Whether it runs as WebAssembly, where its times say nothing of the method."""

    up_to: float = math.inf
    """Bits per pixel per band up to which it is measured unless rates are named."""

    def make(self) -> Codec:
        """Import and return it."""
        made = getattr(importlib.import_module(f"benchmarks.codecs.{self.module}"), self.class_name)(*self.arguments)
        if not isinstance(made, Codec):
            raise TypeError(f"{self.module}.{self.class_name} must be a Codec. Got {type(made).__name__}.")
        return made


OURS = {
    "latent, fast": Entry("siren", "Latent", ("fast",)),
    "latent, balanced": Entry("siren", "Latent", ("balanced",)),
    "latent, best": Entry("siren", "Latent", ("best",)),
    "siren, fast": Entry("siren", "Siren", ("fast",)),
    "siren, balanced": Entry("siren", "Siren", ("balanced",)),
    "siren, best": Entry("siren", "Siren", ("best",), up_to=0.2),
    "siren, paper, 30 s": Entry("siren", "PaperSiren"),
}

CODECS = {
    "jpeg, per band": Entry("bandwise", "JpegBands"),
    "jpeg 2000, per band": Entry("bandwise", "Jpeg2000Bands"),
    "pca + dct": Entry("pca_dct", "PcaDct"),
    "klt + jpeg 2000": Entry("klt", "KltJpeg2000"),
    "klt + jpeg xl": Entry("klt", "KltJpegXl"),
    "klt + avif": Entry("klt", "KltAvif"),
    "klt + hevc intra": Entry("hevc", "KltHevc"),
    "sperr 3-d": Entry("scientific", "Sperr"),
    "sz3": Entry("scientific", "Sz3"),
    "zfp": Entry("scientific", "Zfp"),
    "tthresh": Entry("tthresh", "Tthresh", in_a_sandbox=True),
    "fourier network": Entry("fourier", "FourierNetwork", in_a_sandbox=True),
    "zstd, bit-shuffled": Entry("lossless", "ShuffledZstd", lossless=True),
    "jpeg-ls": Entry("lossless", "JpegLs", lossless=True),
    "pcodec": Entry("lossless", "Pcodec", lossless=True),
    "latent, max_error=0": Entry("siren", "Lossless", lossless=True),
    "atlas-hsi": Entry("atlas", "Atlas"),
    **OURS,
}
"""In the order they are measured: what is quick first."""


def make(name: str) -> Codec:
    """Return the codec of that name."""
    return CODECS[name].make()


def slug(name: str) -> str:
    """Return a name as it stands in file names."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

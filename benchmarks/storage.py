"""What the form of the weights does: float16, 8 and 6 bits at equal bytes, preset ``fast``."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import results, scenes
from benchmarks.measure import quality
from benchmarks.results import Row
from xr_inr.core.decode import decode
from xr_inr.core.encode import encode_array
from xr_inr.core.request import FitRequest

TABLE = "siren_storage"
SCENES = ("jasper_ridge_224", "indian_pines_200", "pavia_centre_crop", "abu_airport_1")
RATES = (0.05, 0.15)
BITS = (16, 8, 6)


def run() -> None:
    """Fit every case and write ``results/siren_storage.tsv``."""
    rows = list(_rows())
    results.write(TABLE, rows, list(rows[0]))


def _rows() -> Iterator[Row]:
    for name in SCENES:
        scene = scenes.load(name)
        for bpppb in RATES:
            for bits in BITS:
                encoded = encode_array(scene, FitRequest(bpppb=bpppb, model="siren", preset="fast", weight_bits=bits))
                figures = quality(scene, decode(encoded.payload))
                print(name, bpppb, bits, figures["psnr_db"], flush=True)
                yield {
                    "scene": scenes.SCENES[name].title,
                    "preset": "fast",
                    "weight_bits": str(bits),
                    "asked_bpppb": f"{bpppb:g}",
                    "bytes": str(len(encoded.payload)),
                    "bpppb": f"{encoded.bpppb:.5f}",
                    **figures,
                    "network": str(encoded.architecture),
                    "iterations": str(encoded.iterations),
                    "encode_s": f"{encoded.seconds:.1f}",
                    **results.machine(["torch"]),
                }

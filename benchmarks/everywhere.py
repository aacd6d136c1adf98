"""What the presets save on every scene at hand, beside the main ones, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.curves import ANCHOR, Measured, deltas, title
from benchmarks.markdown import markdown, percent
from benchmarks.provenance import provenance
from benchmarks.scenes import EVERY, MAIN

RATES = (0.02, 0.3)
"""Bits per pixel per band of an anchor that count."""

ANCHORS = (ANCHOR, "klt + hevc intra")
CODECS = ("klt + hevc intra", "latent, fast", "latent, balanced", "latent, best")

Scenes = Mapping[str, Sequence[Measured]]
"""What was measured on each scene."""


def everywhere(scenes: Scenes) -> str:
    """Return the BD-rate of each preset on each scene against both anchors, and the means."""
    known = [name for name in EVERY if name in scenes]
    own = [one for name in known for one in scenes[name] if one.codec in (*ANCHORS, *CODECS)]
    note = (
        f"BD-rate over the rates from {RATES[0]:g} to {RATES[1]:g} bits per pixel per band of what a codec is held "
        "against. Means are of the main scenes, the first three, and of all that have a figure."
    )
    header = ["codec", "against", *(title(name) for name in known), "mean of the main ones", "mean of all"]
    rows = []
    for anchor in ANCHORS:
        found = {name: deltas(scenes[name], anchor, rates=RATES) for name in known}
        for codec in CODECS:
            if codec == anchor:
                continue
            rates = {name: of[codec].rate_percent if codec in of else None for name, of in found.items()}
            cells = [*rates.values(), _mean([rates.get(name) for name in MAIN]), _mean(list(rates.values()))]
            rows.append([codec, anchor, *map(percent, cells)])
    return "\n\n".join([" ".join(part for part in (note, provenance(own)) if part), markdown(header, rows, left=2)])


def _mean(rates: Sequence[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return statistics.mean(known) if known else None

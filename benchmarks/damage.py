"""What the damage of Indian Pines does to codecs: the scene as distributed beside the repaired one, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.curves import ANCHOR, RATE, Measured, at, deltas
from benchmarks.markdown import NOTHING, markdown, percent
from benchmarks.provenance import provenance
from benchmarks.scenes import MAIN

DISTRIBUTED, REPAIRED = "indian_pines_200", "indian_pines_repaired"
"""The scene that is among the main ones, and what it would be without its damage."""

Scenes = Mapping[str, Sequence[Measured]]
"""What was measured on each scene."""


def damage(scenes: Scenes) -> str:
    """Return what each codec gives on both scenes, the best on the repaired one first.

    A codec has its figures from the rates that it was asked for on both.
    """
    known = [
        {(one.codec, one.asked) for one in scenes.get(scene, ()) if one.stored} for scene in (DISTRIBUTED, REPAIRED)
    ]
    shared = known[0] & known[1]
    both = [
        [one for one in scenes.get(scene, ()) if one.asked is not None and (one.codec, one.asked) in shared]
        for scene in (DISTRIBUTED, REPAIRED)
    ]
    psnr = [{one.codec: f"{one.figure('psnr_db'):.2f}" for one in at(found, RATE)} for found in both]
    rates = [{codec: percent(of.rate_percent) for codec, of in deltas(found, ANCHOR).items()} for found in both]
    means = [_means(scenes, main) for main in (MAIN, [REPAIRED if name == DISTRIBUTED else name for name in MAIN])]
    columns = (f"PSNR dB at {RATE:g}", "BD-rate", "its mean over the main scenes")
    header = ["codec", *(cell for column in columns for cell in (f"{column}, as distributed", "repaired"))]
    rows = []
    for codec in rates[1]:
        name = f"{codec} (anchor)" if codec == ANCHOR else codec
        rows.append([name, *(of.get(codec, NOTHING) for of in (*psnr, *rates, *means))])
    return "\n\n".join([_introduction(both[1]), markdown(header, rows)])


def _means(scenes: Scenes, names: Sequence[str]) -> dict[str, str]:
    """Return the mean BD-rate over scenes of the codecs that have one on each."""
    found = [{codec: of.rate_percent for codec, of in deltas(scenes.get(name, ()), ANCHOR).items()} for name in names]
    known = {codec: [rate for of in found if (rate := of.get(codec)) is not None] for codec in found[0]}
    return {codec: percent(statistics.mean(rates)) for codec, rates in known.items() if len(rates) == len(names)}


def _introduction(found: Sequence[Measured]) -> str:
    note = (
        f"BD-rate is against `{ANCHOR}` on the same scene, over the rates that a codec was asked for on both; "
        "means are over all rates."
    )
    return " ".join(part for part in (note, provenance(found)) if part)

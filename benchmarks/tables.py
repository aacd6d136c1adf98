"""The tables in the documents, written from ``benchmarks/results`` between markers.

``<!-- table: NAME -->`` begins a table and ``<!-- end of table -->`` ends it; NAME is one of `TABLES`. Behind the name
may stand scenes, as in ``<!-- table: rate_distortion pavia_centre_crop -->``; without any, all are shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks import bounds, claims, damage, everywhere, folds, gdal, results
from benchmarks import scale as scale_tables
from benchmarks.codecs.registry import CODECS
from benchmarks.curves import ANCHOR, RATE, Measured, at, by_codec, by_scene, deltas, measured, title
from benchmarks.downstream import tables as downstream_tables
from benchmarks.faults import tables as fault_tables
from benchmarks.fuzz import tables as fuzz_tables
from benchmarks.ingredients import tables as ingredient_tables
from benchmarks.ingredients.studies import tables as study_tables
from benchmarks.markdown import NOTHING, markdown, percent
from benchmarks.paper import length
from benchmarks.paper.length import UNMEASURED
from benchmarks.paper.rate_distortion import table_ii
from benchmarks.provenance import provenance
from benchmarks.roundtrip import tables as roundtrip_tables
from benchmarks.scenes import MAIN
from benchmarks.speed import batch, pixels, precision, seams
from benchmarks.speed import tables as speed_tables

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "docs" / "benchmarks.md",
    ROOT / "docs" / "gdal.md",
    ROOT / "docs" / "ingredients.md",
    ROOT / "docs" / "metadata.md",
    ROOT / "docs" / "scale.md",
    ROOT / "docs" / "promises.md",
)
"""The documents that may have tables."""

_MARKED = re.compile(r"(<!-- table: ([a-z_]+)((?: \w+)*) -->\n).*?(<!-- end of table -->)", re.DOTALL)

_TIMES = ("encode s", "decode s")

Scenes = dict[str, list[Measured]]
"""What was measured on each scene."""


def write(documents: Iterable[Path] = DOCUMENTS) -> None:
    """Write the tables of the documents anew; a document that does not exist is passed over."""
    for path in documents:
        if path.exists():
            path.write_text(expected(path))


def expected(path: Path) -> str:
    """Return the text of a document as the results say it must be.

    Raises
    ------
    ValueError
        When a marker names a table or a scene that there is not.
    """
    return _MARKED.sub(lambda mark: f"{mark[1]}{table(mark[2], mark[3].split())}\n{mark[4]}", path.read_text())


def table(name: str, scenes: Sequence[str] = ()) -> str:
    """Return a table as Markdown, of some scenes or of all."""
    if name not in TABLES:
        raise ValueError(f"there is no table {name!r}, only {', '.join(TABLES)}")
    found = by_scene(measured())
    for scene in scenes:
        if scene not in found:
            raise ValueError(f"nothing was measured on {scene!r}, only on {', '.join(found) or 'no scene'}")
    return TABLES[name]({scene: found[scene] for scene in scenes or found})


def rate_distortion(scenes: Scenes) -> str:
    """Return what every codec gives at `RATE`, the highest PSNR first."""
    shown = {scene: asked for scene, found in scenes.items() if (asked := at(found, RATE))}
    everything = [one for asked in shown.values() for one in asked]
    note = (
        f"At most {RATE:g} bits per pixel per band (bpppb), every byte of a stream counted. PSNR is over all samples "
        "with the scene's largest value as peak; mean band PSNR is the mean of the bands, each with its own largest "
        "value as peak; SAM is the spectral angle over all pixels, its mean and its 99th percentile; max error is in "
        "units of the scene. Times are processor seconds of one thread, encoding with its search for settings."
    )
    if any(one.stored and not one.timed for one in everything):
        note += " Times in brackets are of a WebAssembly sandbox and do not compare."
    parts = [_paragraph(note, provenance(everything))]
    header = ("codec", "bpppb", "PSNR dB", "mean band PSNR dB", "SAM mean", "SAM p99", "max error", *_TIMES)
    for scene, asked in shown.items():
        best = max((one.figure("psnr_db") for one in asked if one.stored), default=math.nan)
        peak = next((f", peak {one.figure('peak'):,g}" for one in asked if one.stored), "")
        rows = [[one.codec, *_figures(one, bold=one.figure("psnr_db") == best)] for one in asked]
        parts += [f"**{title(scene)}**{peak}", markdown(header, rows)]
        parts += _without({one.codec: one.row["status"] for one in asked if not one.stored})
    return "\n\n".join(parts)


def psnr_by_rate(scenes: Scenes) -> str:
    """Return the PSNR of every codec at every rate."""
    left_out = "; ".join(
        f"`{name}` is measured up to {entry.up_to:g}" for name, entry in CODECS.items() if math.isfinite(entry.up_to)
    )
    parts = [
        _paragraph(
            "PSNR in dB at the bits per pixel per band asked for; the best of a rate is bold. A dash is a budget that "
            f"the codec has no stream for; {left_out}.",
            provenance(one for found in scenes.values() for one in found if one.asked in results.RATES),
        )
    ]
    for scene, found in scenes.items():
        psnr = {
            codec: {one.asked: one.figure("psnr_db") for one in ones if one.stored}
            for codec, ones in by_codec(found).items()
        }
        best = {rate: max((of[rate] for of in psnr.values() if rate in of), default=math.nan) for rate in results.RATES}
        rows = [
            [
                codec,
                *(_number(of.get(rate, math.nan), ".2f", bold=of.get(rate) == best[rate]) for rate in results.RATES),
            ]
            for codec, of in sorted(psnr.items(), key=lambda item: -item[1].get(RATE, -math.inf))
        ]
        header = ("codec", *(f"{rate:g}" for rate in results.RATES))
        parts += [f"**{title(scene)}**", markdown(header, rows)]
    return "\n\n".join(parts)


def effort(scenes: Scenes) -> str:
    """Return how long the grid takes that ``python -m benchmarks run --again`` measures."""
    streams = [one for scene in MAIN if scene in scenes for one in scenes[scene] if one.stored]
    minutes = sum(one.encode_s for one in streams) / 60
    return (
        f"Encoding the {len(streams)} streams of {len([scene for scene in MAIN if scene in scenes])} scenes takes "
        f"{minutes:,.0f} minutes of one core, so about {minutes / 2:,.0f} minutes on two."
    )


def bd_rate(scenes: Scenes, anchor: str = ANCHOR) -> str:
    """Return the Bjontegaard deltas of every codec against `anchor`."""
    note = (
        f"Bjontegaard deltas against `{anchor}`: the mean difference in rate at equal PSNR, and in PSNR at equal rate, "
        "each over the interval that both curves cover, which stands beside it; a figure over a short interval says "
        "little. Curves are interpolated by monotone cubics; points that another dominates are left out."
    )
    parts = [note]
    header = ("codec", "BD-rate", "over PSNR dB", "BD-PSNR dB", "over bpppb")
    for scene, found in scenes.items():
        compared = deltas(found, anchor)
        rows = [
            (
                f"{codec} (anchor)" if codec == anchor else codec,
                percent(of.rate_percent),
                NOTHING if of.psnr_overlap is None else "{:.1f} to {:.1f}".format(*of.psnr_overlap),
                NOTHING if of.psnr_db is None else f"{of.psnr_db:+.2f}",
                NOTHING if of.rate_overlap is None else "{:.3f} to {:.3f}".format(*of.rate_overlap),
            )
            for codec, of in compared.items()
        ]
        reasons = {codec: of.reason for codec, of in compared.items() if of.reason}
        parts += [f"**{title(scene)}**", markdown(header, rows), *_without(reasons)]
    return "\n\n".join(parts)


def lossless(scenes: Scenes) -> str:
    """Return the bits per pixel per band of the lossless codecs, the fewest on the first scene first."""
    found = {scene: [one for one in ones if one.asked is None] for scene, ones in scenes.items()}
    found = {scene: ones for scene, ones in found.items() if ones}
    size = {(one.codec, one.scene): one.figure("bpppb") for ones in found.values() for one in ones if one.stored}
    best = {scene: min((bpppb for (_, of), bpppb in size.items() if of == scene), default=0.0) for scene in found}
    codecs = dict.fromkeys(one.codec for ones in found.values() for one in ones)
    rows = []
    for codec in sorted(codecs, key=lambda codec: [size.get((codec, scene), math.inf) for scene in found]):
        sizes = [size.get((codec, scene), math.nan) for scene in found]
        cells = [_number(of, ".3f", bold=of == best[scene]) for scene, of in zip(found, sizes, strict=True)]
        rows.append([codec, *cells])
    note = "Bits per pixel per band of codecs that return the very samples; the fewest are bold."
    intro = _paragraph(note, provenance(one for ones in found.values() for one in ones))
    return "\n\n".join([intro, markdown(["codec", *map(title, found)], rows)])


def storage(_: Scenes) -> str:
    """Return what fewer bits for each weight give in the same bytes."""
    rows = results.read("siren_storage")
    found = {(row["scene"], row["asked_bpppb"], row["weight_bits"]): float(row["psnr_db"]) for row in rows}
    lines = ["| same bytes, preset `fast` | bpppb | float16 | 8 bits | 6 bits |", "|---|--:|--:|--:|--:|"]
    for scene, bpppb in dict.fromkeys((row["scene"], row["asked_bpppb"]) for row in rows):
        half, eight, six = (found[scene, bpppb, bits] for bits in ("16", "8", "6"))
        lines.append(
            f"| {scene} | {bpppb} | {half:.2f} dB | {eight:.2f} ({eight - half:+.2f}) | {six:.2f} ({six - half:+.2f}) |"
        )
    return "\n".join(lines)


TABLES: dict[str, Callable[[Scenes], str]] = {
    function.__name__: function
    for function in (
        rate_distortion,
        psnr_by_rate,
        effort,
        bd_rate,
        lossless,
        damage.damage,
        everywhere.everywhere,
        storage,
        claims.paper_claim,
        claims.paper_verdict,
        length.paper_lengths,
        length.paper_time,
    )
} | {
    "paper_table": lambda _: table_ii(),
    "speed": lambda _: speed_tables.tables().get("speed", UNMEASURED),
    "spectra": lambda _: speed_tables.tables().get("spectra", UNMEASURED),
    "scaling": lambda _: speed_tables.tables().get("scaling", UNMEASURED),
    "scale": lambda _: scale_tables.table(),
    "pixels": lambda _: pixels.tables().get("pixels", UNMEASURED),
    "precision": lambda _: precision.tables().get("precision", UNMEASURED),
    "seams": lambda _: seams.tables().get("seams", UNMEASURED),
    "batch": lambda _: batch.tables().get("batch", UNMEASURED),
    "downstream": lambda _: downstream_tables.tables().get("downstream", UNMEASURED),
    "fuzz": lambda _: fuzz_tables.fuzz(),
    "faults": lambda _: fault_tables.faults(),
    "folds": lambda _: folds.folds(),
    "gdal": lambda _: gdal.shown(),
    "bounds": lambda _: bounds.table(),
    "roundtrip": lambda _: roundtrip_tables.roundtrip(),
    "ingredients": lambda _: ingredient_tables.ingredients(),
    "ingredient_studies": lambda _: study_tables.studies(),
}
"""The tables by the names that markers take."""


def _figures(one: Measured, *, bold: bool) -> list[str]:
    seconds = (_seconds(one.encode_s), _seconds(one.figure("decode_s")))
    return [
        _number(one.figure("bpppb"), ".4f"),
        _number(one.figure("psnr_db"), ".2f", bold=bold),
        _number(one.figure("mean_band_psnr_db"), ".2f"),
        _number(one.figure("sam_mean_degrees"), ".2f", unit="°"),
        _number(one.figure("sam_p99_degrees"), ".2f", unit="°"),
        _number(one.figure("max_error"), ",.6g"),
        *(text if one.timed or text == NOTHING else f"({text})" for text in seconds),
    ]


def _number(value: float, form: str, *, unit: str = "", bold: bool = False) -> str:
    """Return a number as text; `NOTHING` for NaN."""
    if math.isnan(value):
        return NOTHING
    text = ("exact" if math.isinf(value) else f"{value:{form}}") + unit
    return f"**{text}**" if bold else text


def _seconds(value: float) -> str:
    """Return seconds to two or three digits, whole ones of what is long."""
    return _number(value, ",.0f" if value >= 100 else ".3g" if value >= 1 else ".2g")


def _without(reasons: Mapping[str, str]) -> list[str]:
    """Say why codecs lack figures; an empty list where none does."""
    listed = "; ".join(f"`{codec}`: {reason}" for codec, reason in reasons.items())
    return [f"Without figures: {listed}."] if reasons else []


def _paragraph(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)

"""How long the paper's settings fit a network, in iterations and in seconds, and what they reach beside our presets."""

from __future__ import annotations

from benchmarks.curves import Measured, title
from benchmarks.paper import PAPER_ITERATIONS, capacity, iterations, rate_distortion, search
from benchmarks.results import Row, number

PRESETS = ("siren, fast", "siren, balanced")
"""The codecs whose encoding is held against the paper's fit."""

UNMEASURED = "Not measured yet."
"""What stands where there are no rows."""

Scenes = dict[str, list[Measured]]
"""What was measured on each scene."""


def paper_lengths(_: Scenes) -> str:
    """Return a sentence on the iterations of each experiment's fits beside those of the paper."""
    parts: list[str] = []
    for experiment in (capacity.EXPERIMENT, search.EXPERIMENT, rate_distortion.EXPERIMENT, iterations.EXPERIMENT):
        counts = sorted({int(row["iterations"]) for row in experiment.rows()})
        if counts:
            unit = "" if parts else " iterations"
            parts.append(f"{' and '.join(f'{count:,}' for count in counts)}{unit} ({experiment.name})")
    return f"Fits of {', '.join(parts)}; the paper fits {PAPER_ITERATIONS:,}." if parts else UNMEASURED


def paper_time(scenes: Scenes) -> str:
    """Return how long the paper's settings take and what they reach, beside the presets at the same budget."""
    parts: list[str] = []
    for scene, found in scenes.items():
        course = sorted(iterations.EXPERIMENT.rows(scene), key=lambda row: int(row["iteration"]))
        presets = [one for one in found if one.codec in PRESETS and one.asked == iterations.BPPPB and one.stored]
        if course and presets:
            parts += [
                _intro(scene, course[-1]),
                _table(course, sorted(presets, key=lambda one: one.codec != PRESETS[0])),
            ]
    return "\n\n".join(parts) or UNMEASURED


def _intro(scene: str, end: Row) -> str:
    threads = f"{end['threads']} thread{'s' * (end['threads'] != '1')}"
    return (
        f"{title(scene)}, at most {iterations.BPPPB:g} bpppb; the paper's network is {end['n_h']} x {end['w_h']} in "
        f"{end['weight_bits']} bits. Seconds are of the processor, {threads}; the paper's for the iterations alone, "
        "its architecture given, those of the presets for the whole encoding with its search."
    )


def _table(course: list[Row], presets: list[Measured]) -> str:
    end = course[-1]
    seconds, count = number(end, "fit_s"), f"{int(end['iterations']):,} iterations"
    lines = [
        "| settings | PSNR dB | seconds | the paper's settings take | and reach its PSNR |",
        "|---|--:|--:|---|---|",
        f"| the paper's, {count} | {number(end, 'psnr_db'):.2f} | {seconds:,.0f} | | |",
    ]
    for one in presets:
        psnr, spent = one.figure("psnr_db"), one.encode_s
        lines.append(
            f"| `{one.codec}` | {psnr:.2f} | {spent:,.0f} | {seconds / spent:,.3g} times as long | "
            f"{_when_reached(course, psnr)} |"
        )
    return "\n".join(lines)


def _when_reached(course: list[Row], psnr: float) -> str:
    """Say at which snapshot a fit first has a PSNR."""
    for row in course:
        if number(row, "psnr_db") >= psnr:
            return f"after {int(row['iteration']):,} iterations, {number(row, 'fit_s'):,.0f} s"
    return f"never: {psnr - max(number(row, 'psnr_db') for row in course):.2f} dB short at best"

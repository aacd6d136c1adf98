"""What the measured times say: throughputs, ratios, exponents of growth and reads of single pixels, as Markdown."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import results
from benchmarks.curves import title as title_of
from benchmarks.results import Row, number
from benchmarks.speed.job import FIRST, LATER, ONE_PASS, OPEN, PEER

OPERATIONS = ("encode", "decode")

AXES = {"pixels": "pixels", "bands": "bands", "bpppb": "bits per pixel per band"}
"""What grows, and how it is called."""

QUANTITIES = {"in_process_s": "call", "whole_process_s": "whole process"}
"""The times that are compared, and how they are called."""

Points = list[tuple[float, float]]
"""Sizes and what was measured there, by size."""


@dataclass(frozen=True)
class PowerLaw:
    """The least-squares line through points in log-log: y = factor * x ** exponent."""

    factor: float
    exponent: float
    standard_error: float
    """Of the exponent: sqrt(residual sum of squares / (n - 2) / sum of squares of log x about its mean)."""

    def at(self, size: float) -> float:
        """Return what the law says for a size."""
        return float(self.factor * size**self.exponent)


def growth(points: Points) -> PowerLaw:
    """Fit a power law.

    Raises
    ------
    ValueError
        With fewer than three points, or where a coordinate is not above 0.
    """
    if len(points) < 3 or min(min(point) for point in points) <= 0:
        raise ValueError(f"a power law needs at least 3 points with coordinates above 0. Got {points}.")
    x, y = np.log(np.array(points)).T
    spread = float(np.square(x - x.mean()).sum())
    exponent = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    intercept = float(y.mean() - exponent * x.mean())
    residual = float(np.square(y - intercept - exponent * x).sum())
    return PowerLaw(math.exp(intercept), exponent, math.sqrt(residual / (len(points) - 2) / spread))


def medians(rows: Iterable[Row], axis: str, method: str, operation: str, quantity: str) -> Points:
    """Return (size, median over the repeats) of a column of the rows of one axis, method and operation, by size."""
    found = defaultdict(list)
    for row in rows:
        if (row["axis"], row["method"], row["operation"]) == (axis, method, operation):
            found[_size(row)].append(number(row, quantity))
    return [(size, statistics.median(values)) for size, values in sorted(found.items())]


def _size(row: Row) -> float:
    if row["axis"] == "pixels":
        return number(row, "height") * number(row, "width")
    return number(row, {"bands": "bands", "bpppb": "asked_bpppb"}[row["axis"]])


def ratios(rows: Sequence[Row], peer: str, method: str, operation: str, quantity: str) -> list[float]:
    """Return the time of `peer` over that of `method` in each repeat with both: below 1, the method is slower."""
    times = {(row["method"], row["repeat"]): number(row, quantity) for row in rows if row["operation"] == operation}
    repeats = [repeat for name, repeat in times if name == method and (peer, repeat) in times]
    return [times[peer, repeat] / times[method, repeat] for repeat in repeats]


def tables() -> dict[str, str]:
    """Return the blocks ``speed``, ``spectra`` and ``scaling``, of those whose results are there."""
    whole, grown = results.read("speed"), results.read("scaling")
    read = any(row["operation"] == FIRST for row in whole)
    blocks = {"speed": (whole, speed), "spectra": (whole if read else [], spectra), "scaling": (grown, scaling)}
    return {name: render(rows) for name, (rows, render) in blocks.items() if rows}


def speed(rows: Sequence[Row]) -> str:
    """Return throughputs in samples a second, and their ratios to the peer's with its search and in one pass."""
    peers = {PEER: f"{PEER} with its search", ONE_PASS: ONE_PASS}
    compared = " | ".join(f"times {title}: call | whole process" for title in peers.values())
    lines = [
        f"| | method | Msamples/s: call | whole process | {compared} | peak MiB |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for operation in OPERATIONS:
        chosen = [row for row in rows if row["operation"] == operation]
        for method in dict.fromkeys(row["method"] for row in chosen):
            own = [row for row in chosen if row["method"] == method]
            speeds = (_significant(_throughput(own, quantity)) for quantity in QUANTITIES)
            times = (
                _ratio(ratios(rows, peer, method, operation, quantity)) for peer in peers for quantity in QUANTITIES
            )
            memory = statistics.median(number(row, "peak_memory_mib") for row in own)
            lines.append(f"| {operation} | `{method}` | {' | '.join((*speeds, *times))} | {memory:.0f} |")
    first = rows[0]
    intro = (
        f"{title_of(first['scene'])} ({first['bands']} x {first['height']} x {first['width']}) at "
        f"{first['asked_bpppb']} bpppb, "
        f"{_threads(first)}, {first['date']}; medians of {_repeats(rows)}. Each encode and each "
        "decode is a process of its own; the methods take turns. A call is timed after the imports, a decode when it "
        "was called once before; a whole process has Python's start, imports and files in it. An encode has the "
        "method's own search in it: that of `latent` for step, rank and network, that of `siren` for a network, that "
        f"of `{PEER}` for rank and distortion. `{ONE_PASS}` is its "
        "encode once more with the settings that were found, as in a program that knows them beforehand; its streams "
        "are decoded like the others. Ratios of throughputs, method / peer: above 1, the method is faster; in brackets "
        "the smallest and largest of the repeats. Our decode runs without torch."
    )
    return "\n".join([intro, "", *lines])


def spectra(rows: Sequence[Row]) -> str:
    """Return the milliseconds until the spectrum of a pixel is there, beside those of the whole scene."""
    columns = {OPEN: "opening", FIRST: "first spectrum", LATER: "each later one", "decode": "whole scene"}
    lines = [f"| method | {' | '.join(f'{title} ms' for title in columns.values())} |", "|---|--:|--:|--:|--:|"]
    readable = [row["method"] for row in rows if row["operation"] == FIRST]
    for method in dict.fromkeys([*readable, PEER]):
        found = {operation: _milliseconds(rows, method, operation) for operation in columns}
        if any(found.values()):
            lines.append(f"| `{method}` | {' | '.join(cell or '-' for cell in found.values())} |")
    first = rows[0]
    intro = (
        f"Milliseconds until the spectrum of one pixel of {title_of(first['scene'])} at {first['asked_bpppb']} bpppb "
        f"is there, from bytes in memory; {_threads(first)}, {first['date']}; medians of "
        f"{_repeats(rows)}. A payload is opened once; the first spectrum is the first read of it, the later ones are "
        "read at other pixels. Beside them stands the decode of the whole scene, opening included, which is what "
        f"`{PEER}` does for a single spectrum, too. Each is timed in a process that did the same before."
    )
    return "\n".join([intro, "", *lines])


def _threads(row: Row) -> str:
    count = row["threads"]
    return f"{'one thread' if count == '1' else f'{count} threads'} of {row['cores']} cores"


def _milliseconds(rows: Sequence[Row], method: str, operation: str) -> str:
    """Return the median over the repeats; nothing where there are none."""
    seconds = [number(row, "in_process_s") for row in rows if (row["method"], row["operation"]) == (method, operation)]
    return _significant(1000 * statistics.median(seconds)) if seconds else ""


def scaling(rows: Sequence[Row]) -> str:
    """Return the exponents of time and memory over each size."""
    quantities = ("in_process_s", "call_memory_mib")
    lines = [
        "| over | from - to | | method | time of the call | its exponent | memory of the call | its exponent |",
        "|---|---|---|---|--:|--:|--:|--:|",
    ]
    for axis, title in AXES.items():
        for operation in OPERATIONS:
            for method in dict.fromkeys(row["method"] for row in rows if row["axis"] == axis):
                times, memory = (medians(rows, axis, method, operation, quantity) for quantity in quantities)
                if not times:
                    continue
                lines.append(
                    f"| {title} | {times[0][0]:,g} - {times[-1][0]:,g} | {operation} | `{method}` "
                    f"| {_significant(times[0][1])} - {_significant(times[-1][1])} s | {_exponent(times)} "
                    f"| {_mebibytes(memory)} | {_exponent(memory)} |"
                )
    settings = "; ".join(f"{AXES[axis]}: {_fixed(row)}" for axis, row in {row["axis"]: row for row in rows}.items())
    intro = (
        "Time or memory ~ size^k, least squares in log-log, ± standard error of k; cuts of "
        f"{title_of(rows[0]['scene'])}, mirrored at its edges where it is too small ({settings}); "
        f"medians of {_repeats(rows)}, one thread. "
        "Memory is what the call needs beyond Python, libraries and its input; whole processes need "
        f"{_least(rows, 'peak_memory_mib'):.0f} MiB at least. Where bits per pixel per band are given, bytes grow with "
        "pixels and bands, and so do our latents and networks."
    )
    return "\n".join([intro, "", *lines])


def _throughput(rows: Sequence[Row], quantity: str) -> float:
    samples = math.prod(int(rows[0][column]) for column in ("bands", "height", "width"))
    return samples / statistics.median(number(row, quantity) for row in rows) / 1e6


def _ratio(values: Sequence[float]) -> str:
    if not values:
        return ""
    if set(values) == {1.0}:
        return "1"
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{_significant(middle)} ({_significant(least)}-{_significant(most)})"


def _mebibytes(points: Points) -> str:
    least, most = points[0][1], points[-1][1]
    return "not measured" if math.isnan(least + most) else f"{least:.1f} - {most:.1f} MiB"


def _exponent(points: Points) -> str:
    positive = [point for point in points if point[1] > 0]
    if len(positive) < 3:
        return "not fitted"
    law = growth(positive)
    return f"{law.exponent:.2f} ± {law.standard_error:.2f}"


def _significant(value: float) -> str:
    """Return three significant digits without an exponent."""
    decimals = max(0, 2 - math.floor(math.log10(value))) if value else 0
    return f"{value:,.{decimals}f}"


def _repeats(rows: Sequence[Row]) -> str:
    repeats = len({row["repeat"] for row in rows})
    return f"{repeats} repeats" if repeats > 1 else "1 repeat"


def _fixed(row: Row) -> str:
    """Say what stays the same along the axis of a row."""
    bands, pixels = f"{row['bands']} bands", f"{row['height']} x {row['width']} pixels"
    rate = f"{row['asked_bpppb']} bpppb"
    kept = {"pixels": (bands, rate), "bands": (pixels, rate), "bpppb": (bands, pixels)}
    return " and ".join(kept[row["axis"]])


def _least(rows: Sequence[Row], quantity: str) -> float:
    return min(number(row, quantity) for row in rows)

"""What every ingredient is worth, as Markdown: Bjontegaard deltas against the unchanged model of the same code."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import results
from benchmarks.bd import Delta, delta, front
from benchmarks.curves import Measured, title
from benchmarks.ingredients import PRESET, TABLE, UNCHANGED
from benchmarks.ingredients.changed import CHANGED
from benchmarks.ingredients.taken_away import TAKEN_AWAY
from benchmarks.ingredients.variant import Variant
from benchmarks.provenance import provenance
from benchmarks.results import Row, number
from benchmarks.scenes import SCENES

NOTHING = "-"
"""What stands where there is no figure."""

_OVERSTATED = "†"

Curve = dict[str, Row]
"""Rows by the rates asked for."""


@dataclass(frozen=True)
class Worth:
    """A variant on a scene, held against the unchanged model at the rates that both have."""

    delta: Delta
    """Positive in rate where the variant takes more."""

    covered: float | None
    """Share of the unchanged model's PSNR range that the delta is over."""

    seconds: tuple[float, float]
    """Processor seconds of encoding all rates: of the variant, of the unchanged model."""


def ingredients() -> str:
    """Return both tables: what was taken away, the most valuable first; what was changed or added, the best first."""
    rows = results.read(TABLE)
    worth = worths(rows)
    shown = [scene for scene in SCENES if any(row["scene"] == scene for row in rows)]
    taken_away = sorted(_lines(TAKEN_AWAY, worth, shown), key=lambda line: _or_last(-line.mean))
    changed = sorted(_lines(CHANGED, worth, shown), key=lambda line: _or_last(line.mean))
    return "\n\n".join(
        [
            _introduction(rows, shown),
            _markdown("what is taken away", taken_away, shown),
            _markdown("what is changed or added", changed, shown),
        ]
    )


def worths(rows: Iterable[Row]) -> dict[tuple[str, str, str], Worth]:
    """Return what variants are worth, by variant, preset and scene, where there is an unchanged model of the same code.

    Of rows of several states of the code, those of the state with most rates count.
    """
    curves: dict[tuple[str, str, str], dict[str, Curve]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        curves[row["variant"], row["preset"], row["scene"]][row["model"]][row["asked_bpppb"]] = row
    found = {}
    for (variant, preset, scene), states in curves.items():
        anchors: Mapping[str, Curve] = curves.get((UNCHANGED, preset, scene), {})
        state = max(states, key=lambda state: len(states[state].keys() & anchors.get(state, {}).keys()))
        common = sorted(states[state].keys() & anchors.get(state, {}).keys())
        if variant != UNCHANGED and common:
            tested, anchor = ([curve[rate] for rate in common] for curve in (states[state], anchors[state]))
            found[variant, preset, scene] = _worth(tested, anchor)
    return found


def _worth(tested: Sequence[Row], anchor: Sequence[Row]) -> Worth:
    points = [[(number(row, "bpppb"), number(row, "psnr_db")) for row in rows] for rows in (tested, anchor)]
    compared = delta(points[1], points[0])
    covered = None
    if compared.psnr_overlap is not None:
        reached = [psnr for _, psnr in front(points[1])]
        covered = (compared.psnr_overlap[1] - compared.psnr_overlap[0]) / (reached[-1] - reached[0])
    seconds = [sum(number(row, "encode_cpu_s") for row in rows) for rows in (tested, anchor)]
    return Worth(compared, covered, (seconds[0], seconds[1]))


@dataclass(frozen=True)
class _Line:
    """A variant of a preset on all scenes; None where it was not measured."""

    variant: Variant
    preset: str
    found: Sequence[Worth | None]

    @property
    def mean(self) -> float:
        """The mean BD-rate in percent, NaN unless every scene has one."""
        rates = [one.delta.rate_percent for one in self.found if one is not None]
        known = [rate for rate in rates if rate is not None]
        return statistics.fmean(known) if known and len(known) == len(self.found) else math.nan

    def cells(self) -> list[str]:
        """Return the line's cells."""
        measured = [one for one in self.found if one is not None]
        covered = [one.covered for one in measured if one.covered is not None]
        own, unchanged = (sum(one.seconds[index] for one in measured) for index in range(2))
        name = self.variant.name if self.preset == PRESET else f"{self.variant.name}, `{self.preset}`"
        return [
            name + _OVERSTATED * self.variant.overstated,
            self.variant.what,
            self.variant.kept,
            *(_figure(one) for one in self.found),
            NOTHING if math.isnan(self.mean) else _percent(self.mean),
            f"{min(covered):.0%}" if covered else NOTHING,
            f"{own / unchanged:.2f}" if measured else NOTHING,
        ]


def _lines(
    variants: Iterable[Variant], worth: Mapping[tuple[str, str, str], Worth], shown: Sequence[str]
) -> list[_Line]:
    """Return a line for each variant, and one more for each preset beside the usual one that it was measured with."""
    presets = dict.fromkeys([PRESET, *(preset for _, preset, _ in worth)])
    lines = [
        _Line(variant, preset, [worth.get((variant.name, preset, scene)) for scene in shown])
        for variant in variants
        for preset in presets
    ]
    return [line for line in lines if line.preset == PRESET or any(line.found)]


def _markdown(heading: str, lines: Iterable[_Line], shown: Sequence[str]) -> str:
    header = [heading, "what that is", "in the model", *map(title, shown), "mean", "overlap", "time"]
    rule = ["---"] * 3 + ["--:"] * (len(header) - 3)
    rows = [header, rule, *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _or_last(value: float) -> float:
    """Return what sorts a number that is not known behind all others."""
    return math.inf if math.isnan(value) else value


def _figure(worth: Worth | None) -> str:
    """Return the BD-rate, or the BD-PSNR where curves have no PSNR in common."""
    if worth is None:
        return NOTHING
    if worth.delta.rate_percent is not None:
        return _percent(worth.delta.rate_percent)
    return NOTHING if worth.delta.psnr_db is None else f"{worth.delta.psnr_db:+.1f} dB"


def _percent(value: float) -> str:
    # Adding 0 makes a rounded -0.0 positive.
    return f"{round(value, 1) + 0.0:+.1f} %"


def _introduction(rows: Sequence[Row], shown: Sequence[str]) -> str:
    note = (
        f"BD-rate against the unchanged model of the same code and preset, `{PRESET}` where none is named: more bytes "
        "(+) or fewer (-) at equal PSNR, so a positive figure is what an ingredient that was taken away is worth; "
        "in dB at equal size where the curves have no PSNR in common. *Overlap* is the smallest share, over the "
        "scenes, of the unchanged model's range of PSNR that the figure is over; *time* is processor time of encoding "
        "over that of the unchanged model. "
        f"{_OVERSTATED}: the shipped context network was fitted with the ingredient and not anew without it, so that "
        "the figure overstates its worth."
    )
    asked = {scene: {row["asked_bpppb"] for row in rows if row["scene"] == scene} for scene in shown}
    measured = [f"{title(scene)} at {', '.join(sorted(rates, key=float))}" for scene, rates in asked.items()]
    rates = f"Bits per pixel per band that were asked for: {'; '.join(measured)}." if measured else ""
    where = provenance(Measured(row | {"codec": "latent", "status": "ok"}) for row in rows)
    return " ".join(part for part in (note, rates, where) if part)

"""What studies found, as Markdown: a line for each case, a column for each scene."""

from __future__ import annotations

from benchmarks import results
from benchmarks.curves import Measured, title
from benchmarks.ingredients.studies import RATE, TABLE
from benchmarks.ingredients.studies.studies import STUDIES
from benchmarks.provenance import provenance
from benchmarks.results import Row, number
from benchmarks.scenes import SCENES

NOTHING = "-"
"""What stands where there is no figure."""


def studies() -> str:
    """Return the table of the studies that are measured, each with what its percentages are of."""
    rows = results.read(TABLE)
    shown = [scene for scene in SCENES if any(row["scene"] == scene for row in rows)]
    lines = [["what was tried", "what that is, and what is counted", "case", *map(title, shown)]]
    lines.append(["---"] * 3 + ["--:"] * len(shown))
    for study in STUDIES.values():
        found = [row for row in rows if row["study"] == study.name]
        named = [study.name, study.what]
        for case in dict.fromkeys(row["case"] for row in found):
            lines.append([*named, case, *(_figure(found, case, scene) for scene in shown)])
            named = ["", ""]
    return "\n\n".join([_introduction(rows), "\n".join(f"| {' | '.join(cells)} |" for cells in lines)])


def _figure(found: list[Row], case: str, scene: str) -> str:
    percents = [number(row, "percent") for row in found if (row["case"], row["scene"]) == (case, scene)]
    # Adding 0 makes a rounded -0.0 positive.
    return f"{round(percents[0], 1) + 0.0:+.1f} %" if percents else NOTHING


def _introduction(rows: list[Row]) -> str:
    note = (
        f"On turned planes in the steps that {RATE:g} bits per pixel per band ask for, without a sinusoidal network; "
        "in whole fits where that is said."
    )
    where = provenance(Measured(row | {"codec": "study", "status": "ok"}) for row in rows)
    return " ".join(part for part in (note, where) if part)

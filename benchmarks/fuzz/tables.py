"""The table of altered inputs, from ``results/fuzz.tsv``."""

from __future__ import annotations

from benchmarks import results
from benchmarks.fuzz.run import TABLE
from benchmarks.paper.length import UNMEASURED

_COUNTS = ("executions", "results", "refused", "findings")


def fuzz() -> str:
    """Return how many altered inputs each reader was given, and how these ended."""
    rows = results.read(TABLE)
    if not rows:
        return UNMEASURED
    total = sum(int(row["executions"]) for row in rows)
    dates = sorted({row["date"] for row in rows})
    slowest = max(float(row["slowest_s"]) for row in rows)
    intro = (
        f"{total:,} inputs in all, the slowest read in {slowest:.2f} s of processor time. "
        f"Made on {' and '.join(dates)} with {rows[0]['versions']}."
    )
    lines = ["| reader | altered | inputs | read | refused | findings |", "|---|---|--:|--:|--:|--:|"]
    for row in rows:
        counts = " | ".join(f"{int(row[name]):,}" for name in _COUNTS)
        lines.append(f"| {row['target']} | {row['layer']} | {counts} |")
    return "\n".join([intro, "", *lines])

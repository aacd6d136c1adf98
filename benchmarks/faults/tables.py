"""The table of what is left of a store, from ``results/faults.tsv``."""

from __future__ import annotations

from benchmarks import results
from benchmarks.faults.run import TABLE
from benchmarks.paper.length import UNMEASURED


def faults() -> str:
    """Return what came of every scenario."""
    rows = results.read(TABLE)
    if not rows:
        return UNMEASURED
    lines = [
        "| what happens | store in | there before | the write | the store is | left beside | the next write |",
        "|---|---|---|---|---|--:|---|",
    ]
    shown = ("fault", "target", "before", "ended", "left", "beside", "next_write")
    lines += [f"| {' | '.join(row[name] for name in shown)} |" for row in rows]
    return "\n".join([f"Made on {rows[0]['date']} with {rows[0]['versions']}.", "", *lines])

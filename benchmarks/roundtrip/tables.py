"""The table of what is kept, from ``results/roundtrip.tsv``."""

from __future__ import annotations

from benchmarks import results
from benchmarks.paper.length import UNMEASURED
from benchmarks.roundtrip.routes import KEPT, LOST, ROUTES
from benchmarks.roundtrip.run import TABLE

_SHOWN = {KEPT: "yes", LOST: "**no**"}


def roundtrip() -> str:
    """Return, for every item and format, what each route keeps; an error by its name."""
    rows = results.read(TABLE)
    if not rows:
        return UNMEASURED
    counts = {route: sum(row[route] == KEPT for row in rows) for route in ROUTES}
    intro = (
        f"Of {len(rows)} items xarray with rioxarray keeps {counts['stock']}, xr_inr {counts['ours']}. "
        f"Made on {rows[0]['date']} with {rows[0]['versions']}."
    )
    lines = ["| item | from | xarray and rioxarray | xr_inr |", "|---|---|:-:|:-:|"]
    for row in rows:
        shown = (_SHOWN.get(row[route], f"`{row[route]}`") for route in ROUTES)
        lines.append(f"| {row['item']} | {row['source']} | {' | '.join(shown)} |")
    return "\n".join([intro, "", *lines])

"""A few quick rows measured anew and held against the committed ones: ``python -m benchmarks smoke``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from benchmarks import results, scenes
from benchmarks.measure import measure
from benchmarks.results import Row
from benchmarks.runner import TABLE, key_of

SUBSET = (
    ("indian_pines_200", "siren, fast", 0.02),
    ("jasper_ridge_198", "siren, fast", 0.04),
    ("pavia_centre_crop", "siren, fast", 0.1),
    ("pavia_centre_crop", "siren, balanced", 0.02),
)
"""Scene, codec and bpppb; Indian Pines is there on every machine."""

ALLOWED_DB = 0.2
"""How far the PSNR may fall below the committed one: other processors round otherwise, and a fit amplifies that."""


def rows(subset: Iterable[tuple[str, str, float]] = SUBSET) -> Iterator[Row]:
    """Measure the rows of the subset whose scenes are here."""
    for scene, codec, bpppb in subset:
        try:
            scenes.load(scene)
        except scenes.MissingSceneError:
            continue
        yield measure(scene, codec, bpppb)[0]


def committed() -> dict[tuple[str, str, str], Row]:
    """Return the committed rows by scene, codec and rate."""
    return {key_of(row): row for row in results.read(TABLE)}


def shortfall(row: Row, known: Mapping[tuple[str, str, str], Row]) -> str | None:
    """Say what is worse than committed, or None.

    Parameters
    ----------
    row
        As measured now.
    known
        What is committed; the row must be among it.
    """
    name = ", ".join(key_of(row))
    before = known[key_of(row)]
    if row["status"] != "ok":
        return f"{name}: {row['status']}"
    lost = results.number(before, "psnr_db") - results.number(row, "psnr_db")
    if lost > ALLOWED_DB:
        return f"{name}: {row['psnr_db']} dB at {row['bpppb']} bpppb; committed are {before['psnr_db']} dB"
    return None

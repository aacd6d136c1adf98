"""A few quick rows measured anew and held against the committed ones: ``python -m benchmarks smoke``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from benchmarks import results, scenes
from benchmarks.measure import measure
from benchmarks.results import Row
from benchmarks.runner import key_of

SUBSET = (
    ("indian_pines_200", "latent, fast", 0.02),
    ("jasper_ridge_198", "latent, fast", 0.04),
    ("pavia_centre_crop", "latent, balanced", 0.1),
    ("indian_pines_200", "siren, fast", 0.02),
    ("jasper_ridge_198", "siren, fast", 0.04),
    ("pavia_centre_crop", "siren, fast", 0.1),
    ("indian_pines_200", "siren, balanced", 0.01),
)
"""Scene, codec and bpppb; Indian Pines is there on every machine."""

ALLOWED_DB = 0.2
"""How far the PSNR may fall below the committed one: other processors round otherwise, and a fit amplifies that."""


def rows(
    subset: Iterable[tuple[str, str, float]] = SUBSET, *, say: Callable[[str], None] = lambda _: None
) -> Iterator[Row]:
    """Measure the rows of the subset whose scenes are here; `say` takes why another one is skipped."""
    for scene, codec, bpppb in subset:
        try:
            scenes.load(scene)
        except scenes.MissingSceneError as error:
            say(f"skipped: {error}")
            continue
        yield measure(scene, codec, bpppb)[0]


def committed() -> dict[tuple[str, str, str], Row]:
    """Return the committed rows by scene, codec and rate."""
    return {key_of(row): row for row in results.read(results.GRID)}


def shortfall(row: Row, known: Mapping[tuple[str, str, str], Row]) -> str | None:
    """Say what is worse than committed, or None.

    Parameters
    ----------
    row
        As measured now.
    known
        What is committed.
    """
    name = ", ".join(key_of(row))
    if row["status"] != "ok":
        return f"{name}: {row['status']}"
    before = known.get(key_of(row))
    if before is None or before["status"] != "ok":
        return f"{name}: nothing is committed to hold it against"
    lost = results.number(before, "psnr_db") - results.number(row, "psnr_db")
    if not lost <= ALLOWED_DB:
        return f"{name}: {row['psnr_db']} dB at {row['bpppb']} bpppb; committed are {before['psnr_db']} dB"
    return None

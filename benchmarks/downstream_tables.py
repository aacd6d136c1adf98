"""What compression costs a user of Indian Pines, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import results
from benchmarks.downstream import ORIGINAL, TABLE, TRAIN_SHARE
from benchmarks.results import Row, number

RATES = ("0.01", "0.04", "0.1", "0.4")
"""Bits per pixel per band, as they were asked for, that the table shows."""


def tables() -> dict[str, str]:
    """Return the block ``downstream``, where its results are there."""
    rows = results.read(TABLE)
    return {"downstream": downstream(rows)} if rows else {}


def downstream(rows: Sequence[Row]) -> str:
    """Return accuracies and errors of indices, the original first, then rate by rate."""
    lines = [
        "| asked bpppb | codec | accuracy % | change | kappa | original's model % | NDVI RMSE | largest | NDRE RMSE |",
        "|--:|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    original = next(row for row in rows if row["codec"] == ORIGINAL)
    lines.append(_line(original))
    lines += [_line(row) for rate in RATES for row in rows if row["asked_bpppb"] == rate]
    intro = (
        f"Indian Pines, 16 classes; a support vector machine on single spectra, trained on {TRAIN_SHARE:.0%} of the "
        f"labelled pixels and tested on the others; mean ± standard deviation over {original['seeds']} stratified "
        "splits, the same for every row. Trained and tested on the decoded scene, or, for the original's model, "
        "trained on the original; the change is in percentage points, to the original in the same splits. NDVI "
        "(800 and 670 nm) and NDRE (800 and 720 nm) of radiances, beside which stand the largest errors of NDVI; the "
        f"original's maps have standard deviations of {number(original, 'ndvi_std'):.3f} and "
        f"{number(original, 'ndre_std'):.3f}."
    )
    return "\n".join([intro, "", *lines])


def _line(row: Row) -> str:
    if row["codec"] == ORIGINAL:
        return f"| | {ORIGINAL} | {_percent(row, 'accuracy')} | | {number(row, 'kappa_mean'):.3f} | | | | |"
    cells = (
        row["asked_bpppb"],
        f"`{row['codec']}`",
        _percent(row, "accuracy"),
        _percent(row, "accuracy_change", sign="+"),
        f"{number(row, 'kappa_mean'):.3f}",
        _percent(row, "original_accuracy"),
        *(f"{number(row, column):.4f}" for column in ("ndvi_rmse", "ndvi_max_error", "ndre_rmse")),
    )
    return f"| {' | '.join(cells)} |"


def _percent(row: Row, name: str, *, sign: str = "") -> str:
    mean, spread = (100 * number(row, f"{name}_{statistic}") for statistic in ("mean", "std"))
    return f"{mean:{sign}.1f} ± {spread:.1f}"

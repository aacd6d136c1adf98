"""What compression costs a user of Indian Pines, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import results
from benchmarks.downstream.classification import TRAIN_SHARE
from benchmarks.downstream.run import ORIGINAL, TABLE
from benchmarks.results import Row, number

RATES = ("0.01", "0.04", "0.1", "0.4")
"""Bits per pixel per band, as they were asked for, that the table shows."""

HEADINGS = (
    "asked bpppb",
    "codec",
    "same fields, accuracy %",
    "change",
    "original's model %",
    "new fields, accuracy %",
    "change",
    "original's model %",
    "NDVI RMSE",
    "largest",
    "NDRE RMSE",
)


def tables() -> dict[str, str]:
    """Return the block ``downstream``, where its results are there."""
    rows = results.read(TABLE)
    return {"downstream": downstream(rows)} if rows else {}


def downstream(rows: Sequence[Row]) -> str:
    """Return accuracies and errors of indices, the original first, then rate by rate."""
    first = rows[0]
    lines = [f"| {' | '.join(HEADINGS)} |", f"|--:|---|{'--:|' * (len(HEADINGS) - 2)}"]
    lines += [_line(row) for row in rows if row["codec"] == ORIGINAL]
    lines += [_line(row) for rate in RATES for row in rows if row["asked_bpppb"] == rate]
    return "\n\n".join([_classification(first), _indices(rows), "\n".join(lines)])


def _classification(row: Row) -> str:
    return (
        "Land cover of Indian Pines, from single spectra by a support vector machine with a Gaussian kernel. "
        f"*Same fields*: {TRAIN_SHARE:.0%} of the pixels of each of 16 classes are trained on and the others tested, "
        f"{row['pixels_splits']} random splits. Most test pixels lie in a field that was trained on, so this is the "
        "accuracy of completing a map of known fields. A codec that makes the pixels of a block alike can exceed the "
        "original here without telling classes apart any better. *New fields*: connected fields are trained on or "
        f"tested whole, half of a class's fields each, {row['fields_splits']} random splits, with as many training "
        "pixels of a class as before where its training fields have them. This is the accuracy of mapping fields "
        "nobody has visited; the 7 classes of a single field are left out of it. The splits are the same for every "
        "row. Accuracies are the share of test pixels of the right class, mean ± standard deviation over the splits; "
        "the spread over new fields is that of which fields were drawn, and partly cancels in the change, which is in "
        "percentage points to the original in the same split. Trained and tested on the decoded scene, or, for the "
        "original's model, trained on the original and tested on the decoded scene."
    )


def _indices(rows: Sequence[Row]) -> str:
    spreads = "".join(
        f" The original's maps have standard deviations of {number(row, 'ndvi_std'):.3f} (NDVI) and "
        f"{number(row, 'ndre_std'):.3f} (NDRE)."
        for row in rows
        if row["codec"] == ORIGINAL
    )
    return f"NDVI (800 and 670 nm), also its largest error, and NDRE (800 and 720 nm), of radiances.{spreads}"


def _line(row: Row) -> str:
    if row["codec"] == ORIGINAL:
        cells = ["", ORIGINAL, _percent(row, "pixels_accuracy"), "", "", _percent(row, "fields_accuracy")]
        cells += [""] * (len(HEADINGS) - len(cells))
    else:
        cells = [row["asked_bpppb"], f"`{row['codec']}`"]
        for protocol in ("pixels", "fields"):
            cells += [
                _percent(row, f"{protocol}_accuracy"),
                _percent(row, f"{protocol}_accuracy_change", sign="+"),
                _percent(row, f"{protocol}_original_accuracy"),
            ]
        cells += [f"{number(row, column):.4f}" for column in ("ndvi_rmse", "ndvi_max_error", "ndre_rmse")]
    return f"| {' | '.join(cells)} |"


def _percent(row: Row, name: str, *, sign: str = "") -> str:
    mean, spread = (100 * number(row, f"{name}_{statistic}") for statistic in ("mean", "std"))
    return f"{mean:{sign}.1f} ± {spread:.1f}"

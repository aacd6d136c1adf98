"""The picture of what compression costs a user: accuracy of land cover and errors of indices over size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import plots, results
from benchmarks.downstream.run import ORIGINAL, TABLE
from benchmarks.results import Row, number
from benchmarks.styles import style

CODECS = (
    "siren, balanced",
    "siren, fast",
    "klt + jpeg 2000",
    "klt + hevc intra",
    "pca + dct",
    "jpeg 2000, per band",
    "jpeg, per band",
    "sperr 3-d",
)
"""Those that are shown; the table has all."""

PANELS = {
    "pixels_accuracy": "accuracy %, mapping the same fields",
    "fields_accuracy": "accuracy %, mapping new fields",
    "ndvi_rmse": "RMSE of NDVI, lower is better",
    "ndre_rmse": "RMSE of NDRE, lower is better",
}

_TEXT = 8.5
_GREY = "#5A5A5A"
_PALE = "#E6E6E6"


def draw(folder: Path = plots.FOLDER) -> list[Path]:
    """Draw ``downstream.png`` from ``results/downstream.tsv``.

    Returns
    -------
    The file written; none where no shown codec was measured.
    """
    figure = picture(results.read(TABLE))
    if figure is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "downstream.png"
    plots.save(figure, path)
    return [path]


def picture(rows: Sequence[Row]) -> Figure | None:
    """Return accuracies under both protocols and errors of both indices over size; None where there are none."""
    shown = {codec: own for codec in CODECS if (own := [row for row in rows if row["codec"] == codec])}
    if not shown:
        return None
    figure = Figure(figsize=(9.2, 6.4), dpi=130, layout="constrained")
    figure.suptitle("Indian Pines, decoded", x=0.012, ha="left", fontsize=11, fontweight="bold")
    panels: list[Axes] = list(figure.subplots(2, 2, sharex=True).flat)
    originals = [row for row in rows if row["codec"] == ORIGINAL]
    for axes, (column, heading) in zip(panels, PANELS.items(), strict=True):
        _prepare(axes, heading)
        if column.endswith("accuracy"):
            _curves(axes, shown, f"{column}_mean", scale=100)
            for original in originals:
                _baseline(axes, original, column)
        else:
            _curves(axes, shown, column)
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    for axes in panels[2:]:
        axes.set_xlabel("bits per pixel per band, every byte counted", fontsize=_TEXT, color=_GREY, loc="left")
    legend = figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=_TEXT
    )
    for text in legend.get_texts()[: len(shown)]:
        look = style(text.get_text())
        text.set(color=look.colour, fontweight="bold" if look.strong else "normal")
    return figure


def _prepare(axes: Axes, heading: str) -> None:
    axes.set_xscale("log")
    axes.set_xticks(results.RATES, [f"{rate:g}" for rate in results.RATES])
    axes.xaxis.minorticks_off()
    axes.set_title(heading, loc="left", fontsize=_TEXT + 0.5, color=_GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#B0B0B0")
    axes.tick_params(length=0, labelsize=_TEXT, labelcolor=_GREY, which="both")
    axes.grid(color=_PALE, linewidth=0.8, which="both")
    axes.set_axisbelow(True)


def _curves(axes: Axes, shown: dict[str, list[Row]], column: str, *, scale: float = 1) -> None:
    for codec, rows in shown.items():
        points = sorted((number(row, "bpppb"), scale * number(row, column)) for row in rows)
        plots.line(axes, codec, [size for size, _ in points], [figure for _, figure in points])


def _baseline(axes: Axes, original: Row, column: str) -> None:
    """Draw the accuracy on the original scene, and around it the standard deviation over the splits."""
    mean, deviation = (100 * number(original, f"{column}_{statistic}") for statistic in ("mean", "std"))
    label = "original ± standard\ndeviation over splits"
    axes.axhline(mean, color="black", linestyle="--", linewidth=1.0, zorder=2, label=label)
    axes.axhspan(mean - deviation, mean + deviation, color="black", alpha=0.07, linewidth=0)

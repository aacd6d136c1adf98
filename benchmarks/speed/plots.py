"""How the time of an encode and of a decode grows with pixels, bands and budget, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks import plots, results
from benchmarks.results import Row
from benchmarks.speed.job import ONE_PASS
from benchmarks.speed.tables import AXES, OPERATIONS, Points, PowerLaw, growth, medians
from benchmarks.styles import style

_HEIGHT = 5.6
_PANEL = 0.34
"""Height of a panel over that of the picture, about."""

_METHODS_IN_A_LINE = 4
"""Of the legend."""


def draw(folder: Path = plots.FOLDER) -> list[Path]:
    """Draw ``speed_scaling.png`` from ``results/scaling.tsv``.

    Returns
    -------
    The files written, none where there are no rows.
    """
    rows = results.read("scaling")
    if not rows:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "speed_scaling.png"
    plots.save(scaling(rows), path)
    return [path]


def scaling(rows: Sequence[Row]) -> Figure:
    """Return seconds over each size, a panel for each operation and axis, with power laws and their exponents."""
    figure = plots.headed("Seconds of a call, and the power of the size that they grow with", height=_HEIGHT)
    panels = figure.subplots(len(OPERATIONS), len(AXES), squeeze=False, sharex="col", sharey="row")
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for line, operation in zip(panels, OPERATIONS, strict=True):
        drawn = {}
        for axes, (axis, title) in zip(line, AXES.items(), strict=True):
            plots.dress(axes, f"{operation}, s" if axes is line[0] else "")
            axes.set(xscale="log", yscale="log")
            axes.grid(color=plots.PALE, linewidth=0.8)
            for scale in (axes.xaxis, axes.yaxis):
                scale.set_major_formatter(lambda value, _: f"{value:,g}")
                scale.set_minor_formatter("")
            if operation == OPERATIONS[-1]:
                axes.set_xlabel(title, fontsize=plots.TEXT, color=plots.GREY, loc="left")
            points = {method: medians(rows, axis, method, operation, "in_process_s") for method in methods}
            drawn[axes] = {method: _grown(axes, method, found) for method, found in points.items() if found}
            if drawn[axes]:
                sizes = sorted({size for found in points.values() for size, _ in found})
                axes.set_xticks(sizes[::2])
        for axes, laws in drawn.items():  # when the shared axis has its limits
            _write_exponents(axes, {method: law for method, law in laws.items() if law})
    handles = [_line(method) for method in methods]
    lines = -(-len(methods) // _METHODS_IN_A_LINE)
    columns = -(-len(methods) // lines)
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize=plots.TEXT)
    return figure


def _line(method: str) -> Line2D:
    """Return the look of a method as a line without points: dashed and hollow where its search is left out."""
    look, whole = style(method), method != ONE_PASS
    return Line2D(
        [],
        [],
        label=method,
        color=look.colour,
        marker=look.marker,
        linestyle="-" if whole else "--",
        linewidth=2.0 if look.strong else 1.1,
        markersize=5.5 if look.strong else 4.5,
        markerfacecolor=look.colour if whole else "white",
        zorder=4 if look.strong else 3,
    )


def _grown(axes: Axes, method: str, points: Points) -> tuple[float, PowerLaw] | None:
    """Draw the points of a method and, of three or more, their power law; return the largest size and the law."""
    sizes = [size for size, _ in points]
    measured = _line(method)
    measured.set(linestyle="", data=(sizes, [seconds for _, seconds in points]))
    axes.add_line(measured)
    law = growth(points) if len(points) >= 3 else None
    if law is not None:
        fitted = _line(method)
        fitted.set(marker="", data=(sizes, [law.at(size) for size in sizes]))
        axes.add_line(fitted)
    axes.autoscale_view()
    return None if law is None else (sizes[-1], law)


def _write_exponents(axes: Axes, laws: dict[str, tuple[float, PowerLaw]]) -> None:
    """Write the exponents right of the axes, at the heights of the ends, moved where they would overlap."""
    axes.set_ylim(axes.get_ylim())
    to_axes = axes.transScale + axes.transLimits
    wanted = {method: float(to_axes.transform((size, law.at(size)))[1]) for method, (size, law) in laws.items()}
    rising = sorted(wanted, key=lambda method: wanted[method])
    gap = 1.25 * plots.TEXT / (_PANEL * _HEIGHT * 72)
    places = plots.spread([wanted[method] for method in rising], gap=gap, low=0, high=1)
    for method, place in zip(rising, places, strict=True):
        look = style(method)
        axes.annotate(
            f"{laws[method][1].exponent:.2f}",
            xy=(1.02, place),
            xycoords="axes fraction",
            va="center",
            fontsize=plots.TEXT,
            fontweight="bold" if look.strong else "normal",
            color=look.colour,
            annotation_clip=False,
        )

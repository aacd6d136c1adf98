"""The paper's figures, drawn from the results alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.paper import capacity, iterations, rate_distortion, search
from benchmarks.results import Row
from benchmarks.scenes import SCENES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "benchmarks"

_COLOURS = ("#0b6e99", "#c8553d", "#5b8c3e", "#7a4f9a", "#b8860b", "#555555")
_MARKERS = "osD^vP"
_PSNR = "PSNR (dB)"
_RATE = "bits per pixel per band"
_RATE_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)


def draw() -> list[Path]:
    """Draw the figures of all experiments that have rows; returns the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    drawn = []
    for experiment, make in _FIGURES.items():
        figure = make()
        if figure is not None:
            drawn.append(FOLDER / f"paper_{experiment}.png")
            figure.savefig(drawn[-1], dpi=110)
    return drawn


def _capacity() -> Figure | None:
    """PSNR over bits per pixel per band, a line for each scene, a point for each network."""
    scenes = _by_scene(capacity.EXPERIMENT.rows())
    if not scenes:
        return None
    figure, (axes,) = _panels(1)
    for index, (scene, rows) in enumerate(scenes.items()):
        ordered = sorted(rows, key=lambda row: float(row["bpppb"]))
        label = f"{SCENES[scene].title}, {_iterations(rows)}"
        _line(axes, [float(row["bpppb"]) for row in ordered], ordered, index, label)
        for row in ordered:
            _note(axes, float(row["bpppb"]), row, f"{row['n_h']} x {row['w_h']}")
    axes.set(title="SIREN: PSNR over network capacity", xlabel=f"{_RATE}, weights in 16 bits", ylabel=_PSNR)
    _rate_axis(axes)
    _legend(axes)
    return figure


def _search() -> Figure | None:
    """PSNR over depth, a line for each scene, a point for the widest network of that depth."""
    scenes = _by_scene(search.EXPERIMENT.rows())
    if not scenes:
        return None
    figure, (axes,) = _panels(1)
    for index, (scene, rows) in enumerate(scenes.items()):
        ordered = sorted(rows, key=lambda row: int(row["n_h"]))
        label = f"{SCENES[scene].title}, {_iterations(rows)}"
        _line(axes, [float(row["n_h"]) for row in ordered], ordered, index, label)
        for row in ordered:
            _note(axes, float(row["n_h"]), row, f"$w_h$ {row['w_h']}")
    title = f"SIREN: the widest network of each depth within {search.BPPPB:g} bpppb"
    axes.set(title=title, xlabel="hidden layers $n_h$", ylabel=_PSNR)
    axes.set_xticks(sorted({int(row["n_h"]) for rows in scenes.values() for row in rows}))
    _legend(axes)
    return figure


def _rate_distortion() -> Figure | None:
    """PSNR over rate, a panel for each scene, the network in both forms beside its peers."""
    scenes = _by_scene(rate_distortion.EXPERIMENT.rows())
    if not scenes:
        return None
    figure, panels = _panels(len(scenes))
    for axes, (scene, rows) in zip(panels, scenes.items(), strict=True):
        curves = {
            f"SIREN, {bits} bits, {_iterations(rows)}": [row for row in rows if row["weight_bits"] == bits]
            for bits in ("16", "32")
        } | rate_distortion.peers(scene)
        for index, (label, curve) in enumerate(curves.items()):
            ordered = sorted(curve, key=lambda row: float(row["bpppb"]))
            _line(axes, [float(row["bpppb"]) for row in ordered], ordered, index, label)
        axes.set(title=SCENES[scene].title, xlabel=_RATE, ylabel=_PSNR)
        _rate_axis(axes)
        _legend(axes)
    return figure


def _over_iterations() -> Figure | None:
    """PSNR over iterations, a panel for each scene, peers at the same rate as dashed lines."""
    scenes = _by_scene(iterations.EXPERIMENT.rows())
    if not scenes:
        return None
    figure, panels = _panels(len(scenes))
    for axes, (scene, rows) in zip(panels, scenes.items(), strict=True):
        steps = [int(row["iteration"]) for row in rows]
        network = f"{rows[0]['n_h']} x {rows[0]['w_h']}"
        for index, (column, label) in enumerate(
            {"psnr_db": "stored in 16 bits", "fitted_psnr_db": "as fitted, 32 bits"}.items()
        ):
            values = [float(row[column]) for row in rows]
            axes.plot(steps, values, color=_COLOURS[index], label=f"SIREN {network}, {label}")
        for index, (codec, found) in enumerate(rate_distortion.peers(scene).items(), start=2):
            row = rate_distortion.nearest(found, iterations.BPPPB)
            if row is not None:
                axes.axhline(float(row["psnr_db"]), color=_COLOURS[index % len(_COLOURS)], linestyle="--", label=codec)
        title = f"{SCENES[scene].title}, {iterations.BPPPB:g} bpppb"
        axes.set(title=title, xlabel="iterations", ylabel=f"{_PSNR}, best so far")
        _legend(axes)
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.0 * count if count > 1 else 8.0, 5.8), layout="constrained")
    panels = [figure.add_subplot(1, count, index + 1) for index in range(count)]
    for axes in panels:
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _rate_axis(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with plain numbers at it."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xticks([rate for rate in _RATE_TICKS if low <= rate <= high], minor=False)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))


def _line(axes: Axes, positions: list[float], rows: list[Row], index: int, label: str) -> None:
    values = [float(row["psnr_db"]) for row in rows]
    colour, marker = _COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)]
    axes.plot(positions, values, color=colour, marker=marker, markersize=5, label=label)


def _note(axes: Axes, position: float, row: Row, text: str) -> None:
    axes.annotate(
        text,
        (position, float(row["psnr_db"])),
        xytext=(4, -11),
        textcoords="offset points",
        fontsize="x-small",
        color="#555555",
    )


def _by_scene(rows: list[Row]) -> dict[str, list[Row]]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row["scene"], []).append(row)
    return parts


def _iterations(rows: list[Row]) -> str:
    counts = sorted({int(row["iterations"]) for row in rows})
    return f"{' / '.join(f'{count:,}' for count in counts)} iterations"


_FIGURES: dict[str, Callable[[], Figure | None]] = {
    "capacity": _capacity,
    "search": _search,
    "rate_distortion": _rate_distortion,
    "iterations": _over_iterations,
}

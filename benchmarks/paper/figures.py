"""The paper's figures, drawn from the results alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks import plots
from benchmarks.paper import capacity, iterations, rate_distortion, search
from benchmarks.results import Row
from benchmarks.scenes import SCENES
from benchmarks.styles import Style, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "benchmarks"

_SCENES = (Style("#0072B2", "o"), Style("#C24E00", "s"), Style("#007358", "D"), Style("#A8527F", "^"))
_NETWORK = style("siren, paper").colour
_NETWORKS = {"16": Style(_NETWORK, "o", strong=True), "32": Style(_NETWORK, "v", dashed=True)}
"""By the bits of a weight; a fit of another length has the next of `_MARKERS`."""

_DPI = 160
_MARKERS = "oXP*"
_MARKS_OF_A_LEVEL = 7
_GREY = "#5A5A5A"
_PALE = "#E6E6E6"
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
            plots.save(figure, drawn[-1])
    return drawn


def _capacity() -> Figure | None:
    """PSNR over bits per pixel per band, a line for each scene, a point for each network."""
    scenes = _by_scene(capacity.EXPERIMENT.rows())
    if not scenes:
        return None
    figure, (axes,) = _panels(1)
    for index, (scene, rows) in enumerate(scenes.items()):
        ordered = sorted(rows, key=lambda row: float(row["bpppb"]))
        _line(axes, [float(row["bpppb"]) for row in ordered], ordered, _of_scene(index), _name(scene, scenes))
        for row in ordered:
            _note(axes, float(row["bpppb"]), row, f"{row['n_h']} x {row['w_h']}")
    _titles(axes, f"SIREN: PSNR over network capacity, {_lengths(scenes)}", f"{_RATE}, weights in 16 bits", _PSNR)
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
        _line(axes, [float(row["n_h"]) for row in ordered], ordered, _of_scene(index), _name(scene, scenes))
        for row in ordered:
            _note(axes, float(row["n_h"]), row, f"$w_h$ {row['w_h']}")
    title = f"SIREN: the widest network of each depth within {search.BPPPB:g} bpppb, {_lengths(scenes)}"
    _titles(axes, title, "hidden layers $n_h$", _PSNR)
    axes.set_xticks(sorted({int(row["n_h"]) for rows in scenes.values() for row in rows}))
    _legend(axes)
    return figure


def _rate_distortion() -> Figure | None:
    """PSNR over rate, a panel for each scene, the networks in both forms beside their peers."""
    if not rate_distortion.EXPERIMENT.rows():
        return None
    scenes = _by_scene(rate_distortion.fitted())
    figure, panels = _panels(len(scenes))
    for axes, (scene, rows) in zip(panels, scenes.items(), strict=True):
        for bits, look in _NETWORKS.items():
            stored = [row for row in rows if row["weight_bits"] == bits]
            for index, count in enumerate(sorted({int(row["iterations"]) for row in stored})):
                curve = [row for row in stored if int(row["iterations"]) == count]
                own = Style(look.colour, _MARKERS[index % len(_MARKERS)], look.strong, look.dashed) if index else look
                _over_rate(axes, curve, own, f"SIREN, {bits} bits, {count:,} iterations")
        for codec, curve in rate_distortion.peers(scene).items():
            _over_rate(axes, curve, style(codec), codec)
        _titles(axes, SCENES[scene].title, _RATE, _PSNR)
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
        for column, dashes, label in (
            ("psnr_db", "-", "stored in 16 bits"),
            ("fitted_psnr_db", ":", "as fitted, 32 bits"),
        ):
            values = [float(row[column]) for row in rows]
            axes.plot(steps, values, color=_NETWORK, linestyle=dashes, linewidth=2, label=f"SIREN {network}, {label}")
        for codec, found in rate_distortion.peers(scene).items():
            row = rate_distortion.nearest(found, iterations.BPPPB)
            if row is not None:
                _level(axes, steps[-1], float(row["psnr_db"]), codec)
        title = f"{SCENES[scene].title}, {iterations.BPPPB:g} bpppb, {_iterations(rows)}"
        _titles(axes, title, "iterations", f"{_PSNR}, best so far")
        _legend(axes)
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.6 if count == 1 else 6.4 * count, 5.6), dpi=_DPI, layout="constrained")
    panels = [figure.add_subplot(1, count, index + 1) for index in range(count)]
    for axes in panels:
        axes.grid(color=_PALE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color("#B0B0B0")
        axes.tick_params(length=0, labelsize="small", labelcolor=_GREY, which="both")
    return figure, panels


def _titles(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set_title(title, loc="left", fontsize="medium", fontweight="bold")
    axes.set_xlabel(below, loc="left", fontsize="small", color=_GREY)
    axes.set_ylabel(beside, fontsize="small", color=_GREY)


def _rate_axis(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with plain numbers at it."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xticks([rate for rate in _RATE_TICKS if low <= rate <= high], minor=False)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))


def _over_rate(axes: Axes, rows: list[Row], look: Style, label: str) -> None:
    ordered = sorted(rows, key=lambda row: float(row["bpppb"]))
    _line(axes, [float(row["bpppb"]) for row in ordered], ordered, look, label)


def _line(axes: Axes, positions: list[float], rows: list[Row], look: Style, label: str) -> None:
    axes.plot(
        positions,
        [float(row["psnr_db"]) for row in rows],
        color=look.colour,
        linestyle="--" if look.dashed else "-",
        marker=look.marker,
        linewidth=2.0 if look.strong else 1.1,
        markersize=5.5 if look.strong else 4.5,
        label=label,
    )


def _level(axes: Axes, end: int, psnr: float, codec: str) -> None:
    """Draw what a codec reaches, with its marker now and then, as codecs of one family share their colour."""
    positions = [end * index / (_MARKS_OF_A_LEVEL - 1) for index in range(_MARKS_OF_A_LEVEL)]
    look = style(codec)
    axes.plot(
        positions,
        [psnr] * _MARKS_OF_A_LEVEL,
        color=look.colour,
        linestyle="--",
        marker=look.marker,
        linewidth=1.1,
        markersize=4.5,
        label=codec,
    )


def _of_scene(index: int) -> Style:
    return _SCENES[index % len(_SCENES)]


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


def _lengths(scenes: dict[str, list[Row]]) -> str:
    """Return the iterations of the fits of all scenes."""
    return _iterations([row for rows in scenes.values() for row in rows])


def _name(scene: str, scenes: dict[str, list[Row]]) -> str:
    """Return a scene's title, with the iterations of its fits where the scenes differ in them."""
    own = _iterations(scenes[scene])
    return SCENES[scene].title if own == _lengths(scenes) else f"{SCENES[scene].title}, {own}"


def _iterations(rows: Sequence[Row]) -> str:
    counts = sorted({int(row["iterations"]) for row in rows})
    return f"{' / '.join(f'{count:,}' for count in counts)} iterations"


_FIGURES: dict[str, Callable[[], Figure | None]] = {
    "capacity": _capacity,
    "search": _search,
    "rate_distortion": _rate_distortion,
    "iterations": _over_iterations,
}

"""Pictures of the results: quality over size and throughput, a file for each scene."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from benchmarks import results
from benchmarks.curves import RATE, Measured, at, by_codec, by_scene, measured, title
from benchmarks.styles import style

FOLDER = Path(__file__).parents[1] / "docs" / "images" / "benchmarks"

_DPI = 160
_COLOURS = 64
"""Of the palette of a file; a third of the bytes of all colours, for the same look."""

TEXT = 8.5
"""Points of all text but headings."""

GREY = "#5A5A5A"
"""Of text that names no codec."""

PALE = "#E6E6E6"
"""Of grids."""

_SMALLEST = 0.85 * min(results.RATES)
"""Bits per pixel per band at which the axis begins."""

Curve = tuple[list[float], list[float]]
"""Bits per pixel per band, and a figure at each."""


def draw(folder: Path = FOLDER) -> list[Path]:
    """Draw what was measured: ``psnr_SCENE.png``, ``sam_SCENE.png`` and ``throughput_SCENE.png`` for every scene.

    Returns
    -------
    The files written. A picture with nothing to show is not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[str, list[Measured]], Figure | None]] = {
        "psnr": psnr,
        "sam": spectral_angle,
        "throughput": throughput,
    }
    written = []
    for scene, found in by_scene(measured()).items():
        for name, picture in pictures.items():
            figure = picture(scene, found)
            if figure is not None:
                path = folder / f"{name}_{scene}.png"
                save(figure, path)
                written.append(path)
    return written


def psnr(scene: str, found: Iterable[Measured]) -> Figure | None:
    """Return the PSNR of every codec over its size on one scene; None where there is none."""
    return _over_size(scene, found, column="psnr_db", heading="PSNR in dB, higher is better")


def spectral_angle(scene: str, found: Iterable[Measured]) -> Figure | None:
    """Return the mean spectral angle of every codec over its size on one scene; None where there is none."""
    heading = "mean spectral angle in degrees, lower is better"
    return _over_size(scene, found, column="sam_mean_degrees", heading=heading, logarithmic=True)


def throughput(scene: str, found: Iterable[Measured]) -> Figure | None:
    """Return how fast every codec encodes and decodes one scene at `RATE`; None where no codec was timed."""
    stored = [one for one in at(found, RATE) if one.stored]
    timed = [one for one in stored if one.timed]
    if not timed:
        return None
    figure, axes = _figure(scene, f"million samples a second at {RATE:g} bpppb", height=1.3 + 0.24 * len(timed))
    for place, one in enumerate(timed):
        look = style(one.codec)
        encoded, decoded = one.throughput(one.encode_s), one.throughput(one.figure("decode_s"))
        axes.plot([encoded, decoded], [place, place], color=look.colour, linewidth=1.2, alpha=0.6, zorder=2)
        axes.plot(encoded, place, "o", color=look.colour, markersize=6.5, zorder=3)
        axes.plot(decoded, place, "o", color=look.colour, markersize=6.5, markerfacecolor="white", zorder=3)
    axes.set_xscale("log")
    axes.set_ylim(len(timed) - 0.4, -0.6)
    axes.set_yticks(range(len(timed)), [_codec_and_quality(one) for one in timed])
    for label, one in zip(axes.get_yticklabels(), timed, strict=True):
        look = style(one.codec)
        label.set(color=look.colour, fontweight="bold" if look.strong else "normal")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", color=PALE, linewidth=0.8)
    handles = [
        Line2D([], [], linestyle="", marker="o", color=GREY, markerfacecolor=face, label=label)
        for face, label in ((GREY, "encodes"), ("white", "decodes"))
    ]
    figure.legend(
        handles=handles, loc="upper right", ncols=2, frameon=False, fontsize=TEXT, labelcolor=GREY, handletextpad=0.1
    )
    left_out = [one.codec for one in stored if not one.timed]
    if left_out:
        note = f"Left out: {', '.join(left_out)}, whose times are those of a WebAssembly sandbox."
        figure.supxlabel(note, x=0.012, ha="left", fontsize=TEXT, color=GREY)
    return figure


def _codec_and_quality(one: Measured) -> str:
    device = "" if one.row["device"] == "cpu" else f" ({one.row['device']})"
    return f"{one.codec}{device}   {one.figure('psnr_db'):.1f} dB"


def _over_size(
    scene: str, found: Iterable[Measured], *, column: str, heading: str, logarithmic: bool = False
) -> Figure | None:
    drawn = {codec: curve for codec, ones in by_codec(found).items() if (curve := _curve(ones, column))[0]}
    curves = {codec: curve for codec, curve in drawn.items() if curve[0][-1] >= _SMALLEST}
    if not curves:
        return None
    figure, axes = _figure(scene, heading, height=5.4)
    axes.set_xscale("log")
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "235" else "")
    for codec, (sizes, figures) in curves.items():
        line(axes, codec, sizes, figures)
    axes.set_xticks(results.RATES, [f"{rate:g}" for rate in results.RATES])
    axes.xaxis.minorticks_off()
    axes.set_xlim(_SMALLEST, 1.1 * max(results.RATES))
    axes.set_xlabel("bits per pixel per band, every byte counted", fontsize=TEXT, color=GREY, loc="left")
    axes.grid(color=PALE, linewidth=0.8, which="both")
    _name_ends(figure, axes, {codec: (sizes[-1], figures[-1]) for codec, (sizes, figures) in curves.items()})
    if len(curves) < len(drawn):
        note = f"Left out: {', '.join(codec for codec in drawn if codec not in curves)}, whose streams are smaller."
        figure.supxlabel(note, x=0.012, ha="left", fontsize=TEXT, color=GREY)
    return figure


def line(axes: Axes, codec: str, sizes: Sequence[float], figures: Sequence[float]) -> None:
    """Draw the curve of a codec as it looks in every picture."""
    look = style(codec)
    axes.plot(
        sizes,
        figures,
        color=look.colour,
        linestyle="--" if look.dashed else "-",
        marker=look.marker,
        linewidth=2.0 if look.strong else 1.1,
        markersize=5.5 if look.strong else 4.5,
        zorder=4 if look.strong else 3,
        label=codec,
    )


def _curve(ones: Iterable[Measured], column: str) -> Curve:
    """Return the points of one codec that are finite, and above 0, as a logarithm takes them."""
    points = [(one.figure("bpppb"), one.figure(column)) for one in ones if one.stored]
    points = sorted(point for point in points if math.isfinite(point[1]) and point[1] > 0)
    return [size for size, _ in points], [figure for _, figure in points]


def save(figure: Figure, path: Path) -> None:
    """Write a PNG with a palette; the same figure gives the same bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    image = Image.open(drawn).convert("RGB")
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def _figure(scene: str, heading: str, *, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure with the scene and what is shown above its axes."""
    figure = headed(title(scene), height=height)
    axes = figure.add_subplot()
    dress(axes, heading)
    return figure, axes


def headed(heading: str, *, height: float) -> Figure:
    """Return a figure without axes, as wide as all pictures and `height` inches high, with a heading."""
    figure = Figure(figsize=(7.6, height), dpi=_DPI, layout="constrained")
    figure.suptitle(heading, x=0.012, ha="left", fontsize=11, fontweight="bold")
    return figure


def dress(axes: Axes, heading: str) -> None:
    """Give axes the look they have in all pictures, and say above them what they show."""
    axes.set_title(heading, loc="left", fontsize=TEXT + 0.5, color=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#B0B0B0")
    axes.tick_params(length=0, labelsize=TEXT, labelcolor=GREY, which="both")
    axes.set_axisbelow(True)


def _name_ends(figure: Figure, axes: Axes, ends: dict[str, tuple[float, float]]) -> None:
    """Write the name of every curve right of the axes, at the height of its end, moved where names would overlap."""
    names = sorted(ends, key=lambda codec: ends[codec][1])
    axes.set_ylim(axes.get_ylim())
    height = figure.get_figheight() * 72 * 0.78
    to_axes = axes.transScale + axes.transLimits
    wanted = [float(to_axes.transform(ends[codec])[1]) for codec in names]
    for codec, place in zip(names, spread(wanted, gap=1.25 * TEXT / height, low=0, high=1), strict=True):
        look = style(codec)
        axes.annotate(
            codec,
            xy=ends[codec],
            xytext=(1.05, place),
            textcoords="axes fraction",
            va="center",
            fontsize=TEXT,
            fontweight="bold" if look.strong else "normal",
            color=look.colour,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": look.colour,
                "linewidth": 0.5,
                "alpha": 0.6,
                "relpos": (0.0, 0.5),
                "shrinkA": 1,
                "shrinkB": 3,
            },
        )


def spread(wanted: Iterable[float], *, gap: float, low: float, high: float) -> list[float]:
    """Return places between `low` and `high`, at least `gap` apart, nearest in least squares to those wanted, rising.

    Less its index times the gap a place need only not fall, so this is isotonic regression: neighbours that would
    overlap are pooled around their common mean. Where there is no room for all, they begin at `low` and pass `high`.
    """
    blocks: list[tuple[float, int]] = []
    for index, place in enumerate(wanted):
        mean, count = float(place) - index * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
    level = [mean for mean, count in blocks for _ in range(count)]
    top = high - gap * (len(level) - 1)
    return [max(low, min(top, mean)) + index * gap for index, mean in enumerate(level)]

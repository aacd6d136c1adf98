"""What pictures consist of: each function draws one panel onto axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.band_axis import BandAxis
from xr_inr.chunk_figures import ChunkFigures
from xr_inr.plots.canvas import COLOURS, INK, QUIET, bare, figure_of, heading, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHUNK_LABELS = {
    "bytes": "bytes",
    "bpppb": "bits per pixel per band",
    "psnr": "PSNR (dB)",
    "sam": "spectral angle (degrees)",
    "max_error": "largest error",
}
"""The figures of chunks, and how they are labelled."""


def draw_image(ax: Axes, image: NDArray[Any], name: str, pixels: Sequence[tuple[int, int]] = ()) -> None:
    """Draw a pseudo-colour picture, with rings around pixels."""
    ax.imshow(image, interpolation="nearest")
    for (row, column), colour in zip(pixels, COLOURS, strict=False):
        for edge, width in (("white", 3.0), (colour, 1.6)):
            ax.plot(column, row, "o", ms=8, markerfacecolor="none", markeredgecolor=edge, markeredgewidth=width)
    heading(ax, name)
    bare(ax)


def draw_map(ax: Axes, values: NDArray[np.float64], name: str, label: str, *, cmap: str = "magma") -> None:
    """Draw a map with its scale, from 0 to the 99th percentile."""
    finite = values[np.isfinite(values)]
    top = float(np.percentile(finite, 99)) if finite.size else 1.0
    image = ax.imshow(values, cmap=cmap, vmin=0, vmax=top or 1.0, interpolation="nearest")
    _scale(ax, image, label)
    heading(ax, name)
    bare(ax)


def draw_chunks(ax: Axes, figures: ChunkFigures, axes: tuple[int, int], name: str, label: str) -> None:
    """Draw one of the figures of chunks as a map over the axes y and x."""
    _scale(ax, ax.imshow(figures.map_of(name, axes), cmap="cividis", interpolation="nearest"), label)
    heading(ax, f"{label}, by chunk")
    bare(ax)


def draw_spectra(
    ax: Axes,
    axis: BandAxis,
    decoded: Mapping[tuple[int, int], NDArray[np.float64]],
    original: NDArray[np.float64] | None,
    unit: str,
) -> None:
    """Draw decoded spectra by row and column, fine, over the original ones, (pixels, bands), broad."""
    for number, ((row, column), colour) in enumerate(zip(decoded, COLOURS, strict=False)):
        if original is not None:
            ax.plot(*axis.curve(original[number]), color=colour, linewidth=3.5, alpha=0.3)
        ax.plot(*axis.curve(decoded[row, column]), color=colour, linewidth=1.2, label=f"row {row}, column {column}")
    heading(ax, "decoded spectra" if original is None else "spectra: original broad, decoded fine")
    if decoded:
        ax.legend(frameon=False, fontsize=8, labelcolor=INK)
    plain(ax, x=axis.label, y=unit)


def draw_bands(ax: Axes, axis: BandAxis, values: NDArray[np.float64], name: str, label: str, *, zero: bool) -> None:
    """Draw one figure of each band, from 0 where that is where it starts."""
    x, shown = axis.curve(np.where(np.isfinite(values), values, np.nan))
    if zero:
        ax.fill_between(x, shown, color=COLOURS[0], alpha=0.25, linewidth=0)
    ax.plot(x, shown, color=COLOURS[0], linewidth=1.2)
    if zero:
        ax.set_ylim(bottom=0)
    heading(ax, name)
    plain(ax, x=axis.label, y=label)


def _scale(ax: Axes, image: Any, label: str) -> None:
    bar = figure_of(image).colorbar(image, ax=ax, fraction=0.045, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, colors=QUIET)
    bar.set_label(label, fontsize=8, color=QUIET)

"""Figures and axes in one style; the only place that imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xr_inr.exceptions import DependencyError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET = "#222222", "#777777"
COLOURS = ("#0b6e99", "#c8553d", "#5b8c3e", "#7a4f9a", "#b8860b")


def pyplot() -> Any:
    """Return matplotlib.pyplot; raises `DependencyError` where it is not installed."""
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - only pictures need it
    except ImportError as error:
        raise DependencyError("pictures need matplotlib: pip install 'xr-inr[demo]'") from error
    return plt


def on(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return the figure of the axes given, or new ones of `size` inches."""
    plt = pyplot()
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    return figure_of(ax), ax


def figure_of(drawn: Artist) -> Figure:
    """Return the whole figure that something is drawn on, whether it lies in a part of it or not."""
    # The figure of a figure or of a part is the whole one; `get_figure(root=True)` says so only since matplotlib 3.10.
    part: Any = drawn.figure
    whole: Figure = part.figure
    return whole


def heading(ax: Axes, text: str) -> None:
    """Write the title of axes."""
    ax.set_title(text, loc="left", fontsize=10, color=INK)


def bare(ax: Axes) -> None:
    """Take frame and ticks from axes that hold a picture."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def plain(ax: Axes, *, x: str, y: str = "") -> None:
    """Label axes that hold curves, and quieten their frame."""
    ax.set_xlabel(x, fontsize=9, color=QUIET)
    ax.set_ylabel(y, fontsize=9, color=QUIET)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(QUIET)
    ax.tick_params(colors=QUIET, labelsize=8)
    ax.margins(x=0.01)

"""``report.plot``: each figure of a report as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.band_axis import BandAxis
from xr_inr.exceptions import RequestError
from xr_inr.plots.canvas import figure_of, on, pyplot
from xr_inr.plots.panels import CHUNK_LABELS, draw_bands, draw_chunks, draw_image, draw_map, draw_spectra
from xr_inr.plots.quicklook import spread
from xr_inr.scenes import Scenes
from xr_inr.views import Errors, Views

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xr_inr.report import Report

_LONGEST_EDGE = 1500
_WIDE, _SQUARE = (8.0, 3.6), (5.6, 5.0)


class ReportPlots:
    """Pictures of one report; every method returns a figure and its axes, and draws onto `ax` where it is given.

    Both scenes are read once, for the first picture that shows samples. Every method raises `DependencyError` where
    matplotlib is not installed, and those that need samples, or the original, `RequestError` where there are none.

    Parameters
    ----------
    report
        What is drawn.
    """

    def __init__(self, report: Report) -> None:
        self._report = report

    def band_psnr(self, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Draw the PSNR of every band, in dB, over wavelength where it is known; bands without error are left out."""
        figure, ax = on(ax, _WIDE)
        values = np.array(self._report.band_psnr)
        draw_bands(ax, self._axis, values, "PSNR by band, each against its own peak", "PSNR (dB)", zero=False)
        return figure, ax

    def band_error(self, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Draw the largest absolute error of every band, in data units."""
        figure, ax = on(ax, _WIDE)
        values = np.array(self._report.band_max_error)
        draw_bands(ax, self._axis, values, "largest error by band", self._unit, zero=True)
        return figure, ax

    def pair(self, axes: Sequence[Axes] | None = None) -> tuple[Figure, NDArray[Any]]:
        """Draw original and decoded scene in pseudo-colour, side by side, onto two axes."""
        plt = pyplot()
        views, errors = self._views_with_errors
        if axes is None:
            _, axes = plt.subplots(1, 2, figsize=(10.0, 5.0), layout="constrained")
        panels: NDArray[Any] = np.array(axes, dtype=object)
        for panel, image, name in zip(panels, (errors.original, views.decoded), ("original", "decoded"), strict=True):
            draw_image(panel, image, name)
        return figure_of(panels[0]), panels

    def error(self, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Draw a map of the root mean squared error over bands, in data units."""
        figure, ax = on(ax, _SQUARE)
        draw_map(ax, self._views_with_errors[1].rmse, "error (RMSE over bands)", self._unit)
        return figure, ax

    def sam(self, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Draw a map of the spectral angle between original and decoded spectra, in degrees."""
        figure, ax = on(ax, _SQUARE)
        draw_map(ax, self._views_with_errors[1].angle, "spectral angle", "degrees", cmap="viridis")
        return figure, ax

    def spectra(self, pixels: Sequence[tuple[int, int]] | None = None, ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Draw the spectra of up to five pixels, (row, column); of three spread over the scene if None.

        Without the original, the decoded ones alone.
        """
        figure, ax = on(ax, _WIDE)
        if pixels is None:
            pixels = spread(self._scenes.views(_LONGEST_EDGE))
        original, decoded = self._scenes.spectra(np.array(pixels, np.int64).reshape(-1, 2))
        draw_spectra(ax, self._axis, dict(zip(pixels, decoded, strict=True)), original, self._unit)
        return figure, ax

    def chunks(self, figure_of: str = "psnr", ax: Axes | None = None) -> tuple[Figure, Axes]:
        """Draw one of the figures of chunks as a map: 'bytes', 'bpppb', 'psnr', 'sam' or 'max_error'."""
        if figure_of not in CHUNK_LABELS:
            raise RequestError(f"the figure of chunks must be one of {list(CHUNK_LABELS)}. Got {figure_of!r}.")
        figures = self._report.chunk_figures
        if figures is None:
            raise RequestError(f"a map of chunks needs their figures. Got a report of {self._report.chunks} chunks.")
        figure, ax = on(ax, _SQUARE)
        label = CHUNK_LABELS[figure_of] + (f" ({self._unit})" if figure_of == "max_error" else "")
        draw_chunks(ax, figures, self._report.spatial_axes, figure_of, label)
        return figure, ax

    @cached_property
    def _views_with_errors(self) -> tuple[Views, Errors]:
        return self._scenes.views_with_errors(_LONGEST_EDGE)

    @property
    def _scenes(self) -> Scenes:
        if self._report.scenes is None:
            raise RequestError("this picture needs samples. Got a report that is not of an array.")
        return self._report.scenes

    @property
    def _axis(self) -> BandAxis:
        return self._report.band_axis

    @property
    def _unit(self) -> str:
        return self._report.unit or "data units"

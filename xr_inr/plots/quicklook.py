"""One picture of a scene before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.plots.canvas import INK, pyplot
from xr_inr.plots.panels import draw_bands, draw_image, draw_map, draw_spectra
from xr_inr.scenes import Scenes
from xr_inr.views import Views

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def quicklook(
    original: xr.DataArray,
    decoded: xr.DataArray,
    *,
    pixels: Sequence[tuple[int, int]] | None = None,
    title: str = "",
) -> tuple[Figure, NDArray[Any]]:
    """Draw a scene before and after: pseudo-colour pair, error map, spectra of some pixels, error by band.

    Parameters
    ----------
    original, decoded
        Of the same shape and axes; pseudo-colour takes the bands nearest to red, green and blue where there is a
        coordinate ``wavelength``.
    pixels
        (row, column) of the pixels whose spectra are drawn; three spread over the scene if None.
    title
        Stands above the picture.

    Returns
    -------
    figure, axes
        The axes as an array: original, decoded, error map, spectra, error by band.

    Raises
    ------
    RequestError
        When the shapes or the masks differ or a pixel lies outside.
    DependencyError
        When matplotlib is not installed.
    """
    plt = pyplot()
    scenes = Scenes.of_pair(original, decoded)
    views, errors = scenes.views_with_errors()
    chosen = spread(views) if pixels is None else list(pixels)
    before, after = scenes.spectra(np.array(chosen, np.int64).reshape(-1, 2))

    figure: Figure = plt.figure(figsize=(13, 8), layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=(1.15, 1))
    panels = [figure.add_subplot(grid[0, start : start + 2]) for start in (0, 2, 4)]
    panels += [figure.add_subplot(grid[1, :4]), figure.add_subplot(grid[1, 4:])]
    unit = views.unit or "data units"
    draw_image(panels[0], errors.original, "original", chosen)
    draw_image(panels[1], views.decoded, "decoded", chosen)
    draw_map(panels[2], errors.rmse, "error (RMSE over bands)", unit)
    draw_spectra(panels[3], views.axis, dict(zip(chosen, after, strict=True)), before, unit)
    draw_bands(panels[4], views.axis, np.sqrt(errors.figures.band_mse), "error by band (RMSE)", unit, zero=True)
    if title:
        figure.suptitle(title, color=INK, fontsize=13)
    return figure, np.array(panels, dtype=object)


def spread(views: Views) -> list[tuple[int, int]]:
    """Return up to three pixels (row, column), spread over those where there is something to see."""
    seen = views.decoded[..., 3] > 0
    rows = np.flatnonzero(seen.any(axis=1))
    found = []
    for share in (0.2, 0.5, 0.8) if len(rows) else ():
        row = rows[int(share * (len(rows) - 1))]
        columns = np.flatnonzero(seen[row])
        found.append((int(row) * views.factor, int(columns[int(share * (len(columns) - 1))]) * views.factor))
    return list(dict.fromkeys(found))

"""Pictures of what a compression kept. Needs matplotlib, which the extra ``demo`` installs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.comparison import valid_samples
from xr_inr.exceptions import DependencyError, RequestError
from xr_inr.variables import SceneAxes, find_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RGB_NANOMETRES = (660.0, 550.0, 470.0)
_RGB_SHARES = (0.13, 0.08, 0.04)
_INK, _QUIET = "#222222", "#777777"
_COLOURS = ("#0b6e99", "#c8553d", "#5b8c3e", "#7a4f9a", "#b8860b")


@dataclass(frozen=True)
class _Pair:
    """Both scenes as (bands, height, width), where they are valid, and the band axis of plots."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    valid: NDArray[np.bool_]
    scale: NDArray[Any]
    label: str

    @property
    def squared_error(self) -> NDArray[np.float64]:
        return np.where(self.valid, np.square(self.before - self.after), 0.0)


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
        coordinate ``wavelength`` in nanometres.
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
        When the shapes differ or a pixel lies outside.
    DependencyError
        When matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - only pictures need it
    except ImportError as error:
        raise DependencyError("pictures need matplotlib: pip install 'xr-inr[demo]'") from error

    axes = find_axes(original)
    if original.shape != decoded.shape or len(axes.dims) != 3:
        raise RequestError(f"both scenes must have the same shape of 3 axes. Got {original.shape} and {decoded.shape}.")
    before, valid = _samples(original, axes)
    pair = _Pair(before, _samples(decoded, axes)[0], valid, *_band_scale(original, axes))
    height, width = before.shape[1:]
    chosen = list(pixels) if pixels is not None else _spread(valid)
    for row, column in chosen:
        if not (0 <= row < height and 0 <= column < width):
            raise RequestError(f"pixels must lie in {height} x {width}. Got ({row}, {column}).")

    figure = plt.figure(figsize=(13, 8), layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=(1.15, 1))
    panels = [figure.add_subplot(grid[0, start : start + 2]) for start in (0, 2, 4)]
    panels += [figure.add_subplot(grid[1, :4]), figure.add_subplot(grid[1, 4:])]
    bands = _colour_bands(original, axes)
    stretch = _stretch(before[bands], valid[bands])
    for panel, name, samples in ((panels[0], "original", pair.before), (panels[1], "decoded", pair.after)):
        _draw_image(panel, _colours(samples[bands], valid[bands], stretch), name, chosen)
    _draw_error(figure, panels[2], pair)
    _draw_spectra(panels[3], pair, chosen)
    _draw_band_error(panels[4], pair)
    if title:
        figure.suptitle(title, color=_INK, fontsize=13)
    return figure, np.array(panels, dtype=object)


def _samples(scene: xr.DataArray, axes: SceneAxes) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    block = scene.transpose(axes.band, axes.y, axes.x).to_numpy()
    return block.astype(np.float64), valid_samples(block, scene)


def _colour_bands(scene: xr.DataArray, axes: SceneAxes) -> list[int]:
    count = scene.sizes[axes.band]
    if "wavelength" in scene.coords and np.isfinite(scene["wavelength"].to_numpy()).any():
        wavelengths = scene["wavelength"].to_numpy().astype(float)
        unit = 1000.0 if np.nanmax(wavelengths) < 100 else 1.0
        return [int(np.nanargmin(np.abs(wavelengths * unit - target))) for target in _RGB_NANOMETRES]
    return [min(count - 1, int(share * count)) for share in _RGB_SHARES]


def _stretch(bands: NDArray[np.float64], valid: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    limits = [
        np.percentile(band[inside], (2, 98)) if inside.any() else (0.0, 1.0)
        for band, inside in zip(bands, valid, strict=True)
    ]
    low, high = np.array(limits).T
    return low[:, None, None], np.where(high > low, high, low + 1)[:, None, None]


def _colours(
    bands: NDArray[np.float64], valid: NDArray[np.bool_], stretch: tuple[NDArray[Any], NDArray[Any]]
) -> NDArray[np.float64]:
    low, high = stretch
    stretched = np.clip((np.where(valid, bands, low) - low) / (high - low), 0, 1) ** 0.8
    return np.moveaxis(np.where(valid.any(axis=0), stretched, 1.0), 0, -1)


def _spread(valid: NDArray[np.bool_]) -> list[tuple[int, int]]:
    rows, columns = np.nonzero(valid.any(axis=0))
    wanted = [int(share * (len(rows) - 1)) for share in (0.2, 0.5, 0.8)] if len(rows) else []
    return list(dict.fromkeys((int(rows[at]), int(columns[at])) for at in wanted))


def _draw_image(ax: Axes, image: NDArray[Any], name: str, pixels: Sequence[tuple[int, int]]) -> None:
    ax.imshow(image, interpolation="nearest")
    for (row, column), colour in zip(pixels, _COLOURS, strict=False):
        ax.plot(column, row, "o", markersize=8, markerfacecolor="none", markeredgecolor="white", markeredgewidth=3)
        ax.plot(column, row, "o", markersize=8, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.6)
    _bare(ax, name)


def _draw_error(figure: Figure, ax: Axes, pair: _Pair) -> None:
    squares = pair.squared_error.sum(axis=0)
    counts = pair.valid.sum(axis=0)
    error = np.sqrt(np.divide(squares, counts, out=np.full(squares.shape, np.nan), where=counts > 0))
    top = float(np.nanpercentile(error, 99)) if np.isfinite(error).any() else 1.0
    image = ax.imshow(error, cmap="magma", vmin=0, vmax=top or 1.0, interpolation="nearest")
    bar = figure.colorbar(image, ax=ax, fraction=0.045, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, colors=_QUIET)
    _bare(ax, "error (RMSE over bands)")


def _draw_spectra(ax: Axes, pair: _Pair, pixels: Sequence[tuple[int, int]]) -> None:
    for (row, column), colour in zip(pixels, _COLOURS, strict=False):
        inside = pair.valid[:, row, column]
        first, second = (np.where(inside, samples[:, row, column], np.nan) for samples in (pair.before, pair.after))
        ax.plot(pair.scale, first, color=colour, linewidth=3.5, alpha=0.3)
        ax.plot(pair.scale, second, color=colour, linewidth=1.2, label=f"row {row}, column {column}")
    ax.set_title("spectra: original broad, decoded fine", loc="left", fontsize=10, color=_INK)
    ax.set_xlabel(pair.label, fontsize=9, color=_QUIET)
    if pixels:
        ax.legend(frameon=False, fontsize=8, labelcolor=_INK)
    _plain(ax)


def _draw_band_error(ax: Axes, pair: _Pair) -> None:
    counts = pair.valid.sum(axis=(1, 2))
    squares = pair.squared_error.sum(axis=(1, 2))
    rmse = np.sqrt(np.divide(squares, counts, out=np.full(len(counts), np.nan), where=counts > 0))
    ax.fill_between(pair.scale, rmse, color=_COLOURS[0], alpha=0.25, linewidth=0)
    ax.plot(pair.scale, rmse, color=_COLOURS[0], linewidth=1.2)
    ax.set_ylim(bottom=0)
    ax.set_title("error by band (RMSE)", loc="left", fontsize=10, color=_INK)
    ax.set_xlabel(pair.label, fontsize=9, color=_QUIET)
    _plain(ax)


def _band_scale(scene: xr.DataArray, axes: SceneAxes) -> tuple[NDArray[Any], str]:
    """Return the band axis of a plot: wavelengths where every band has one, in ascending order, else band numbers."""
    if "wavelength" in scene.coords:
        wavelengths = scene["wavelength"].to_numpy().astype(float)
        if wavelengths.ndim == 1 and np.isfinite(wavelengths).all() and (np.diff(wavelengths) > 0).all():
            return wavelengths, f"wavelength ({scene['wavelength'].attrs.get('units', 'nm')})"
    return np.arange(1, scene.sizes[axes.band] + 1), "band"


def _bare(ax: Axes, name: str) -> None:
    ax.set_title(name, loc="left", fontsize=10, color=_INK)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_QUIET)
    ax.tick_params(colors=_QUIET, labelsize=8)
    ax.margins(x=0.01)

"""What there is to see of a scene and its decoded form: pictures, error maps, spectra; read once, row by row."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.band_axis import BandAxis, colour_bands
from xr_inr.core.metrics import Figures, compare, spectral_angles
from xr_inr.scene_reader import SceneReader, check_masks

_SAMPLES_AT_ONCE = 2**22
_GAMMA = 0.8


@dataclass(frozen=True)
class Errors:
    """What there is to see where the original is at hand."""

    original: NDArray[np.uint8]
    """(height', width', 4) pseudo-colour picture of the original, like that of the decoded scene."""

    rmse: NDArray[np.float64]
    """(height', width') root mean squared error over bands, in data units; NaN where all is masked."""

    angle: NDArray[np.float64]
    """(height', width') mean spectral angle, in degrees; NaN where there is none."""

    worst: dict[str, tuple[int, int]]
    """(row, column) of the pixel with the largest 'rmse' and of the one with the largest 'angle', if above 0."""

    figures: Figures
    """The error over all samples."""


@dataclass(frozen=True)
class Views:
    """Pictures of one scene."""

    shape: tuple[int, int, int]
    """(bands, height, width) of the scene."""

    factor: int
    """Height and width, in pixels of the scene, of a pixel of the pictures and maps."""

    colour_bands: list[int]
    """Indices of the bands shown as red, green and blue."""

    decoded: NDArray[np.uint8]
    """(height', width', 4) pseudo-colour picture, red, green, blue and opacity: 0 where all bands are masked."""

    errors: Errors | None
    """What needs the original; None without it."""

    axis: BandAxis
    """What bands are drawn over."""

    unit: str
    """Of the samples, as the scene says; empty where it does not."""


@dataclass
class _Sums:
    """What is summed over the pixels of a picture's pixel."""

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def mean(self) -> NDArray[np.float64]:
        return ratio(self.values, self.counts)


def measure(
    original: SceneReader | None, decoded: SceneReader, *, longest_edge: int | None = None, block_rows: int = 1
) -> Views:
    """Read both scenes once and return what there is to see.

    Parameters
    ----------
    original, decoded
        The scenes, of the same form; None where there is no original.
    longest_edge
        Pictures and maps have at most this height and width, pixels averaged; those of the scene if None.
    block_rows
        Rows are read in multiples of this where memory allows: the height of the decoded scene's chunks.

    Raises
    ------
    RequestError
        When the scenes do not mask the same samples.
    """
    bands, height, width = decoded.shape
    factor = 1 if longest_edge is None else -(-max(height, width) // longest_edge)
    scene = decoded if original is None else original
    colours = colour_bands(scene.scene, scene.axes.band)
    parts: dict[str, list[_Sums]] = {"decoded": [], "original": [], "rmse": [], "angle": []}
    figures: list[Figures] = []
    worst: dict[str, tuple[float, tuple[int, int]]] = {}
    step = _block_height(bands * width, height, factor, block_rows)
    for start in range(0, height, step):
        second, valid = decoded.rows(start, start + step)
        parts["decoded"].append(_pooled(second[colours], valid[colours], factor))
        if original is None:
            continue
        first, also = original.rows(start, start + step)
        check_masks(start, also, valid)
        parts["original"].append(_pooled(first[colours], valid[colours], factor))
        figures.append(compare(first, second, valid))
        squares, counts, angles = _pixel_errors(first, second, valid)
        parts["rmse"].append(_Sums(_boxes(squares, factor), _boxes(counts, factor)))
        parts["angle"].append(_pooled(angles, ~np.isnan(angles), factor))
        for name, errors in (("rmse", ratio(squares, counts)), ("angle", angles)):
            largest, at = _largest(errors)
            if largest > worst.get(name, (0.0, (0, 0)))[0]:
                worst[name] = (largest, (start + at // width, at % width))
    joined = {name: _joined(sums) for name, sums in parts.items() if sums}
    stretch = _stretch(joined["decoded" if original is None else "original"])
    found = None
    if original is not None:
        found = Errors(
            original=_picture(joined["original"], stretch),
            rmse=np.sqrt(joined["rmse"]),
            angle=joined["angle"],
            worst={name: place for name, (_, place) in worst.items()},
            figures=functools.reduce(operator.add, figures),
        )
    return Views(
        shape=decoded.shape,
        factor=factor,
        colour_bands=colours,
        decoded=_picture(joined["decoded"], stretch),
        errors=found,
        axis=BandAxis.of(scene.scene, scene.axes.band),
        unit=unit_of(scene.scene),
    )


def ratio(values: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return values / counts, NaN where nothing was counted."""
    found: NDArray[np.float64] = values / np.where(counts > 0, counts, np.nan)
    return found


def _block_height(row_samples: int, height: int, factor: int, block_rows: int) -> int:
    most = max(1, _SAMPLES_AT_ONCE // row_samples)
    whole = block_rows if block_rows <= most else 1
    unit = int(np.lcm(whole, factor))
    unit = unit if unit <= most else factor
    return min(max(unit, most // unit * unit), -(-height // factor) * factor)


def _pixel_errors(
    first: NDArray[Any], second: NDArray[Any], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return, of each pixel, the summed squared error, the bands that count, and the spectral angle in degrees."""
    before, after = (np.where(valid, scene, 0).astype(np.float64).reshape(len(valid), -1) for scene in (first, second))
    squares = np.square(before - after).sum(axis=0)
    measured = np.asarray(before.any(axis=0)) & after.any(axis=0)
    angles = np.where(measured, 0.0, np.nan)
    # The angle between equal spectra would be a rounding error.
    measured &= squares > 0
    angles[measured] = spectral_angles(before[:, measured], after[:, measured])
    form = valid.shape[1:]
    return squares.reshape(form), valid.sum(axis=0), angles.reshape(form)


def _largest(errors: NDArray[np.float64]) -> tuple[float, int]:
    """Return the largest error and where in C order it is; 0 where there is none."""
    known = np.nan_to_num(errors)
    at = int(known.argmax())
    return float(known.flat[at]), at


def _pooled(samples: NDArray[Any], valid: NDArray[np.bool_], factor: int) -> _Sums:
    return _Sums(_boxes(np.where(valid, samples, 0).astype(np.float64), factor), _boxes(valid.astype(np.int64), factor))


def _boxes(samples: NDArray[Any], factor: int) -> NDArray[Any]:
    """Sum over boxes of `factor` x `factor` of the last two axes, those at the edge cut short."""
    if factor == 1:
        return samples
    for axis in (-2, -1):
        samples = np.add.reduceat(samples, np.arange(0, samples.shape[axis], factor), axis=axis)
    return samples


def _joined(sums: list[_Sums]) -> NDArray[np.float64]:
    return np.concatenate([part.mean for part in sums], axis=-2)


def _stretch(planes: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the 2nd and 98th percentile of each plane, (3, height', width')."""
    found = []
    for plane in planes:
        inside = plane[np.isfinite(plane)]
        low, high = np.percentile(inside, (2, 98)) if inside.size else (0.0, 1.0)
        found.append((float(low), float(high) if high > low else float(low) + 1.0))
    return found


def _picture(planes: NDArray[np.float64], stretch: list[tuple[float, float]]) -> NDArray[np.uint8]:
    opaque = np.isfinite(planes).any(axis=0)
    shades = [
        np.clip((np.nan_to_num(plane, nan=low) - low) / (high - low), 0, 1) ** _GAMMA
        for plane, (low, high) in zip(planes, stretch, strict=True)
    ]
    return np.asarray(np.rint(255 * np.stack([*shades, opaque], axis=-1)), np.uint8)


def unit_of(scene: xr.DataArray) -> str:
    """Return the unit of a scene's samples as its attributes say it, else nothing."""
    unit = scene.attrs.get("units", "")
    return unit if isinstance(unit, str) else ""

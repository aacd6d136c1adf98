"""A payload of which no sample errs by more than a bound: a model, and a residual layer on top of it.

The better the model, the less is left to the layer. Where the bound is tight the layer alone is smallest, since it
predicts each band from those before it; where it is wide the model holds most. So a mean spectrum is tried first, and
then a few models, each as good as those before it let foretell is best.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import Model, Section, write_container
from xr_inr.core.decode import Payload
from xr_inr.core.goal import FittedModel, Sections
from xr_inr.core.latent.repeat_map import write_repeats
from xr_inr.core.latent.smallest import mean_only
from xr_inr.core.residual.balance import Tried, first_share, next_share
from xr_inr.core.residual.fit import TILE_SIDE, fit_layer
from xr_inr.core.residual.grid import Grid
from xr_inr.core.residual.remainder import Remainder
from xr_inr.core.scene import Scene
from xr_inr.exceptions import BudgetError

_FITS = 4
"""Models tried at most."""

_SAMPLES_AT_ONCE = 2**19

FitTo = Callable[[float], FittedModel]
"""Fits a model to a PSNR in dB; raises `BudgetError` where none is that good."""


def fit_bounded(scene: Scene, array: NDArray[Any], max_error: float, fit: FitTo) -> FittedModel:
    """Return the smallest model found whose residual layer keeps a bound.

    Parameters
    ----------
    scene
        The scene; at least one band must be fitted.
    array
        Its samples, (bands, height, width).
    max_error
        The bound, in data units.
    fit
        Fits a model to a PSNR.

    Raises
    ------
    RequestError
        When the dtype does not allow so small an error.
    """
    grid = Grid.for_bound(scene.layout, max_error)
    mean = FittedModel({Section.LATENT_BASIS: mean_only(scene).to_bytes()}, 0)
    best, plain = _with_layer(scene, array, grid, mean, math.inf)
    if scene.repeats is not None:
        telling = {Section.LATENT_REPEATS: write_repeats(scene.repeats)}
        told, _ = _with_layer(scene, array, grid, FittedModel(mean.sections | telling, 0), math.inf)
        best = min(best, told, key=_size)
    if grid.step == 1 or max_error >= float(scene.layout.high) - float(scene.layout.low):
        # The layer predicts all, or has nothing to say: samples do not leave their range.
        return best
    bound = grid.step * grid.unit / 2.0
    share: float | None = first_share(plain.layer, scene.size)
    tried: list[Tried] = []
    while share is not None and len(tried) < _FITS:
        try:
            model = fit(20.0 * math.log10(scene.peak / (share * bound)))
        except BudgetError:
            break
        found, figures = _with_layer(scene, array, grid, model, share)
        tried.append(figures)
        best = min(best, found, key=_size)
        share = next_share(tried, _size(best))
    return best


def _with_layer(
    scene: Scene, array: NDArray[Any], grid: Grid, model: FittedModel, share: float
) -> tuple[FittedModel, Tried]:
    """Return a model with its layer, and what is known of it: its error is to be `share` of the bound."""
    remainder = Remainder(grid, *_compared(scene, array, model))
    layer = fit_layer(remainder)
    sections: Sections = model.sections | {Section.RESIDUAL: layer}
    return FittedModel(sections, model.iterations), Tried(share, _size(model), len(layer), remainder.some_errors())


def _compared(
    scene: Scene, array: NDArray[Any], model: FittedModel
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_] | None]:
    """Return the samples of fitted bands, what a model decodes to there, row by row, and which count."""
    layout = scene.layout
    fitted, (_, height, width) = layout.fitted_bands, layout.shape
    samples = array if len(fitted) == len(array) else array[fitted]
    payload = Payload(write_container(Model.LATENT, layout.to_sections() | model.sections))
    decoded = np.empty(samples.shape, layout.dtype)
    step = max(1, _SAMPLES_AT_ONCE // (len(fitted) * width))
    for start in range(0, height, step):
        rows = (start, min(start + step, height))
        decoded[:, rows[0] : rows[1]] = payload.read((rows, (0, width)), fitted)
    return samples, decoded, _coded(scene, model, decoded.shape)


def _coded(scene: Scene, model: FittedModel, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return which samples have residuals, (fitted bands, height, width); None where all do.

    None have those of pixels that repeat others of their tile, where a payload tells of them.
    """
    valid = None if scene.valid is None else scene.valid.reshape(shape)
    if scene.repeats is None or Section.LATENT_REPEATS not in model.sections:
        return valid
    own = np.broadcast_to(~scene.repeats.within_tiles(TILE_SIDE), shape)
    return own if valid is None else own & valid


def _size(model: FittedModel) -> int:
    return sum(map(len, model.sections.values()))

"""A scene made ready to fit: what is measured, what is masked, what is constant, and on which scale.

Masked samples and constant bands are stored exactly and never reach the network; the rest is scaled to [0, 1]. Bad
bands, which are not to count, are kept as one typical value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.mask import NODATA, VALID, Mask
from xr_inr.core.repeats import Repeats, RepeatsSeen
from xr_inr.core.sample_rules import check_finite, check_form, check_nodata, good_bands
from xr_inr.core.scene_layout import CONSTANT, FITTED, VOID, SceneLayout
from xr_inr.core.source import Rows, Samples, SampleSource, source_of, tiles
from xr_inr.core.survey import BandFigures, MaskTiles, classify, see_bands, typical_sample
from xr_inr.exceptions import RequestError


@dataclass(frozen=True)
class Scene:
    """A scene ready to fit."""

    layout: SceneLayout
    """What the decoder must know."""

    source: SampleSource
    """Where the samples come from."""

    valid_samples: int
    """How many samples of the scene are valid, those of constant bands included and those of bad bands not."""

    peak: float
    """The largest absolute value of those samples: R of the PSNR (paper, eq. 3)."""

    weights: NDArray[np.float64] | None = None
    """(fitted bands,) what `values` are multiplied with, as `fitted_weights` gives them; None for 1."""

    repeats: Repeats | None = None
    """Which pixels have the spectra of neighbours, bad bands aside; None if none do."""

    @property
    def size(self) -> int:
        """How many samples the fitted bands have, masked ones included."""
        _, height, width = self.layout.shape
        return len(self.layout.fitted_bands) * height * width

    @property
    def has_gaps(self) -> bool:
        """Whether some samples of the fitted bands are masked."""
        return bool(self.layout.mask.plane_of_band[self.layout.fitted_bands].any())

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """(fitted bands, pixels) samples scaled so that [low, high] becomes [0, 1], times weights; 0 where masked."""
        return self.scaled((0, self.layout.shape[1]))

    @cached_property
    def valid(self) -> NDArray[np.bool_] | None:
        """(fitted bands, pixels) where `values` count; None when all do."""
        return self.valid_of((0, self.layout.shape[1]))

    def tiles(self) -> Iterator[Tile]:
        """Yield the parts of the scene that are looked at at a time: all of it at once where it is small."""
        width = self.layout.shape[2]
        for rows in tiles(self.layout.shape):
            pixels = slice(rows[0] * width, rows[1] * width)
            if rows == (0, self.layout.shape[1]):
                yield Tile(pixels, self.values, self.valid)
            else:
                yield Tile(pixels, self.scaled(rows), self.valid_of(rows))

    def scaled(self, rows: Rows) -> NDArray[np.float32]:
        """Return the `values` of some rows."""
        layout = self.layout
        low = float(layout.low)
        spread = (float(layout.high) - low) or 1.0
        samples, valid = self.source.read(rows), self.valid_of(rows)
        values = np.empty((len(layout.fitted_bands), samples[0].size), np.float32)
        for index, band in enumerate(layout.fitted_bands.tolist()):
            of_band = samples[band].ravel().astype(np.float64)
            if valid is not None:
                of_band[~valid[index]] = low
            of_band -= low
            of_band /= spread
            if self.weights is not None:
                of_band *= self.weights[index]
            values[index] = of_band
        return values

    def unweighted(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return some of `values`, (fitted bands, pixels), on the [0, 1] scale whatever the weights."""
        if self.weights is None:
            return values
        plain: NDArray[np.float32] = (values / self.weights[:, None]).astype(np.float32)
        return plain

    def valid_of(self, rows: Rows) -> NDArray[np.bool_] | None:
        """Return the `valid` of some rows."""
        found = self.layout.mask.valid(self.layout.fitted_bands, rows)
        return None if found is None else found.reshape(len(found), -1)


@dataclass(frozen=True)
class Tile:
    """Some rows of a scene."""

    pixels: slice
    """Which of the scene's pixels."""

    values: NDArray[np.float32]
    """(fitted bands, pixels) as `Scene.values`; not to be written to."""

    valid: NDArray[np.bool_] | None
    """(fitted bands, pixels) as `Scene.valid`; None where no sample of the fitted bands of the scene is masked."""


def prepare_scene(
    samples: Samples, *, nodata: float | None = None, allow_void: bool = False, bad_bands: Sequence[int] = ()
) -> Scene:
    """Check an array and make it ready to fit.

    Parameters
    ----------
    samples
        An array, or what gives its rows; shape (bands, height, width), integers or floats of any byte order.
    nodata
        The value that marks samples without measurement; NaN samples of float arrays are masked in any case.
    allow_void
        Accept an array without a single valid sample (a chunk outside the swath).
    bad_bands
        Indices of the bands that are not to count: each is kept as the sample nearest to its mean, and takes no more.

    Returns
    -------
    Scene
        The scene, ready to fit.

    Raises
    ------
    RequestError
        For a wrong number of axes, an empty axis, a dtype that is neither integer nor float, infinite values, integers
        beyond 2**53, a nodata value that `dtype` cannot hold, no valid sample, or bad bands that are not there.
    """
    source = source_of(samples)
    check_form(source.shape, source.dtype)
    good = good_bands(bad_bands, source.shape[0])
    marker = check_nodata(nodata, source.dtype)
    if source.dtype.kind == "f" and marker is None:
        marker = source.dtype.type(np.nan)
    bands, _, width = source.shape
    figures, mask_tiles, repeats = [BandFigures() for _ in range(bands)], MaskTiles(bands), RepeatsSeen(good)
    for rows in tiles(source.shape):
        tile = source.read(rows)
        classes = classify(tile, marker)
        check_finite(tile, True if classes is None else classes == VALID, first_row=rows[0])
        mask_tiles.see(classes, (rows[1] - rows[0], width))
        see_bands(figures, tile, classes)
        repeats.see(tile, classes)
    valid_samples = sum(of_band.count for of_band, counts in zip(figures, good, strict=True) if counts)
    if not valid_samples and not allow_void:
        count = math.prod(source.shape[1:]) * int(good.sum())
        raise RequestError(f"a scene must have at least one valid sample. All {count} are nodata ({nodata}) or NaN.")
    layout = _layout(source, figures, mask_tiles.mask(), marker, good)
    peaks = [
        max(abs(float(f.low)), abs(float(f.high)))
        for f, counts in zip(figures, good, strict=True)
        if counts and f.count
    ]
    return Scene(layout, source, valid_samples, max(peaks, default=0.0), repeats=repeats.found())


def _layout(
    source: SampleSource, figures: Sequence[BandFigures], mask: Mask, marker: Any, good: NDArray[np.bool_]
) -> SceneLayout:
    kinds = np.full(len(figures), FITTED, np.uint8)
    constants: list[Any] = []
    for band, of_band in enumerate(figures):
        if not of_band.count:
            kinds[band] = VOID
        elif not good[band] or of_band.constant:
            kinds[band] = CONSTANT
            constants.append(of_band.first if good[band] else typical_sample(source, band, of_band, mask))
    fitted = [of_band for of_band, kind in zip(figures, kinds, strict=True) if kind == FITTED]
    low = min((float(of_band.low) for of_band in fitted), default=0.0)
    high = max((float(of_band.high) for of_band in fitted), default=0.0)
    native = source.dtype.newbyteorder("=")
    if fitted and high == low:
        # Zeros of both signs: equal, but not to the bit.
        high = float(np.nextafter(native.type(low), native.type(np.inf)))
    if marker is not None and not (low <= float(marker) <= high or mask.holds(NODATA)):
        marker = None
    bands, height, width = source.shape
    return SceneLayout(
        dtype=source.dtype,
        shape=(bands, height, width),
        nodata=marker,
        low=native.type(low),
        high=native.type(high),
        kinds=kinds,
        constants=np.array(constants, native),
        mask=mask,
    )

"""Which variables hold scenes, along which dimensions, and which must not be touched."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xr_inr.codecs.chunks import ChunkAxes
from xr_inr.core.request import whole_number
from xr_inr.core.sample_rules import check_nodata
from xr_inr.core.weights import checked_weights
from xr_inr.exceptions import RequestError

BAND_NAMES = frozenset(
    {"band", "bands", "wavelength", "wavelengths", "wl", "channel", "channels", "spectral", "spectral_band"}
)
"""Names, in lower case, by which a band dimension is known."""

BAND_WEIGHTS = "band_weights"
"""The coordinate that says what the errors of bands count."""

GOOD_BANDS = ("good_bands", "good_wavelengths")
"""Coordinates along the bands that are 1 for good bands and 0 for bad ones."""

_Y_NAMES = frozenset({"y", "lat", "latitude", "northing", "downtrack", "line", "lines", "row", "rows"})
_X_NAMES = frozenset(
    {"x", "lon", "longitude", "easting", "crosstrack", "sample", "samples", "col", "column", "columns"}
)
_LABEL_ATTRIBUTES = ("flag_values", "flag_meanings", "flag_masks", "class_names", "category_names")
_MOST_LABELS = 64
_FEWEST_SAMPLES = 1024


Chunks = str | Mapping[Hashable, int]
"""'scene', or sizes along y and x."""


@dataclass(frozen=True)
class SceneAxes:
    """The dimensions of a variable that make a scene; each index along any other dimension is a scene of its own."""

    dims: tuple[Hashable, ...]
    """All dimensions, in order."""

    band: Hashable
    """The band dimension."""

    y: Hashable
    """The vertical dimension."""

    x: Hashable
    """The horizontal dimension."""

    @property
    def chunk_axes(self) -> ChunkAxes:
        """The same, as axes of a chunk."""
        return ChunkAxes(self.dims.index(self.band), len(self.dims))


def find_axes(variable: xr.DataArray | xr.Variable, band_dim: Hashable | None = None) -> SceneAxes:
    """Return the axes of a variable.

    Parameters
    ----------
    variable
        With a band dimension and at least two others.
    band_dim
        The band dimension, where its name does not tell.

    Raises
    ------
    RequestError
        When there is no band dimension or too few others.
    """
    dims = variable.dims
    if band_dim is not None and band_dim not in dims:
        raise RequestError(f"band_dim must be a dimension of the variable, {dims}. Got {band_dim!r}.")
    bands = [band_dim] if band_dim is not None else [dim for dim in dims if str(dim).lower() in BAND_NAMES]
    if len(bands) != 1:
        raise RequestError(
            f"a scene must have one band axis, named {', '.join(sorted(BAND_NAMES))} or given as band_dim=. "
            f"Got dimensions {dims}."
        )
    others = [dim for dim in dims if dim != bands[0]]
    if len(others) < 2:
        raise RequestError(f"a scene must have two spatial axes beside its bands. Got dimensions {dims}.")
    y, x = others[-2:]
    named = {str(dim).lower() for dim in others[:-2]}
    if named & (_Y_NAMES | _X_NAMES) or str(y).lower() in _X_NAMES or str(x).lower() in _Y_NAMES:
        raise RequestError(f"y and x must be the last two axes beside the bands; transpose first. Got {dims}.")
    return SceneAxes(dims, bands[0], y, x)


def is_scene(variable: xr.DataArray, band_dim: Hashable | None = None) -> bool:
    """Whether a variable of a Dataset has a band axis, at least two others, and numbers."""
    if variable.dtype.kind not in "iufb":
        return False
    try:
        find_axes(variable, band_dim)
    except RequestError:
        return False
    return True


def chosen_scenes(
    known: Mapping[Hashable, xr.DataArray],
    variables: Sequence[Hashable] | None,
    band_dim: Hashable | None,
    *,
    container: str,
) -> list[Hashable]:
    """Return the names of the variables to compress.

    Parameters
    ----------
    known
        All data variables by name.
    variables
        The names asked for; if None, those of all scenes.
    band_dim
        The band dimension, where its name does not tell.
    container
        What the variables are of, for the message.

    Raises
    ------
    RequestError
        When a name is unknown, or nothing is asked for or is a scene.
    """
    if variables is not None:
        if not variables or any(name not in known for name in variables):
            raise RequestError(f"variables must name data variables of {list(known)}. Got {list(variables)}.")
        return list(variables)
    names = [name for name, variable in known.items() if is_scene(variable, band_dim)]
    if not names:
        dims = {name: variable.dims for name, variable in known.items()}
        raise RequestError(f"a {container} must have a variable with a band axis and two spatial axes. Got {dims}.")
    return names


def refuse_labels(name: Hashable, variable: xr.DataArray) -> None:
    """Raise `RequestError` for a variable that says of itself that it holds categories."""
    said = [attribute for attribute in _LABEL_ATTRIBUTES if attribute in variable.attrs]
    if variable.dtype.kind in "iu" and said:
        _refuse(name, f"its attribute {said[0]!r} says so")
    if variable.dtype == bool:
        _refuse(name, "its dtype is bool")


class LabelWatch:
    """Notices, while a single-band integer scene is looked through, that it holds only a few distinct values."""

    def __init__(self, name: Hashable) -> None:
        self._name = name
        self._values: set[int] = set()
        self._samples = 0

    def see(self, block: np.ndarray[Any, np.dtype[Any]], nodata: float | None) -> None:
        """Look at one block, (bands, height, width)."""
        if block.dtype.kind not in "iu" or len(block) > 1 or len(self._values) > _MOST_LABELS:
            return
        self._samples += block.size
        self._values.update(int(value) for value in np.unique(block)[: _MOST_LABELS + 2] if value != nodata)

    def decide(self) -> None:
        """Raise `RequestError` when what was seen looks like categories."""
        if self._samples >= _FEWEST_SAMPLES and 2 <= len(self._values) <= _MOST_LABELS:
            _refuse(self._name, f"its one band takes only {len(self._values)} distinct values")


def _refuse(name: Hashable, evidence: str) -> None:
    raise RequestError(
        f"variable {name!r} seems to hold categories ({evidence}): a lossy code would invent classes between them. "
        f"Leave it out with variables=[...], or pass allow_labels=True."
    )


def nodata_of(variable: xr.DataArray) -> float | None:
    """Return the value that a variable's attributes say marks missing samples; None if no sample can have it."""
    for attribute in ("_FillValue", "missing_value", "nodata"):
        try:
            stored = np.asarray(variable.attrs[attribute]).ravel()[0]
            value = int(stored) if isinstance(stored, np.integer) else float(stored)
            check_nodata(value, variable.dtype)
        except (KeyError, ValueError, TypeError, IndexError):
            # Absent, no number, or one that no sample can have: it marks nothing.
            continue
        return value
    return None


def bad_bands_of(variable: xr.DataArray, axes: SceneAxes) -> tuple[int, ...]:
    """Return the bands that a coordinate of `GOOD_BANDS` says are bad; none where it says other things than 0 and 1."""
    for name in GOOD_BANDS:
        if name in variable.coords and variable.coords[name].dims == (axes.band,):
            good = np.asarray(variable.coords[name])
            if good.dtype.kind in "biuf" and np.isin(good, (0, 1)).all():
                return tuple(np.flatnonzero(good == 0).tolist())
    return ()


def band_weights_of(variable: xr.DataArray, axes: SceneAxes) -> tuple[float, ...] | None:
    """Return what the coordinate `BAND_WEIGHTS` along the bands says; None without one.

    Raises
    ------
    RequestError
        When it holds anything but weights as `xr_inr.core.weights.checked_weights` takes them.
    """
    if BAND_WEIGHTS not in variable.coords or variable.coords[BAND_WEIGHTS].dims != (axes.band,):
        return None
    try:
        return checked_weights(variable.coords[BAND_WEIGHTS].to_numpy())
    except RequestError as error:
        raise RequestError(f"the coordinate {BAND_WEIGHTS!r} along {axes.band!r} cannot be used: {error}") from None


def chunk_shape(axes: SceneAxes, shape: Sequence[int], chunks: Chunks) -> tuple[int, ...]:
    """Return the shape of a chunk.

    Parameters
    ----------
    axes
        The axes of the variable.
    shape
        Its shape.
    chunks
        'scene' for one chunk over all of y and x, or sizes along them; -1 means all.

    Raises
    ------
    RequestError
        When `chunks` names something else or a size below 1.
    """
    sizes: dict[Hashable, int] = {axes.y: -1, axes.x: -1}
    if isinstance(chunks, Mapping):
        unknown = [dim for dim in chunks if dim not in sizes]
        if unknown:
            raise RequestError(f"chunks may name {axes.y!r} and {axes.x!r}: a chunk holds all bands. Got {unknown}.")
        sizes |= dict(chunks)
    elif chunks != "scene":
        raise RequestError(f"chunks must be 'scene' or sizes along {axes.y!r} and {axes.x!r}. Got {chunks!r}.")
    result = []
    for dim, length in zip(axes.dims, shape, strict=True):
        size = length if dim == axes.band else sizes.get(dim, 1)
        whole = whole_number(f"the chunks' size along {dim!r}", size)
        if whole < 1 and whole != -1:
            raise RequestError(f"a chunk's size must be a positive integer or -1. Got {size!r} along {dim!r}.")
        result.append(length if whole == -1 else min(whole, length))
    return tuple(result)

"""Between a chunk as Zarr lays it out and the scene (band, y, x) that a payload holds.

A chunk at the edge of an array reaches a codec padded with the fill value. The padding is cut off before the fit and
put back after decoding, so it costs neither bytes nor quality.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.decode import Payload
from xr_inr.exceptions import PayloadError, RequestError

Selection = tuple[Any, ...]
"""What zarr asks of a chunk: slices, integers, or arrays that broadcast together."""

_KEPT_PAYLOADS = 8


@functools.lru_cache(maxsize=_KEPT_PAYLOADS)
def kept_payload(data: bytes, max_samples: int) -> Payload:
    """Return a payload, read and checked. The last few are kept, so that reading on in a chunk decodes no latent twice.

    Raises
    ------
    PayloadError
        For anything but a whole, unaltered payload of a known format version, of no more samples than the chunk.
    """
    return Payload(data, max_samples=max_samples)


@dataclass(frozen=True)
class ChunkAxes:
    """Which axes of a chunk are bands and space.

    The last two axes beside the band axis are y and x; any other must have length 1.
    """

    band_axis: int
    """Index of the band axis."""

    ndim: int
    """Number of axes of a chunk."""

    def __post_init__(self) -> None:
        if self.ndim < 3:
            raise RequestError(f"a chunk must have a band axis and two spatial axes. Got {self.ndim} axes.")
        if not 0 <= self.band_axis < self.ndim:
            raise RequestError(f"band_axis must be in [0, {self.ndim}). Got {self.band_axis}.")

    @property
    def spatial(self) -> tuple[int, int]:
        """The y and the x axis."""
        others = [axis for axis in range(self.ndim) if axis != self.band_axis]
        return others[-2], others[-1]

    @property
    def scene_axes(self) -> tuple[int, int, int]:
        """The band, y and x axes."""
        return (self.band_axis, *self.spatial)

    def check_shape(self, chunk_shape: tuple[int, ...]) -> None:
        """Refuse chunks that hold more than one scene; raises `RequestError`."""
        for axis, size in enumerate(chunk_shape):
            if axis not in self.scene_axes and size != 1:
                raise RequestError(
                    f"a chunk must have length 1 along every axis but bands, y and x. "
                    f"Got {size} along axis {axis} of {chunk_shape}."
                )

    def to_scene(self, chunk: NDArray[Any]) -> NDArray[Any]:
        """Return the chunk as (bands, height, width)."""
        self.check_shape(chunk.shape)
        scene = np.moveaxis(chunk, self.scene_axes, (-3, -2, -1))
        return scene.reshape(scene.shape[-3:])

    def from_scene(self, scene: NDArray[Any]) -> NDArray[Any]:
        """Return a scene in the chunk's order of axes."""
        expanded = scene.reshape((1,) * (self.ndim - 3) + scene.shape)
        return np.moveaxis(expanded, (-3, -2, -1), self.scene_axes)

    def read(self, payload: Payload, chunk_shape: tuple[int, ...], fill: Any) -> NDArray[Any]:
        """Return the whole chunk, padded with `fill` where the payload ends before it."""
        self._check_payload(payload, chunk_shape)
        return self.from_scene(_padded(payload.read(), tuple(chunk_shape[axis] for axis in self.scene_axes), fill))

    def read_selection(
        self, payload: Payload, selection: Selection, chunk_shape: tuple[int, ...], fill: Any
    ) -> NDArray[Any]:
        """Return ``chunk[selection]``, evaluating only the positions it needs."""
        self._check_payload(payload, chunk_shape)
        if all(isinstance(item, np.ndarray) and item.shape == selection[0].shape for item in selection):
            return self._read_points(payload, selection, fill)
        named = [_indices(item, size) for item, size in zip(selection, chunk_shape, strict=True)]
        wanted = [np.unique(named[axis]) for axis in self.scene_axes]
        inside = [index[index < size] for index, size in zip(wanted, payload.shape, strict=True)]
        scene = payload.read_grid(inside[1], inside[2], inside[0])
        scene = _padded(scene, tuple(len(index) for index in wanted), fill)
        local = list(selection)
        for axis, index in zip(self.scene_axes, wanted, strict=True):
            item = selection[axis]
            backwards = isinstance(item, slice) and (item.step or 1) < 0
            local[axis] = (
                slice(None, None, -1 if backwards else 1)
                if isinstance(item, slice)
                else np.searchsorted(index, named[axis])
            )
        result: NDArray[Any] = self.from_scene(scene)[tuple(local)]
        return result

    def is_whole(self, selection: Selection, payload: Payload) -> bool:
        """Whether a selection has all samples of a payload, in their order and with all axes."""
        if not all(isinstance(item, slice) and item.step in (None, 1) and not item.start for item in selection):
            return False
        stops = [selection[axis].stop for axis in self.scene_axes]
        return all(stop is None or stop >= size for stop, size in zip(stops, payload.shape, strict=True))

    def _read_points(self, payload: Payload, selection: Selection, fill: Any) -> NDArray[Any]:
        """Read single samples: each position once, however many of its bands are asked for."""
        bands, rows, columns = (selection[axis].ravel() for axis in self.scene_axes)
        result = np.full(len(bands), fill, payload.dtype)
        inside = (rows < payload.shape[1]) & (columns < payload.shape[2])
        wanted, band_of = np.unique(bands[inside], return_inverse=True)
        pairs, pair_of = np.unique(np.stack([rows[inside], columns[inside]]), axis=1, return_inverse=True)
        table = payload.read_points(pairs[0].astype(np.intp), pairs[1].astype(np.intp), wanted.astype(np.intp))
        result[inside] = table[band_of, pair_of.ravel()]
        return result.reshape(selection[0].shape)

    def _check_payload(self, payload: Payload, chunk_shape: tuple[int, ...]) -> None:
        sizes = tuple(chunk_shape[axis] for axis in self.scene_axes)
        if payload.shape[0] != sizes[0] or payload.shape[1] > sizes[1] or payload.shape[2] > sizes[2]:
            raise PayloadError(f"a payload of {payload.shape} samples does not belong to a chunk of {sizes}")


def without_padding(scene: NDArray[Any], fill: Any) -> NDArray[Any]:
    """Cut off the last rows and columns that hold nothing but `fill`; at least one of each is kept."""
    equal = np.isnan(scene) if _is_nan(fill) else scene == fill
    filled = equal.all(axis=0)
    height, width = (max(1, int(np.flatnonzero(~filled.all(axis=axis)).max(initial=-1)) + 1) for axis in (1, 0))
    return scene[:, :height, :width]


def _indices(item: Any, size: int) -> NDArray[np.intp]:
    """Return the indices that one part of a selection names along an axis of `size`."""
    if isinstance(item, slice):
        return np.arange(size)[item]
    index = np.asarray(item)
    return np.flatnonzero(index) if index.dtype == bool else index.astype(np.intp)


def _padded(scene: NDArray[Any], shape: tuple[int, ...], fill: Any) -> NDArray[Any]:
    if scene.shape == shape:
        return scene
    padded = np.full(shape, fill, scene.dtype)
    padded[tuple(slice(size) for size in scene.shape)] = scene
    return padded


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))

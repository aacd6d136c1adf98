"""The sections of a latent payload, and samples from them with numpy alone, or with torch where that is asked for."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.arrays import NUMPY, Array, Arrays
from xr_inr.core.bitstream import ByteReader, ByteWriter, Section
from xr_inr.core.decoded_values import restore as restore_values
from xr_inr.core.decoded_values import restore_planes
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.cascade import Cascade, foretell, read_cascade
from xr_inr.core.latent.context import MEAN_CLASSES, MEAN_WEIGHTS
from xr_inr.core.latent.latents import LatentSide, decode_latents
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.network import IDENTITY_BYTES, LARGEST_OFFSET, ContextNetwork, network_of
from xr_inr.core.latent.outlier_list import read_outliers
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.repeat_map import read_repeats
from xr_inr.core.latent.restoration import read_restoration, restore
from xr_inr.core.latent.synthesis import SineSynthesis
from xr_inr.core.latent.wavelet import Pyramid, Span, Window, synthesise
from xr_inr.core.outliers import Outliers
from xr_inr.core.repeats import Repeats
from xr_inr.core.scene_layout import SceneLayout
from xr_inr.exceptions import PayloadError

_LARGEST_MEAN_WEIGHT = 127


def write_side(side: LatentSide, network: ContextNetwork) -> bytes:
    """Return the stored form of what predicts the latents."""
    writer = ByteWriter()
    writer.raw(network.identity)
    weights, offsets = side.mean_weights.ravel().astype(np.int64), side.offsets.astype(np.int64)
    writer.raw(write_parameters([_steps(side.scales), weights, offsets]))
    return writer.getvalue()


def write_fine(side: LatentSide) -> bytes:
    """Return the stored form of `LatentSide.fine_from`, of a side that has fine latents."""
    return bytes([side.fine_from])


def read_fine(data: bytes) -> int:
    """Read what `write_fine` wrote; raises `PayloadError`."""
    reader = ByteReader(data, "section of fine latents")
    fine_from = reader.u8("index of the lowest fine scale", low=1, high=SCALES - 1)
    reader.finish()
    return fine_from


def read_side(data: bytes, rank: int, pyramid: Pyramid) -> tuple[LatentSide, ContextNetwork]:
    """Read what `write_side` wrote; raises `PayloadError`."""
    reader = ByteReader(data, "side information of the latents")
    network = network_of(reader.raw(IDENTITY_BYTES))
    shape = (pyramid.levels + 1, rank)
    counts = [shape[0] * rank, MEAN_CLASSES * MEAN_WEIGHTS, rank]
    steps, weights, offsets = read_parameters(reader.rest(), counts, max(SCALES, _LARGEST_MEAN_WEIGHT))
    scales = np.cumsum(np.cumsum(steps.reshape(shape), axis=1), axis=0)
    if scales.size and not (scales.min() >= 0 and scales.max() < SCALES):
        raise PayloadError(f"the index of a subband's scale must be in [0, {SCALES})")
    if np.abs(weights).max() > _LARGEST_MEAN_WEIGHT:
        raise PayloadError(f"the weight of a neighbour must lie within +-{_LARGEST_MEAN_WEIGHT}")
    if np.abs(offsets).max(initial=0) > LARGEST_OFFSET:
        raise PayloadError(f"the offset of a component must lie within +-{LARGEST_OFFSET}")
    weights = weights.reshape(MEAN_CLASSES, MEAN_WEIGHTS)
    return LatentSide(scales.astype(np.int32), weights.astype(np.int32), offsets.astype(np.int32)), network


def _steps(scales: NDArray[np.int32]) -> NDArray[np.int64]:
    """Differences from the coarser level, and of those from the component before."""
    bordered = np.pad(scales.astype(np.int64), ((1, 0), (1, 0)))
    finer = bordered[1:] - bordered[:-1]
    return (finer[:, 1:] - finer[:, :-1]).ravel()


@dataclass(frozen=True)
class PlaneWindow:
    """The planes of a part of a scene, which give its samples."""

    rows: Span
    """(start, stop) in the scene."""

    columns: Span
    """(start, stop) in the scene."""

    planes: Array
    """(rank, rows, columns) whole numbers, in 2**-6 steps."""

    basis: LatentBasis
    """What makes spectra of them."""

    arrays: Arrays
    """What kind of array `planes` is."""

    outliers: Outliers | None = None
    """Samples that are told of one by one."""

    def covers(self, rows: Span, columns: Span) -> bool:
        """Return whether a part of the scene lies in this one."""
        (top, bottom), (left, right) = self.rows, self.columns
        return top <= rows[0] and rows[1] <= bottom and left <= columns[0] and columns[1] <= right

    def __call__(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return samples on the [0, 1] scale of the scene.

        Parameters
        ----------
        rows, columns
            Positions in the scene, all in this part of it: indices that broadcast together.
        bands
            Which of the fitted bands. Each is made of all components: fewer bands spare products, not planes.

        Returns
        -------
        ndarray
            (bands, ...), the shape of the positions.
        """
        shape = np.broadcast_shapes(rows.shape, columns.shape)
        values = self.basis.spectra(self._points(rows, columns, math.prod(shape)), bands, self.arrays)
        return self.arrays.get(values).reshape(len(bands), *shape)

    def samples(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp], layout: SceneLayout
    ) -> NDArray[Any]:
        """Return the same in the scene's dtype and range, (bands, ...)."""
        shape = np.broadcast_shapes(rows.shape, columns.shape)
        if self.arrays.device is not None:
            found = restore_values(self(rows, columns, bands), layout)
        else:
            points = self._points(rows, columns, math.prod(shape))
            found = restore_planes(points, self.basis, bands, layout).reshape(len(bands), *shape)
        if self.outliers is not None:
            down, across = np.broadcast_arrays(rows, columns)
            self.outliers.overwrite(found, down, across, bands, layout)
        return found

    def _points(self, rows: NDArray[np.intp], columns: NDArray[np.intp], count: int) -> Array:
        """Return the planes at positions in the scene, (rank, positions)."""
        points = _taken(self.planes, rows - self.rows[0], columns - self.columns[0], self.arrays)
        return points.reshape(len(points), count)


class LatentReader:
    """Gives samples of a latent payload.

    All latents are decoded when samples are first asked for, since each depends on others before it. Planes are made
    of them as they are asked for, a window at a time; once windows have cost as much as whole planes, these are made
    instead, and the latents let go.

    Parameters
    ----------
    sections
        Sections of the payload.
    bands
        How many bands are fitted.
    size
        (height, width) of the scene.
    arrays
        Where to decode.

    Raises
    ------
    PayloadError
        When a section is missing or out of range.
    """

    def __init__(
        self, sections: dict[Section, bytes], bands: int, size: tuple[int, int], arrays: Arrays = NUMPY
    ) -> None:
        if Section.LATENT_BASIS not in sections:
            raise PayloadError("the payload has no spectral basis")
        self.basis = LatentBasis.from_bytes(sections[Section.LATENT_BASIS], bands)
        self.cascade: Cascade = ()
        self.restoring: SineSynthesis | None = None
        self._arrays = arrays
        self._pyramid = Pyramid.of(size)
        self._latents: list[Array] | None = None
        self._kept: PlaneWindow | None = None
        self._stored_repeats = sections.get(Section.LATENT_REPEATS)
        self._stored_outliers = sections.get(Section.LATENT_OUTLIERS)
        self._bands = bands
        self._spent = 0
        self._lock = threading.Lock()
        if self.basis.rank:
            if Section.LATENT_SIDE not in sections or Section.LATENT_STREAM not in sections:
                raise PayloadError("the payload has no latents")
            self._side, self._network = read_side(sections[Section.LATENT_SIDE], self.basis.rank, self._pyramid)
            if Section.LATENT_FINE in sections:
                self._side = replace(self._side, fine_from=read_fine(sections[Section.LATENT_FINE]))
            self._stream = sections[Section.LATENT_STREAM]
            if Section.LATENT_SYNTHESIS in sections:
                self.cascade = read_cascade(sections[Section.LATENT_SYNTHESIS], self.basis.rank)
            if Section.LATENT_RESTORATION in sections:
                self.restoring = read_restoration(sections[Section.LATENT_RESTORATION], self.basis.rank)

    @property
    def networks(self) -> Cascade:
        """All sinusoidal networks, in the order they are evaluated."""
        return self.cascade if self.restoring is None else (*self.cascade, self.restoring)

    @cached_property
    def repeats(self) -> Repeats | None:
        """Which pixels repeat others; None where that is not told.

        Raises
        ------
        PayloadError
            When the section is out of range.
        """
        return None if self._stored_repeats is None else read_repeats(self._stored_repeats, self._pyramid.size)

    @cached_property
    def outliers(self) -> Outliers | None:
        """Samples that are told of one by one; None where there are none.

        Raises
        ------
        PayloadError
            When the section is out of range.
        """
        if self._stored_outliers is None:
            return None
        return read_outliers(self._stored_outliers, self._bands, math.prod(self._pyramid.size))

    def within(self, rows: Span, columns: Span) -> PlaneWindow:
        """Return the planes of a part of the scene, or of a larger one around it.

        Parameters
        ----------
        rows, columns
            (start, stop) in the scene, not empty.

        Raises
        ------
        PayloadError
            When the latents are out of range.
        """
        with self._lock:
            if self._kept is None or not self._kept.covers(rows, columns):
                made = self._made((rows, columns))
                self._kept = PlaneWindow(*made, self.basis, self._arrays, self.outliers)
            return self._kept

    def _made(self, window: Window) -> tuple[Span, Span, Array]:
        """Return a window, or the whole scene where that is due, and its planes."""
        if not self.basis.rank:
            return *self._pyramid.whole, self._arrays.zeros((0, *self._pyramid.size), "float32")
        if self._latents is None:
            repeated = None if self.repeats is None else self.repeats.repeated[None]
            side = replace(self._side, repeated=repeated)
            self._latents = decode_latents(self._stream, side, self._pyramid, self._network, self._arrays)
        self._spent += self._pyramid.cost(window)
        if self._spent < self._pyramid.cost(self._pyramid.whole):
            return *window, self._planes(self._latents, window)
        planes = self._planes(self._latents, self._pyramid.whole)
        self._latents = None
        return *self._pyramid.whole, planes

    def _planes(self, latents: list[Array], window: Window) -> Array:
        seen = self._seen(window)
        height, width = (stop - start for start, stop in seen)
        active = np.flatnonzero((self._side.scales > 0).any(axis=0))
        if len(active) == self.basis.rank:
            planes = synthesise(latents, self._pyramid, seen, self._arrays, self._side.unit)
        else:
            # Where all latents are zero, so is the plane.
            planes = self._arrays.zeros((self.basis.rank, height, width), "float32")
            chosen = self._arrays.put(active)
            parts = [part[chosen] for part in latents]
            planes[chosen] = synthesise(parts, self._pyramid, seen, self._arrays, self._side.unit)
        planes = restore(foretell(planes, self.cascade, self._arrays), self.restoring, self._arrays)
        rows, columns = (
            slice(start - first, stop - first) for (start, stop), (first, _) in zip(window, seen, strict=True)
        )
        if self.repeats is None:
            return planes[:, rows, columns]
        part = slice(*window[0]), slice(*window[1])
        down, across = (index[part] - first for index, (first, _) in zip(self.repeats.sources, seen, strict=True))
        return planes[:, self._arrays.put(down), self._arrays.put(across)]

    def _seen(self, window: Window) -> Window:
        """Return a window and the pixels around it that its own are foretold from, or repeat."""
        margin = len(self.networks) + (self.repeats is not None)
        rows, columns = (
            (max(start - margin, 0), min(stop + margin, size))
            for (start, stop), size in zip(window, self._pyramid.size, strict=True)
        )
        return rows, columns


def _taken(planes: Array, rows: NDArray[np.intp], columns: NDArray[np.intp], arrays: Arrays) -> Array:
    """Return planes at indices that broadcast together; a window of them is not copied."""
    if rows.ndim == columns.ndim == 2 and rows.shape[1] == columns.shape[0] == 1:
        spans = [_span(index.ravel()) for index in (rows, columns)]
        if None not in spans:
            return planes[:, *spans]
    return planes[:, arrays.put(rows), arrays.put(columns)]


def _span(index: NDArray[np.intp]) -> slice | None:
    """Return the slice that an index is; None where it is none."""
    if not len(index) or (np.diff(index) != 1).any():
        return None
    return slice(int(index[0]), int(index[-1]) + 1)

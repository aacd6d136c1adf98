"""Reading a payload: the whole scene, a window, some bands, single spectra; without torch, or with it on any device.

Only the positions asked for are evaluated, and each sample is the same however, and wherever, it is asked for.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.arrays import Arrays
from xr_inr.core.bitstream import Model, Section, read_container
from xr_inr.core.decoded_values import restore
from xr_inr.core.latent.reading import LatentReader, PlaneWindow
from xr_inr.core.mask import NAN, NODATA
from xr_inr.core.request import whole_number
from xr_inr.core.residual.reading import ResidualReader
from xr_inr.core.scene_layout import CONSTANT, FITTED, MOST_SAMPLES, SceneLayout
from xr_inr.core.siren.reading import SirenReader
from xr_inr.exceptions import PayloadError, RequestError

Window = tuple[slice | tuple[int, int], slice | tuple[int, int]]
"""(rows, columns), each a slice or a (start, stop) pair."""

Bands = int | slice | Sequence[int] | NDArray[Any]
"""One band, a slice of bands, or a list of them; counted from 0."""

Reader = SirenReader | LatentReader
"""Gives, within a part of the scene, samples of fitted bands on the [0, 1] scale."""

Fitted = Callable[[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]], NDArray[Any]]
"""Gives samples of fitted bands, in the scene's dtype, at (rows, columns, bands)."""

_SAMPLES_AT_ONCE = 2**17
"""Samples of which a cache holds the floats."""


class Payload:
    """A payload, read and checked, ready to give samples.

    Parameters
    ----------
    payload
        The bytes that `encode` returned.
    device
        Where to decode: numpy without torch if None, else torch on 'cpu', 'cuda', 'cuda:N', or 'auto' (a CUDA device
        if there is one). The samples are the same.
    max_samples
        A payload whose header says that it has more samples is refused before anything is allocated for them.

    Raises
    ------
    PayloadError
        For anything but a whole, unaltered payload of a known format version and at most `max_samples` samples.
    RequestError
        For an unknown device, or one that is not there; for a `max_samples` that is no whole number; for what is no
        bytes.
    DependencyError
        Where a device is asked for and torch cannot be imported.
    """

    def __init__(self, payload: bytes, device: str | None = None, *, max_samples: int = MOST_SAMPLES) -> None:
        limit = whole_number("max_samples", max_samples)
        self._arrays = Arrays.on(device)
        self.model, sections = read_container(_as_bytes(payload))
        self.layout = SceneLayout.from_sections(sections, limit)
        self.section_bytes = {tag: len(content) for tag, content in sections.items()}
        self.reader = _reader(self.model, sections, self.layout, self._arrays)
        self.residual = _residual(sections, self.layout, self.reader)
        self._fitted_index = np.cumsum(self.layout.kinds == FITTED) - 1
        self._constant_index = np.cumsum(self.layout.kinds == CONSTANT) - 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(bands, height, width)."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The sample type."""
        return self.layout.dtype

    @property
    def rank(self) -> int | None:
        """How many components the spectral basis has; None without one."""
        basis = None if self.reader is None else self.reader.basis
        return None if basis is None else basis.rank

    @property
    def network(self) -> str | None:
        """The shape of the networks: a siren's as n_h x w_h -> outputs, else layer by layer; None without one."""
        if isinstance(self.reader, SirenReader):
            return None if self.reader.network is None else str(self.reader.network.architecture)
        if self.reader is None or not self.reader.networks:
            return None
        shapes = ([network.inputs, *(len(biases) for _, biases in network.layers)] for network in self.reader.networks)
        return ", ".join(" -> ".join(map(str, shape)) for shape in shapes)

    @property
    def architecture(self) -> str | None:
        """What is fitted, in a few words; None where a mean spectrum, or nothing, is."""
        if self.model is Model.SIREN:
            return self.network
        if not self.rank:
            return None
        return f"rank {self.rank}" if self.network is None else f"rank {self.rank}, {self.network}"

    def read(self, window: Window | None = None, bands: Bands | None = None) -> NDArray[Any]:
        """Return samples of a window and some bands.

        Parameters
        ----------
        window
            (rows, columns), each a slice or a (start, stop) pair; the whole scene if None.
        bands
            Which bands, counted from 0; all if None.

        Returns
        -------
        ndarray
            Shape (bands, rows, columns) in the scene's dtype; one band keeps its axis.

        Raises
        ------
        RequestError
            When the window or a band lies outside the scene.
        PayloadError
            When the latents of a latent model are out of range, which shows only when samples are asked for.
        """
        count, height, width = self.shape
        spans = (slice(None), slice(None)) if window is None else window
        if not hasattr(spans, "__len__") or len(spans) != 2:
            raise RequestError(f"window must be (rows, columns). Got {window!r}.")
        row_index, column_index = _axis(spans[0], height, "rows"), _axis(spans[1], width, "columns")
        band_index = band_indices(bands, count)
        return self.read_grid(row_index, column_index, band_index)

    def read_grid(self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return the samples of `bands` where `rows` and `columns` cross.

        Parameters
        ----------
        rows, columns, bands
            Indices inside the scene, each of one axis.

        Returns
        -------
        ndarray
            Shape (bands, rows, columns) in the scene's dtype.
        """
        result = np.empty((len(bands), len(rows), len(columns)), self.dtype)
        within = self._within(rows, columns, bands)
        step = max(1, self._points_at_once(bands) // max(len(columns), 1))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            result[:, part] = self._samples(within, rows[part, None], columns[None], bands)
        return result

    def read_points(self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]) -> NDArray[Any]:
        """Return the samples of `bands` at the points (rows[i], columns[i]).

        Parameters
        ----------
        rows, columns
            Indices inside the scene, shape (points,).
        bands
            Indices inside the scene.

        Returns
        -------
        ndarray
            Shape (bands, points) in the scene's dtype.
        """
        result = np.empty((len(bands), len(rows)), self.dtype)
        within = self._within(rows, columns, bands)
        step = self._points_at_once(bands)
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            result[:, part] = self._samples(within, rows[part], columns[part], bands)
        return result

    def _points_at_once(self, bands: NDArray[np.intp]) -> int:
        return max(1, self._arrays.at_once(_SAMPLES_AT_ONCE) // max(len(bands), 1))

    def _within(self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]) -> Fitted | None:
        """Return what gives the samples of fitted bands around positions; None where none is asked for."""
        if self.reader is None or not (len(rows) and len(columns) and (self.layout.kinds[bands] == FITTED).any()):
            return None
        if self.residual is not None:
            return self.residual.samples
        near = self.reader.within((int(rows.min()), int(rows.max()) + 1), (int(columns.min()), int(columns.max()) + 1))
        if isinstance(near, PlaneWindow):
            return lambda rows, columns, bands: near.samples(rows, columns, bands, self.layout)
        return lambda rows, columns, bands: restore(near(rows, columns, bands), self.layout)

    def _samples(
        self,
        within: Fitted | None,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        bands: NDArray[np.intp],
    ) -> NDArray[Any]:
        """Return samples, (bands, ...), at indices that broadcast together."""
        layout = self.layout
        kinds = layout.kinds[bands]
        fitted, constant = kinds == FITTED, kinds == CONSTANT
        if within is not None and fitted.all():
            result = within(rows, columns, self._fitted_index[bands])
        else:
            result = np.zeros((len(bands), *np.broadcast_shapes(rows.shape, columns.shape)), layout.dtype)
            if within is not None:
                result[fitted] = within(rows, columns, self._fitted_index[bands[fitted]])
            result.T[..., constant] = layout.constants[self._constant_index[bands[constant]]]
        if not layout.mask.all_valid:
            classes = layout.mask.classes(bands, rows, columns)
            if layout.nodata is not None:
                result[classes == NODATA] = layout.nodata
            if layout.dtype.kind == "f":
                result[classes == NAN] = np.nan
        return result


def decode(
    payload: bytes,
    window: Window | None = None,
    bands: Bands | None = None,
    device: str | None = None,
    *,
    max_samples: int = MOST_SAMPLES,
) -> NDArray[Any]:
    """Decode a payload, or a window or some bands of it.

    Parameters
    ----------
    payload
        The bytes that `encode` returned.
    window
        (rows, columns), each a slice or a (start, stop) pair; the whole scene if None.
    bands
        Which bands, counted from 0; all if None.
    device
        Where to decode, as for `Payload`: without torch if None.
    max_samples
        A payload whose header says that it has more samples is refused before anything is allocated for them, even if
        a window asks for few of them.

    Returns
    -------
    ndarray
        Shape (bands, rows, columns) in the scene's dtype; equal to the slice of the whole decoded scene.

    Raises
    ------
    PayloadError
        For anything but a whole, unaltered payload of a known format version and at most `max_samples` samples.
    RequestError
        When the window or a band lies outside the scene, or for a device that is unknown or not there.
    DependencyError
        Where a device is asked for and torch cannot be imported.
    """
    return Payload(payload, device, max_samples=max_samples).read(window, bands)


def band_indices(bands: Bands | None, count: int) -> NDArray[np.intp]:
    """Return the indices that `bands` names among `count` bands; raises `RequestError`."""
    if bands is None or isinstance(bands, slice):
        return np.arange(count)[bands or slice(None)]
    index = np.atleast_1d(np.asarray(bands, None if np.size(bands) else np.intp))
    if index.dtype.kind not in "iu" or index.ndim != 1:
        raise RequestError(f"bands must be an integer, a slice or a list of integers. Got {bands!r}.")
    if len(index) and (index.min() < -count or index.max() >= count):
        raise RequestError(f"bands must lie in [0, {count}). Got {bands!r}.")
    return np.where(index < 0, index + count, index).astype(np.intp)


def _as_bytes(payload: Any) -> bytes:
    """Return a buffer as bytes; raises `RequestError` for anything else: of an integer, Python would make zeros."""
    if isinstance(payload, bytes):
        return payload
    try:
        return memoryview(payload).tobytes()
    except TypeError:
        raise RequestError(f"a payload must be bytes. Got {type(payload).__name__}.") from None


def _axis(span: slice | tuple[int, int], size: int, name: str) -> NDArray[np.intp]:
    try:
        if isinstance(span, slice):
            return np.arange(*span.indices(size))
        start, stop = (operator.index(bound) for bound in span)
    except (TypeError, ValueError):
        raise RequestError(f"the window's {name} must be a slice or (start, stop). Got {span!r}.") from None
    if not 0 <= start <= stop <= size:
        raise RequestError(f"the window's {name} must lie in [0, {size}]. Got ({start}, {stop}).")
    return np.arange(start, stop)


def _reader(model: Model, sections: dict[Section, bytes], layout: SceneLayout, arrays: Arrays) -> Reader | None:
    bands, size = len(layout.fitted_bands), layout.shape[1:]
    if model is Model.SIREN:
        return SirenReader(sections, bands, size, arrays)
    return LatentReader(sections, bands, size, arrays) if bands else None


def _residual(sections: dict[Section, bytes], layout: SceneLayout, reader: Reader | None) -> ResidualReader | None:
    if Section.RESIDUAL not in sections:
        return None
    if not isinstance(reader, LatentReader):
        raise PayloadError("a residual layer must come with a latent model of at least one band")
    return ResidualReader(sections[Section.RESIDUAL], layout, reader)

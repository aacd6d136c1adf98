"""``.inr`` on DataArray, Dataset and DataTree: each method one call into `xr_inr.api` or `xr_inr.tree`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Unpack

import xarray as xr

from xr_inr import api, tree
from xr_inr.api import RequestOptions
from xr_inr.core.request import FitRequest
from xr_inr.progress import ProgressOption
from xr_inr.report import Report
from xr_inr.reports import Reports
from xr_inr.store import Mode, ZarrFormat
from xr_inr.stream import StreamingOptions, StreamOptions
from xr_inr.variable_fit import FitOptions
from xr_inr.variables import Chunks


class _Accessor:
    """What all accessors share."""

    def __init__(self, obj: Any) -> None:
        self._obj = obj

    @property
    def nbytes(self) -> int:
        """Bytes of all payloads."""
        return sum(report.payload_bytes for report in self._reports.values())

    @property
    def _reports(self) -> Reports:
        return api.report(self._obj)


class _ArrayAccessor(_Accessor):
    """What the accessors of DataArray and Dataset share."""

    def encoding(
        self,
        *,
        chunks: Chunks = "scene",
        variables: Sequence[Hashable] | None = None,
        band_dim: Hashable | None = None,
        nodata: float | None = None,
        allow_labels: bool = False,
        bad_bands: Sequence[int] | None = None,
        zarr_format: ZarrFormat = 3,
        **request: Unpack[RequestOptions],
    ) -> dict[Hashable, dict[str, Any]]:
        """Return the ``encoding`` with which xarray's own ``to_zarr`` fits and stores; see `xr_inr.encoding`."""
        return api.encoding(
            self._obj,
            chunks=chunks,
            variables=variables,
            band_dim=band_dim,
            nodata=nodata,
            allow_labels=allow_labels,
            bad_bands=bad_bands,
            zarr_format=zarr_format,
            **request,
        )

    def to_zarr(
        self,
        store: Any,
        *,
        mode: Mode = "w-",
        zarr_format: ZarrFormat = 3,
        **streaming: Unpack[StreamingOptions],
    ) -> None:
        """Write what `compress` returned to a Zarr store, without fitting again; see `xr_inr.write`."""
        api.write(self._obj, store, mode=mode, zarr_format=zarr_format, **streaming)


@xr.register_dataarray_accessor("inr")  # type: ignore[no-untyped-call]
class DataArrayAccessor(_ArrayAccessor):
    """Compression of one scene as an implicit neural representation."""

    def compress(
        self,
        *,
        chunks: Chunks = "scene",
        band_dim: Hashable | None = None,
        nodata: float | None = None,
        allow_labels: bool = False,
        bad_bands: Sequence[int] | None = None,
        compute: bool = True,
        progress: ProgressOption = None,
        **request: Unpack[RequestOptions],
    ) -> xr.DataArray:
        """Fit the scene and return it with values that decode from the payload; see `xr_inr.compress`."""
        obj: xr.DataArray = self._obj
        return api.compress(
            obj,
            chunks=chunks,
            band_dim=band_dim,
            nodata=nodata,
            allow_labels=allow_labels,
            bad_bands=bad_bands,
            compute=compute,
            progress=progress,
            **request,
        )

    @property
    def report(self) -> Report:
        """Sizes and errors; see `xr_inr.Report`."""
        (found,) = self._reports.values()
        return found


@xr.register_dataset_accessor("inr")  # type: ignore[no-untyped-call]
class DatasetAccessor(_ArrayAccessor):
    """Compression of a Dataset's scenes as implicit neural representations."""

    def compress(
        self,
        *,
        chunks: Chunks = "scene",
        variables: Sequence[Hashable] | None = None,
        band_dim: Hashable | None = None,
        nodata: float | None = None,
        allow_labels: bool = False,
        bad_bands: Sequence[int] | None = None,
        compute: bool = True,
        progress: ProgressOption = None,
        **request: Unpack[RequestOptions],
    ) -> xr.Dataset:
        """Fit the scenes and return the Dataset with values that decode from the payloads; see `xr_inr.compress`."""
        obj: xr.Dataset = self._obj
        return api.compress(
            obj,
            chunks=chunks,
            variables=variables,
            band_dim=band_dim,
            nodata=nodata,
            allow_labels=allow_labels,
            bad_bands=bad_bands,
            compute=compute,
            progress=progress,
            **request,
        )

    @property
    def report(self) -> Reports:
        """Sizes and errors of each compressed variable; see `xr_inr.Report`."""
        return self._reports


@xr.register_datatree_accessor("inr")  # type: ignore[no-untyped-call]
class DataTreeAccessor(_Accessor):
    """Compression of the scenes in all groups of a DataTree as implicit neural representations."""

    def compress(
        self,
        *,
        chunks: Chunks = "scene",
        variables: Sequence[str] | None = None,
        band_dim: Hashable | None = None,
        nodata: float | None = None,
        allow_labels: bool = False,
        bad_bands: Sequence[int] | None = None,
        compute: bool = True,
        progress: ProgressOption = None,
        **request: Unpack[RequestOptions],
    ) -> xr.DataTree:
        """Fit the scenes of all groups and return the tree with values that decode; see `xr_inr.compress`.

        Scenes get the coordinates ``wavelength``, ``fwhm`` and ``good_bands`` where another group has them along their
        bands, so that bad bands are known; everything else stays as it is. `variables` are paths, such as
        ``"reflectance"`` or ``"swir/radiance"``.
        """
        options = FitOptions(FitRequest(**request), chunks, band_dim, nodata, allow_labels, bad_bands)
        return tree.compress(self._obj, options, variables=variables, progress=progress, compute=compute)

    def encoding(
        self,
        *,
        chunks: Chunks = "scene",
        variables: Sequence[str] | None = None,
        band_dim: Hashable | None = None,
        nodata: float | None = None,
        allow_labels: bool = False,
        bad_bands: Sequence[int] | None = None,
        zarr_format: ZarrFormat = 3,
        **request: Unpack[RequestOptions],
    ) -> dict[str, dict[Hashable, dict[str, Any]]]:
        """Return the ``encoding`` with which the tree's own ``to_zarr`` fits and stores; see `xr_inr.encoding`."""
        options = FitOptions(FitRequest(**request), chunks, band_dim, nodata, allow_labels, bad_bands)
        return tree.encoding(self._obj, options, variables=variables, zarr_format=zarr_format)

    def to_zarr(
        self,
        store: Any,
        *,
        mode: Mode = "w-",
        zarr_format: ZarrFormat = 3,
        **streaming: Unpack[StreamingOptions],
    ) -> None:
        """Write what `compress` returned to a Zarr store, group by group; see `xr_inr.write`."""
        options = StreamOptions(**streaming)
        tree.write(self._obj, store, mode=mode, zarr_format=zarr_format, streaming=options)

    @property
    def report(self) -> Reports:
        """Sizes and errors of each compressed variable, by its path; see `xr_inr.Report`."""
        return self._reports

    @property
    def _reports(self) -> Reports:
        return tree.report(self._obj)

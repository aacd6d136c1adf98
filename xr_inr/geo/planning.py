"""The GDAL raster that an array makes: its size, sample type, place and metadata, before any sample."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rioxarray.exceptions import RioXarrayError

from xr_inr.exceptions import RequestError, StoreExistsError
from xr_inr.geo.conventions import read_crs, read_transform
from xr_inr.geo.metadata import RasterMetadata, collect_metadata, write_metadata
from xr_inr.geo.pixel_references import moved_along
from xr_inr.variables import find_axes

_DTYPES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64", "complex64", "complex128"),
)
# What GDAL puts beside a raster and would read into whatever takes its place.
_SIDECARS = (".aux.xml", ".ovr", ".msk")


@dataclass(frozen=True)
class RasterPlan:
    """A raster to be, all but its samples."""

    dims: tuple[Hashable, Hashable, Hashable | None]
    """The dimensions of rows, of columns, and of bands if there is one."""

    shape: tuple[int, int, int]
    """(bands, height, width)."""

    dtype: np.dtype[Any]
    """Of the samples as they are stored."""

    nodata: float | None
    """The value of samples without measurement."""

    crs: CRS | None
    """Of the coordinates."""

    transform: Affine | None
    """From (column, row) of pixel corners to coordinates; None without, or with ground control points."""

    gcps: list[GroundControlPoint]
    """Ground control points, mostly none."""

    metadata: RasterMetadata
    """Tags and properties."""

    @property
    def order(self) -> list[Hashable]:
        """The dimensions in a raster's order."""
        y_dim, x_dim, band_dim = self.dims
        return [dim for dim in (band_dim, y_dim, x_dim) if dim is not None]

    @contextmanager
    def create(self, path: Path, driver: str, profile: Mapping[str, Any], name: Path) -> Iterator[Any]:
        """Give a rasterio dataset at `path`, its metadata written; an error calls it `name`.

        Raises
        ------
        RequestError
            If GDAL refuses an option, or the profile contradicts the array.
        """
        profile = {key.lower(): value for key, value in profile.items()}
        count, height, width = self.shape
        given = {"driver": driver, "count": count, "height": height, "width": width, "dtype": self.dtype.name}
        for key, value in given.items():
            if key in profile and profile[key] != value:
                raise RequestError(f"{key} follows from the array, {value!r}; got {profile[key]!r}")
        place = {} if self.gcps else {"crs": self.crs, "transform": self.transform}
        try:
            with warnings.catch_warnings():
                # A raster without a place is what was asked for.
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                sink = rasterio.open(path, "w", **{"nodata": self.nodata, **place, **profile, **given})
        except (RasterioError, TypeError, ValueError) as error:
            raise RequestError(f"cannot write {name} as a {driver} raster: {error}") from error
        with sink:
            if self.gcps:
                sink.gcps = (self.gcps, self.crs)
            write_metadata(sink, self.metadata)
            yield sink


def plan_raster(
    da: xr.DataArray, *, y_dim: Hashable | None = None, x_dim: Hashable | None = None, imagery: bool = False
) -> RasterPlan:
    """Return the raster that an array makes.

    Parameters
    ----------
    da : xarray.DataArray
        Shape (band, y, x) in any order of dimensions, or (y, x); no sample beyond its first row is read.
    y_dim, x_dim : hashable, optional
        The spatial dimensions where neither rioxarray nor `xr_inr.compress` would find them.
    imagery : bool, optional
        Whether wavelengths are to stand in the IMAGERY domain also where other metadata says them.

    Raises
    ------
    RequestError
        If dimensions, dtype, coordinates or metadata cannot make a raster.
    """
    y_dim, x_dim, band_dim = _dimensions(da, y_dim, x_dim)
    da = moved_along(da, y_dim, x_dim)
    first = pack(da.isel({y_dim: slice(0, 1)}))
    metadata = collect_metadata(da, first.attrs, band_dim, imagery=imagery)
    gcps = da.rio.get_gcps() or []
    return RasterPlan(
        dims=(y_dim, x_dim, band_dim),
        shape=(len(metadata.bands), da.sizes[y_dim], da.sizes[x_dim]),
        dtype=_sample_type(first),
        nodata=_nodata(first),
        crs=read_crs(da),
        transform=read_transform(da, y_dim, x_dim),
        gcps=gcps,
        metadata=metadata,
    )


def pack(da: xr.DataArray) -> xr.DataArray:
    """Undo xarray's masking and scaling, which it notes in the encoding."""
    if all(da.encoding.get(key) is None for key in ("_FillValue", "missing_value", "scale_factor", "add_offset")):
        return da
    packed = da.variable.copy(deep=False)
    if "_FillValue" not in packed.attrs:
        # Else xarray would declare NaN as nodata of floats that have none.
        packed.encoding.setdefault("_FillValue", None)
    variable = xr.conventions.encode_cf_variable(packed, name=da.name)
    return da.copy(data=variable.data).assign_attrs(variable.attrs)


def check_raster_path(path: str | PathLike[str], *, overwrite: bool) -> Path:
    """Refuse a path that cannot take a raster, or must not.

    Raises
    ------
    RequestError
        If it is no file in a folder that exists.
    StoreExistsError
        If there is a file, and `overwrite` is False.
    """
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        raise RequestError(f"path must be a file in a folder that exists; got {target}")
    if target.exists() and not overwrite:
        raise StoreExistsError(f"{target} exists; pass overwrite=True to replace it")
    return target


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Give a path to write to, and move what was written to the target unless an error was raised."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        partial = folder / target.name
        yield partial
        partial.replace(target)
        for suffix in _SIDECARS:
            written, stale = Path(f"{partial}{suffix}"), Path(f"{target}{suffix}")
            if written.exists():
                written.replace(stale)
            else:
                stale.unlink(missing_ok=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _dimensions(
    da: xr.DataArray, y_dim: Hashable | None, x_dim: Hashable | None
) -> tuple[Hashable, Hashable, Hashable | None]:
    if y_dim is None or x_dim is None:
        found = _spatial_dimensions(da)
        y_dim, x_dim = y_dim or found[0], x_dim or found[1]
    if not {y_dim, x_dim} <= set(da.dims):
        raise RequestError(f"y_dim and x_dim must be among {da.dims}; got {y_dim!r} and {x_dim!r}")
    others = [dim for dim in da.dims if dim not in (y_dim, x_dim)]
    if len(others) > 1:
        raise RequestError(f"a GeoTIFF has at most one dimension besides rows and columns; got {da.dims}")
    if 0 in da.shape:
        raise RequestError(f"a GeoTIFF has no empty dimension; got sizes {dict(da.sizes)}")
    return y_dim, x_dim, others[0] if others else None


def _spatial_dimensions(da: xr.DataArray) -> tuple[Hashable, Hashable]:
    """Return the dimensions of rows and columns: as rioxarray finds them, or beside bands as for compression."""
    try:
        return da.rio.y_dim, da.rio.x_dim
    except RioXarrayError as error:
        try:
            axes = find_axes(da)
        except RequestError:
            raise RequestError(f"no spatial dimensions among {da.dims}; name them by y_dim= and x_dim=") from error
        return axes.y, axes.x


def _sample_type(da: xr.DataArray) -> np.dtype[Any]:
    if da.dtype.name not in _DTYPES:
        raise RequestError(f"a GeoTIFF holds {', '.join(_DTYPES)}; got {da.dtype}")
    return da.dtype


def _nodata(first: xr.DataArray) -> Any:
    nodata = first.attrs.get("_FillValue", first.attrs.get("missing_value"))
    if nodata is None:
        return None
    nodata = np.asarray(nodata).item()
    # GDAL's nodata is a double.
    if first.dtype.kind in "iu" and (nodata != np.clip(nodata, *_limits(first.dtype)) or int(nodata) != nodata):
        raise RequestError(f"nodata must be a {first.dtype.name}, at most 2**53; got {nodata!r}")
    return nodata


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return max(int(info.min), -(2**53)), min(int(info.max), 2**53)

"""Rasters to xarray, with the band metadata rioxarray drops."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rioxarray
import xarray as xr
from affine import Affine
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rioxarray.exceptions import RioXarrayError

from xr_inr.exceptions import RequestError
from xr_inr.geo.names import BAND_TAGS, COLOR_INTERPRETATION, GDAL_DOMAINS, is_reserved
from xr_inr.geo.pixel_references import with_pixel_numbers

# What a driver says about this file rather than about the scene.
_FILE_DOMAINS = frozenset({"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "SUBDATASETS", "LocationInfo"})

# Warnings of rioxarray's own code on what is repaired or meant here: (category, message).
_EXPECTED_WARNINGS: tuple[tuple[type[Warning], str], ...] = (
    (NotGeoreferencedWarning, ""),
    (UserWarning, "(Scales|Offsets) differ across bands"),
    (DeprecationWarning, "string or file could not be read to its end"),
    (PendingDeprecationWarning, "Use `@` matmul"),
)


def open_raster(path: str | PathLike[str], *, chunks: Any = None) -> xr.DataArray:
    """Open a raster of any GDAL format lazily, with all its metadata.

    As ``rioxarray.open_rasterio(path, mask_and_scale=False)``, but every band keeps its tags, and
    attributes hold JSON values only, so that they come back equal from a Zarr store.

    Parameters
    ----------
    path : str or path-like
        A file, or whatever else GDAL opens.
    chunks : int, tuple, dict, "auto" or True, optional
        Chunks of a dask array, as in ``rioxarray.open_rasterio``.

    Returns
    -------
    xarray.DataArray
        Shape (band, y, x), in the file's dtype, unscaled. Coordinates, where the file has them:

        - ``wavelength``, ``fwhm``: float64 along ``band``, ``units`` as in the file, NaN for a band
          without. From band tags, else an ENVI header, else the IMAGERY domain, else the NetCDF dimension;
        - ``good_bands``: int8 along ``band``, from ``bbl``;
        - ``y``, ``x``, or ``yc``, ``xc`` of shape (y, x) on a rotated grid, and ``spatial_ref``. Where ground
          control points or RPCs alone place it, ``y`` and ``x`` are numbers of pixels from the upper left corner,
          so that a selection is written with points and RPCs that have moved along.

        Attributes, where the file has them: its tags as text, ``long_name`` (descriptions),
        ``units``, ``_FillValue``, ``scale_factor`` and ``add_offset`` (or lists ``scales`` and
        ``offsets`` where bands differ), ``band_tags``, ``gdal_domains``, ``color_interpretation``.
        What is equal in all bands is one value, else a list with one value per band.

    Raises
    ------
    RequestError
        If the path cannot be opened, holds several rasters, or bands of several dtypes.

    Warns
    -----
    UserWarning
        If the file has a mask band: what it masks is read as samples like any others.
    """
    name = fspath(path)
    with warnings.catch_warnings():
        for category, message in _EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message=message, category=category)
        try:
            with rasterio.open(name) as source:
                parts = source.subdatasets
                attrs = _attributes(source)
                coords = _band_coordinates(source)
                crs, transform = source.crs, source.transform
                masked = _has_mask_band(source)
                _check_dtypes(name, source.dtypes)
            opened = rioxarray.open_rasterio(name, chunks=chunks, mask_and_scale=False)
        except (RasterioError, RioXarrayError, CRSError, ProjError) as error:
            raise RequestError(f"cannot open {name} as a raster: {error}") from error

    if masked:
        message = f"the mask band of {name} is not kept: give masked samples a value, and name it as nodata"
        warnings.warn(message, UserWarning, stacklevel=2)
    if not isinstance(opened, xr.DataArray):
        raise RequestError(f"{name} holds {len(parts)} rasters; open one of them: {', '.join(parts[:3])}, ...")

    da = _placed_as_the_file_says(opened, crs, transform)
    if _placed_by_pixels(da, attrs) and not {"x", "y", "xc", "yc"} & set(da.coords):
        da = with_pixel_numbers(da, "y", "x")
    band = da.dims[0]
    da = da.drop_vars(["wavelength", "fwhm"], errors="ignore")
    for key, (values, coord_attrs) in coords.items():
        da.coords[key] = (band, values, coord_attrs)
    if "_FillValue" in da.attrs:
        attrs["_FillValue"] = da.attrs["_FillValue"]
    da.attrs = attrs
    # xarray declares NaN the missing value of every float array it writes, unless told not to.
    for variable in (da, *da.coords.values()):
        if variable.dtype.kind == "f" and "_FillValue" not in variable.attrs:
            variable.encoding["_FillValue"] = None
    _tie_to_grid(da)
    # Arrays made of the one that was opened do not know what to close.
    da.set_close(opened.close)
    return da


def _check_dtypes(name: str, dtypes: Sequence[str]) -> None:
    different = sorted(set(dtypes))
    if len(different) > 1:
        raise RequestError(f"the bands of a raster must have one dtype. Those of {name} have {different}.")


def _has_mask_band(source: Any) -> bool:
    return any(MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags for flags in source.mask_flag_enums)


def _placed_by_pixels(da: xr.DataArray, attrs: Mapping[str, Any]) -> bool:
    """Whether ground control points or RPCs place the raster, which selections can only follow by coordinates."""
    return "gcps" in da.coords[da.rio.grid_mapping].attrs or "RPC" in attrs.get(GDAL_DOMAINS, {}).get("dataset", {})


def _placed_as_the_file_says(da: xr.DataArray, crs: CRS | None, transform: Affine) -> xr.DataArray:
    """Undo what rioxarray since 0.21 does where there are RPCs: no coordinates, and the CRS of the RPCs."""
    mapping = da.coords[da.rio.grid_mapping]
    if "rpcs" not in mapping.attrs:
        return da
    mapping.attrs = {name: value for name, value in mapping.attrs.items() if name == "GeoTransform"}
    if transform.is_rectilinear and transform != Affine.identity():
        x, y = (np.arange(da.sizes[dim]) + 0.5 for dim in ("x", "y"))
        da = da.assign_coords(x=transform.c + transform.a * x, y=transform.f + transform.e * y)
    return da if crs is None else da.rio.write_crs(crs)


def _tie_to_grid(da: xr.DataArray) -> None:
    """Let xarray's own ``to_zarr``, also with ``encoding=``, write what plain ``xr.open_zarr`` finds the CRS by."""
    mapping = da.encoding.pop("grid_mapping", None)
    if mapping is not None:
        da.attrs["grid_mapping"] = mapping
        da.encoding["coordinates"] = " ".join(sorted(str(name) for name in da.coords if name not in da.dims))


def collapse(values: Sequence[Any]) -> Any:
    """Return the one value all bands share, else the list of them."""
    return values[0] if all(value == values[0] for value in values) else list(values)


def _attributes(source: Any) -> dict[str, Any]:
    """Return the dataset's metadata as JSON values."""
    tags = source.tags()
    # The ENVI driver repeats every description as a dataset tag.
    repeated = {f"Band_{i}": text for i, text in enumerate(source.descriptions, 1)}
    aside = {k: v for k, v in tags.items() if is_reserved(k) or repeated.get(k) == v}
    attrs: dict[str, Any] = {k: v for k, v in tags.items() if k not in aside}

    for name, texts in (("long_name", source.descriptions), ("units", source.units)):
        if any(texts):
            attrs[name] = collapse([text or "" for text in texts])
    scales, offsets = (list(map(float, numbers)) for numbers in (source.scales, source.offsets))
    if len(set(scales)) > 1 or len(set(offsets)) > 1:
        # Both as lists: readers that follow CF would apply the one that is equal, alone.
        attrs |= {"scales": scales, "offsets": offsets}
    else:
        # Neutral values would turn integers into floats wherever CF is followed.
        attrs |= {"scale_factor": scales[0]} if scales[0] != 1 else {}
        attrs |= {"add_offset": offsets[0]} if offsets[0] != 0 else {}

    if columns := _columns([source.tags(i) for i in source.indexes]):
        attrs[BAND_TAGS] = columns
    domains: dict[str, dict[str, Any]] = {}
    dataset = {ns: source.tags(ns=ns) for ns in source.tag_namespaces() if ns not in _FILE_DOMAINS}
    if aside:
        dataset[""] = aside
    if dataset:
        domains["dataset"] = dataset
    spaces = {ns: None for i in source.indexes for ns in source.tag_namespaces(i) if ns not in _FILE_DOMAINS}
    if spaces:
        domains["band"] = {ns: _columns([source.tags(i, ns=ns) for i in source.indexes]) for ns in spaces}
    if domains:
        attrs[GDAL_DOMAINS] = domains
    colors = [color.name for color in source.colorinterp]
    if colors != ["gray", *["undefined"] * (len(colors) - 1)]:
        attrs[COLOR_INTERPRETATION] = collapse(colors)
    return attrs


def _columns(bands: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Turn one mapping per band into columns, None where a band lacks the tag."""
    keys = {key: None for tags in bands for key in tags}
    return {key: collapse([tags.get(key) for tags in bands]) for key in keys}


def _band_coordinates(source: Any) -> dict[str, tuple[npt.NDArray[Any], dict[str, Any]]]:
    """Return values and attributes of ``wavelength``, ``fwhm`` and ``good_bands``."""
    tags = [{key.lower(): text for key, text in source.tags(i).items()} for i in source.indexes]
    header = envi_lists(source.tags(ns="ENVI"), source.count)
    imagery = [source.tags(i, ns="IMAGERY") for i in source.indexes]
    units = {tag["wavelength_units"] for tag in tags if "wavelength_units" in tag}
    units = units or {source.tags(ns="ENVI").get("wavelength_units", "")}

    coords: dict[str, tuple[npt.NDArray[Any], dict[str, Any]]] = {}
    standard_names = {"wavelength": "radiation_wavelength"}
    for name, imagery_tag in (("wavelength", "CENTRAL_WAVELENGTH_UM"), ("fwhm", "FWHM_UM")):
        from_tags, from_header = [tag.get(name) for tag in tags], header.get(name, [])
        candidates: list[tuple[Sequence[str | None], set[str]]]
        candidates = [(from_tags, units), (from_header, units), ([tag.get(imagery_tag) for tag in imagery], {"um"})]
        # A NetCDF variable along a dimension of this name.
        axis, axis_unit = f"netcdf_dim_{name}", source.tags().get(f"{name}#units", "")
        candidates.append(([tag.get(axis) for tag in tags], {axis_unit}))
        for texts, unit in candidates:
            values = np.array([_number(text) for text in texts], np.float64)
            # Bands in different units share no axis; IMAGERY has one unit for all.
            if np.isfinite(values).any() and len(unit) == 1:
                attrs = {"units": next(iter(unit)), "standard_name": standard_names.get(name)}
                coords[name] = (values, {key: text for key, text in attrs.items() if text})
                break
    for texts in ([tag.get("bbl") for tag in tags], header.get("bbl", [])):
        good = [_number(text) for text in texts]
        if good and set(good) <= {0.0, 1.0}:
            meanings = {"flag_values": [0, 1], "flag_meanings": "bad good"}
            coords["good_bands"] = (np.array(good, np.int8), meanings)
            break
    return coords


def envi_lists(header: Mapping[str, str], count: int) -> dict[str, list[str]]:
    """Return the fields of an ENVI header that list one value per band."""
    lists = {key.lower(): text.strip("{} ").split(",") for key, text in header.items()}
    return {key: texts for key, texts in lists.items() if len(texts) == count}


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else np.nan
    except ValueError:
        return np.nan

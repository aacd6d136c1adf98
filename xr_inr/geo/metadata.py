"""From attributes of an array to the metadata of a GDAL raster."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from rasterio.enums import ColorInterp

from xr_inr.exceptions import RequestError
from xr_inr.geo.names import BAND_TAGS, COLOR_INTERPRETATION, GDAL_DOMAINS, is_reserved
from xr_inr.geo.reading import envi_lists
from xr_inr.variables import GOOD_BANDS

_WAVELENGTH = ("wavelength", "wavelengths")  # the second is EMIT's

_MICROMETRES = {
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("um", "µm", "μm", "micrometer", "micrometers", "micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("micron", "microns"), 1.0),
}


@dataclass(frozen=True)
class RasterMetadata:
    """What GDAL keeps of a raster besides pixels and place."""

    domains: dict[str, dict[str, str]]
    """Dataset tags by domain; "" is GDAL's default domain."""
    bands: list[dict[str, dict[str, str]]]
    """Tags by domain, for each band."""
    properties: dict[str, list[Any]]
    """Attributes of a rasterio dataset with one value per band."""


def collect_metadata(
    da: xr.DataArray, attrs: Mapping[Any, Any], band_dim: Hashable | None, *, imagery: bool = False
) -> RasterMetadata:
    """Collect a raster's metadata from an array's attributes and coordinates.

    Parameters
    ----------
    da : xarray.DataArray
        Gives the coordinates.
    attrs : mapping
        The attributes `xr_inr.geo.open_raster` describes, or any others: those become dataset tags.
    band_dim : hashable or None
        The dimension of bands; None for one band without.
    imagery : bool, optional
        Whether wavelengths are to stand in the IMAGERY domain also where other metadata says them.

    Returns
    -------
    RasterMetadata

    Raises
    ------
    RequestError
        If an attribute has another form, or a length other than the number of bands.
    """
    count = da.sizes[band_dim] if band_dim is not None else 1
    per_band = partial(_per_band, count=count, positions=_positions(da, band_dim))
    gdal_domains = _mapping(attrs, GDAL_DOMAINS)
    domains = {"": {str(k): _text(v) for k, v in attrs.items() if v is not None and not is_reserved(str(k))}}
    for domain, tags in _mapping(gdal_domains, "dataset").items():
        domains.setdefault(domain, {}).update({tag: _text(text) for tag, text in tags.items()})

    columns = {"": _mapping(attrs, BAND_TAGS), **_mapping(gdal_domains, "band")}
    header = set(envi_lists(domains.get("ENVI", {}), count))
    _add_spectral_tags(columns, da, band_dim, header, imagery=imagery)
    bands: list[dict[str, dict[str, str]]] = [{} for _ in range(count)]
    for domain in columns:
        for tag, column in _mapping(columns, domain).items():
            for band, text in zip(bands, per_band(tag, column), strict=True):
                if text is not None:
                    band.setdefault(domain, {})[tag] = _text(text)
    return RasterMetadata(domains, bands, _properties(attrs, per_band))


def _per_band(name: str, value: Any, *, count: int, positions: list[int] | None) -> list[Any]:
    """Return one value for each band of the array, from one for all or one for each band of the file."""
    if not isinstance(value, list | tuple | np.ndarray):
        return [value] * count
    if positions is not None and max(positions) < len(value):
        return [value[i] for i in positions]
    if len(value) != count:
        raise RequestError(f"{name!r} must have one value per band, {count}; it has {len(value)}")
    return list(value)


def _properties(attrs: Mapping[Any, Any], per_band: Callable[[str, Any], list[Any]]) -> dict[str, list[Any]]:
    properties: dict[str, list[Any]] = {}
    for name, keys in (("scales", ("scale_factor", "scales")), ("offsets", ("add_offset", "offsets"))):
        for key in keys:
            if key in attrs:
                properties[name] = [float(number) for number in per_band(key, attrs[key])]
    for name, key in (("units", "units"), ("descriptions", "long_name")):
        if key in attrs:
            properties[name] = [str(text or "") for text in per_band(key, attrs[key])]
    if COLOR_INTERPRETATION in attrs:
        colors = per_band(COLOR_INTERPRETATION, attrs[COLOR_INTERPRETATION])
        if unknown := set(colors) - set(ColorInterp.__members__):
            raise RequestError(f"{COLOR_INTERPRETATION!r} must be among {list(ColorInterp.__members__)}; got {unknown}")
        properties["colorinterp"] = [ColorInterp[color] for color in colors]
    return properties


def write_metadata(sink: Any, metadata: RasterMetadata) -> None:
    """Write metadata to a rasterio dataset open for writing."""
    for name, values in metadata.properties.items():
        setattr(sink, name, values)
    for index, domains in enumerate([metadata.domains, *metadata.bands]):
        for domain, tags in domains.items():
            where = {"bidx": index, "ns": domain or None}
            if domain.startswith("xml:"):
                # An XML domain is one text; rasterio can only write what it can split at an equals sign.
                sink.update_tags(**where, **dict(text.split("=", 1) for text in tags.values() if "=" in text))
            else:
                sink.update_tags(**where, **tags)


def _positions(da: xr.DataArray, band_dim: Hashable | None) -> list[int] | None:
    """Return which bands of the file these are, from 0, if a coordinate of band numbers tells."""
    name = band_dim if band_dim is not None else "band"
    if name not in da.coords or da.coords[name].dtype.kind not in "iu":
        return None
    numbers = np.atleast_1d(da.coords[name].to_numpy())
    return [int(number) - 1 for number in numbers] if numbers.min() >= 1 else None


def _add_spectral_tags(
    columns: dict[str, Any], da: xr.DataArray, band_dim: Hashable | None, header: set[str], *, imagery: bool
) -> None:
    """Add tags of the coordinates of wavelengths, widths and `GOOD_BANDS` that no metadata says yet."""
    tags, domain = _mapping(columns, ""), _mapping(columns, "IMAGERY")
    said = {str(tag).lower() for tag in (*tags, *domain)} | header
    for names, imagery_tag in (_WAVELENGTH, "CENTRAL_WAVELENGTH_UM"), (("fwhm",), "FWHM_UM"):
        name = names[0]
        found = {one: values for one in names if (values := _along_bands(da, one, band_dim)) is not None}
        new = not {name, imagery_tag.lower()} & said
        if not found or not (new or (imagery and imagery_tag.lower() not in said)):
            continue
        coordinate, values = next(iter(found.items()))
        unit = str(da.coords[coordinate].attrs.get("units", ""))
        # One tag holds the unit of both; a quantity in another unit is left to IMAGERY, which has its own.
        if new and (not unit or tags.setdefault("wavelength_units", unit) == unit):
            tags[name] = [None if np.isnan(v) else np.format_float_positional(v, trim="-") for v in values]
        if (scale := _MICROMETRES.get(unit.lower())) is not None:
            domain[imagery_tag] = [None if np.isnan(v) else f"{v * scale:.9g}" for v in values]
    for name in GOOD_BANDS:
        good = _along_bands(da, name, band_dim)
        if good is not None and "bbl" not in {str(tag).lower() for tag in tags} | header:
            tags["bbl"] = [str(int(value)) for value in good]
    columns |= {"": tags, "IMAGERY": domain}


def _along_bands(da: xr.DataArray, name: str, band_dim: Hashable | None) -> np.ndarray[Any, Any] | None:
    if name not in da.coords or da.coords[name].dims not in ((), (band_dim,)):
        return None
    values = np.atleast_1d(da.coords[name].to_numpy())
    return values.astype(np.float64) if values.dtype.kind in "iub" else values if values.dtype.kind == "f" else None


def _mapping(holder: Mapping[Any, Any], key: str) -> dict[str, Any]:
    value = holder.get(key, {})
    if not isinstance(value, Mapping):
        raise RequestError(f"{key!r} must be a mapping, as open_raster makes it; got {type(value).__name__}")
    return dict(value)


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return value if isinstance(value, str) else json.dumps(value, default=str)

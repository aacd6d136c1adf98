"""Names of attributes that mean something to a raster, to xarray or to Zarr."""

from __future__ import annotations

BAND_TAGS = "band_tags"
"""Tags per band, by column: ``{tag: text, the same for every band, or [text or None for each band]}``."""

GDAL_DOMAINS = "gdal_domains"
"""Other metadata domains: ``{"dataset": {domain: {tag: text}}, "band": {domain: columns as in band_tags}}``.

Dataset tags that cannot be attributes of their own stand under the domain ``""``, GDAL's default one.
"""

COLOR_INTERPRETATION = "color_interpretation"
"""GDAL colour interpretation, one name for all bands or a list; absent for gray followed by undefined."""

CONVENTION_PREFIXES = ("proj:", "spatial:")
"""How names of attributes of the Zarr conventions for places begin."""

_RESERVED = frozenset(
    {
        BAND_TAGS,
        COLOR_INTERPRETATION,
        GDAL_DOMAINS,
        # CF, xarray and Zarr
        "_ARRAY_DIMENSIONS",
        "_FillValue",
        "_Unsigned",
        "xr_inr",  # a store's report describes the store, not a raster written from it
        "add_offset",
        "ancillary_variables",
        "bounds",
        "calendar",
        "cell_measures",
        "coordinates",
        "dtype",
        "fill_value",
        "formula_terms",
        "grid_mapping",
        "long_name",
        "missing_value",
        "scale_factor",
        "units",
        "zarr_conventions",
        # rioxarray, and xarray.open_rasterio before it
        "crs",
        "gcps",
        "is_tiled",
        "nodata",
        "nodatavals",
        "offsets",
        "res",
        "scales",
        "transform",
    }
)


def is_reserved(name: str) -> bool:
    """Tell whether an attribute of this name means something to xarray, rioxarray or this package."""
    return name in _RESERVED or name.startswith(CONVENTION_PREFIXES)

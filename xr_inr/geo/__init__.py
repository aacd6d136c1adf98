"""Georeferencing and band metadata: GeoTIFF to xarray, xarray to Zarr, and back, with nothing lost."""

from xr_inr.geo.conventions import attach_georeference
from xr_inr.geo.reading import open_raster
from xr_inr.geo.writing import write_raster

__all__ = ["attach_georeference", "open_raster", "write_raster"]

"""Hyperspectral scenes as implicit neural representations, for xarray, Zarr and GeoTIFF."""

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

# Where GDAL asks for samples, the GDAL and PROJ in the wheels of rasterio and pyproj could end its process.
_HOSTED_BY_GDAL = "xr_inr_gdal" in sys.modules and "rasterio" not in sys.modules

if TYPE_CHECKING or not _HOSTED_BY_GDAL:
    from xr_inr.public import *  # noqa: F403
    from xr_inr.public import __all__ as __all__
else:

    def __getattr__(name: str) -> Any:
        """Return a module of the package or a public name; the first name loads them all, and the accessors."""
        if importlib.util.find_spec(f"{__name__}.{name}") is not None:
            return importlib.import_module(f"{__name__}.{name}")
        return getattr(importlib.import_module("xr_inr.public"), name)

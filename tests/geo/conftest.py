"""What tests of georeferencing share."""

import pytest

from xr_inr.geo import open_raster

from .rasters import NORTH_UP, WAVELENGTHS, make_raster


@pytest.fixture
def scene(tmp_path):
    """Four bands with a place and wavelengths."""
    content = {"crs": "EPSG:32633", "transform": NORTH_UP, "nodata": -1, "band_tags": {"": WAVELENGTHS}}
    return open_raster(make_raster(tmp_path / "scene.tif", descriptions=list("abcd"), **content))

"""What a scene keeps on its way from a raster through Zarr to a GeoTIFF; rasterio is the oracle."""

import numpy as np
import pytest

from xr_inr.geo import open_raster, write_raster

from .rasters import RASTERS, describe, make_raster, scenes, through_zarr

# rioxarray's own arithmetic on transforms, with affine 3.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


class TestRoundTrip:
    """GeoTIFF, open_raster, Zarr, write_raster, GeoTIFF."""

    @pytest.mark.parametrize("zarr_format", [2, 3])
    @pytest.mark.parametrize("content", RASTERS.values(), ids=RASTERS.keys())
    def test_keeps(self, tmp_path, content, zarr_format):
        source = make_raster(tmp_path / "source.tif", **content)
        write_raster(through_zarr(open_raster(source), tmp_path / "store.zarr", zarr_format), tmp_path / "back.tif")
        assert describe(tmp_path / "back.tif") == describe(source)

    @pytest.mark.parametrize("content", RASTERS.values(), ids=RASTERS.keys())
    def test_needs_no_zarr(self, tmp_path, content):
        source = make_raster(tmp_path / "source.tif", **content)
        write_raster(open_raster(source), tmp_path / "back.tif")
        assert describe(tmp_path / "back.tif") == describe(source)

    @pytest.mark.parametrize("zarr_format", [2, 3])
    @pytest.mark.parametrize("content", RASTERS.values(), ids=RASTERS.keys())
    def test_attributes_and_coordinates_come_back_equal(self, tmp_path, content, zarr_format):
        da = open_raster(make_raster(tmp_path / "source.tif", **content))
        back = through_zarr(da, tmp_path / "store.zarr", zarr_format)
        np.testing.assert_equal(back.attrs, da.attrs)
        assert set(back.coords) == set(da.coords)
        for name in da.coords:
            assert back.coords[name].variable.identical(da.coords[name].variable)

    @pytest.mark.parametrize("zarr_format", [2, 3])
    @pytest.mark.parametrize("source", scenes(), ids=lambda path: path.name)
    def test_keeps_real_scenes(self, tmp_path, source, zarr_format):
        write_raster(through_zarr(open_raster(source), tmp_path / "store.zarr", zarr_format), tmp_path / "back.tif")
        back, there = describe(tmp_path / "back.tif"), describe(source)
        # A GeoTIFF calls its first band gray where another format says nothing.
        assert back.pop("colorinterp")[1:] == there.pop("colorinterp")[1:]
        assert back == there

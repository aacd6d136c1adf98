"""Where plain xarray and other readers find a stored scene's place."""

import copy

import pytest
import rasterio
import xarray as xr
from affine import Affine

from xr_inr.exceptions import RequestError
from xr_inr.geo import attach_georeference, open_raster

from .rasters import GCPS, LOCAL_CRS, NORTH_UP, ROTATED, WAVELENGTHS, make_raster, through_zarr

# rioxarray's own arithmetic on transforms, with affine 3.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


class TestAttachGeoreference:
    @pytest.mark.parametrize("zarr_format", [2, 3])
    @pytest.mark.parametrize("transform", [NORTH_UP, ROTATED], ids=["north up", "rotated"])
    def test_plain_open_zarr_finds_crs_and_transform(self, tmp_path, transform, zarr_format):
        source = make_raster(
            tmp_path / "source.tif", crs="EPSG:32633", transform=transform, band_tags={"": WAVELENGTHS}
        )
        through_zarr(open_raster(source), tmp_path / "store.zarr", zarr_format)
        ds = xr.open_zarr(tmp_path / "store.zarr", consolidated=False)
        assert list(ds.data_vars) == ["scene"]
        assert {"spatial_ref", "wavelength", "fwhm"} <= set(ds.coords)
        for opened in (ds, ds["scene"]):
            assert opened.rio.crs.to_epsg() == 32633
            assert opened.rio.transform() == transform

    @pytest.mark.parametrize("transform", [NORTH_UP, ROTATED], ids=["north up", "rotated"])
    def test_a_window_is_stored_at_its_place(self, tmp_path, transform):
        da = open_raster(make_raster(tmp_path / "source.tif", crs="EPSG:32633", transform=transform))
        through_zarr(da.isel(y=slice(2, 4), x=slice(3, 6)), tmp_path / "store.zarr", 3)
        ds = xr.open_zarr(tmp_path / "store.zarr", consolidated=False)
        expected = transform @ Affine.translation(3, 2)
        assert ds.rio.transform().almost_equals(expected, precision=1e-6)
        assert Affine(*ds.attrs["spatial:transform"]).almost_equals(expected, precision=1e-6)

    def test_an_irregular_grid_has_no_transform(self, scene):
        ds = scene.assign_coords(x=[0, 1, 2, 3, 5, 9]).to_dataset(name="scene")
        attrs = attach_georeference(ds, ["scene"]).attrs
        assert "spatial:transform" not in attrs
        assert attrs["proj:code"] == "EPSG:32633"

    def test_the_grid_mapping_outlives_an_encoding_passed_to_to_zarr(self, tmp_path, scene):
        ds = scene.rename(spatial_ref="utm").rio.write_grid_mapping("utm").to_dataset(name="scene")
        encoding = {"scene": {"compressors": None}}
        attach_georeference(ds, ["scene"]).to_zarr(tmp_path / "store.zarr", encoding=encoding, consolidated=False)
        assert xr.open_zarr(tmp_path / "store.zarr", consolidated=False)["scene"].rio.crs.to_epsg() == 32633

    def test_group_follows_the_zarr_conventions(self, scene):
        attrs = attach_georeference(scene.to_dataset(name="scene"), ["scene"]).attrs
        assert attrs["proj:code"] == "EPSG:32633"
        assert attrs["spatial:dimensions"] == ["y", "x"]
        assert attrs["spatial:shape"] == [5, 6]
        assert attrs["spatial:transform"] == [30.0, 0.0, 364095.0, 0.0, -30.0, 5809965.0]
        assert [convention["name"] for convention in attrs["zarr_conventions"]] == ["proj", "spatial"]

    def test_crs_without_code_is_wkt2(self, scene):
        ds = scene.rio.write_crs(LOCAL_CRS).to_dataset(name="scene")
        attrs = attach_georeference(ds, ["scene"]).attrs
        assert "proj:code" not in attrs
        assert attrs["proj:wkt2"].startswith("PROJCRS[")
        assert rasterio.CRS.from_wkt(attrs["proj:wkt2"]) == scene.rio.write_crs(LOCAL_CRS).rio.crs

    def test_ground_control_points_are_no_affine_grid(self, tmp_path):
        source = make_raster(tmp_path / "source.tif", gcps=(GCPS, rasterio.CRS.from_epsg(4326)))
        assert attach_georeference(open_raster(source).to_dataset(name="scene"), ["scene"]).attrs == {}

    def test_no_crs_leaves_the_group_alone(self, tmp_path):
        ds = open_raster(make_raster(tmp_path / "source.tif", transform=NORTH_UP)).to_dataset(name="scene")
        prepared = attach_georeference(ds, ["scene"])
        assert prepared.attrs == {}
        assert prepared["scene"].encoding["coordinates"] == "spatial_ref"

    def test_variables_on_different_grids_carry_their_own(self, scene):
        coarse = scene.isel(x=slice(None, None, 2), y=slice(None, None, 2)).rename(x="x2", y="y2")
        coarse = coarse.rio.set_spatial_dims("x2", "y2")
        coarse.coords["x2"].attrs["axis"], coarse.coords["y2"].attrs["axis"] = "X", "Y"
        ds = attach_georeference(xr.Dataset({"fine": scene, "coarse": coarse}), ["fine", "coarse"])
        assert "spatial:shape" not in ds.attrs
        assert [ds[name].attrs["spatial:shape"] for name in ("fine", "coarse")] == [[5, 6], [3, 3]]

    def test_keeps_other_conventions_and_may_be_repeated(self, scene):
        ds = scene.to_dataset(name="scene").assign_attrs(zarr_conventions=[{"uuid": "another"}])
        once = attach_georeference(ds, ["scene"])
        assert once.attrs["zarr_conventions"][0]["uuid"] == "another"
        assert attach_georeference(once, ["scene"]).attrs == once.attrs

    @pytest.mark.parametrize("zarr_format", [2, 3])
    def test_what_open_raster_gives_needs_none_of_it(self, tmp_path, scene, zarr_format):
        ds = scene.to_dataset(name="scene")
        encoding = {"scene": {"chunks": scene.shape}}
        ds.to_zarr(tmp_path / "store.zarr", zarr_format=zarr_format, consolidated=False, encoding=encoding)
        assert xr.open_zarr(tmp_path / "store.zarr", consolidated=False)["scene"].rio.crs.to_epsg() == 32633

    def test_promotes_a_grid_mapping_read_as_data(self, tmp_path, scene):
        del scene.encoding["coordinates"]
        scene.encoding["grid_mapping"] = scene.attrs.pop("grid_mapping")  # as rioxarray leaves it
        scene.to_dataset(name="scene").to_zarr(tmp_path / "store.zarr", zarr_format=2)
        ds = xr.open_zarr(tmp_path / "store.zarr", mask_and_scale=False)
        assert "spatial_ref" in ds.data_vars
        assert attach_georeference(ds, ["scene"])["scene"].rio.crs.to_epsg() == 32633

    def test_does_not_change_its_input(self, scene):
        ds = scene.isel(x=slice(2, 4)).to_dataset(name="scene").assign_attrs(title="x")
        before = copy.deepcopy([(v.attrs, v.encoding) for v in (ds, *ds.variables.values())])
        attach_georeference(ds, ["scene"])
        assert [(v.attrs, v.encoding) for v in (ds, *ds.variables.values())] == before

    def test_refuses_names_that_are_no_variables(self, scene):
        with pytest.raises(RequestError, match=r"must be data variables.*'band'"):
            attach_georeference(scene.to_dataset(name="scene"), ["band"])

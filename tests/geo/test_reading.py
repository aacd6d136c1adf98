"""What a raster is as an array: lazy, in its own sample type, its metadata as attributes and coordinates."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from xr_inr.exceptions import RequestError
from xr_inr.geo import open_raster

from .rasters import NORTH_UP, RASTERS, RPC, make_raster

# rioxarray's own arithmetic on transforms, with affine 3.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


class TestOpenRaster:
    @pytest.mark.parametrize("content", RASTERS.values(), ids=RASTERS.keys())
    def test_attributes_are_json(self, tmp_path, content):
        da = open_raster(make_raster(tmp_path / "source.tif", **content))
        attrs = {key: value for key, value in da.attrs.items() if key != "_FillValue"}
        assert json.loads(json.dumps(attrs, allow_nan=False)) == attrs

    def test_is_lazy_and_keeps_the_dtype(self, tmp_path):
        source = make_raster(tmp_path / "source.tif", nodata=-1, scales=[0.1] * 4)
        da = open_raster(source, chunks={"y": 2})
        assert (da.dims, da.dtype, da.chunks[1]) == (("band", "y", "x"), np.int16, (2, 2, 1))

    def test_band_tags_are_columns(self, tmp_path):
        bands = [{"unit": "nm", "wavelength": "1.50"}, {"unit": "nm"}]
        da = open_raster(make_raster(tmp_path / "source.tif", count=2, band_tags={"": bands}))
        assert da.attrs["band_tags"] == {"unit": "nm", "wavelength": ["1.50", None]}
        assert "wavelength" not in da.attrs

    def test_rational_polynomials_leave_the_place_as_it_is(self, tmp_path):
        content = {"crs": "EPSG:32633", "transform": NORTH_UP}
        plain = open_raster(make_raster(tmp_path / "plain.tif", **content))
        da = open_raster(make_raster(tmp_path / "source.tif", tags={"RPC": RPC}, **content))
        assert da.rio.crs == plain.rio.crs
        for dim in ("x", "y"):
            np.testing.assert_array_equal(da[dim], plain[dim])

    def test_neutral_scale_and_offset_are_no_attributes(self, tmp_path):
        attrs = open_raster(make_raster(tmp_path / "source.tif")).attrs
        assert not {"scale_factor", "add_offset", "scales", "offsets"} & set(attrs)

    def test_scale_and_offset_are_both_lists_where_one_differs(self, tmp_path):
        attrs = open_raster(make_raster(tmp_path / "source.tif", count=2, scales=[1, 2], offsets=[5, 5])).attrs
        assert (attrs["scales"], attrs["offsets"]) == ([1.0, 2.0], [5.0, 5.0])
        assert "add_offset" not in attrs

    @pytest.mark.parametrize(
        ("content", "wavelength", "fwhm", "units"),
        [
            (
                {"band_tags": {"": [{"wavelength": "450.5", "wavelength_units": "nm", "fwhm": "6"}, {}]}},
                450.5,
                6.0,
                "nm",
            ),
            (
                {"band_tags": {"IMAGERY": [{"CENTRAL_WAVELENGTH_UM": "0.45", "FWHM_UM": "0.006"}, {}]}},
                0.45,
                0.006,
                "um",
            ),
            (
                {"tags": {"ENVI": {"wavelength": "{ 1.5 , x }", "fwhm": "{2,x}", "wavelength_units": "Micrometers"}}},
                *(1.5, 2.0, "Micrometers"),
            ),
        ],
        ids=["band tags", "IMAGERY domain", "ENVI header"],
    )
    def test_wavelengths_are_coordinates(self, tmp_path, content, wavelength, fwhm, units):
        da = open_raster(make_raster(tmp_path / "source.tif", count=2, **content))
        for name, value in (("wavelength", wavelength), ("fwhm", fwhm)):
            np.testing.assert_array_equal(da.coords[name], [value, np.nan])
            assert (da.coords[name].dims, da.coords[name].dtype) == (("band",), np.float64)
            assert da.coords[name].attrs["units"] == units
        assert da.wavelength.attrs["standard_name"] == "radiation_wavelength"

    def test_wavelengths_of_a_netcdf_dimension_are_a_coordinate(self, tmp_path):
        values = np.zeros((2, 3, 4), np.int16)
        coords = {"wavelength": ("wavelength", [450.5, 460.0], {"units": "nm"}), "y": [3.0, 2, 1], "x": [1.0, 2, 3, 4]}
        da = xr.DataArray(values, coords, ("wavelength", "y", "x"), name="reflectance")
        da.to_netcdf(tmp_path / "source.nc", engine="scipy")
        found = open_raster(tmp_path / "source.nc").coords["wavelength"]
        assert (found.to_numpy().tolist(), found.attrs["units"]) == ([450.5, 460.0], "nm")

    @pytest.mark.parametrize(
        ("tags", "expected"), [("10", [1, 0]), ("1?", None), ("12", None)], ids=["all", "some", "other"]
    )
    def test_good_bands_come_from_bbl_where_it_says_all(self, tmp_path, tags, expected):
        bands = [{"bbl": flag} if flag != "?" else {} for flag in tags]
        coords = open_raster(make_raster(tmp_path / "source.tif", count=2, band_tags={"": bands})).coords
        assert (coords["good_bands"].to_numpy().tolist() if "good_bands" in coords else None) == expected

    def test_says_that_a_mask_band_is_not_kept(self, tmp_path):
        source = make_raster(tmp_path / "source.tif", mask=np.eye(5, 6) > 0)
        with pytest.warns(UserWarning, match=r"the mask band of .*source\.tif is not kept"):
            open_raster(source)

    @pytest.mark.parametrize("name", ["absent.tif", "text.tif", "crs.tif"])
    def test_refuses_what_is_no_raster(self, tmp_path, name):
        (tmp_path / "text.tif").write_text("no raster")
        make_raster(tmp_path / "crs.tif", tags={"": {"crs": "none"}})  # rioxarray reads a CRS from it
        with pytest.raises(RequestError, match=f"cannot open .*{name} as a raster"):
            open_raster(tmp_path / name)

    def test_refuses_bands_of_several_dtypes(self, tmp_path):
        bands = "".join(
            f'<VRTRasterBand dataType="{kind}" band="{i}"/>' for i, kind in enumerate(("Int16", "Float32"), 1)
        )
        source = tmp_path / "mixed.vrt"
        source.write_text(f'<VRTDataset rasterXSize="6" rasterYSize="5">{bands}</VRTDataset>')
        with pytest.raises(
            RequestError, match=r"must have one dtype. Those of .*mixed\.vrt have \['float32', 'int16'\]"
        ):
            open_raster(source)

    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed on Linux alone")
    def test_closes_its_file_when_it_is_closed(self, tmp_path):
        source = make_raster(tmp_path / "source.tif")
        da = open_raster(source)
        before = da.isel(band=0).load()
        assert str(source) in open_files()
        da.close()
        assert str(source) not in open_files()
        xr.testing.assert_equal(before, open_raster(source).isel(band=0).load())


def open_files():
    """Return what this process has open."""
    return {str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}

"""What becomes of an array as a GeoTIFF, also of one that has been cut, reordered or unpacked."""

import contextlib
import sys
import warnings

import dask.array
import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from xr_inr.exceptions import RequestError, StoreExistsError
from xr_inr.geo import open_raster, write_raster

from .rasters import NORTH_UP, ROTATED, WAVELENGTHS, describe, make_raster, through_zarr

# rioxarray's own arithmetic on transforms, with affine 3.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")


TRUNCATED = {
    "as by default": {},
    "in tiles": {"tiled": True, "blockxsize": 64, "blockysize": 64},
    "compressed": {"compress": "deflate"},
    "altered by an option": {"nbits": 15},
}


@contextlib.contextmanager
def files_of_at_most(size):
    """Let no file grow beyond some bytes, as if the disk were full."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestWriteRaster:
    def test_refuses_to_replace(self, tmp_path, scene):
        target = tmp_path / "target.tif"
        target.write_text("mine")
        with pytest.raises(StoreExistsError, match="overwrite=True"):
            write_raster(scene, target)
        assert target.read_text() == "mine"

    def test_replaces_when_told_to(self, tmp_path, scene):
        target = tmp_path / "target.tif"
        target.write_text("mine")
        (tmp_path / "target.tif.aux.xml").write_text("of the old file")
        write_raster(scene, target, overwrite=True)
        assert describe(target) == describe(tmp_path / "scene.tif")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.tif", "target.tif"]

    def test_leaves_what_was_there_when_it_fails(self, tmp_path, scene):
        def fail(block):
            raise OSError(f"no {block.shape}")

        target = tmp_path / "target.tif"
        target.write_text("mine")
        broken = scene.copy(data=dask.array.from_array(scene.to_numpy()).map_blocks(fail, dtype=scene.dtype))
        with pytest.raises(OSError, match="no "):
            write_raster(broken, target, overwrite=True)
        assert target.read_text() == "mine"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.tif", "target.tif"]

    @pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit for the size of a file")
    @pytest.mark.parametrize("options", TRUNCATED.values(), ids=TRUNCATED.keys())
    def test_raster_that_did_not_reach_the_disk_whole_is_refused(self, tmp_path, options):
        samples = np.random.default_rng(0).integers(0, 30000, (2, 128, 128)).astype("i2")
        target = tmp_path / "target.tif"
        target.write_text("mine")
        with files_of_at_most(60_000), pytest.raises(OSError, match=r"target\.tif could not be written whole"):
            write_raster(xr.DataArray(samples, dims=("band", "y", "x")), target, overwrite=True, **options)
        assert target.read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir()] == ["target.tif"]

    @pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
    def test_raster_that_a_lossy_option_alters_is_written(self, tmp_path):
        samples = np.random.default_rng(0).integers(0, 255, (1, 32, 32)).astype("u1")
        write_raster(xr.DataArray(samples, dims=("band", "y", "x")), tmp_path / "target.tif", compress="jpeg")
        with rasterio.open(tmp_path / "target.tif") as source:
            assert not np.array_equal(source.read(), samples)

    def test_streams_blocks_of_rows(self, tmp_path, scene):
        seen = []

        def watch(block):
            seen.append(block.shape)
            return block

        chunked = dask.array.from_array(scene.to_numpy(), chunks=(4, 1, 6))
        watched = scene.copy(data=chunked.map_blocks(watch, dtype=scene.dtype, meta=np.empty((0, 0, 0), scene.dtype)))
        write_raster(watched, tmp_path / "target.tif", blocks=2)
        assert seen == [(4, 1, 6)] * 5
        assert describe(tmp_path / "target.tif") == describe(tmp_path / "scene.tif")

    def test_orders_dimensions(self, tmp_path, scene):
        write_raster(scene.transpose("y", "x", "band"), tmp_path / "target.tif")
        assert describe(tmp_path / "target.tif") == describe(tmp_path / "scene.tif")

    def test_takes_names_of_dimensions(self, tmp_path, scene):
        da = scene.rename(y="downtrack", x="crosstrack", band="bands")
        write_raster(da, tmp_path / "target.tif", y_dim="downtrack", x_dim="crosstrack")
        assert describe(tmp_path / "target.tif") == describe(tmp_path / "scene.tif")

    def test_takes_the_dimensions_that_compression_takes(self, tmp_path, scene):
        da = scene.rename(y="downtrack", x="crosstrack", band="bands").transpose("downtrack", "crosstrack", "bands")
        write_raster(da, tmp_path / "target.tif")
        assert describe(tmp_path / "target.tif") == describe(tmp_path / "scene.tif")

    @pytest.mark.parametrize("name", ["good_bands", "good_wavelengths"])
    def test_bad_bands_become_tags(self, tmp_path, name):
        coords = {name: ("band", np.int8([1, 0]))}
        write_raster(xr.DataArray(np.zeros((2, 3, 3), np.int16), coords, ("band", "y", "x")), tmp_path / "target.tif")
        assert [tags[""] for tags in describe(tmp_path / "target.tif")["band_tags"]] == [{"bbl": "1"}, {"bbl": "0"}]

    def test_takes_creation_options(self, tmp_path, scene):
        write_raster(scene, tmp_path / "target.tif", compress="deflate", tiled=True, blockxsize=16, blockysize=16)
        with rasterio.open(tmp_path / "target.tif") as raster:
            assert (raster.compression.name, raster.block_shapes[0]) == ("deflate", (16, 16))

    def test_tiles_large_rasters(self, tmp_path):
        write_raster(xr.DataArray(np.zeros((512, 600), np.uint8), dims=("y", "x")), tmp_path / "target.tif")
        with (
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.open(tmp_path / "target.tif") as raster,
        ):
            assert raster.block_shapes == [(256, 256)]

    def test_unpacked_floats_without_nodata_stay_without(self, tmp_path):
        floats = xr.DataArray(np.ones((2, 3, 4), "f4"), {"y": [2.0, 1.0, 0.0], "x": range(4)}, ("band", "y", "x"))
        floats.encoding = {"scale_factor": 1.0, "add_offset": 0.0, "dtype": np.dtype("f4")}
        write_raster(floats, tmp_path / "target.tif")
        assert describe(tmp_path / "target.tif")["nodata"] == "None"

    def test_packs_what_xarray_unpacked(self, tmp_path):
        source = make_raster(tmp_path / "source.tif", nodata=3, scales=[0.1] * 4, offsets=[2.0] * 4)
        through_zarr(open_raster(source), tmp_path / "store.zarr", 3)
        unpacked = xr.open_zarr(tmp_path / "store.zarr", consolidated=False)["scene"]
        assert unpacked.dtype == np.float64
        write_raster(unpacked, tmp_path / "back.tif")
        assert describe(tmp_path / "back.tif") == describe(source)

    @pytest.mark.parametrize(
        ("selection", "bands"),
        [
            ({"band": [2, 0]}, "ca"),
            ({"band": slice(1, 3)}, "bc"),
            ({"band": 3}, "d"),
            ({"band": slice(None, None, -1)}, "dcba"),
        ],
        ids=["list", "slice", "one", "reversed"],
    )
    def test_a_selection_of_bands_keeps_its_metadata(self, tmp_path, scene, selection, bands):
        write_raster(scene.isel(selection), tmp_path / "target.tif")
        told = describe(tmp_path / "target.tif")
        assert told["descriptions"] == tuple(bands)
        assert [tags[""] for tags in told["band_tags"]] == [WAVELENGTHS["abcd".index(band)] for band in bands]

    @pytest.mark.parametrize("transform", [NORTH_UP, ROTATED], ids=["north up", "rotated"])
    @pytest.mark.parametrize(
        ("selection", "corner", "step"),
        [
            ({"y": slice(2, 4), "x": slice(3, 6)}, (3, 2), (1, 1)),
            ({"x": slice(None, None, 2)}, (-0.5, 0), (2, 1)),
            ({"y": slice(None, None, -1)}, (0, 5), (1, -1)),
            ({"y": [4], "x": [5]}, (5, 4), (1, 1)),
        ],
        ids=["window", "stride", "flip", "one pixel"],
    )
    def test_a_selection_of_pixels_keeps_its_place(self, tmp_path, transform, selection, corner, step):
        da = open_raster(make_raster(tmp_path / "source.tif", crs="EPSG:32633", transform=transform))
        write_raster(da.isel(selection), tmp_path / "target.tif")
        expected = transform @ Affine.translation(*corner) @ Affine.scale(*step)
        assert describe(tmp_path / "target.tif")["transform"].almost_equals(expected, precision=1e-6)

    def test_places_an_array_by_its_coordinates_alone(self, tmp_path):
        coords = {"lat": np.float32([50.3, 50.2, 50.1]), "lon": np.float32([8.5, 8.6])}
        da = xr.DataArray(np.zeros((3, 2), np.int16), coords).rename(lat="latitude", lon="longitude")
        write_raster(da.rio.write_crs(4326), tmp_path / "target.tif")
        told = describe(tmp_path / "target.tif")
        assert told["transform"].almost_equals(Affine(0.1, 0, 8.45, 0, -0.1, 50.35), precision=1e-5)
        assert told["crs"].to_epsg() == 4326

    def test_wavelength_coordinate_becomes_tags(self, tmp_path):
        coords = {
            "wavelength": ("band", [450.0, np.nan], {"units": "nm"}),
            "fwhm": ("band", [6.5, 7.0], {"units": "nm"}),
            "good_bands": ("band", np.int8([1, 0])),
        }
        write_raster(xr.DataArray(np.zeros((2, 3, 3), np.int16), coords, ("band", "y", "x")), tmp_path / "target.tif")
        assert describe(tmp_path / "target.tif")["band_tags"] == [
            {
                "": {"wavelength": "450", "wavelength_units": "nm", "fwhm": "6.5", "bbl": "1"},
                "IMAGERY": {"CENTRAL_WAVELENGTH_UM": "0.45", "FWHM_UM": "0.0065"},
            },
            {"": {"wavelength_units": "nm", "fwhm": "7", "bbl": "0"}, "IMAGERY": {"FWHM_UM": "0.007"}},
        ]

    def test_writes_what_rioxarray_opened(self, tmp_path, scene):
        del scene
        write_raster(rioxarray.open_rasterio(tmp_path / "scene.tif"), tmp_path / "target.tif")
        there, back = describe(tmp_path / "scene.tif"), describe(tmp_path / "target.tif")
        for name in ("crs", "transform", "nodata", "dtypes", "descriptions", "scales", "values"):
            assert back[name] == there[name]

    @pytest.mark.parametrize(
        ("change", "options", "message"),
        [
            (lambda da: da.isel(band=0).rename(y="a", x="b"), {}, "no spatial dimensions"),
            (lambda da: da, {"y_dim": "row"}, "must be among"),
            (lambda da: da.expand_dims("time"), {}, "at most one dimension besides"),
            (lambda da: da.isel(x=slice(0)), {}, "no empty dimension"),
            (lambda da: da.astype(bool), {}, "a GeoTIFF holds"),
            (lambda da: da.astype("float16"), {}, "a GeoTIFF holds"),
            (lambda da: da.astype(str), {}, "a GeoTIFF holds"),
            (lambda da: da.assign_attrs(_FillValue=70000), {}, "nodata must be a int16"),
            (lambda da: da.assign_attrs(_FillValue=0.5), {}, "nodata must be a int16"),
            (lambda da: da.assign_attrs(_FillValue=np.nan), {}, "nodata must be a int16"),
            (lambda da: da.assign_attrs(long_name=["a"]), {}, "one value per band"),
            (lambda da: da.assign_attrs(band_tags=[{}]), {}, "must be a mapping"),
            (lambda da: da.assign_attrs(color_interpretation="pink"), {}, "must be among"),
            (lambda da: da.assign_coords(x=[0, 1, 2, 3, 5, 9]), {}, "even steps"),
            (lambda da: da.assign_coords(x=list("abcdef")), {}, "must be numbers"),
            (lambda da: da, {"blocks": 0}, "at least 1 row"),
            (lambda da: da, {"driver": "ENVI"}, "driver follows from the array"),
            (lambda da: da, {"interleave": "both"}, "cannot write .*INTERLEAVE"),
            (lambda da: da, {"tiled": True, "blockxsize": 10, "blockysize": 10}, "multiples of 16"),
        ],
    )
    def test_states_the_rule_that_was_broken(self, tmp_path, scene, change, options, message):
        with pytest.raises(RequestError, match=message):
            write_raster(change(scene), tmp_path / "target.tif", **options)
        assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]

    def test_wants_a_file_in_a_folder(self, tmp_path, scene):
        for path in (tmp_path, tmp_path / "absent" / "target.tif"):
            with pytest.raises(RequestError, match="a file in a folder that exists"):
                write_raster(scene, path)

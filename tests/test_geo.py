"""What a scene keeps on its way from a raster through Zarr to a GeoTIFF; rasterio is the oracle."""

import copy
import json
import os
import warnings
from pathlib import Path

import dask.array
import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from xr_inr.exceptions import RequestError, StoreExistsError
from xr_inr.geo import attach_georeference, open_raster, write_raster

# rioxarray's own arithmetic on transforms, with affine 3.
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")

NORTH_UP = Affine(30.0, 0.0, 364095.0, 0.0, -30.0, 5809965.0)
ROTATED = Affine(
    0.2847009496127728, 1.0625184089179753, 724440.117, 1.0625184089179753, -0.2847009496127728, 4077192.168
)
LOCAL_CRS = "+proj=laea +lat_0=10 +lon_0=-81 +ellps=WGS84 +units=m"
GCPS = [
    GroundControlPoint(row=0, col=0, x=12.1, y=52.5, z=31.25, id="1", info=""),
    GroundControlPoint(row=0, col=5, x=12.7, y=52.4, z=0.0, id="2", info=""),
    GroundControlPoint(row=4, col=0, x=12.2, y=52.1, z=0.0, id="3", info=""),
]
RPC = {
    **{f"{axis}_OFF": "1.5" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{axis}_SCALE": "2.25" for axis in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{axis}_{part}_COEFF": "0.1 " * 19 + "1" for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")},
    "ERR_BIAS": "-1",
    "ERR_RAND": "-1",
}
WAVELENGTHS = [{"wavelength": f"{450.25 + 10 * i}", "wavelength_units": "nm", "fwhm": f"{6.5 + i}"} for i in range(4)]


def make_raster(path, *, dtype="int16", count=4, shape=(5, 6), **content):
    """Write a GeoTIFF with rasterio alone: creation options, and metadata by the name rasterio gives it."""
    metadata = {
        key: content.pop(key)
        for key in ("gcps", "descriptions", "units", "scales", "offsets", "colorinterp", "tags", "band_tags")
        if key in content
    }
    values = np.arange(count * shape[0] * shape[1]).reshape(count, *shape).astype(dtype)
    profile = {"photometric": "minisblack", "count": count, "height": shape[0], "width": shape[1], "dtype": dtype}
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", **profile, **content) as sink,
    ):
        for domain, tags in metadata.pop("tags", {}).items():
            sink.update_tags(ns=domain or None, **tags)
        for domain, bands in metadata.pop("band_tags", {}).items():
            for i, tags in enumerate(bands, 1):
                sink.update_tags(i, ns=domain or None, **tags)
        for name, value in metadata.items():
            setattr(sink, name, value)
        sink.write(values)
    return path


def describe(path):
    """Everything rasterio reports of a raster."""
    hidden = {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS"}
    names = ("crs", "transform", "nodata", "dtypes", "shape", "descriptions", "units", "scales", "offsets")
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(path) as source,
    ):
        told = {name: getattr(source, name) for name in names}
        told["nodata"] = str(told["nodata"])  # NaN equals NaN
        told["colorinterp"] = source.colorinterp
        told["gcps"] = ([point.asdict() for point in source.gcps[0]], source.gcps[1])
        told["tags"] = {ns: source.tags(ns=ns) for ns in {"", *source.tag_namespaces()} - hidden}
        told["tags"][""] = {"AREA_OR_POINT": "Area", **source.tags()}  # what every GeoTIFF says
        told["band_tags"] = [
            {ns: source.tags(i, ns=ns or None) for ns in {"", *source.tag_namespaces(i)} - hidden}
            for i in source.indexes
        ]
        told["values"] = source.read().tobytes()
    return told


def through_zarr(da, store, zarr_format):
    """Store an array in plain Zarr, and open it as anybody would who wants its own values."""
    ds = attach_georeference(da.to_dataset(name="scene"), ["scene"])
    ds["scene"].encoding["compressors"] = None
    ds.to_zarr(store, zarr_format=zarr_format, consolidated=False)
    return xr.open_zarr(store, mask_and_scale=False, consolidated=False)["scene"]


RASTERS = {
    "nothing but pixels": {},
    "CRS and transform": {"crs": "EPSG:32633", "transform": NORTH_UP},
    "a rotated transform": {"crs": "EPSG:32612", "transform": ROTATED},
    "rows from south to north": {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 3.3, 0, 0.1, 7.7)},
    "a transform of inexact numbers": {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 3.3, 0, -0.3, 7.7)},
    "a transform without CRS": {"transform": NORTH_UP},
    "a CRS without transform": {"crs": "EPSG:32633"},
    "a CRS without code": {"crs": LOCAL_CRS, "transform": NORTH_UP},
    "ground control points": {"gcps": (GCPS, rasterio.CRS.from_epsg(4326))},
    "rational polynomials": {"tags": {"RPC": RPC}},
    "pixel is point": {"crs": "EPSG:32633", "transform": NORTH_UP, "tags": {"": {"AREA_OR_POINT": "Point"}}},
    "nodata": {"nodata": -32768},
    "nodata out of float32's decimals": {"nodata": -3.4e38, "dtype": "float32"},
    "nodata NaN": {"nodata": np.nan, "dtype": "float32"},
    "floats without nodata": {"dtype": "float32"},
    "unsigned bytes, which are no picture": {"dtype": "uint8", "count": 3},
    "complex numbers": {"dtype": "complex64"},
    "large integers": {"dtype": "uint64"},
    "one band": {"count": 1, "descriptions": ["NDVI"], "units": ["1"], "band_tags": {"": [{"a": "b"}]}},
    "descriptions of some bands": {"descriptions": ["blue", None, "red", None]},
    "one description for all bands": {"descriptions": ["radiance"] * 4},
    "units of some bands": {"units": ["W", "", "m", ""]},
    "one unit for all bands": {"units": ["1"] * 4},
    "scale and offset": {"scales": [1e-4] * 4, "offsets": [0.5] * 4},
    "scales that differ": {"scales": [0.1, 0.2, 0.3, 0.4], "offsets": [0.5] * 4},
    "offsets that differ": {"offsets": [0.1, 0.2, 0.3, 0.4]},
    "colours": {"colorinterp": [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.nir]},
    "dataset tags, as text": {"tags": {"": {"start_time": "2022-07-24T10:45:26", "orbit": "007", "list": "{1,2}"}}},
    "dataset tags named like attributes": {
        "tags": {"": {"units": "days since 1970-01-01", "scale_factor": "2", "coordinates": "lat lon", "nodata": "0"}}
    },
    "band tags": {"band_tags": {"": WAVELENGTHS}},
    "band tags of some bands": {"band_tags": {"": [{}, {"wavelength": "550.0"}, {"note": " a = b\nc "}, {}]}},
    "other domains": {
        "tags": {"IMAGERY": {"CLOUDCOVER": "3"}, "xml:XMP": {"<x xmlns": "'y'>z</x>"}},
        "band_tags": {"IMAGERY": [{"CENTRAL_WAVELENGTH_UM": "0.45", "FWHM_UM": "0.006"}, {}, {}, {"X": "1"}]},
    },
}


def scenes():
    folder = os.environ.get("XR_INR_SCENES")
    paths = Path(folder).glob("geo/**/*") if folder else []
    return sorted(path for path in paths if path.suffix in {".tif", ".img"})


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

    @pytest.mark.parametrize(
        ("tags", "expected"), [("10", [1, 0]), ("1?", None), ("12", None)], ids=["all", "some", "other"]
    )
    def test_good_bands_come_from_bbl_where_it_says_all(self, tmp_path, tags, expected):
        bands = [{"bbl": flag} if flag != "?" else {} for flag in tags]
        coords = open_raster(make_raster(tmp_path / "source.tif", count=2, band_tags={"": bands})).coords
        assert (coords["good_bands"].to_numpy().tolist() if "good_bands" in coords else None) == expected

    @pytest.mark.parametrize("name", ["absent.tif", "text.tif", "crs.tif"])
    def test_refuses_what_is_no_raster(self, tmp_path, name):
        (tmp_path / "text.tif").write_text("no raster")
        make_raster(tmp_path / "crs.tif", tags={"": {"crs": "none"}})  # rioxarray reads a CRS from it
        with pytest.raises(RequestError, match=f"cannot open .*{name} as a raster"):
            open_raster(tmp_path / name)


@pytest.fixture
def scene(tmp_path):
    """Four bands with a place and wavelengths."""
    content = {"crs": "EPSG:32633", "transform": NORTH_UP, "nodata": -1, "band_tags": {"": WAVELENGTHS}}
    return open_raster(make_raster(tmp_path / "scene.tif", descriptions=list("abcd"), **content))


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
            (lambda da: da.rename(y="a", x="b"), {}, "no spatial dimensions"),
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

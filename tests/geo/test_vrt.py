"""What GDAL reads of a .vrt beside a store is what it reads of the raster that was stored."""

from xml.etree.ElementTree import canonicalize

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.enums import ColorInterp

from xr_inr.exceptions import RequestError, StoreExistsError
from xr_inr.geo import open_raster
from xr_inr.vrt import GDAL_SETTINGS, write_vrt

from .rasters import RASTERS, WAVELENGTHS, describe, make_raster, scenes, through_zarr

PLACELESS = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

IMAGERY = [{"CENTRAL_WAVELENGTH_UM": f"{0.45025 + 0.01 * i:g}", "FWHM_UM": f"{0.0065 + 0.001 * i:g}"} for i in range(4)]
SCENES = {name: content for name, content in RASTERS.items() if content.get("dtype") != "complex64"}


def stored(folder, zarr_format=3, **content):
    """Store a raster in plain Zarr; return the raster and the store."""
    source = make_raster(folder / "source.tif", **content)
    through_zarr(open_raster(source), folder / "scene.zarr", zarr_format)
    return source, folder / "scene.zarr"


def as_vrt_says(told):
    """Leave out how GDAL's formats differ: numbers of control points, quotes in XML, what is said of gray bands."""
    told["gcps"] = [{**point, "id": None} for point in told["gcps"][0]], told["gcps"][1]
    if "xml:XMP" in told["tags"]:
        told["tags"]["xml:XMP"] = {key: canonicalize(text).strip() for key, text in told["tags"]["xml:XMP"].items()}
    for tags in told["band_tags"]:
        tags.pop("IMAGERY", None)  # see below
    undefined = ColorInterp.undefined
    told["colorinterp"] = [undefined if color == ColorInterp.gray else color for color in told["colorinterp"]]
    return told


@pytest.mark.parametrize("content", SCENES.values(), ids=SCENES.keys())
def test_says_what_the_raster_says(tmp_path, content):
    source, store = stored(tmp_path, **content)
    path = write_vrt(store)

    with rasterio.Env(**GDAL_SETTINGS):
        found, expected = as_vrt_says(describe(path)), as_vrt_says(describe(source))
    assert found == expected


@pytest.mark.parametrize("source", scenes(), ids=lambda path: path.name)
def test_says_what_a_real_scene_says(tmp_path, source):
    through_zarr(open_raster(source), tmp_path / "scene.zarr", 3)
    with rasterio.Env(**GDAL_SETTINGS):
        found, expected = as_vrt_says(describe(write_vrt(tmp_path / "scene.zarr"))), as_vrt_says(describe(source))
    assert found == expected


@pytest.mark.parametrize("content", [{"": WAVELENGTHS}, {"IMAGERY": IMAGERY}], ids=["band tags", "IMAGERY domain"])
def test_wavelengths_stand_where_gdal_looks_for_them(tmp_path, content):
    _, store = stored(tmp_path, band_tags=content)

    assert [tags["IMAGERY"] for tags in describe_bands(write_vrt(store))] == IMAGERY


def describe_bands(path):
    with rasterio.Env(**GDAL_SETTINGS):
        return describe(path)["band_tags"]


def test_lies_beside_the_store_unless_told_where(tmp_path):
    _, store = stored(tmp_path)
    (tmp_path / "elsewhere").mkdir()

    assert write_vrt(store) == tmp_path / "scene.vrt"
    assert write_vrt(store, tmp_path / "elsewhere" / "a.vrt") == tmp_path / "elsewhere" / "a.vrt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "scene.vrt", "scene.zarr", "source.tif"]


@PLACELESS
@pytest.mark.parametrize("variable", ["scene <of> 'May' & \"June\"", "Überflug"])
def test_any_name_of_a_variable_is_written_safely(tmp_path, variable):
    da = open_raster(make_raster(tmp_path / "source.tif")).rename(variable)
    da.to_dataset().to_zarr(tmp_path / "scene.zarr", consolidated=False)
    path = write_vrt(tmp_path / "scene.zarr")

    with rasterio.Env(**GDAL_SETTINGS), rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), da)


@PLACELESS
def test_dimensions_may_be_named_as_in_products_of_emit(tmp_path):
    samples = np.arange(5 * 6 * 4, dtype="f4").reshape(5, 6, 4)
    wavelengths = ("bands", [450.25, 460.25, 470.25, 480.25], {"units": "nm"})
    coords = {"wavelengths": wavelengths, "good_wavelengths": ("bands", np.int8([1, 0, 1, 1]))}
    ds = xr.Dataset({"reflectance": (("downtrack", "crosstrack", "bands"), samples)}, coords)
    ds.to_zarr(tmp_path / "scene.zarr", consolidated=False)

    with rasterio.Env(**GDAL_SETTINGS), rasterio.open(write_vrt(tmp_path / "scene.zarr")) as raster:
        np.testing.assert_array_equal(raster.read(), samples.transpose(2, 0, 1))
        assert [raster.tags(i)["bbl"] for i in raster.indexes] == list("1011")
        assert [raster.tags(i, ns="IMAGERY")["CENTRAL_WAVELENGTH_UM"] for i in raster.indexes] == [
            band["CENTRAL_WAVELENGTH_UM"] for band in IMAGERY
        ]


@PLACELESS
def test_takes_one_of_several_scenes(tmp_path):
    da = open_raster(make_raster(tmp_path / "source.tif"))
    xr.Dataset({"first": da, "second": da + 1}).to_zarr(tmp_path / "scene.zarr", consolidated=False)
    path = write_vrt(tmp_path / "scene.zarr", variable="second")

    with rasterio.Env(**GDAL_SETTINGS), rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), da + 1)


def test_replaces_a_file_only_when_told_to(tmp_path):
    _, store = stored(tmp_path)
    (tmp_path / "scene.vrt").write_text("mine")

    with pytest.raises(StoreExistsError, match="overwrite=True"):
        write_vrt(store)
    assert (tmp_path / "scene.vrt").read_text() == "mine"
    write_vrt(store, overwrite=True)
    assert (tmp_path / "scene.vrt").read_text().startswith("<VRTDataset")


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("source.tif", None, "the store must be a folder, or a URL"),
        ("s3://bucket/scene.zarr", None, "a store at a URL needs a target"),
        ("scene.zarr", "absent/scene.vrt", "a file in a folder that exists"),
        ("times.zarr", None, "at most one dimension besides"),
    ],
)
def test_states_the_rule_that_was_broken(tmp_path, source, target, message):
    raster, _ = stored(tmp_path)
    times = open_raster(raster).expand_dims("time").drop_attrs().to_dataset(name="times")
    times.to_zarr(tmp_path / "times.zarr", consolidated=False)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(RequestError, match=message):
        write_vrt(source if "://" in source else tmp_path / source, None if target is None else tmp_path / target)
    assert sorted(tmp_path.iterdir()) == before

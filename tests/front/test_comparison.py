"""Two scenes side by side, from rasters, stores and arrays; scikit-image and torchmetrics are the oracles."""

import json
import math

import numpy as np
import pytest
import rasterio
import torch
import xarray as xr
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio
from torchmetrics.functional.image import spectral_angle_mapper

from xr_inr import comparison
from xr_inr.comparison import compare_scenes, figures_dict
from xr_inr.exceptions import RequestError
from xr_inr.opening import open_scene, open_scenes

from .helpers import make_scene


@pytest.fixture
def other(scene):
    """The scene with errors of -3 to 3."""
    return scene + np.random.default_rng(1).integers(-3, 4, scene.shape).astype("i2")


# Figures


def test_figures_are_those_of_the_oracles(scene, other):
    figures = compare_scenes(scene, other)
    first, second = (array.values.astype("f8") for array in (scene, other))

    assert figures.mse == pytest.approx(mean_squared_error(first, second))
    assert figures.psnr == pytest.approx(peak_signal_noise_ratio(first, second, data_range=first.max()))
    angle = spectral_angle_mapper(torch.tensor(second)[None], torch.tensor(first)[None])
    assert figures.sam == pytest.approx(math.degrees(angle))
    assert figures.max_error == 3


def test_figures_of_bands_are_those_of_the_oracle(scene, other):
    bands = figures_dict(compare_scenes(scene, other))["bands"]

    assert [band["band"] for band in bands] == [1, 2, 3, 4, 5]
    for band, first, second in zip(bands, scene.values.astype("f8"), other.values.astype("f8"), strict=True):
        assert band["mse"] == pytest.approx(mean_squared_error(first, second))
        assert band["psnr"] == pytest.approx(peak_signal_noise_ratio(first, second, data_range=first.max()))
        assert band["max_error"] == np.abs(first - second).max()


def test_equal_scenes_have_no_error(scene):
    figures = figures_dict(compare_scenes(scene, scene))

    assert figures["psnr"] == math.inf
    assert figures["mse"] == figures["max_error"] == 0
    assert figures["sam"] == pytest.approx(0, abs=1e-3)


def test_figures_are_plain_values(scene, other):
    figures = figures_dict(compare_scenes(scene, other))

    assert json.loads(json.dumps(figures)) == figures
    assert figures["valid_samples"] == 315


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("y", "band", "x")], ids=["bands last", "bands in the middle"])
def test_order_of_dimensions_does_not_change_the_figures(scene, other, dims):
    found = compare_scenes(scene.transpose(*dims), other.transpose(*dims))

    expected = compare_scenes(scene, other)
    for figure in ("psnr", "mse", "sam", "max_error"):
        assert getattr(found, figure) == pytest.approx(getattr(expected, figure))


def test_axes_are_matched_by_name():
    square = make_scene((5, 7, 7))

    assert compare_scenes(square, square.transpose("band", "x", "y")).max_error == 0


def test_figures_do_not_depend_on_how_many_rows_are_read_at_once(scene, other, monkeypatch):
    whole = compare_scenes(scene, other)
    monkeypatch.setattr(comparison, "_SAMPLES_AT_ONCE", 100)

    assert compare_scenes(scene, other).psnr == pytest.approx(whole.psnr)
    assert compare_scenes(scene, other).sam == pytest.approx(whole.sam)


def test_large_integers_do_not_overflow():
    first = make_scene().astype("u2") + 65_000
    second = first.copy(data=first.values - 64_000)

    assert compare_scenes(first, second).max_error == 64_000


def test_masked_samples_do_not_count():
    first = make_scene(dtype="f4", _FillValue=-9999.0)
    first[:, :2] = -9999.0
    first[0, 4, 4] = np.nan
    second = first.where(first == -9999.0, first + 1)
    second.attrs = first.attrs
    figures = figures_dict(compare_scenes(first, second))

    assert figures["valid_samples"] == 315 - 90 - 1
    assert figures["max_error"] == pytest.approx(1)


def test_nodata_may_be_marked_by_different_values():
    first, second = make_scene(_FillValue=-9999), make_scene(_FillValue=-1)
    first[:, :2], second[:, :2] = -9999, -1

    assert compare_scenes(first, second).max_error == 0


def with_nodata(row):
    scene = make_scene(_FillValue=-9999)
    scene[2, row] = -9999
    return scene


REFUSED = {
    "shapes": (make_scene(), make_scene((5, 7, 8)), r"same shape. Got \(5, 7, 9\) and \(5, 7, 8\)"),
    "masks": (with_nodata(2), with_nodata(3), r"mask the same samples. 18 from row 0 on differ"),
    "a mask in one": (make_scene(), with_nodata(3), r"mask the same samples. 9 from row 0 on differ"),
    "no band axis": (make_scene()[0], make_scene()[0], r"one band axis.* Got dimensions \('y', 'x'\)"),
    "four axes": (make_scene().expand_dims("time"), make_scene().expand_dims("time"), r"3 dimensions. Got .*'time'"),
}


@pytest.mark.parametrize(("first", "second", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_scenes_that_cannot_be_compared_are_refused(first, second, message):
    with pytest.raises(RequestError, match=message):
        compare_scenes(first, second)


# Opening


def test_raster_is_opened_with_its_stored_samples(geotiff):
    with rasterio.open(geotiff) as source:
        samples = source.read()

    np.testing.assert_array_equal(open_scene(geotiff), samples)
    assert open_scene(str(geotiff)).dtype == "int16"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_store_is_opened_with_its_stored_samples(tmp_path, zarr_format):
    scene = make_scene(_FillValue=np.int16(-9999), scale_factor=0.1)
    scene[:, 2] = -9999
    compressed = scene.inr.compress(bpppb=24.0, device="cpu")
    compressed.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    opened = open_scene(tmp_path / "scene.zarr")

    assert opened.dtype == "int16"
    np.testing.assert_array_equal(opened, compressed)


def test_opening_a_store_decodes_nothing(small, tmp_path, positions):
    small.inr.to_zarr(tmp_path / "scene.zarr")
    positions.clear()
    open_scene(tmp_path / "scene.zarr")

    assert not positions


@pytest.fixture
def two_scenes(scene, tmp_path):
    xr.Dataset(
        {"first": scene, "second": scene + 1, "height": scene[0].drop_vars(["band", "wavelength"])}
    ).drop_attrs().to_zarr(tmp_path / "two.zarr", consolidated=False)
    return tmp_path / "two.zarr"


@pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated:RuntimeWarning")
def test_one_of_several_scenes_can_be_named(scene, two_scenes):
    np.testing.assert_array_equal(open_scene(two_scenes, "second"), scene + 1)


@pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated:RuntimeWarning")
def test_several_scenes_are_refused_without_a_name(two_scenes):
    with pytest.raises(RequestError, match=r"must hold one scene, or one must be named. Got \['first', 'second'\]"):
        open_scene(two_scenes)
    with pytest.raises(RequestError, match=r"variable must be one of \[.*'first'.*\]. Got 'third'"):
        open_scene(two_scenes, "third")


@pytest.mark.parametrize("listed", [["first", "second"], ["second", "first"]])
def test_scenes_come_in_the_order_of_their_names_however_a_folder_lists_them(two_scenes, listed, monkeypatch):
    opened = xr.open_zarr(two_scenes, consolidated=False)[listed]
    monkeypatch.setattr(xr, "open_zarr", lambda *_, **__: opened)
    assert [scene.name for scene in open_scenes(two_scenes)] == ["first", "second"]


def test_what_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.tif").write_text("no raster")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")

    with pytest.raises(RequestError, match=r"cannot open .*missing.tif as a raster"):
        open_scene(tmp_path / "missing.tif")
    with pytest.raises(RequestError, match=r"the store must exist. Got .*missing.zarr"):
        open_scene(tmp_path / "missing.zarr")
    with pytest.raises(RequestError, match=r"cannot open .*text.tif as a raster"):
        open_scene(tmp_path / "text.tif")
    for name in ("folder", "broken.zarr"):
        with pytest.raises(RequestError, match=rf"{name} is not a Zarr store that can be read"):
            open_scene(tmp_path / name)


def test_whatever_gdal_opens_is_a_scene(geotiff):
    np.testing.assert_array_equal(open_scene(f"GTIFF_DIR:1:{geotiff}"), open_scene(geotiff))

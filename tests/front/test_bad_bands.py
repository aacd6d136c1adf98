"""Bands that do not count: known from coordinates or by number, cheap, in no figure, and said in the report."""

import json

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import xr_inr
from tests.front.helpers import make_scene
from xr_inr.cli import main
from xr_inr.codecs.zarr import InrCodec
from xr_inr.comparison import compare_scenes
from xr_inr.exceptions import RequestError
from xr_inr.variables import bad_bands_of, find_axes

pytestmark = pytest.mark.usefixtures("tiny_presets")
SHAPE = (6, 12, 11)
BAD = (1, 4)
SETTINGS = {"bpppb": 3.0, "preset": "fast", "device": "cpu", "progress": False}


def noisy_scene(name="good_bands"):
    """A scene whose bad bands are noise, as a coordinate says."""
    scene = make_scene(SHAPE)
    noise = np.random.default_rng(0).integers(-9000, 9000, (len(BAD), *SHAPE[1:]))
    scene[list(BAD)] = noise.astype(scene.dtype)
    good = np.ones(SHAPE[0], np.int8)
    good[list(BAD)] = 0
    return scene.assign_coords({name: ("band", good)}) if name else scene


@pytest.fixture(scope="module")
def scene():
    return noisy_scene()


@pytest.fixture(scope="module")
def small(scene, tiny_presets):  # noqa: ARG001 - fits are quick with them
    """The scene, its bad bands known from the coordinate."""
    return scene.inr.compress(**SETTINGS)


@pytest.fixture(scope="module")
def all_alike(scene, tiny_presets):  # noqa: ARG001
    """The scene with all bands fitted."""
    return scene.inr.compress(**SETTINGS, bad_bands=())


def bad_bands(scene):
    return bad_bands_of(scene, find_axes(scene))


@pytest.mark.parametrize("name", ["good_bands", "good_wavelengths"])
def test_a_coordinate_says_which_bands_are_bad(name):
    assert bad_bands(noisy_scene(name)) == BAD


@pytest.mark.parametrize(
    "coordinate",
    [
        pytest.param(("band", np.array([1, 0, 2, 1, 1, 1])), id="other-values"),
        pytest.param(("band", np.array(list("abcdef"))), id="text"),
        pytest.param(("y", np.zeros(SHAPE[1])), id="along-another-axis"),
        pytest.param(((), 0), id="scalar"),
    ],
)
def test_a_coordinate_that_says_something_else_says_nothing(coordinate):
    assert bad_bands(noisy_scene("").assign_coords(good_bands=coordinate)) == ()


def test_bands_that_are_named_take_precedence_over_the_coordinate(small, all_alike):
    assert small.inr.report.bad_bands == BAD
    assert all_alike.inr.report.bad_bands == ()


def test_bad_bands_leave_their_bytes_to_the_good_ones(scene, small, all_alike):
    good = [band for band in range(SHAPE[0]) if band not in BAD]
    errors = [float(np.square((found - scene)[good].astype(float)).mean()) for found in (small, all_alike)]
    assert errors[0] < errors[1] / 4


def test_a_bad_band_decodes_to_one_of_its_samples(scene, small):
    for band in BAD:
        (value,) = np.unique(small[band])
        assert value in np.unique(scene[band])


def test_no_figure_tells_of_bad_bands(scene, small):
    report = small.inr.report
    assert report.peak == float(np.abs(scene.drop_sel(band=[band + 1 for band in BAD])).max())
    assert report.max_error < 100
    assert [band for band in range(SHAPE[0]) if np.isnan(report.band_psnr[band])] == list(BAD)
    assert [band for band in range(SHAPE[0]) if np.isnan(report.band_max_error[band])] == list(BAD)


def test_a_psnr_is_that_of_the_good_bands(scene):
    report = scene.inr.compress(psnr=38, preset="fast", device="cpu", progress=False).inr.report
    assert 38 <= report.psnr < 38.3


def test_report_says_how_many_bands_do_not_count(small, tmp_path):
    small.inr.to_zarr(tmp_path / "s.zarr")
    stored = xr.open_zarr(tmp_path / "s.zarr")["reflectance"].inr.report
    assert stored.bad_bands == BAD
    assert "bad bands" in str(stored)
    assert "2 of 6" in str(stored)
    assert [band for band in range(SHAPE[0]) if np.isnan(stored.band_psnr[band])] == list(BAD)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_stores_remember_and_xarray_itself_writes_them(tmp_path, zarr_format):
    ds = noisy_scene().to_dataset()
    encoding = ds.inr.encoding(bpppb=3.0, preset="fast", device="cpu", zarr_format=zarr_format)
    ds.to_zarr(tmp_path / "s.zarr", encoding=encoding, zarr_format=zarr_format, consolidated=False)
    stored = xr.open_zarr(tmp_path / "s.zarr", consolidated=False)["reflectance"]
    assert all(len(np.unique(stored[band])) == 1 for band in BAD)
    assert compare_scenes(noisy_scene(""), stored).max_error < 100


def test_codec_keeps_bad_bands_in_its_configuration():
    codec = InrCodec(bpppb=1.0, bad_bands=[4, 1, 4])
    assert codec.to_dict()["configuration"]["bad_bands"] == [1, 4]
    assert InrCodec.from_dict(codec.to_dict()) == codec


@pytest.mark.parametrize(
    ("bad", "message"), [([9], "Got 9"), ([-1], "Got -1"), ([0.5], "Got 0.5"), (range(6), "All 6")]
)
def test_bad_bands_that_cannot_be_are_refused_before_any_fit(bad, message):
    with pytest.raises(RequestError, match=message):
        noisy_scene("").inr.compress(**SETTINGS, bad_bands=bad)


def test_comparison_leaves_out_what_the_coordinate_of_the_original_calls_bad(scene):
    other = scene.copy()
    other[list(BAD)] = 0
    assert compare_scenes(scene, other).max_error == 0
    assert compare_scenes(noisy_scene(""), other).max_error > 1000


def test_pictures_of_errors_do_not_show_bad_bands(scene, small):
    views, errors = small.inr.report.with_original(scene).scenes.views_with_errors()
    assert errors.rmse.max() < 100
    assert views.shape == SHAPE


def test_bytes_leave_them_out_too(scene, small):
    samples = scene.to_numpy()
    decoded = xr_inr.decode(xr_inr.encode(samples, bpppb=3.0, preset="fast", device="cpu", bad_bands=BAD))
    np.testing.assert_array_equal(decoded, small)
    (payload,) = xr_inr.encode_many([samples], bpppb=3.0, preset="fast", device="cpu", bad_bands=BAD)
    assert [len(np.unique(xr_inr.decode(payload)[band])) for band in BAD] == [1, 1]


def test_command_line_leaves_bad_bands_out_unless_told_not_to(tmp_path):
    scene = noisy_scene("good_bands")
    xr_inr.geo.write_raster(scene, tmp_path / "s.tif")
    found = []
    for options in ([], ["--all-bands"]):
        target = tmp_path / f"s{len(options)}.zarr"
        words = ["compress", str(tmp_path / "s.tif"), str(target), "--bpppb", "3", "--preset", "fast", "--quiet"]
        assert CliRunner().invoke(main, [*words, *options]).exit_code == 0
        result = CliRunner().invoke(main, ["compare", str(tmp_path / "s.tif"), str(target), "--json"])
        found.append(json.loads(result.output)["valid_samples"])
    assert found == [4 * 12 * 11, 6 * 12 * 11]

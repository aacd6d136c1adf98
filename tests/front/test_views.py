"""What there is to see of a pair of scenes: each number where it belongs."""

import dask.array
import numpy as np
import pytest
import xarray as xr

from xr_inr import views as module
from xr_inr.band_axis import BandAxis, colour_bands
from xr_inr.core.metrics import compare
from xr_inr.exceptions import RequestError
from xr_inr.scenes import Scenes

from .helpers import make_scene


@pytest.fixture
def pair():
    """A scene of 5 x 7 x 9 with a masked corner, and the same with errors."""
    before = make_scene(_FillValue=-9999, units="DN")
    before[:, :2, :3] = -9999
    noise = np.random.default_rng(3).integers(-3, 4, before.shape)
    after = before.copy(data=np.where(before == -9999, -9999, before + noise).astype("i2"))
    return before, after


def views_of(pair, **options):
    return Scenes.of_pair(*pair).views(**options)


def test_figures_are_those_of_the_comparison(pair):
    figures = views_of(pair).errors.figures

    expected = compare(*(scene.to_numpy() for scene in pair), (pair[0] != -9999).to_numpy())
    assert figures.psnr == expected.psnr
    assert figures.sam == pytest.approx(expected.sam)


def test_maps_hold_the_error_of_each_pixel_and_nothing_where_all_is_masked(pair):
    errors = views_of(pair).errors
    difference = pair[1].to_numpy().astype(float) - pair[0].to_numpy()

    assert np.isnan(errors.rmse[:2, :3]).all()
    assert np.isnan(errors.angle[:2, :3]).all()
    np.testing.assert_allclose(errors.rmse[2:], np.sqrt(np.square(difference).mean(axis=0))[2:])
    assert np.nanmean(errors.angle) == pytest.approx(errors.figures.sam)


def test_equal_pixels_have_no_angle(pair):
    assert (views_of((pair[0], pair[0])).errors.angle[2:] == 0).all()


def test_worst_pixels_are_those_of_the_largest_errors(pair):
    errors = views_of(pair).errors

    for name, values in (("rmse", errors.rmse), ("angle", errors.angle)):
        assert errors.worst[name] == np.unravel_index(np.nanargmax(values), values.shape)


def test_where_nothing_is_wrong_no_pixel_is_worst(pair):
    assert views_of((pair[0], pair[0])).errors.worst == {}


def test_pictures_are_opaque_where_there_is_something_to_see(pair):
    views = views_of(pair)

    assert views.decoded.shape == views.errors.original.shape == (7, 9, 4)
    assert (views.decoded[:2, :3, 3] == 0).all()
    assert (views.decoded[2:, :, 3] == 255).all()


def test_both_pictures_are_stretched_alike(pair):
    before, after = pair
    after[:, 4, 4] = before[:, 4, 4]
    views = views_of((before, after))

    np.testing.assert_array_equal(views.decoded[4, 4], views.errors.original[4, 4])


def test_large_scenes_are_averaged_to_the_longest_edge(pair):
    views, whole = views_of(pair, longest_edge=4), views_of(pair)

    assert views.factor == 3
    assert views.errors.rmse.shape == views.decoded.shape[:2] == (3, 3)
    squares = np.square(whole.errors.rmse[3:6, 3:6])
    assert views.errors.rmse[1, 1] == pytest.approx(np.sqrt(squares.mean()))
    assert views.errors.worst == whole.errors.worst


@pytest.mark.parametrize("block_rows", [1, 2, 4])
def test_rows_read_at_once_change_nothing(pair, monkeypatch, block_rows):
    scenes = Scenes.of_pair(*pair)
    whole = module.measure(*scenes.readers(), longest_edge=5)
    monkeypatch.setattr(module, "_SAMPLES_AT_ONCE", 4 * 45)
    found = module.measure(*scenes.readers(), longest_edge=5, block_rows=block_rows)

    np.testing.assert_array_equal(found.decoded, whole.decoded)
    np.testing.assert_allclose(found.errors.rmse, whole.errors.rmse)
    np.testing.assert_allclose(found.errors.angle, whole.errors.angle)


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("y", "band", "x")], ids=["bands last", "bands in the middle"])
def test_order_of_dimensions_changes_nothing(pair, dims):
    found = views_of([scene.transpose(*dims) for scene in pair])

    np.testing.assert_allclose(found.errors.rmse, views_of(pair).errors.rmse)
    np.testing.assert_array_equal(found.decoded, views_of(pair).decoded)


def test_dimensions_of_other_names_are_matched_by_their_order(pair):
    after = pair[1].rename(band="bands", y="line", x="sample")

    np.testing.assert_array_equal(views_of((pair[0], after)).errors.rmse, views_of(pair).errors.rmse)


def test_spectra_are_those_of_the_pixels_with_nan_where_masked(pair):
    original, decoded = Scenes.of_pair(*pair).spectra(np.array([[0, 0], [4, 5]]))

    assert np.isnan(original[0]).all()
    assert np.isnan(decoded[0]).all()
    np.testing.assert_array_equal(original[1], pair[0][:, 4, 5])
    np.testing.assert_array_equal(decoded[1], pair[1][:, 4, 5])


def test_masks_that_differ_are_refused(pair):
    after = pair[1].copy()
    after[0, 6, 6] = -9999

    with pytest.raises(RequestError, match="mask the same samples"):
        views_of((pair[0], after))


# From a store, with plain xarray


@pytest.fixture
def stored(tmp_path):
    """A scene with scale, offset and nodata, and what plain xarray opens of its store: masked and scaled."""
    scene = make_scene(_FillValue=np.int16(-9999), scale_factor=0.25, add_offset=-3.0)
    scene[:, :2, :3] = -9999
    scene.inr.compress(bpppb=8.0, device="cpu").inr.to_zarr(tmp_path / "scene.zarr")
    return scene, xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]


def test_masked_and_scaled_scenes_are_measured_as_they_were_stored(stored):
    scene, opened = stored
    report = opened.inr.report.with_original(scene)

    assert opened.dtype.kind == "f"
    assert report.scenes.views().errors.figures.mse == pytest.approx(report.mse)


def test_original_may_be_masked_and_scaled_too(stored, tmp_path):
    scene, opened = stored
    scene.drop_vars("spatial_ref").to_dataset().to_zarr(tmp_path / "original.zarr", consolidated=False)
    with xr.open_dataset(tmp_path / "original.zarr", engine="zarr", consolidated=False) as ds:
        original = ds["reflectance"]
        assert original.dtype.kind == "f"
        report = opened.inr.report.with_original(original)
        assert report.scenes.views().errors.figures.mse == pytest.approx(report.mse)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_nodata_that_only_the_codec_knows_is_no_error(tmp_path, zarr_format):
    scene = make_scene()
    scene[:, :2, :3] = -999
    scene.inr.compress(bpppb=8.0, nodata=-999, device="cpu").inr.to_zarr(
        tmp_path / "scene.zarr", zarr_format=zarr_format
    )
    opened = xr.open_zarr(tmp_path / "scene.zarr", mask_and_scale=False, consolidated=False)["reflectance"]
    report = opened.inr.report.with_original(scene)

    assert report.scenes.views().errors.figures.mse == pytest.approx(report.mse)


def test_wavelengths_are_found_again_without_a_crs(tmp_path):
    scene = make_scene().drop_vars("spatial_ref").drop_attrs()
    scene.wavelength.attrs["units"] = "nm"
    scene.inr.compress(bpppb=16.0, device="cpu").inr.to_zarr(tmp_path / "scene.zarr")
    report = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"].inr.report

    assert report.band_axis.label == "wavelength (nm)"


# Bands


def over(wavelengths, units="nm"):
    coords = {"wavelength": ("band", wavelengths, {"units": units})}
    return xr.DataArray(np.ones((len(wavelengths), 1, 1)), dims=("band", "y", "x"), coords=coords)


AXES = {
    "nanometres": ([400.0, 500.0, 600.0], "Nanometers", "wavelength (nm)", []),
    "micrometres": ([0.4, 0.5, 0.6], "um", "wavelength (µm)", []),
    "bands that were left out": ([400.0, 410.0, 420.0, 500.0, 510.0], "nm", "wavelength (nm)", [3]),
    "detectors that overlap": (
        [*np.arange(400.0, 1000, 10), *np.arange(950.0, 1500, 10)],
        "nm",
        "wavelength (nm)",
        [60],
    ),
    "not of every band": ([400.0, np.nan, 600.0], "nm", "band", []),
    "in no order": ([600.0, 500.0, 700.0, 400.0], "nm", "band", []),
    "one band": ([600.0], "nm", "wavelength (nm)", []),
}


@pytest.mark.parametrize(("wavelengths", "units", "label", "starts"), AXES.values(), ids=AXES.keys())
def test_bands_are_drawn_over_wavelengths_where_they_are_known(wavelengths, units, label, starts):
    axis = BandAxis.of(over(wavelengths, units), "band")

    assert axis.label == label
    assert axis.starts.tolist() == starts


def test_curves_stop_where_bands_were_left_out():
    x, y = BandAxis.of(over([400.0, 410.0, 420.0, 500.0, 510.0]), "band").curve(np.arange(5.0))

    np.testing.assert_array_equal(x, [400, 410, 420, np.nan, 500, 510])
    np.testing.assert_array_equal(y, [0, 1, 2, np.nan, 3, 4])


COLOURS = {
    "nearest to red, green and blue": (np.arange(400.0, 1000, 10), [26, 15, 7]),
    "in micrometres": (np.arange(0.4, 1.0, 0.01), [26, 15, 7]),
    "near the start where none is visible": (np.arange(1000.0, 2500, 15), [13, 8, 4]),
    "near the start where nothing is known": (np.full(100, np.nan), [13, 8, 4]),
}


@pytest.mark.parametrize(("wavelengths", "expected"), COLOURS.values(), ids=COLOURS.keys())
def test_colours_are_bands(wavelengths, expected):
    assert colour_bands(over(wavelengths), "band") == expected


def test_dask_scenes_are_read_by_rows(pair):
    before, after = (scene.copy(data=dask.array.from_array(scene.to_numpy(), chunks=(5, 4, 4))) for scene in pair)

    np.testing.assert_array_equal(views_of((before, after)).errors.rmse, views_of(pair).errors.rmse)

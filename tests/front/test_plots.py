"""Pictures: a figure for any scene, drawn from what is valid."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from xr_inr.exceptions import DependencyError, RequestError
from xr_inr.plots import quicklook

mpl.use("Agg")


@pytest.fixture
def pair():
    """A scene with a void corner, and one with a known error in one pixel."""
    rng = np.random.default_rng(0)
    samples = rng.integers(100, 900, (6, 8, 10)).astype("i2")
    samples[:, :2, :3] = -99
    coords = {"wavelength": ("band", np.linspace(450.0, 700.0, 6), {"units": "nm"})}
    before = xr.DataArray(samples, dims=("band", "y", "x"), coords=coords, attrs={"_FillValue": -99})
    after = before.copy()
    after[:, 5, 5] = before[:, 5, 5] + 60
    return before, after


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_five_panels_say_what_they_show(pair):
    figure, axes = quicklook(*pair, title="a scene")

    assert [ax.get_title(loc="left") for ax in axes] == [
        "original",
        "decoded",
        "error (RMSE over bands)",
        "spectra: original broad, decoded fine",
        "error by band (RMSE)",
    ]
    assert figure.get_suptitle() == "a scene"
    assert axes[3].get_xlabel() == "wavelength (nm)"


def test_error_map_holds_the_error_of_each_pixel_and_nothing_where_all_is_masked(pair):
    error = quicklook(*pair)[1][2].get_images()[0].get_array()

    assert error[5, 5] == pytest.approx(60)
    assert np.isnan(np.ma.filled(error, np.nan)[:2, :3]).all()
    assert np.nansum(np.ma.filled(error, np.nan)) == pytest.approx(60)


def test_spectra_are_those_of_the_pixels_asked_for(pair):
    lines = quicklook(*pair, pixels=[(5, 5)])[1][3].get_lines()

    np.testing.assert_array_equal(lines[0].get_ydata(), pair[0][:, 5, 5])
    np.testing.assert_array_equal(lines[1].get_ydata(), pair[1][:, 5, 5])


def test_pixels_are_chosen_among_valid_ones(pair):
    lines = quicklook(*pair)[1][3].get_lines()

    assert len(lines) == 6
    assert not any(np.isnan(line.get_ydata()).any() for line in lines)


def test_axes_may_stand_in_any_order(pair):
    before, after = (scene.transpose("y", "x", "band") for scene in pair)

    assert quicklook(before, after)[1][2].get_images()[0].get_array()[5, 5] == pytest.approx(60)


def test_scene_without_wavelengths_is_drawn_over_band_numbers(pair):
    before, after = (scene.drop_vars("wavelength") for scene in pair)

    assert quicklook(before, after)[1][3].get_xlabel() == "band"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"pixels": [(8, 0)]}, r"pixels must lie in 8 x 10. Got \(8, 0\)", id="a pixel outside"),
        pytest.param({"decoded": slice(0, 5)}, "must have the same shape", id="other shapes"),
    ],
)
def test_what_cannot_be_drawn_is_refused(pair, change, message):
    before, after = pair
    if "decoded" in change:
        after = after[change.pop("decoded")]
    with pytest.raises(RequestError, match=message):
        quicklook(before, after, **change)


def test_without_matplotlib_the_command_that_installs_it_is_named(pair, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(DependencyError, match=r"xr-inr\[demo\]"):
        quicklook(*pair)

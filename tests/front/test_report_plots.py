"""``report.plot``: every picture is a figure and its axes, with a title and units."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from xr_inr.exceptions import DependencyError, RequestError

from .helpers import make_scene

mpl.use("Agg")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def original():
    """A scene that says its unit."""
    return make_scene(units="DN")


@pytest.fixture(scope="module")
def report(original, small_models):  # noqa: ARG001 - in force while the scene is fitted
    """Of two chunks."""
    return original.inr.compress(bpppb=9.0, chunks={"x": 5}, device="cpu").inr.report


CURVES = {
    "band_psnr": ("PSNR by band, each against its own peak", "PSNR (dB)"),
    "band_error": ("largest error by band", "DN"),
    "spectra": ("spectra: original broad, decoded fine", "DN"),
}


@pytest.mark.parametrize(("name", "title", "label"), [(name, *said) for name, said in CURVES.items()])
def test_curves_are_drawn_over_wavelengths_and_say_their_units(report, name, title, label):
    figure, ax = getattr(report.plot, name)()

    assert ax.get_title(loc="left") == title
    assert ax.get_xlabel() == "wavelength (nm)"
    assert ax.get_ylabel() == label
    assert ax in figure.axes


MAPS = {
    "error": ("error (RMSE over bands)", "DN"),
    "sam": ("spectral angle", "degrees"),
    "chunks": ("PSNR (dB), by chunk", "PSNR (dB)"),
}


@pytest.mark.parametrize(("name", "title", "label"), [(name, *said) for name, said in MAPS.items()])
def test_maps_have_a_scale_with_its_unit(report, name, title, label):
    figure, ax = getattr(report.plot, name)()
    (bar,) = (other for other in figure.axes if other is not ax)

    assert ax.get_title(loc="left") == title
    assert bar.get_ylabel() == label


def test_curve_holds_the_figures_of_the_report(report):
    (line,) = report.plot.band_psnr()[1].get_lines()

    np.testing.assert_array_equal(line.get_ydata(), report.band_psnr)


def test_maps_hold_the_errors(original, report):
    decoded = report.scenes.decoded.to_numpy().astype(float)
    expected = np.sqrt(np.square(decoded - original.to_numpy()).mean(axis=0))

    np.testing.assert_allclose(report.plot.error()[1].get_images()[0].get_array(), expected)


def test_map_of_chunks_has_one_value_for_each(report):
    (image,) = report.plot.chunks("bytes")[1].get_images()

    np.testing.assert_array_equal(image.get_array(), [report.chunk_figures.bytes])


def test_pair_is_drawn_side_by_side(report):
    _, axes = report.plot.pair()

    assert [ax.get_title(loc="left") for ax in axes] == ["original", "decoded"]


def test_spectra_are_those_asked_for(original, report):
    before, after = report.plot.spectra([(2, 3)])[1].get_lines()

    np.testing.assert_array_equal(before.get_ydata(), original[:, 2, 3])
    np.testing.assert_array_equal(after.get_ydata(), report.scenes.decoded[:, 2, 3])


@pytest.mark.parametrize("name", ["band_psnr", "band_error", "error", "sam", "spectra", "chunks"])
def test_pictures_are_drawn_onto_axes_that_are_given(report, name):
    import matplotlib.pyplot as plt

    expected_figure, given = plt.subplots()
    figure, ax = getattr(report.plot, name)(ax=given)

    assert ax is given
    assert figure is expected_figure


def test_both_scenes_are_decoded_once_for_all_maps(report, monkeypatch):
    from xr_inr import scenes

    calls = []
    measure = scenes.measure
    monkeypatch.setattr(scenes, "measure", lambda *args, **options: calls.append(1) or measure(*args, **options))
    plots = type(report.plot)(report)
    plots.error()
    plots.sam()
    plots.pair()

    assert len(calls) == 1


# What is missing


@pytest.fixture
def opened(report, tmp_path):
    """The scene from a store, where nothing is known of its original."""
    variable = report.scenes.decoded
    variable.inr.to_zarr(tmp_path / "scene.zarr")
    return xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]


@pytest.mark.parametrize("name", ["pair", "error", "sam"])
def test_without_the_original_pictures_of_errors_say_how_to_give_it(opened, name):
    with pytest.raises(RequestError, match=r"needs the original.*report\.with_original\(scene\)"):
        getattr(opened.inr.report.plot, name)()


def test_without_the_original_decoded_spectra_are_drawn(opened):
    _, ax = opened.inr.report.plot.spectra([(0, 0)])

    assert len(ax.get_lines()) == 1
    assert ax.get_title(loc="left") == "decoded spectra"


def test_original_can_be_given(original, opened):
    report = opened.inr.report

    np.testing.assert_allclose(
        report.with_original(original).plot.error()[1].get_images()[0].get_array(),
        report.with_original(original).scenes.views().errors.rmse,
    )
    with pytest.raises(RequestError, match="same shape"):
        report.with_original(original[:, 1:])


REFUSED = {
    "a pixel outside": (lambda plot: plot.spectra([(7, 0)]), r"pixels must lie in 7 x 9. Got \(7, 0\)"),
    "an unknown figure of chunks": (lambda plot: plot.chunks("height"), "must be one of .*'psnr'.* Got 'height'"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_drawn_is_refused(report, call, message):
    with pytest.raises(RequestError, match=message):
        call(report.plot)


def test_map_of_one_chunk_is_refused(small):
    with pytest.raises(RequestError, match="Got a report of 1 chunks"):
        small.inr.report.plot.chunks()


def test_without_matplotlib_the_command_that_installs_it_is_named(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for name in ("band_psnr", "pair", "error", "sam", "spectra", "chunks"):
        with pytest.raises(DependencyError, match=r"pip install 'xr-inr\[demo\]'"):
            getattr(report.plot, name)()

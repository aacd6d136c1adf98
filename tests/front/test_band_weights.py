"""Weights of bands: from the command line, a file or a coordinate, and short in the report."""

import numpy as np
import pytest

from tests.front.helpers import call, make_scene, succeed
from xr_inr.codecs.found import config_of
from xr_inr.exceptions import RequestError
from xr_inr.opening import open_scene

pytestmark = pytest.mark.usefixtures("tiny_presets")
WEIGHTS = (1.0, 1.0, 4.0, 1.0, 0.5, 1.0)
SETTINGS = {"preset": "fast", "device": "cpu", "progress": False}
FAST = ("--preset", "fast", "--device", "cpu", "--psnr", 14, "--quiet")


def weighted_scene(weights=WEIGHTS):
    return make_scene((6, 12, 11)).assign_coords(band_weights=("band", list(weights)))


def weights_in(path):
    return config_of(open_scene(path, None)).request.band_weights


def test_a_coordinate_along_the_bands_says_the_weights():
    small = weighted_scene().inr.compress(bpppb=3.0, **SETTINGS)
    given = make_scene((6, 12, 11)).inr.compress(bpppb=3.0, band_weights=WEIGHTS, **SETTINGS)

    assert small.inr.report.request["band_weights"] == list(WEIGHTS)
    np.testing.assert_array_equal(small, given)


def test_what_is_given_counts_more_than_the_coordinate():
    small = weighted_scene().inr.compress(bpppb=3.0, band_weights=[1, 2, 1, 1, 1, 1], **SETTINGS)
    assert small.inr.report.request["band_weights"] == [1, 2, 1, 1, 1, 1]


def test_a_bound_holds_for_all_bands_whatever_the_coordinate():
    assert "band_weights" not in weighted_scene().inr.compress(max_error=0, **SETTINGS).inr.report.request


def test_a_coordinate_that_holds_no_weights_is_refused_with_band_and_value():
    with pytest.raises(RequestError, match=r"coordinate 'band_weights' along 'band' .* Got -1 for band 2"):
        weighted_scene((1, 1, -1, 1, 1, 1)).inr.compress(bpppb=3.0, **SETTINGS)


def test_a_report_tells_how_many_weights_there_are_and_what_they_span():
    report = weighted_scene().inr.compress(bpppb=3.0, **SETTINGS).inr.report
    assert "band_weights=6 from 0.5 to 4" in str(report)


@pytest.mark.parametrize("text", [None, "1,1,4,1,0.5,1"], ids=["file", "numbers"])
@pytest.mark.parametrize("command", ["compress", "compress-many"])
def test_weights_are_given_on_the_command_line(geotiff, tmp_path, command, text):
    path = tmp_path / "weights.txt"
    path.write_text("1\n1\n4\n1\n0.5\n1\n")
    target = tmp_path / "scene.zarr" if command == "compress" else tmp_path
    succeed(command, geotiff, target, *FAST, "--band-weights", path if text is None else text)

    assert weights_in(tmp_path / "scene.zarr") == WEIGHTS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,x,1", "Got 'x' for band 1"),
        ("1,,1", "Got '' for band 1"),
        ("nowhere.txt", "Got 'nowhere.txt' for band 0"),
        ("1,-2", "Got -2 for band 1"),
        ("1,2,1", "Got 3 for 6 bands"),
    ],
)
def test_weights_that_cannot_be_are_refused_before_any_fit(geotiff, tmp_path, text, message):
    result = call("compress", geotiff, tmp_path / "scene.zarr", *FAST, "--band-weights", text)

    assert result.exit_code != 0
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert not (tmp_path / "scene.zarr").exists()

"""What a report says, and what of it stands in a store."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
import xarray as xr

from xr_inr.core.metrics import compare
from xr_inr.exceptions import RequestError
from xr_inr.report import Report, stored_report
from xr_inr.reports import Reports

from .helpers import make_scene


@pytest.fixture(scope="module")
def report(small):
    return small.inr.report


@pytest.fixture(scope="module")
def exact():
    """A scene of constant bands, of which nothing is lost."""
    scene = make_scene()
    return scene.copy(data=np.broadcast_to(np.arange(1, 6, dtype="i2")[:, None, None], scene.shape)).inr.compress(
        bpppb=16.0, device="cpu"
    )


def test_sizes_are_those_of_the_payloads(small, report):
    assert report.payload_bytes == small.inr.nbytes
    assert report.bpppb == small.inr.nbytes * 8 / small.size
    assert report.ratio == small.size * 2 / small.inr.nbytes
    assert (report.name, report.shape, report.dtype) == ("reflectance", (5, 7, 9), "int16")


def test_budget_is_kept_and_used(report):
    assert 0.9 * 5.0 < report.bpppb <= 5.0


def test_errors_are_those_of_the_decoded_samples(scene, small, report):
    error = small.values.astype(float) - scene.values

    assert report.mse == pytest.approx(np.mean(error**2))
    assert report.max_error == np.abs(error).max()
    assert report.peak == scene.max()
    assert report.psnr == pytest.approx(10 * math.log10(float(scene.max()) ** 2 / np.mean(error**2)))
    assert report.band_max_error == tuple(np.abs(error).max(axis=(1, 2)))
    assert report.sam == pytest.approx(compare(scene.values, small.values).sam)


def test_errors_of_several_chunks_are_those_of_the_whole(scene, in_chunks):
    expected = compare(scene.values, in_chunks.values)
    report = in_chunks.inr.report

    assert report.chunks == 6
    assert 1 <= len(report.networks) <= 6
    assert report.psnr == pytest.approx(expected.psnr)
    assert report.sam == pytest.approx(expected.sam)
    np.testing.assert_allclose(report.band_psnr, expected.band_psnr)


def test_request_says_what_was_asked_for(scene):
    siren = {"model": "siren", "preset": "fast", "weight_bits": 8, "seed": 5}
    compressed = scene.inr.compress(bpppb=16.0, **siren, device="cpu")

    assert compressed.inr.report.request == {"bpppb": 16.0, **siren}


def test_masked_samples_do_not_count_as_errors():
    scene = make_scene(_FillValue=-9999)
    scene[:, :2] = -9999
    report = scene.inr.compress(bpppb=16.0, device="cpu").inr.report

    assert report.peak == scene.max()
    assert report.max_error < 1000


def test_table_names_every_figure(report):
    lines = str(report).splitlines()

    assert lines[0] == "reflectance"
    labels = ("shape", "asked for", "payload", "bpppb", "ratio", "PSNR", "SAM", "max error", "RMSE", "band PSNR")
    for label in (*labels, "model", "encoded in"):
        assert any(line.split("  ")[1] == label for line in lines[1:]), label


def test_table_gives_errors_in_the_unit_of_the_samples(scene):
    table = str(scene.assign_attrs(units="DN").inr.compress(bpppb=5.0, device="cpu").inr.report)

    for label in ("max error", "RMSE"):
        assert re.search(rf"^  {label} .* DN$", table, re.MULTILINE)


@pytest.mark.parametrize("model", ["latent", "siren"])
def test_table_says_what_was_fitted(scene, model):
    report = scene.inr.compress(bpppb=16.0, model=model, device="cpu").inr.report
    (line,) = (line for line in str(report).splitlines() if line.startswith("  model "))

    assert line.split(maxsplit=1)[1] == f"{model}: {report.networks[0]}"


def test_notebook_shows_a_table_in_which_names_are_text(report):
    table = dataclasses.replace(report, name="<b>&")._repr_html_()

    assert "<b>&lt;b&gt;&amp;</b>" in table
    assert "PSNR" in table


def test_dictionary_holds_plain_values(report):
    values = report.to_dict()

    assert json.loads(json.dumps(values))["psnr"] == report.psnr
    assert values["search"] == report.search


# In a store


def test_report_comes_back_from_its_attribute(report):
    again = Report.from_attribute(report.to_attribute())
    told = {name: value for name, value in again.to_dict().items() if name not in {"search", "band_psnr"}}

    assert told == {name: report.to_dict()[name] for name in told}
    np.testing.assert_allclose(again.band_psnr, report.band_psnr, rtol=1e-5)
    assert str(again) == str(report)


def test_attribute_is_json_without_infinities(exact):
    text = exact.inr.report.to_attribute()

    assert json.loads(text, parse_constant=pytest.fail)["psnr"] is None


def test_report_of_a_scene_that_lost_nothing_says_so_before_and_after_the_store(exact):
    report = exact.inr.report
    again = Report.from_attribute(report.to_attribute())

    assert report.psnr == again.psnr == math.inf
    assert report.max_error == again.max_error == 0
    assert report.networks == again.networks == ()
    assert report.band_psnr == again.band_psnr == (math.inf,) * 5


def test_unknown_fields_of_a_later_version_are_left_out(report):
    text = json.dumps(json.loads(report.to_attribute()) | {"colour": "blue"})

    assert Report.from_attribute(text).psnr == report.psnr


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", "null", "not JSON", '{"mse": 1}', "[" * 100_000])
def test_attribute_that_holds_no_report_is_refused(text):
    with pytest.raises(RequestError, match="'xr_inr' does not hold a report"):
        Report.from_attribute(text)


def test_variable_without_the_attribute_has_no_report(scene):
    assert stored_report(scene) is None


def test_report_in_a_variable_that_is_no_scene_is_none(report):
    claimed = dataclasses.replace(report, shape=(5,)).to_attribute()

    assert stored_report(xr.DataArray(np.arange(5), dims="band", attrs={"xr_inr": claimed})) is None


# Several


def test_reports_are_a_mapping_by_name(report):
    reports = Reports({"a": report, "b": report})

    assert list(reports) == ["a", "b"]
    assert len(reports) == 2
    assert reports["a"] is report
    assert reports.to_dict() == {"a": report.to_dict(), "b": report.to_dict()}
    assert str(reports) == repr(reports) == f"{report}\n\n{report}"
    assert reports._repr_html_().count("<table>") == 2


def test_report_of_what_was_not_compressed_is_refused(scene):
    with pytest.raises(RequestError, match="no variable has a report"):
        _ = scene.inr.report
    with pytest.raises(RequestError, match="no variable has a report"):
        _ = xr.Dataset({"a": scene}).inr.report


def test_part_of_a_stored_scene_does_not_claim_the_report_of_the_whole(small, tmp_path):
    small.inr.to_zarr(tmp_path / "scene.zarr")
    opened = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]

    assert opened.inr.report.shape == opened.shape
    with pytest.raises(RequestError, match="no variable has a report"):
        _ = opened.isel(band=slice(0, 2)).inr.report

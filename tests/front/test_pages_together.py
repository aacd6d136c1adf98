"""The page of several reports: a tab for each variable, all in one file."""

import html
import re

import pytest

from xr_inr.exceptions import RequestError
from xr_inr.reports import Reports

from .browser import do, needs_browser

NAME = '<b onclick="x">&'


@pytest.fixture(scope="module")
def reports(small, in_chunks):
    """The reports of two variables, one with a name that HTML would mistake."""
    return Reports({"first": small.inr.report, NAME: in_chunks.inr.report})


@pytest.fixture(scope="module")
def text(reports):
    """Their page."""
    return reports.to_html()


def frames_of(text):
    """Return the pages inside of a page."""
    return [html.unescape(inner) for inner in re.findall(r'<iframe [^>]*? srcdoc="([^"]*)"', text)]


def policies_of(text):
    """Return the rules that a page states for itself."""
    return re.findall(r'Content-Security-Policy" content="([^"]*)"', text)


def test_each_variable_has_the_page_of_its_report(text, reports):
    assert frames_of(text) == [report.to_html() for report in reports.values()]


def test_outer_page_has_the_rule_of_the_inner_ones(text):
    inner = {policy for page in frames_of(text) for policy in policies_of(page)}

    assert {policies_of(text)[0]} == inner


def test_tabs_have_the_names_of_the_variables_and_the_first_is_chosen(text):
    tabs = re.findall(r"<label><input [^>]*?( checked)?>(.*?)</label>", text)

    assert tabs == [(" checked", "first"), ("", "&lt;b onclick=&quot;x&quot;&gt;&amp;")]


def test_page_of_one_report_has_no_tabs(small):
    assert Reports({"a": small.inr.report}).to_html() == small.inr.report.to_html()


def test_page_is_written_to_a_file(reports, text, tmp_path):
    assert reports.to_html(tmp_path / "report.html") is None
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text


def test_originals_are_given_by_name(scene, small, in_chunks, tmp_path):
    import xarray as xr

    xr.Dataset({"first": small, "second": in_chunks}).inr.to_zarr(tmp_path / "scene.zarr")
    stored = xr.open_zarr(tmp_path / "scene.zarr").inr.report
    found = frames_of(stored.to_html(originals=xr.Dataset({"second": scene})))

    assert ['id="maps"' in page for page in found] == [False, True]


@pytest.mark.parametrize(
    ("reports_by_name", "arguments", "message"),
    [
        ({}, {}, "one report at least. Got none"),
        ({"a": None}, {"originals": {"b": None}}, r"one of the variables \['a'\]. Got \['b'\]"),
        ({"a": None}, {"path": "report.tif"}, "with the suffix .html. Got report.tif"),
    ],
)
def test_states_the_rule_that_was_broken(reports_by_name, arguments, message):
    with pytest.raises(RequestError, match=message):
        Reports(reports_by_name).to_html(**arguments)


@needs_browser
@pytest.mark.parametrize("width", [400, 1200])
def test_tabs_choose_the_page_and_its_script_runs(text, tmp_path, width):
    found = do(
        tmp_path,
        text,
        """
        const frames = [...page.querySelectorAll("iframe")];
        const seen = () => frames.map((frame) => view.getComputedStyle(frame).visibility);
        const before = seen();
        one("#tab-1").click();
        const inner = frames.map((frame) => frame.contentDocument.documentElement);
        return { before, after: seen(), ready: inner.map((one) => one.dataset.ready),
          curves: inner.map((one) => one.querySelectorAll(".curve").length),
          overflow: inner.map((one) => one.scrollWidth - view.innerWidth) };
        """,
        width,
    )

    assert found["before"] == ["visible", "hidden"]
    assert found["after"] == ["hidden", "visible"]
    assert found["ready"] == ["yes", "yes"]
    assert min(found["curves"]) >= 6
    assert max(found["overflow"]) <= 0

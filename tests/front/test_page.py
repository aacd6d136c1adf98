"""The report as a page: what it shows, what it leaves out, and that nothing of a scene is more than text."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from xr_inr import page
from xr_inr.exceptions import RequestError
from xr_inr.report import Report

from .helpers import make_scene

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """A page as its elements; refuses tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self._open = [], "", []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.text += data

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def ids(self):
        return {attrs["id"] for _, attrs in self.elements if "id" in attrs}


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


@pytest.fixture(scope="module")
def text(small):
    return small.inr.report.to_html()


@pytest.fixture
def opened(small, tmp_path):
    """The scene from a store."""
    small.inr.to_zarr(tmp_path / "scene.zarr")
    return xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]


# What it shows


def test_page_has_every_part(text):
    found = Page(text)

    assert {"look", "maps", "bands", "settings"} <= found.ids
    assert "chunks" not in found.ids
    assert [attrs["class"].split()[0] for attrs in found.of("img")] == ["decoded", "original", "map", "map"]


def test_page_tells_the_figures_of_the_report(text, small):
    report = small.inr.report
    found = Page(text).text

    for label, value in report.rows():
        assert label in found
        assert value in found
    assert f"{report.payload_bytes:,}" in found


def test_every_picture_says_what_it_is(text):
    assert all(attrs["alt"] for attrs in Page(text).of("img"))


def test_maps_have_scales_with_units(scene):
    found = Page(scene.assign_attrs(units="DN").inr.compress(bpppb=5.0, device="cpu").inr.report.to_html()).text

    assert re.search(r"0[\d.]+ DN", found)
    assert re.search(r"0[\d.]+ degrees", found)
    assert "data units" not in found


def test_divider_is_a_slider_that_keys_reach(text):
    (handle,) = (attrs for attrs in Page(text).of("div") if attrs.get("role") == "slider")

    assert handle["tabindex"] == "0"
    assert handle["aria-label"]
    assert (handle["aria-valuemin"], handle["aria-valuenow"], handle["aria-valuemax"]) == ("0", "50", "100")


def test_script_is_given_spectra_and_bands_over_wavelengths(text, scene, small):
    data = data_of(text)

    assert data["axis"]["label"] == "wavelength (nm)"
    assert data["bandPsnr"] == [float(f"{value:.6g}") for value in small.inr.report.band_psnr]
    levels = np.frombuffer(base64.b64decode(data["samples"]["spectra"]["data"]), "<i2").reshape(-1, 5)
    rows, columns = (np.frombuffer(base64.b64decode(data["samples"][name]), "<i4") for name in ("rows", "columns"))
    spectra = levels * data["samples"]["spectra"]["step"] + data["samples"]["spectra"]["offset"]
    np.testing.assert_array_equal(spectra, scene.to_numpy()[:, rows, columns].T)


def test_table_of_bands_has_a_line_for_each(text):
    assert text.count("<tr>") == 1 + 5


def test_chunks_are_shown_where_there_are_several(in_chunks):
    text = in_chunks.inr.report.to_html()
    chunks = data_of(text)["chunks"]

    assert "chunks" in Page(text).ids
    assert (chunks["heights"], chunks["widths"]) == ([4, 3], [4, 4, 1])
    assert chunks["figures"]["bytes"]["values"] == list(in_chunks.inr.report.chunk_figures.bytes)
    assert chunks["figures"]["sam"]["unit"] == "degrees"


def test_bands_without_error_are_counted_and_not_drawn():
    exact = make_scene().copy(data=np.broadcast_to(np.arange(1, 6, dtype="i2")[:, None, None], (5, 7, 9)))
    text = exact.inr.compress(bpppb=16.0, device="cpu").inr.report.to_html()

    assert "5 bands are exact and not drawn" in Page(text).text
    assert "band-psnr" not in Page(text).ids


# What is not there


def test_page_of_a_store_shows_what_remains_and_says_what_is_missing(opened):
    found = Page(opened.inr.report.to_html())

    assert {"look", "bands", "settings"} <= found.ids
    assert not {"maps", "pixel-errors"} & found.ids
    assert "the original is not at hand" in found.text
    assert len(found.of("img")) == 1


def test_original_can_be_given(opened, scene, text):
    given = opened.inr.report.to_html(original=scene)

    assert Page(given).ids == Page(text).ids
    assert data_of(given)["samples"] == data_of(text)["samples"]


def test_original_of_another_shape_is_refused(opened, scene):
    with pytest.raises(RequestError, match="same shape"):
        opened.inr.report.to_html(original=scene[:, 1:])


def test_page_says_when_the_original_is_another_one(opened, scene):
    assert "the original is not the one that was compressed" in Page(opened.inr.report.to_html(original=scene + 1)).text
    assert "is not the one" not in Page(opened.inr.report.to_html(original=scene)).text


def test_report_without_samples_makes_a_page(small):
    found = Page(Report.from_attribute(small.inr.report.to_attribute()).to_html())

    assert found.ids & {"look", "maps", "bands", "settings"} == {"bands", "settings"}
    assert "The samples are not at hand" in found.text


def test_report_without_figures_of_bands_makes_a_page(small):
    text = dataclasses.replace(small.inr.report, band_psnr=(), band_max_error=()).to_html()

    assert "maps" in Page(text).ids
    assert data_of(text)["bandPsnr"] == [None] * 5


def test_scenes_of_several_times_make_a_page_without_pictures(scene):
    times = xr.concat([scene, scene + 1], "time", coords="minimal", compat="override", join="override")
    found = Page(times.inr.compress(bpppb=24.0, device="cpu").inr.report.to_html())

    assert "This one has 4" in found.text
    assert {"bands", "chunks", "settings"} <= found.ids


def test_band_dimension_of_any_name_is_known_after_the_store(scene, tmp_path):
    odd = scene.rename(band="colour")
    small = odd.inr.compress(bpppb=5.0, band_dim="colour", device="cpu")
    small.inr.to_zarr(tmp_path / "scene.zarr")

    assert "maps" in Page(small.inr.report.to_html()).ids
    assert "look" in Page(xr.open_zarr(tmp_path / "scene.zarr")["reflectance"].inr.report.to_html()).ids


# One file that loads nothing


def test_page_refers_to_nothing_outside(text):
    for tag, attrs in Page(text).elements:
        for name in ("src", "href", "action", "data", "poster"):
            assert attrs.get(name, "data:").startswith("data:"), (tag, name)
        assert tag not in {"link", "iframe", "object", "embed"}
    assert not re.search(r"url\(|@import", text)


def test_policy_of_the_page_forbids_any_request_and_any_other_script(text):
    (policy,) = (attrs["content"] for attrs in Page(text).of("meta") if "http-equiv" in attrs)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


HOSTILE = "</script></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def test_text_of_a_scene_is_nothing_but_text(scene):
    hostile = scene.rename(HOSTILE).assign_attrs(units=HOSTILE)
    hostile["wavelength"].attrs["units"] = HOSTILE
    compressed = hostile.inr.compress(bpppb=24.0, chunks={"x": 5}, device="cpu")
    report = dataclasses.replace(
        compressed.inr.report, request={HOSTILE: HOSTILE}, networks=(HOSTILE,), version=HOSTILE
    )
    text = report.to_html()
    found = Page(text)

    assert [attrs for attrs in found.of("script") if attrs] == [{"type": "application/json", "id": "data"}]
    assert len(found.of("script")) == 2
    assert len(found.of("img")) == 4
    assert not [attrs for _, attrs in found.elements if any(name.startswith("on") for name in attrs)]
    assert data_of(text)["unit"] == HOSTILE
    assert HOSTILE in found.text


def test_page_of_a_large_scene_stays_small():
    before = make_scene((40, 700, 900), "u2")
    after = before.copy(data=before.to_numpy() + np.random.default_rng(0).integers(0, 9, before.shape, "u2"))
    text = page.assemble(page.of_pair(before, after))

    assert len(text) < 6_000_000
    assert "A pixel of the pictures is 2 x 2 pixels of the scene" in Page(text).text


# Writing


def test_page_is_written_to_a_file_and_replaces_one(small, tmp_path, text):
    path = tmp_path / "report.html"
    path.write_text("before")

    assert small.inr.report.to_html(path) is None
    assert len(path.read_text(encoding="utf-8")) == pytest.approx(len(text), rel=0.01)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("scene.tif", "must be written to a file with the suffix .html. Got .*scene.tif", id="a scene"),
        pytest.param("missing/report.html", "the folder of the report must exist. Got .*missing", id="no folder"),
    ],
)
def test_other_paths_are_refused_before_any_work(small, tmp_path, name, message, positions):
    with pytest.raises(RequestError, match=message):
        small.inr.report.to_html(tmp_path / name)
    assert not positions
    assert not list(tmp_path.iterdir())

"""``--html``: the page that the command line writes."""

import json

import pytest
import xarray as xr

from .helpers import call, succeed


@pytest.fixture(scope="module")
def stored(geotiff, tmp_path_factory, small_models):  # noqa: ARG001 - in force while the scene is fitted
    """The store of the GeoTIFF, and the page written with it."""
    folder = tmp_path_factory.mktemp("stores")
    options = ("--bpppb", 2, "--preset", "fast", "--device", "cpu", "--html", folder / "compressed.html")
    succeed("compress", geotiff, folder / "scene.zarr", *options)
    return folder / "scene.zarr"


def test_compress_writes_a_page_with_the_original(stored):
    text = (stored.parent / "compressed.html").read_text(encoding="utf-8")

    assert 'id="maps"' in text
    assert "asked for" in text


def test_compare_with_a_store_writes_the_page_of_its_report(geotiff, stored, tmp_path):
    result = succeed("compare", geotiff, stored, "--html", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")

    assert result.stdout.startswith("PSNR ")
    assert 'id="maps"' in text
    assert "asked for" in text
    assert 'class="note">' not in text.replace("<noscript><p class", "")


def test_compare_of_rasters_writes_a_page_without_sizes(geotiff, tmp_path):
    succeed("compare", geotiff, geotiff, "--html", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")

    assert 'id="maps"' in text
    assert "Sizes and settings are not known" in text


def test_json_stays_json(geotiff, stored, tmp_path):
    assert "psnr" in json.loads(succeed("compare", geotiff, stored, "--json", "--html", tmp_path / "r.html").stdout)


def test_info_writes_a_page_of_every_scene_of_a_store(small, in_chunks, tmp_path):
    small.inr.to_zarr(tmp_path / "one.zarr")
    xr.Dataset({"first": small, "second": in_chunks}).inr.to_zarr(tmp_path / "two.zarr")
    one = succeed("info", tmp_path / "one.zarr", "--html", tmp_path / "one.html")
    two = succeed("info", tmp_path / "two.zarr", "--html", tmp_path / "two.html")

    assert "bpppb" in one.stdout
    assert "bpppb" in two.stdout
    assert "<iframe" not in (tmp_path / "one.html").read_text(encoding="utf-8")
    assert (tmp_path / "two.html").read_text(encoding="utf-8").count("<iframe") == 2


def test_info_has_no_page_of_what_has_no_report(geotiff, tmp_path):
    presets = call("info", "--presets", "--html", tmp_path / "report.html")
    raster = call("info", geotiff, "--html", tmp_path / "report.html")

    assert "--html must be given with a Zarr store. Got --presets." in presets.stderr
    assert "no variable has a report" in raster.stderr
    assert presets.exit_code == raster.exit_code == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [("compress", "--bpppb", 2), ("compare",)], ids=["compress", "compare"])
@pytest.mark.parametrize("page", ["page.tif", "no/page.html"], ids=["another suffix", "no folder"])
def test_page_that_cannot_be_written_is_refused_before_any_work(geotiff, tmp_path, fits, command, page):
    name, *options = command
    result = call(name, geotiff, tmp_path / "other.zarr", *options, "--html", tmp_path / page)

    assert result.exit_code == 1
    assert "of the report must exist" in result.stderr or "with the suffix .html" in result.stderr
    assert not fits
    assert not list(tmp_path.iterdir())

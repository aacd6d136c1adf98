"""The scripts in examples/ do what their first lines say, on small files of the structure they are for."""

import csv
import importlib.util

import numpy as np
import pytest
import xarray as xr

import xr_inr

from .pages import ROOT, in_haste, write_scene

EXAMPLES = ROOT / "examples"
VLEN = "ignore:The codec `vlen-utf8`"


@pytest.fixture(scope="module", autouse=True)
def hasty_fits(small_models):  # noqa: ARG001 - which are made smaller still
    """Fits that take the first payload that will do."""
    with in_haste():
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A GeoTIFF of 40 bands with wavelengths, tags and nodata."""
    path = tmp_path_factory.mktemp("rasters") / "scene.tif"
    write_scene(path)
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory, source, hasty_fits):  # noqa: ARG001 - in force while it is fitted
    """The same in a compressed store, in chunks."""
    path = tmp_path_factory.mktemp("stores") / "scene.zarr"
    small = xr_inr.open_raster(source).inr.compress(bpppb=0.5, preset="fast", chunks={"y": 32}, device="cpu")
    small.inr.to_zarr(path)
    return path


def script(name):
    """Return an example as a module, as its first lines say it is run."""
    path = EXAMPLES / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_says_how_it_is_run(path):
    assert f"python examples/{path.name}" in script(path.stem).__doc__


def test_geotiff_to_zarr_keeps_everything(source, tmp_path, capsys):
    script("geotiff_to_zarr").main(source, tmp_path / "results", bpppb=0.2, preset="fast")

    said = capsys.readouterr().out.splitlines()
    assert sum(line.endswith(" kept") for line in said) == 6
    assert not any(line.endswith(" LOST") for line in said)
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"scene.zarr", "scene.tif", "scene.html"}


@pytest.mark.filterwarnings(VLEN)
def test_zarr_v2_numcodecs_writes_both_formats(source, tmp_path, capsys):
    old = tmp_path / "old.zarr"
    scene = xr_inr.open_raster(source).rename("reflectance")
    scene.to_dataset().to_zarr(old, zarr_format=2)

    script("zarr_v2_numcodecs").main(old, tmp_path / "results", variable=None, bpppb=0.5, preset="fast")

    assert "numcodecs: " in capsys.readouterr().out
    for name in ("format2.zarr", "format3.zarr"):
        stored = xr.open_zarr(tmp_path / "results" / name, mask_and_scale=False)["reflectance"]
        np.testing.assert_array_equal(stored == -9999, scene == -9999)


def test_spectra_of_pixels_are_those_of_the_store(store, tmp_path):
    x, y = 364_110.0 + 30.0 * 20, 5_809_950.0 - 30.0 * 50
    script("spectra_of_pixels").main(store, tmp_path / "spectra.csv", [(x + 4, y - 3), (364_110.0, 5_809_950.0)])

    with (tmp_path / "spectra.csv").open(newline="") as file:
        head, *lines = list(csv.reader(file))
    stored = xr.open_zarr(store, mask_and_scale=False, chunks=None)["scene"]
    assert head == ["wavelength", f"x={x:.12g} y={y:.12g}", "x=364110 y=5809950"]
    np.testing.assert_array_equal([float(line[1]) for line in lines], stored[:, 50, 20])
    assert {line[2] for line in lines} == {""}


def test_spectra_of_pixels_spreads_pixels_over_the_scene_where_none_are_given(store, tmp_path):
    script("spectra_of_pixels").main(store, tmp_path / "spectra.csv", [])

    with (tmp_path / "spectra.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert [len(line) for line in lines] == [6] * 41

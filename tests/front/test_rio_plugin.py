"""``rio inr``: the commands of xr-inr within rasterio's own command line."""

import json
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.rio.main import main_group, with_plugins

import xr_inr
from xr_inr import cli

GROUP = "rasterio.rio_plugins"
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture
def rio(monkeypatch):
    """A function that runs ``rio`` with the plugins that this project declares, as rasterio loads them."""
    monkeypatch.setattr(main_group, "commands", dict(main_group.commands))
    declared = PROJECT["entry-points"][GROUP].items()
    group = with_plugins([EntryPoint(name, value, GROUP) for name, value in declared])(main_group)

    def rio(*arguments):
        result = CliRunner().invoke(group, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    return rio


def test_rio_lists_the_plugin(rio):
    assert any(line.split()[:2] == ["inr", "Hyperspectral"] for line in rio("--help").splitlines())


def test_commands_are_those_of_xr_inr(rio):
    assert cli.inr.commands is cli.main.commands
    assert {"compress", "decompress", "info", "compare", "vrt"} <= set(cli.inr.commands)
    assert "rio inr" in CliRunner().invoke(main_group, ["inr", "--help"], prog_name="rio").output
    assert "Target: bits per pixel per band" in rio("inr", "compress", "--help")


def test_the_main_job_runs_within_rio(rio, geotiff, tmp_path):
    store, again = tmp_path / "scene.zarr", tmp_path / "again.tif"
    rio("inr", "compress", geotiff, store, "--bpppb", 6, "--preset", "fast", "--device", "cpu")
    rio("inr", "decompress", store, again)
    figures = json.loads(rio("inr", "compare", geotiff, again, "--json"))
    ((_, report),) = json.loads(rio("inr", "info", store, "--json")).items()
    told = rio("inr", "vrt", store)

    assert figures["psnr"] == pytest.approx(report["psnr"])
    assert all(f"{name}={value}" in told for name, value in xr_inr.GDAL_SETTINGS.items())
    with (
        rasterio.Env(**xr_inr.GDAL_SETTINGS),
        rasterio.open(tmp_path / "scene.vrt") as through_gdal,
        rasterio.open(again) as decompressed,
    ):
        np.testing.assert_array_equal(through_gdal.read(), decompressed.read())


def test_commands_run_in_the_environment_that_rio_makes(rio, geotiff, monkeypatch):
    seen = []
    monkeypatch.setattr(cli, "open_scenes", lambda _: seen.append(rasterio.env.getenv()) or [])
    rio("--aws-no-sign-requests", "inr", "info", geotiff)

    assert seen[0]["AWS_NO_SIGN_REQUEST"] == "YES"


def test_a_broken_rule_is_one_line(rio, tmp_path):
    del rio
    result = CliRunner().invoke(click.Group("rio", commands=[cli.inr]), ["inr", "vrt", str(tmp_path / "absent.zarr")])

    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "Error: the store must" in result.output

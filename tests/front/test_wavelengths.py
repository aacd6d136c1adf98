"""Wavelengths that are unsorted, or not there for every band, go all the way."""

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import xr_inr
from xr_inr.cli import main

NAN = np.nan


@pytest.mark.parametrize(
    ("wavelengths", "read_again"),
    [
        ([450.0, NAN, 700.0, 650.0], [450.0, NAN, 700.0, 650.0]),
        ([900.0, 800.0, 650.0, 640.0], [900.0, 800.0, 650.0, 640.0]),
        ([NAN] * 4, None),
    ],
    ids=["one is missing", "falling", "none is known"],
)
def test_wavelengths_come_back_from_store_and_raster(tmp_path, wavelengths, read_again):
    samples = np.random.default_rng(0).normal(size=(4, 9, 11)).cumsum(axis=1).astype("float32")
    scene = xr.DataArray(
        samples,
        dims=("band", "y", "x"),
        coords={"wavelength": ("band", wavelengths), "y": np.arange(9.0)[::-1], "x": np.arange(11.0)},
        name="scene",
    ).rio.write_crs(32633)

    small = scene.inr.compress(bpppb=8, preset="fast", device="cpu", progress=False)
    small.inr.to_zarr(tmp_path / "scene.zarr")
    small.inr.report.to_html(tmp_path / "report.html", original=scene)
    opened = xr.open_zarr(tmp_path / "scene.zarr")["scene"]
    done = CliRunner().invoke(main, ["decompress", str(tmp_path / "scene.zarr"), str(tmp_path / "again.tif")])
    raster = xr_inr.open_raster(tmp_path / "again.tif")

    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(opened["wavelength"], wavelengths)
    if read_again is None:
        assert "wavelength" not in raster.coords
    else:
        np.testing.assert_array_equal(raster["wavelength"], read_again)

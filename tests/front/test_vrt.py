"""A .vrt beside a store of fitted scenes: GDAL reads its samples in windows, in this process and in others."""

import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from click.testing import CliRunner
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

import xr_inr
from xr_inr import stored_scene
from xr_inr.cli import main

ROOT = Path(__file__).parents[2]
WINDOWS = {
    "all": Window(0, 0, 9, 7),
    "one pixel": Window(8, 6, 1, 1),
    "over the edges of chunks": Window(2, 3, 5, 3),
    "the last row": Window(0, 6, 9, 1),
}
reads = pytest.mark.usefixtures("reading")
formats = pytest.mark.parametrize("zarr_format", [2, 3])


@pytest.fixture(params=["one chunk", "six chunks"])
def compressed(request, small, in_chunks):
    """The scene, compressed as one chunk and as several."""
    return small if request.param == "one chunk" else in_chunks


@pytest.fixture
def reading():
    """GDAL told to trust the pixel function."""
    with rasterio.Env(**xr_inr.GDAL_SETTINGS):
        yield


def stored(compressed, folder, zarr_format=3):
    """Store a compressed scene; return the .vrt beside it, and its samples."""
    compressed.inr.to_zarr(folder / "scene.zarr", zarr_format=zarr_format)
    return xr_inr.write_vrt(folder / "scene.zarr"), compressed.transpose("band", "y", "x").to_numpy()


@reads
@formats
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
def test_windows_have_the_samples_of_the_store(compressed, tmp_path, window, zarr_format):
    path, samples = stored(compressed, tmp_path, zarr_format)

    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(window=window), samples[:, *window.toslices()])


@reads
@formats
def test_only_the_window_is_decoded(small, tmp_path, positions, zarr_format):
    path, _ = stored(small, tmp_path, zarr_format)
    positions.clear()
    with rasterio.open(path) as raster:
        raster.read(2, window=Window(3, 2, 4, 3))

    assert sum(positions) == 12


@reads
def test_axes_in_another_order_are_read_as_a_raster(scene, tmp_path):
    path, samples = stored(scene.transpose("y", "x", "band").inr.compress(bpppb=24.0, device="cpu"), tmp_path)

    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), samples)


@reads
@pytest.mark.parametrize("shape", [(3, 4), (14, 18)], ids=["smaller", "larger"])
def test_another_size_takes_the_nearest_samples(small, tmp_path, shape):
    path, samples = stored(small, tmp_path)
    rows, columns = (np.arange(n) * size // n + size // n // 2 for n, size in zip(shape, (7, 9), strict=True))
    rows, columns = (((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip(shape, (7, 9), strict=True))

    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(1, out_shape=shape), samples[0][np.ix_(rows, columns)])


@reads
def test_threads_read_the_same(in_chunks, tmp_path):
    path, samples = stored(in_chunks, tmp_path)

    def read(_):
        with rasterio.Env(**xr_inr.GDAL_SETTINGS), rasterio.open(path) as raster:
            return raster.read()

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(read, range(8)):
            np.testing.assert_array_equal(found, samples)


@reads
def test_opened_stores_are_kept_up_to_a_number(small, tmp_path):
    small.inr.to_zarr(tmp_path / "scene.zarr")
    kept = stored_scene._open.cache_info().maxsize
    for number in range(kept + 2):
        shutil.copytree(tmp_path / "scene.zarr", tmp_path / f"{number}.zarr")
        with rasterio.open(xr_inr.write_vrt(tmp_path / f"{number}.zarr")) as raster:
            raster.read(1)
    before = stored_scene._open.cache_info()
    with rasterio.open(tmp_path / "3.vrt") as raster:
        raster.read()

    assert before.currsize == kept
    assert stored_scene._open.cache_info().misses == before.misses


@reads
def test_a_store_that_was_replaced_is_read_anew(small, scene, tmp_path):
    path, _ = stored(small, tmp_path)
    with rasterio.open(path) as raster:
        raster.read()
    other = (scene + 1000).astype("i2").inr.compress(bpppb=24.0, device="cpu")
    other.inr.to_zarr(tmp_path / "scene.zarr", mode="w")

    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), other)


@reads
@pytest.mark.parametrize("place", ["named", "working folder"])
def test_a_moved_store_is_found_from(small, tmp_path, monkeypatch, place):
    (tmp_path / "first").mkdir()
    _, samples = stored(small, tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "second")
    if place == "named":
        monkeypatch.setenv("XR_INR_STORES", os.pathsep.join(["/nowhere", str(tmp_path / "second")]))
    else:
        monkeypatch.chdir(tmp_path / "second")

    with rasterio.open(tmp_path / "second" / "scene.vrt") as raster:
        np.testing.assert_array_equal(raster.read(), samples)


@reads
def test_a_store_that_is_not_found_is_named(small, tmp_path):
    path, _ = stored(small, tmp_path)
    (tmp_path / "scene.zarr").rename(tmp_path / "gone.zarr")

    with rasterio.open(path) as raster, pytest.raises(RasterioIOError):
        raster.read()
    with pytest.raises(FileNotFoundError, match=r"scene\.zarr must be in .*XR_INR_STORES"):
        stored_scene.find_store("scene.zarr", str(tmp_path))


def test_gdal_refuses_without_the_settings(small, tmp_path):
    path, _ = stored(small, tmp_path)

    with rasterio.open(path) as raster:
        assert raster.count == 5
        with pytest.raises(RasterioIOError):
            raster.read()


def test_what_gdal_may_call_is_one_function():
    import types

    import xr_inr_gdal

    callables = {name for name, value in vars(xr_inr_gdal).items() if isinstance(value, types.FunctionType)}
    assert callables == {"read_window"}


def test_a_process_of_gdal_loads_no_second_gdal():
    code = (
        "import sys, xr_inr_gdal, xr_inr.stored_scene\n"
        "assert not {'rasterio', 'pyproj', 'rioxarray', 'torch'} & set(sys.modules), sys.modules\n"
        "import xr_inr, xarray\n"
        "assert not hasattr(xr_inr, 'absent')\n"
        "assert callable(xr_inr.compress) and hasattr(xarray.DataArray, 'inr')\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stderr


def gdal(*command, **settings):
    """Run a program of GDAL, which has to find this package in the Python that it loads."""
    paths = os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]])
    environment = os.environ | {"PYTHONPATH": paths} | settings
    return subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False)


def gdal_runs_this_python():
    """Whether GDAL's programs are installed, and a Python of this version that they can load."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return shutil.which("gdal_translate") is not None and find_library(f"python{version}") is not None


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="gdalinfo is not installed")
def test_gdalinfo_describes_the_raster(geotiff, tmp_path):
    scene = xr_inr.open_raster(geotiff).inr.compress(bpppb=8.0, device="cpu")
    scene.inr.to_zarr(tmp_path / "scene.zarr")
    told = gdal("gdalinfo", "-mdd", "all", xr_inr.write_vrt(tmp_path / "scene.zarr")).stdout

    for expected in (
        "Size is 18, 20",
        'ID["EPSG",32633]',
        "Pixel Size = (30.0",
        "NoData Value=-9999",
        "Offset: 0.5,   Scale:0.0001",
        "Description = Band 2 (540.0 nm)",
        "wavelength=540.0",
        "CENTRAL_WAVELENGTH_UM",
        "SENSOR=generated",
    ):
        assert expected in told


@pytest.mark.skipif(not gdal_runs_this_python(), reason="gdal_translate with this Python is not installed")
def test_gdal_translate_reads_a_window(in_chunks, tmp_path):
    path, samples = stored(in_chunks, tmp_path)
    command = ("gdal_translate", "-q", "-srcwin", 2, 1, 5, 4, "-b", 3, "-b", 1, path, tmp_path / "window.tif")
    found = gdal(*command, **xr_inr.GDAL_SETTINGS)

    assert found.returncode == 0, found.stderr
    with rasterio.open(tmp_path / "window.tif") as raster:
        np.testing.assert_array_equal(raster.read(), samples[[2, 0], 1:5, 2:7])


@pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="gdal_translate is not installed")
def test_gdal_translate_says_which_setting_is_missing(small, tmp_path):
    path, _ = stored(small, tmp_path)
    found = gdal("gdal_translate", "-q", path, tmp_path / "all.tif")

    assert found.returncode != 0
    assert "xr_inr_gdal" in found.stderr
    assert "GDAL_VRT_PYTHON_TRUSTED_MODULES" in found.stderr


def test_the_command_has_options(scene, tmp_path):
    xr.Dataset({"first": scene, "second": scene}).to_zarr(tmp_path / "scene.zarr", consolidated=False)

    def vrt(*options):
        return CliRunner().invoke(main, ["vrt", str(tmp_path / "scene.zarr"), *options])

    assert "must hold one scene, or one must be named" in vrt().output
    assert "GDAL_VRT_ENABLE_PYTHON=TRUSTED_MODULES" in vrt("--variable", "second").output
    assert 'variable="second"' in (tmp_path / "scene.vrt").read_text()
    assert "pass overwrite=True" in vrt("--variable", "first").output
    assert vrt("--variable", "first", "--overwrite", "--quiet").output == ""
    assert 'variable="first"' in (tmp_path / "scene.vrt").read_text()


@reads
def test_plain_arrays_are_read_as_well(scene, tmp_path):
    scene.to_dataset().to_zarr(tmp_path / "scene.zarr", consolidated=False)
    path = xr_inr.write_vrt(tmp_path / "scene.zarr")

    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(), xr.DataArray(scene))

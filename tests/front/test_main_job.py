"""The main job: a georeferenced scene through a Zarr store and back to a GeoTIFF; rasterio is the oracle."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

import xr_inr
from xr_inr.core.decode import decode
from xr_inr.core.metrics import compare

from .helpers import AFFINE_3

pytestmark = pytest.mark.filterwarnings(AFFINE_3)

SCENES = os.environ.get("XR_INR_SCENES")
formats = pytest.mark.parametrize("zarr_format", [2, 3])


def told(path):
    """Everything rasterio reports of a raster but its samples."""
    with rasterio.open(path) as source:
        names = ("crs", "transform", "nodata", "dtypes", "shape", "descriptions", "units", "scales", "offsets")
        return {name: getattr(source, name) for name in names} | {
            "colours": source.colorinterp,
            "tags": {space: source.tags(ns=space) for space in ("", "IMAGERY", "RPC")},
            "band tags": [source.tags(band) for band in source.indexes],
        }


def samples(path):
    """The stored samples of a raster, and which of them count."""
    with rasterio.open(path) as source:
        return source.read(), source.read_masks() > 0


def do(source, folder, *, bpppb, zarr_format=3, **request):
    """Do the main job; return the report, the folder of the array and the GeoTIFF that comes out."""
    scene = xr_inr.open_raster(source)
    compressed = scene.inr.compress(bpppb=bpppb, device="cpu", **request)
    compressed.inr.to_zarr(folder / "scene.zarr", zarr_format=zarr_format)
    opened = xr.open_zarr(folder / "scene.zarr", mask_and_scale=False)
    (name,) = opened.data_vars
    xr_inr.write_raster(opened[name], folder / "again.tif")
    return compressed.inr.report, folder / "scene.zarr" / str(name), folder / "again.tif"


def check(source, report, array, again, *, bpppb):
    (before, valid), (after, also_valid) = samples(source), samples(again)
    figures = compare(before, after, valid)
    chunks = [file for file in array.rglob("*") if file.is_file() and file.name[0] != "." and file.suffix != ".json"]

    assert told(again) == told(source)
    np.testing.assert_array_equal(also_valid, valid)
    np.testing.assert_array_equal(after[~valid], before[~valid])
    assert report.psnr == pytest.approx(figures.psnr)
    assert report.max_error == figures.max_error
    assert sum(file.stat().st_size for file in chunks) == report.payload_bytes
    assert report.payload_bytes * 8 / before.size <= bpppb
    assert report.bpppb == report.payload_bytes * 8 / before.size


@formats
def test_generated_scene_comes_back_with_everything_but_its_exact_samples(geotiff, tmp_path, zarr_format):
    report, array, again = do(geotiff, tmp_path, bpppb=8.0, zarr_format=zarr_format)

    check(geotiff, report, array, again, bpppb=8.0)


@formats
def test_generated_scene_in_chunks_comes_back_the_same(geotiff, tmp_path, zarr_format):
    report, array, again = do(geotiff, tmp_path, bpppb=8.0, zarr_format=zarr_format, chunks={"y": 16, "x": 16})

    check(geotiff, report, array, again, bpppb=8.0)
    assert report.chunks == 4


def test_plain_xarray_reads_a_stored_scene_as_what_it_measures(geotiff, tmp_path):
    _, array, again = do(geotiff, tmp_path, bpppb=8.0)
    opened = xr.open_zarr(array.parent)[array.name]
    stored, valid = samples(again)

    assert opened.rio.crs.to_epsg() == 32633
    assert opened.rio.transform() == told(geotiff)["transform"]
    np.testing.assert_allclose(opened.wavelength, np.linspace(450.0, 900.0, 6))
    np.testing.assert_array_equal(opened.isnull(), ~valid)
    np.testing.assert_allclose(opened.values[valid], stored[valid] * 0.0001 + 0.5)


def test_chunk_file_alone_decodes_to_the_samples_of_the_geotiff(geotiff, tmp_path):
    _, array, again = do(geotiff, tmp_path, bpppb=8.0)

    np.testing.assert_array_equal(decode((array / "c/0/0/0").read_bytes()), samples(again)[0])


def test_window_and_bands_of_a_store_are_written_where_they_lie(geotiff, tmp_path):
    _, array, again = do(geotiff, tmp_path, bpppb=8.0)
    part = xr.open_zarr(array.parent, mask_and_scale=False)[array.name].isel(band=[4, 1], y=slice(5, 15), x=slice(2, 9))
    xr_inr.write_raster(part, tmp_path / "part.tif")
    whole, found = told(geotiff), told(tmp_path / "part.tif")

    assert found["transform"] == whole["transform"] * rasterio.Affine.translation(2, 5)
    assert found["descriptions"] == (whole["descriptions"][4], whole["descriptions"][1])
    assert found["band tags"] == [whole["band tags"][4], whole["band tags"][1]]
    np.testing.assert_array_equal(samples(tmp_path / "part.tif")[0], samples(again)[0][[4, 1], 5:15, 2:9])


@pytest.mark.skipif(SCENES is None, reason="XR_INR_SCENES does not say where the scenes are")
def test_enmap_scene_comes_back_with_everything_but_its_exact_samples(tmp_path):
    source = Path(SCENES) / "geo" / "enmap_potsdam_A.tif"
    report, array, again = do(source, tmp_path, bpppb=0.2, preset="fast")

    check(source, report, array, again, bpppb=0.2)
    assert (array / "c/0/0/0").stat().st_size == report.payload_bytes

"""Stores in one file: written whole or not at all, and read by every command and call."""

import json
import zipfile

import numpy as np
import pytest
import rasterio
import xarray as xr
import zarr
from click.testing import CliRunner
from zarr.storage import ZipStore

from xr_inr import RequestError, StoreExistsError
from xr_inr.cli import main
from xr_inr.lazy import Fitted, fitted_of
from xr_inr.opening import open_scene

from .helpers import AFFINE_3, runner

formats = pytest.mark.parametrize("zarr_format", [2, 3])
FAST = ("--preset", "fast", "--device", "cpu", "--quiet")


_OPENED = []


def opened(path, **options):
    """Open a store for the rest of the test."""
    _OPENED.append(ZipStore(path, mode="r"))
    return xr.open_zarr(_OPENED[-1], **options)


@pytest.fixture(autouse=True)
def _closed_in_the_end():
    yield
    while _OPENED:
        _OPENED.pop().close()


def succeed(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def store(in_chunks, tmp_path):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr.zip")
    return tmp_path / "scene.zarr.zip"


# Writing


@formats
@pytest.mark.filterwarnings(AFFINE_3)
def test_plain_xarray_reads_the_samples(in_chunks, tmp_path, zarr_format):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr.zip", zarr_format=zarr_format)
    scene = opened(tmp_path / "scene.zarr.zip")["reflectance"]

    np.testing.assert_array_equal(scene, in_chunks)
    np.testing.assert_array_equal(scene[2, 3:5, 2:9], in_chunks[2, 3:5, 2:9])
    assert scene.rio.crs.to_epsg() == 32633
    assert scene.inr.report.psnr == in_chunks.inr.report.psnr
    assert [file.name for file in tmp_path.iterdir()] == ["scene.zarr.zip"]


def test_payloads_lie_in_it_as_they_are_once_each(store, in_chunks):
    with zipfile.ZipFile(store) as archive:
        names = archive.namelist()
        kinds = {entry.compress_type for entry in archive.infolist()}
        found = {name: archive.read(name) for name in names if "/c/" in name and name.startswith("reflectance")}

    assert kinds == {zipfile.ZIP_STORED}
    assert len(names) == len(set(names))
    assert sorted(found.values()) == sorted(chunk.payload for chunk in fitted_of(in_chunks).encoded.values())


def test_same_store_makes_the_same_bytes(store, in_chunks, tmp_path):
    in_chunks.inr.to_zarr(tmp_path / "again.zarr.zip")

    assert (tmp_path / "again.zarr.zip").read_bytes() == store.read_bytes()


def test_opened_store_is_copied_from_and_to_one_file(store, in_chunks, fits, tmp_path):
    opened(store).inr.to_zarr(tmp_path / "folder.zarr")
    xr.open_zarr(tmp_path / "folder.zarr").inr.to_zarr(tmp_path / "again.zarr.zip")

    np.testing.assert_array_equal(opened(tmp_path / "again.zarr.zip")["reflectance"], in_chunks)
    assert not fits


def test_store_is_replaced_by_what_was_opened_from_it(store, in_chunks):
    opened(store).inr.to_zarr(store, mode="w")

    np.testing.assert_array_equal(opened(store)["reflectance"], in_chunks)
    assert [file.name for file in store.parent.iterdir()] == ["scene.zarr.zip"]


# What stands at the target


def test_file_that_exists_is_not_touched(small, store):
    before = store.read_bytes()
    with pytest.raises(StoreExistsError, match=r"scene.zarr.zip exists; .*mode='w'"):
        small.inr.to_zarr(store)

    assert store.read_bytes() == before


def test_file_that_exists_is_replaced_on_request(small, store):
    small.inr.to_zarr(store, mode="w")

    np.testing.assert_array_equal(opened(store)["reflectance"], small)


@pytest.mark.parametrize("content", [b"meow", None], ids=["another file", "an archive of something else"])
def test_file_that_is_no_store_is_never_replaced(small, tmp_path, content):
    path = tmp_path / "scene.zarr.zip"
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("cat.jpg", b"meow")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(StoreExistsError, match="is not a Zarr store; it is not replaced"):
        small.inr.to_zarr(path, mode="w")

    assert path.read_bytes() == before


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["disk full", "Ctrl-C"])
@pytest.mark.parametrize("step", ["payloads", "packing"])
def test_failure_in_the_middle_leaves_the_store_that_was_there(small, store, monkeypatch, error, step):
    def fail(*_, **__):
        raise error

    before = store.read_bytes()
    if step == "payloads":
        monkeypatch.setattr(Fitted, "put_into", fail)
    else:
        monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(type(error)):
        small.inr.to_zarr(store, mode="w")

    assert store.read_bytes() == before
    assert [file.name for file in store.parent.iterdir()] == ["scene.zarr.zip"]


def test_open_archive_is_refused_as_a_target(small, tmp_path):
    with pytest.raises(RequestError, match=r"written by its path on a local disk, such as x.zarr.zip"):
        small.inr.to_zarr(ZipStore(tmp_path / "scene.zarr.zip", mode="w"))

    assert not list(tmp_path.iterdir())


# Reading


def test_scene_is_opened_by_its_path(store, in_chunks):
    np.testing.assert_array_equal(open_scene(store), in_chunks)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "the store must exist. Got .*scene.zarr.zip"), (b"PK but no more", "must be a zip archive. .*cut short")],
    ids=["missing", "cut short"],
)
def test_what_is_no_archive_is_refused(tmp_path, content, message):
    path = tmp_path / "scene.zarr.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RequestError, match=message):
        open_scene(path)


def test_archive_without_a_store_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "scene.zarr.zip", "w") as archive:
        archive.writestr("cat.jpg", b"meow")
    with pytest.raises(RequestError, match="is not a Zarr store that can be read"):
        open_scene(tmp_path / "scene.zarr.zip")


def test_archive_far_away_is_refused():
    with pytest.raises(
        RequestError, match=r"must be on a local disk; copy it there first. Got https://x.org/a.zarr.zip"
    ):
        open_scene("https://x.org/a.zarr.zip")


def test_archive_is_read_by_other_processes(store, in_chunks):
    import pickle

    array = pickle.loads(pickle.dumps(zarr.open_array(ZipStore(store, mode="r"), path="reflectance", mode="r")))  # noqa: S301

    np.testing.assert_array_equal(array[...], in_chunks)


# Commands


def test_every_command_takes_one_file(geotiff, tmp_path):
    store, again = tmp_path / "scene.zarr.zip", tmp_path / "again.tif"
    succeed("compress", geotiff, store, "--bpppb", 8, *FAST)
    succeed("decompress", store, again)
    (told,) = json.loads(succeed("info", store, "--json")).values()
    compared = json.loads(succeed("compare", geotiff, store, "--json"))

    assert told["bpppb"] <= 8
    assert compared["psnr"] == pytest.approx(told["psnr"])
    with rasterio.open(again) as found, rasterio.open(geotiff) as source:
        assert found.crs == source.crs
        np.testing.assert_array_equal(found.read(), open_scene(store))


def test_compress_takes_one_file_as_its_source(store, tmp_path):
    succeed("compress", store, tmp_path / "again.zarr", "--bpppb", 24, *FAST)

    assert set(xr.open_zarr(tmp_path / "again.zarr").data_vars) == {"reflectance"}


def test_compress_does_not_replace_a_file_unasked(geotiff, store):
    result = runner().invoke(main, ["compress", str(geotiff), str(store), "--bpppb", "8", *FAST])

    assert result.exit_code == 1
    assert "exists" in result.stderr

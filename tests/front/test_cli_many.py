"""compress-many, and what compress does chunk by chunk: archives of scenes that are gone on with."""

import shutil

import pytest
import rasterio
import xarray as xr

from xr_inr import variable_fit
from xr_inr.partial import partial_folder

from .helpers import call, fit_only, succeed
from .pages import in_haste

FAST = ("--preset", "fast", "--device", "cpu", "--psnr", 14)


@pytest.fixture(scope="module", autouse=True)
def hasty_fits(small_models):  # noqa: ARG001 - which are made smaller still
    with in_haste():
        yield


@pytest.fixture
def archive(geotiff, tmp_path, monkeypatch):
    """A folder in which three scenes lie in 'in'."""
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(geotiff, tmp_path / "in" / f"{name}.tif")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(variable_fit, "_SAMPLES_AT_ONCE", 1)
    return tmp_path


# compress, chunk by chunk


def test_interrupted_compress_is_gone_on_with(archive, fits):
    command = ("compress", "in/a.tif", "a.zarr", "--chunks", "10x9", *FAST)
    with pytest.MonkeyPatch.context() as patch:
        fit_only(patch, 3)
        result = call(*command)
    assert result.exit_code == 1
    assert "--resume goes on with them" in result.stderr
    refused = call(*command)
    assert "an unfinished write lies in" in refused.stderr
    fits.clear()
    resumed = succeed(*command, "--resume")

    assert len(fits) == 1
    assert "in 4 chunks" in resumed.stdout
    assert not partial_folder(archive / "a.zarr").exists()


def test_compress_in_chunks_and_at_once_print_the_same(archive):
    first = succeed("compress", "in/a.tif", "a.zarr", "--chunks", "10x9", *FAST).stdout
    second = str(next(iter(xr.open_zarr(archive / "a.zarr").inr.report.values())))

    assert first.strip() == second


def test_page_of_a_scene_in_chunks_is_written(archive):
    succeed("compress", "in/a.tif", "a.zarr", "--chunks", "10x9", "--html", "a.html", *FAST)

    assert "<html" in (archive / "a.html").read_text()


# compress-many


def test_every_scene_gets_a_store_and_a_line(archive):
    result = succeed("compress-many", "in/*.tif", "out", *FAST)
    head, *lines = result.stdout.splitlines()

    assert sorted(path.name for path in (archive / "out").iterdir()) == ["a.zarr", "b.zarr", "c.zarr"]
    assert head.split() == ["scene", "shape", "bytes", "bpppb", "PSNR", "dB", "seconds"]
    for name, line in zip("abc", lines, strict=True):
        (report,) = xr.open_zarr(archive / f"out/{name}.zarr").inr.report.values()
        assert line.startswith(f"{name}.tif  6 x 20 x 18")
        assert f"{report.payload_bytes:,}  {report.bpppb:.4f}" in line
        assert line.endswith("written")


def test_finished_scenes_are_left_alone(archive, fits):
    succeed("compress-many", "in/a.tif", "in/b.tif", "out", *FAST)
    before = (archive / "out/a.zarr/zarr.json").stat().st_mtime_ns
    fits.clear()
    result = succeed("compress-many", "in/*.tif", "out", *FAST)

    assert [line.split()[-1] for line in result.stdout.splitlines()[1:]] == ["there", "there", "written"]
    assert len(fits) == 1
    assert (archive / "out/a.zarr/zarr.json").stat().st_mtime_ns == before


def test_interrupted_archive_is_gone_on_with(archive, fits):
    command = ("compress-many", "in/*.tif", "out", "--chunks", "10x9", *FAST)
    with pytest.MonkeyPatch.context() as patch:
        fit_only(patch, 6)
        result = call(*command)
    assert result.exit_code == 1
    assert "interrupted; the same command goes on" in result.stderr
    assert [path.name for path in (archive / "out").glob("*.zarr")] == ["a.zarr"]
    fits.clear()
    succeed(*command)

    assert len(fits) == 6
    assert len(list((archive / "out").iterdir())) == 3


def test_scene_that_fails_is_named_and_does_not_stop_the_others(archive):
    (archive / "in/b.tif").write_text("no raster")
    result = call("compress-many", "in/*.tif", "out", *FAST)

    assert result.exit_code == 1
    assert "1 of 3 scenes failed: in/b.tif: cannot open in/b.tif as a raster" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["scene", "a.tif", "c.tif"]


@pytest.mark.parametrize(
    "options", [("--seed", 3), ("--nodata", -5), ("--chunks", "10x9"), ("--zarr-format", 2)], ids=str
)
def test_stores_of_another_request_are_refused_before_the_first_fit(archive, fits, options):
    succeed("compress-many", "in/b.tif", "out", *FAST)
    fits.clear()
    result = call("compress-many", "in/*.tif", "out", *FAST, *options)

    assert result.exit_code == 1
    assert "another request, or of another scene: out/b.zarr; --overwrite" in result.stderr
    assert not fits
    assert len(list((archive / "out").iterdir())) == 1


def test_stores_of_another_request_are_replaced_on_request(archive):
    succeed("compress-many", "in/b.tif", "out", *FAST)
    succeed("compress-many", "in/b.tif", "out", *FAST, "--seed", 3, "--overwrite")
    (report,) = xr.open_zarr(archive / "out/b.zarr").inr.report.values()

    assert report.request["seed"] == 3


def test_store_of_a_scene_of_another_shape_is_refused(archive):
    succeed("compress-many", "in/b.tif", "out", *FAST)
    with rasterio.open("in/b.tif") as source:
        samples, profile = source.read(), source.profile | {"height": 10}
    with rasterio.open(archive / "in/b.tif", "w", **profile) as sink:
        sink.write(samples[:, :10])

    assert "of another scene: out/b.zarr" in call("compress-many", "in/*.tif", "out", *FAST).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in/*.png", "out"), "a pattern must match something. Got 'in/*.png'"),
        (("in/a.tif", "more/a.tif", "out"), "scenes must have different names. Both in/a.tif and more/a.tif"),
        (("in/a.tif", "no/out"), "the folder of the stores must exist, or one in which it can be made. Got no/out"),
        (("in/a.tif", "in/b.tif"), "the folder of the stores must exist"),
        (("in/a.tif", "out", "--zarr-format", 4), "zarr_format must be 2 or 3"),
        (("in/a.tif", "out", "--model", "jpeg"), "model must be one of"),
        (("in/*.tif", "out", "--chunks", "10"), "Error: --chunks must be 'scene' or HEIGHTxWIDTH"),
    ],
)
def test_bad_requests_are_refused_before_the_first_fit(archive, fits, arguments, message):
    result = call("compress-many", *arguments, *FAST)

    assert result.exit_code == 1
    assert message in result.stderr
    assert not fits
    assert not (archive / "out").exists()


def test_no_target_is_refused(archive):
    assert "exactly one target" in call("compress-many", "in/a.tif", "out").stderr
    assert not (archive / "out").exists()


def test_rio_has_the_command_too():
    from xr_inr.cli import inr

    assert "compress-many" in inr.commands

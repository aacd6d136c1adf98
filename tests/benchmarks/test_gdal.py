"""The session with GDAL's programs: what is left out of it, and that gdalinfo still says the same of the scene."""

import re
import shutil

import pytest

import xr_inr
from benchmarks import gdal, results

TELLING = re.compile(r'Size is|    ID\["EPSG"|Origin|Pixel Size|Band \d+|  Description|  NoData|    wavelength')
"""What every version of gdalinfo says in these words: size, CRS, place, bands, nodata, wavelengths."""

PRINTED = """Driver: VRT/Virtual Raster
PROJCRS["WGS 84 / UTM zone 33N",
    BASEGEOGCRS["WGS 84",
        ID["EPSG",4326]],
    ID["EPSG",32633]]
Data axis to CRS axis mapping: 1,2
Size is 96, 64
Band 1 Block=96x64 Type=Int16
  NoData Value=-32768
Band 2 Block=96x64 Type=Int16
  NoData Value=-32768
Band 3 Block=96x64 Type=Int16
  NoData Value=-32768
"""


def told_of(command):
    """Return what the committed session says that a command printed."""
    session = gdal.shown().partition("```\n")[2].removesuffix("\n```")
    parts = dict(part.split("\n", 1) for part in f"\n{session}\n".split("\n$ ")[1:] if "\n" in part)
    return parts[command].splitlines()


def test_lines_that_are_left_out_are_marked_once_in_a_row(monkeypatch):
    monkeypatch.setitem(gdal.SESSION, gdal.DESCRIBE, (1, 3))

    assert gdal.shortened(PRINTED, gdal.DESCRIBE).splitlines() == [
        "Driver: VRT/Virtual Raster",
        'PROJCRS["WGS 84 / UTM zone 33N",',
        gdal.LEFT_OUT,
        '    ID["EPSG",32633]]',
        gdal.LEFT_OUT,
        "Size is 96, 64",
        "Band 1 Block=96x64 Type=Int16",
        "  NoData Value=-32768",
        gdal.LEFT_OUT,
        "Band 3 Block=96x64 Type=Int16",
        "  NoData Value=-32768",
    ]


def test_what_describes_no_raster_is_shown_whole_but_for_the_time_it_took():
    compress = next(iter(gdal.SESSION))
    report = "scene\n  bpppb       0.5\n  encoded in  9.1 s\n"

    assert gdal.shortened(PRINTED, compress) == PRINTED
    assert gdal.shortened(report, compress) == "scene\n  bpppb       0.5\n[...]\n"


def test_the_session_has_every_command_in_order():
    commands = [line.removeprefix("$ ") for line in gdal.shown().splitlines() if line.startswith("$ ")]

    assert commands == list(gdal.SESSION)
    assert gdal.shown().startswith("Made on 20")


def test_the_window_has_the_bands_that_were_asked_for():
    told = told_of("gdalinfo -nomd -mm window.tif")

    assert "Size is 32, 16" in told
    assert [line.split()[3] for line in told if "Description" in line] == ["48", "30", "16"]
    assert sum("Computed Min/Max" in line for line in told) == 3


def test_without_a_file_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)

    assert gdal.shown() == gdal.UNMEASURED


@pytest.mark.parametrize("folder", ["", "/nowhere"])
def test_a_scene_that_is_not_here_is_named(monkeypatch, folder):
    monkeypatch.setenv("XR_INR_SCENES", folder)

    with pytest.raises(gdal.MissingSceneError, match=f"folder with {gdal.SCENE}. Got XR_INR_SCENES='{folder}'"):
        gdal.run()


def test_a_program_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(gdal, "scene_file", lambda: "scene.tif")
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(gdal.GdalError, match="must be installed"):
        gdal.run()


def test_a_command_that_fails_is_named_with_its_reason(tmp_path):
    with pytest.raises(
        gdal.GdalError, match=r"'xr-inr vrt absent.zarr' must end with status 0. Got 1: Error: .*absent"
    ):
        gdal.call("xr-inr vrt absent.zarr", tmp_path)


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="gdalinfo is not installed")
@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
@pytest.mark.usefixtures("tiny_presets")
def test_gdalinfo_still_says_the_same_of_size_crs_bands_and_wavelengths(tmp_path):
    try:
        source = gdal.scene_file()
    except gdal.MissingSceneError as error:
        pytest.skip(str(error))
    scene = xr_inr.open_raster(source).inr.compress(bpppb=0.5, preset="fast", device="cpu", progress=False)
    scene.inr.to_zarr(tmp_path / "enmap.zarr")
    xr_inr.write_vrt(tmp_path / "enmap.zarr")
    found = gdal.shortened(gdal.call(gdal.DESCRIBE, tmp_path), gdal.DESCRIBE).splitlines()

    assert [line for line in found if TELLING.match(line)] == [
        line for line in told_of(gdal.DESCRIBE) if TELLING.match(line)
    ]

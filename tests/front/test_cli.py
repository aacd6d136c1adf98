"""The command line: what it prints, and how it ends."""

import errno
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import zipfile

import numpy as np
import pytest
import rasterio
import xarray as xr

from xr_inr import __version__, api, preset_figures

from .helpers import call, make_scene, succeed

FAST = ("--preset", "fast", "--device", "cpu")
PROGRAM = (sys.executable, "-m", "xr_inr.cli")


def run(*arguments):
    """Run a command as a process of its own, with the real presets."""
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, text=True)


@pytest.fixture(scope="module")
def stored(geotiff, tmp_path_factory, small_models):  # noqa: ARG001 - in force while the scene is fitted
    """The store of the GeoTIFF."""
    store = tmp_path_factory.mktemp("stores") / "scene.zarr"
    succeed("compress", geotiff, store, "--bpppb", 2, *FAST)
    return store


@pytest.fixture
def siren_chunk(geotiff, tmp_path):
    """The payload file of the GeoTIFF, stored as a siren."""
    succeed("compress", geotiff, tmp_path / "siren.zarr", "--bpppb", 8, "--model", "siren", *FAST)
    return next((tmp_path / "siren.zarr").glob("*/c/0/0/0"))


# compress


def test_compress_writes_a_store_and_prints_the_report(geotiff, tmp_path):
    result = succeed("compress", geotiff, tmp_path / "scene.zarr", "--bpppb", 8, *FAST)
    report = xr.open_zarr(tmp_path / "scene.zarr").inr.report
    (name,) = report

    assert f"{report[name].payload_bytes:,} bytes in 1 chunk" in result.stdout
    assert f"PSNR        {report[name].psnr:.2f} dB" in result.stdout
    assert report[name].bpppb <= 8


def test_compress_prints_nothing_when_asked_to_be_quiet(geotiff, tmp_path):
    result = succeed("compress", geotiff, tmp_path / "scene.zarr", "--bpppb", 8, "--quiet", *FAST)

    assert result.output == ""


def test_compress_takes_every_option(geotiff, tmp_path):
    options = ("--model", "siren", "--weight-bits", 6, "--seed", 3, "--chunks", "16x16", "--zarr-format", 2)
    succeed("compress", geotiff, tmp_path / "scene.zarr", "--bpppb", 8, *options, *FAST)
    (report,) = xr.open_zarr(tmp_path / "scene.zarr").inr.report.values()

    assert report.request == {"bpppb": 8.0, "model": "siren", "preset": "fast", "weight_bits": 6, "seed": 3}
    assert report.chunks == 4
    assert (tmp_path / "scene.zarr" / ".zgroup").exists()


def test_compress_meets_a_psnr(geotiff, tmp_path):
    succeed("compress", geotiff, tmp_path / "scene.zarr", "--psnr", 8, *FAST)
    (report,) = xr.open_zarr(tmp_path / "scene.zarr").inr.report.values()

    assert report.psnr >= 8


def test_compress_takes_a_store_as_its_source(stored, tmp_path):
    succeed("compress", stored, tmp_path / "again.zarr", "--bpppb", 8, *FAST)

    assert xr.open_zarr(tmp_path / "again.zarr").rio.crs.to_epsg() == 32633


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_compress_takes_a_store_of_either_format_as_its_source(geotiff, tmp_path, zarr_format):
    succeed("compress", geotiff, tmp_path / "first.zarr", "--bpppb", 8, "--zarr-format", zarr_format, *FAST)
    target = ("--zarr-format", 5 - zarr_format)
    succeed("compress", tmp_path / "first.zarr", tmp_path / "second.zarr", "--bpppb", 8, *target, *FAST)


def test_compress_takes_whatever_gdal_opens(geotiff, tmp_path):
    with zipfile.ZipFile(tmp_path / "scene.zip", "w") as archive:
        archive.write(geotiff, "scene.tif")

    succeed("compress", f"/vsizip/{tmp_path}/scene.zip/scene.tif", tmp_path / "scene.zarr", "--bpppb", 8, *FAST)


def test_compress_replaces_a_store_on_request(geotiff, stored, tmp_path):
    shutil.copytree(stored, tmp_path / "scene.zarr")
    succeed("compress", geotiff, tmp_path / "scene.zarr", "--bpppb", 6, "--overwrite", *FAST)
    (report,) = xr.open_zarr(tmp_path / "scene.zarr").inr.report.values()

    assert report.request["bpppb"] == 6


def test_compress_takes_nodata_that_the_file_does_not_say(tmp_path):
    scene = make_scene()
    scene[:, :3] = 0
    scene.drop_attrs().to_dataset().to_zarr(tmp_path / "plain.zarr", consolidated=False)
    succeed("compress", tmp_path / "plain.zarr", tmp_path / "scene.zarr", "--bpppb", 16, "--nodata", 0, *FAST)

    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "scene.zarr")["reflectance"] == 0, scene == 0)


# decompress


def test_decompress_writes_the_samples_and_all_metadata(geotiff, stored, tmp_path):
    succeed("decompress", stored, tmp_path / "again.tif")
    (decoded,) = xr.open_zarr(stored, mask_and_scale=False).data_vars.values()

    with rasterio.open(tmp_path / "again.tif") as found, rasterio.open(geotiff) as source:
        np.testing.assert_array_equal(found.read(), decoded)
        for name in ("crs", "transform", "nodata", "dtypes", "descriptions", "scales", "offsets"):
            assert getattr(found, name) == getattr(source, name)
        assert [found.tags(i) for i in found.indexes] == [source.tags(i) for i in source.indexes]


def test_decompress_takes_one_of_several_scenes(tmp_path):
    both = xr.Dataset({"first": make_scene(), "second": make_scene(seed=1)})
    both.inr.compress(bpppb=16.0, device="cpu").inr.to_zarr(tmp_path / "both.zarr")
    succeed("decompress", tmp_path / "both.zarr", tmp_path / "second.tif", "--variable", "second")

    with rasterio.open(tmp_path / "second.tif") as found:
        np.testing.assert_array_equal(found.read(), xr.open_zarr(tmp_path / "both.zarr")["second"])


def test_decompress_replaces_a_file_on_request(stored, tmp_path):
    (tmp_path / "again.tif").write_text("old")
    succeed("decompress", stored, tmp_path / "again.tif", "--overwrite")

    with rasterio.open(tmp_path / "again.tif") as found:
        assert found.count == 6


# info


def test_info_prints_the_report_of_a_store(stored):
    (report,) = xr.open_zarr(stored).inr.report.values()

    assert succeed("info", stored).stdout == f"{report}\n"


def test_info_prints_the_report_as_json(stored):
    ((name, report),) = xr.open_zarr(stored).inr.report.items()
    found = json.loads(succeed("info", stored, "--json").stdout)

    assert found[name]["psnr"] == report.psnr
    assert found[name]["shape"] == [6, 20, 18]


def test_info_describes_a_payload_file(stored):
    (payload,) = stored.glob("*/c/0/0/0")
    found = json.loads(succeed("info", payload, "--json").stdout)["0"]

    assert found["model"] == "latent"
    assert found["shape"] == [6, 20, 18]
    assert found["bytes"] == payload.stat().st_size
    assert found["dtype"] == "int16"
    assert 1 <= found["rank"] <= 6
    assert 0 < found["latent_bytes"] < found["bytes"]
    assert "latent_bytes" in succeed("info", payload).stdout


def test_info_describes_a_payload_file_of_a_siren(siren_chunk):
    found = json.loads(succeed("info", siren_chunk, "--json").stdout)["0"]

    assert found["model"] == "siren"
    assert re.fullmatch(rf"1 x \d+ -> {found['rank']}", found["network"])
    assert "latent_bytes" not in found


def test_info_describes_a_store_without_payloads(tmp_path):
    make_scene().drop_attrs().to_dataset().to_zarr(tmp_path / "plain.zarr", consolidated=False)
    found = json.loads(succeed("info", tmp_path / "plain.zarr", "--json").stdout)

    assert found == {"reflectance": {"shape": [5, 7, 9], "dtype": "int16"}}


def test_info_says_what_a_store_of_several_scenes_holds(tmp_path):
    both = xr.Dataset({"first": make_scene(), "second": make_scene(seed=1)})
    both.inr.compress(bpppb=16.0, device="cpu").inr.to_zarr(tmp_path / "both.zarr")

    assert list(json.loads(succeed("info", tmp_path / "both.zarr", "--json").stdout)) == ["first", "second"]


def test_info_prints_the_presets():
    found = json.loads(succeed("info", "--presets", "--json").stdout)

    siren = ["siren, fast", "siren, balanced", "siren, best", "siren, paper"]
    assert list(found) == ["latent, fast", "latent, balanced", "latent, best", *siren]
    assert found["siren, paper"]["optimiser"] == "adam"
    assert found["latent, best"]["sweeps"] > 0
    assert "latent, balanced" in succeed("info", "--presets").stdout


@pytest.fixture
def measured_presets(tmp_path, monkeypatch):
    """Figures of one preset, whole, and of another in part."""
    nothing = dict.fromkeys(preset_figures.FIGURES)
    whole = dict(zip(preset_figures.FIGURES, (12.5, 1, 2, "cpu", 41.25, -9.5, 3), strict=True))
    in_part = nothing | {"bd_rate_percent": 30.0, "bd_rate_scenes": 1}
    presets = {"latent, fast": whole, "latent, best": in_part}
    measured = {"scene": "Indian Pines", "bpppb": 0.1, "anchor": "klt", "presets": presets}
    monkeypatch.setattr(preset_figures, "FILE", tmp_path / "figures.json")
    preset_figures.FILE.write_text(json.dumps(measured))


@pytest.mark.usefixtures("measured_presets")
@pytest.mark.parametrize(
    ("preset", "figures"),
    [
        ("latent, fast", (12.5, 1, 2, "cpu", 41.25, -9.5, 3)),
        ("latent, best", (None, None, None, None, None, 30.0, 1)),
        ("siren, paper", (None,) * 7),
    ],
)
def test_info_gives_what_presets_were_measured_to_take_and_give_as_json(preset, figures):
    found = json.loads(succeed("info", "--presets", "--json").stdout)[preset]["measured"]

    assert found == {"scene": "Indian Pines", "bpppb": 0.1, "anchor": "klt"} | dict(
        zip(preset_figures.FIGURES, figures, strict=True)
    )


@pytest.mark.usefixtures("measured_presets")
@pytest.mark.parametrize(
    ("preset", "lines"),
    [
        ("latent, fast", ["12.5 (cpu, threads: 1, cores: 2)", "41.25", "-9.5 (scenes: 3)"]),
        ("latent, best", ["-", "-", "+30.0 (scenes: 1)"]),
        ("siren, paper", ["-", "-", "-"]),
    ],
)
def test_info_prints_what_presets_were_measured_to_take_and_give(preset, lines):
    block = re.split(r"\n(?! )", succeed("info", "--presets").stdout.split(f"{preset}\n")[1])[0]

    assert [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in block.splitlines()[-3:]] == [
        [title, text] for title, text in zip(("encode s", "PSNR dB", "BD-rate %"), lines, strict=True)
    ]


@pytest.mark.usefixtures("measured_presets")
def test_info_says_what_the_figures_of_presets_are_of():
    assert "Indian Pines, at 0.1 bpppb" in succeed("info", "--presets").stdout.splitlines()[-1]


# compare


def test_compare_prints_the_figures(geotiff, stored):
    (report,) = xr.open_zarr(stored).inr.report.values()
    result = succeed("compare", geotiff, stored)

    assert f"PSNR       {report.psnr:.3f} dB (peak {report.peak:g})" in result.stdout
    assert f"{6 * 20 * 18 - 6 * 15 - 1:,} valid" in result.stdout
    assert len(result.stdout.splitlines()) == 5


def test_compare_prints_the_figures_of_bands(geotiff, stored):
    assert len(succeed("compare", geotiff, stored, "--bands").stdout.splitlines()) == 5 + 2 + 6


def test_compare_prints_json(geotiff, stored):
    (report,) = xr.open_zarr(stored).inr.report.values()
    found = json.loads(succeed("compare", geotiff, stored, "--json").stdout)

    assert found["psnr"] == pytest.approx(report.psnr)
    assert found["max_error"] == report.max_error
    assert [band["band"] for band in found["bands"]] == [1, 2, 3, 4, 5, 6]


def test_compare_of_equal_scenes_is_json_too(geotiff):
    found = json.loads(succeed("compare", geotiff, geotiff, "--json").stdout, parse_constant=pytest.fail)

    assert found["mse"] == 0
    assert found["psnr"] is None


# How commands end


def error_of(result):
    """The one line on stderr of a command that failed for a reason."""
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    return line


BAD_CALLS = {
    "a source that is not there": (
        "compress missing.tif out.zarr --bpppb 1",
        r"Error: cannot open missing.tif as a raster",
    ),
    "a source that is no raster": ("compress text.tif out.zarr --bpppb 1", r"Error: cannot open text.tif as a raster"),
    "no target": (
        "compress scene.tif out.zarr",
        r"Error: exactly one target of bpppb, psnr, sam and max_error .* Got none",
    ),
    "two targets": (
        "compress scene.tif out.zarr --bpppb 1 --psnr 40",
        r"Error: exactly one target .* bpppb=1.0, psnr=40.0",
    ),
    "a budget below the header": (
        "compress scene.tif out.zarr --bpppb 0.01",
        r"Error: a budget of 2 bytes .* is too small for variable 'scene': its smallest payload takes \d+ bytes",
    ),
    "an unknown model": (
        "compress scene.tif out.zarr --bpppb 1 --model jpeg",
        r"Error: model must be one of 'latent', 'siren'. Got 'jpeg'",
    ),
    "an unknown preset": (
        "compress scene.tif out.zarr --bpppb 1 --preset thorough",
        r"Error: preset must be one of .* Got 'thorough'",
    ),
    "a preset of the other model": (
        "compress scene.tif out.zarr --bpppb 1 --preset paper",
        r"Error: preset must be one of 'fast', 'balanced', 'best' with model='latent'. Got 'paper'",
    ),
    "weight bits of the other model": (
        "compress scene.tif out.zarr --bpppb 1 --weight-bits 8",
        r"Error: weight_bits must come with model='siren'. Got weight_bits=8 with model='latent'",
    ),
    "an unknown device": ("compress scene.tif out.zarr --bpppb 1 --device tpu", r"Error: device must be .* Got 'tpu'"),
    "wrong weight bits": ("compress scene.tif out.zarr --bpppb 1 --weight-bits 7.5", None),
    "weight bits": (
        "compress scene.tif out.zarr --bpppb 1 --weight-bits 12",
        r"Error: weight_bits must be one of .* Got 12",
    ),
    "chunks": ("compress scene.tif out.zarr --bpppb 1 --chunks 16", r"Error: --chunks must be .*256x256. Got '16'"),
    "chunks of nothing": (
        "compress scene.tif out.zarr --bpppb 1 --chunks 0x16",
        r"Error: --chunks must be .* Got '0x16'",
    ),
    "chunks with a sign": (
        "compress scene.tif out.zarr --bpppb 1 --chunks -1x16",
        r"Error: --chunks must be .* Got '-1x16'",
    ),
    "chunks in other digits": (
        "compress scene.tif out.zarr --bpppb 1 --chunks 1²x16",
        r"Error: --chunks must be .* Got '1²x16'",
    ),
    "nodata": ("compress scene.tif out.zarr --bpppb 1 --nodata 0.5", r"Error: nodata must be .* int16 .* Got 0.5"),
    "a format": ("compress scene.tif out.zarr --bpppb 1 --zarr-format 4", r"Error: zarr_format must be 2 or 3. Got 4"),
    "a target that exists": ("compress scene.tif old.zarr --bpppb 1", r"Error: .*old.zarr exists; .*--overwrite"),
    "a target that is no store": (
        "compress scene.tif folder --bpppb 1 --overwrite",
        r"Error: .*folder is not a Zarr store",
    ),
    "a target that is the source": (
        "compress old.zarr old.zarr --bpppb 1 --overwrite",
        r"Error: the target must be another place",
    ),
    "a target nowhere": (
        "compress scene.tif no/out.zarr --bpppb 1",
        r"Error: the folder of the store must exist. Got .*no",
    ),
    "an integer nodata tag that is text": ("compress tagged.tif out.zarr --bpppb 8", None),
    "a store that is none": ("decompress folder out.tif", r"Error: .*folder is not a Zarr store that can be read"),
    "a file that exists": ("decompress old.zarr scene.tif", r"Error: scene.tif exists; .*overwrite"),
    "a variable": ("decompress old.zarr out.tif --variable v", r"Error: variable must be one of .* Got 'v'"),
    "a file nowhere": ("decompress old.zarr no/out.tif", r"Error: .*folder that exists"),
    "a payload that is none": ("info text.tif", r"Error: cannot open text.tif as a raster"),
    "information on nothing": ("info missing.zarr", r"Error: the store must exist. Got missing.zarr"),
    "scenes of different shape": ("compare scene.tif other.tif", r"Error: both scenes must have the same shape. Got"),
    "no command": ("explode", None),
    "no argument": ("compress scene.tif", None),
    "an unknown option": ("compress scene.tif out.zarr --quality 3", None),
    "words for a number": ("compress scene.tif out.zarr --bpppb small", None),
    "two subjects": ("info scene.tif --presets", None),
    "no subject": ("info", None),
}
FAILURES = {name: case for name, case in BAD_CALLS.items() if case[1] is not None}
MISUSES = {name: arguments for name, (arguments, message) in BAD_CALLS.items() if message is None and "tag" not in name}


@pytest.fixture
def workplace(geotiff, stored, tmp_path, monkeypatch):
    """A folder with a raster, a store, another raster, and things that are neither."""
    shutil.copy(geotiff, tmp_path / "scene.tif")
    shutil.copytree(stored, tmp_path / "old.zarr")
    (tmp_path / "text.tif").write_text("no raster")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "cat.jpg").write_text("meow")
    with (
        rasterio.open(geotiff) as source,
        rasterio.open(tmp_path / "other.tif", "w", **source.profile | {"count": 1}) as sink,
    ):
        sink.write(source.read(1), 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("arguments", "message"), FAILURES.values(), ids=FAILURES.keys())
def test_bad_input_ends_in_status_1_with_one_line_and_no_change(workplace, fits, arguments, message):
    before = {file: file.stat().st_mtime_ns for file in workplace.rglob("*")}
    result = call(*arguments.split())

    assert re.match(message, error_of(result))
    assert result.stdout == ""
    assert {file: file.stat().st_mtime_ns for file in workplace.rglob("*")} == before
    assert not fits


@pytest.mark.parametrize("arguments", MISUSES.values(), ids=MISUSES.keys())
def test_misuse_ends_in_status_2_with_the_usage(workplace, arguments):
    result = call(*arguments.split())

    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert not (workplace / "out.zarr").exists()


def test_text_in_a_tag_called_nodata_is_no_reason_to_fail(workplace):
    with rasterio.open(workplace / "scene.tif", "r+") as sink:
        sink.nodata = None
        sink.update_tags(nodata="none")
    succeed("compress", "scene.tif", "out.zarr", "--bpppb", 8, *FAST)


def test_damaged_store_ends_in_status_1_with_one_line(workplace):
    (chunk,) = (workplace / "old.zarr").glob("*/c/0/0/0")
    chunk.write_bytes(chunk.read_bytes()[:-3])

    assert "truncated or altered" in error_of(call("decompress", "old.zarr", "out.tif"))
    assert not (workplace / "out.tif").exists()


def test_interrupt_ends_in_status_1_and_writes_nothing(workplace, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "compress", interrupted)

    assert (
        error_of(call("compress", "scene.tif", "out.zarr", "--bpppb", 8)) == "Error: interrupted; nothing was written"
    )
    assert not (workplace / "out.zarr").exists()


def test_reader_that_has_gone_is_no_error(stored, monkeypatch):
    def gone(*_, **__):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("click.echo", gone)

    assert call("info", stored).stderr == ""


@pytest.mark.parametrize("command", [(), ("compress",), ("decompress",), ("info",), ("compare",)], ids=str)
def test_help_is_printed(command):
    for option in ("-h", "--help"):
        assert "Usage: " in succeed(*command, option).stdout


def test_version_is_printed():
    assert succeed("--version").stdout == f"xr-inr, version {__version__}\n"


# As processes


@pytest.fixture(scope="module")
def processes(geotiff, tmp_path_factory):
    """The commands of the README, each run as a process with the real presets."""
    folder = tmp_path_factory.mktemp("processes")
    store, again = folder / "scene.zarr", folder / "again.tif"
    return {
        "folder": folder,
        "compress": run("compress", geotiff, store, "--bpppb", 8, "--chunks", "16x16", *FAST),
        "decompress": run("decompress", store, again),
        "compare": run("compare", geotiff, again, "--json"),
        "refused": run("compress", geotiff, store, "--bpppb", 8, *FAST),
    }


def test_processes_end_in_status_0_and_silence_on_stderr(processes):
    for command in ("compress", "decompress", "compare"):
        assert processes[command].returncode == 0, processes[command].stderr
        assert processes[command].stderr == ""


def test_process_says_how_good_the_scene_is(processes):
    assert json.loads(processes["compare"].stdout)["psnr"] > 15
    assert "4 chunks" in processes["compress"].stdout


def test_process_that_is_refused_says_why_in_one_line(processes):
    assert processes["refused"].returncode == 1
    assert len(processes["refused"].stderr.splitlines()) == 1
    assert "scene.zarr exists" in processes["refused"].stderr
    assert "Traceback" not in processes["refused"].stderr


def on_a_terminal(command, answer):
    """Run a command on a terminal, press Ctrl-C once its bar shows a fit, answer the question; return what it shows."""
    child, screen = pty.fork()
    if child == 0:
        os.execv(command[0], command)  # noqa: S606 - the child
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    shown, interrupted, answered = b"", False, False
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        try:
            shown += os.read(screen, 4096)
        except OSError:
            break
        if not interrupted and b": fit" in shown:
            os.kill(child, signal.SIGINT)
            interrupted = True
        if not answered and b"[Y/n]" in shown:
            os.write(screen, answer.encode() + b"\n")
            answered = True
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1)])
def test_ctrl_c_on_a_terminal_offers_the_best_so_far(geotiff, tmp_path, answer, status):
    options = ("--bpppb", "8", "--model", "siren", "--preset", "paper", "--device", "cpu")
    command = [*PROGRAM, "compress", str(geotiff), str(tmp_path / "scene.zarr"), *options]
    found, shown = on_a_terminal(command, answer)

    assert "Keep the best so far" in shown
    assert found == status, shown
    assert (tmp_path / "scene.zarr").exists() is (answer == "y")
    assert "Traceback" not in shown

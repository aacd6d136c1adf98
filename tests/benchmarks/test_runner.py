"""The grid of streams: what is measured, recorded and kept."""

import numpy as np
import pytest

from benchmarks import measure, results, runner, scenes
from benchmarks.codecs import registry
from benchmarks.codecs.base import Codec, OutOfReachError, Stream, best_below, best_whole_below
from benchmarks.codecs.container import pack, unpack


class Plain(Codec):
    """Keeps as many leading bits of the samples as fit the budget."""

    name = "plain"

    def encode(self, scene, budget):
        if budget < 40:
            raise OutOfReachError("needs 40 bytes")
        return Stream(pack(scene, [scene.tobytes()[: budget - 20]]), "as it is")

    def decode(self, payload):
        dtype, shape, (part,) = unpack(payload)
        size = int(np.prod(shape)) * dtype.itemsize
        return np.frombuffer(part.ljust(size, b"\0")[:size], dtype).reshape(shape)


@pytest.fixture
def scene(monkeypatch, make_scene):
    cube = make_scene((4, 6, 5))
    monkeypatch.setattr(scenes, "load", lambda _: cube)
    monkeypatch.setattr(registry, "make", lambda _: Plain())
    return cube


def test_row_says_everything_that_its_columns_promise(scene):
    row, stream = measure.measure("cuprite", "plain", 8)

    assert tuple(row) == results.COLUMNS
    assert all(row.values())
    assert int(row["bytes"]) == len(stream) <= 8 * scene.size / 8
    assert float(row["bpppb"]) == pytest.approx(len(stream) * 8 / scene.size, abs=1e-4)


def test_figures_are_those_of_the_stream_decoded_from_its_bytes(scene):
    row, stream = measure.measure("cuprite", "plain", 8)
    error = scene.astype(float) - Plain().decode(stream)

    assert float(row["psnr_db"]) == pytest.approx(10 * np.log10(scene.max() ** 2.0 / np.mean(error**2)), abs=1e-3)
    assert float(row["max_error"]) == np.abs(error).max()


@pytest.mark.usefixtures("scene")
def test_lossless_stream_has_infinite_psnr():
    row, _ = measure.measure("cuprite", "plain", None)

    assert row["asked_bpppb"] == ""
    assert float(row["psnr_db"]) == float(row["mean_band_psnr_db"]) == np.inf
    assert float(row["max_error"]) == 0


@pytest.mark.usefixtures("scene")
def test_budget_out_of_reach_is_a_row_without_figures():
    row, stream = measure.measure("cuprite", "plain", 0.5)

    assert row["status"] == "out of reach: needs 40 bytes"
    assert row["psnr_db"] == row["bytes"] == ""
    assert stream == b""


def test_decoded_scene_of_another_shape_is_an_error(scene):
    with pytest.raises(AssertionError, match="decoded uint16"):
        measure.quality(scene, scene[1:])


def test_lossless_codecs_are_measured_once_a_scene():
    todo = runner.jobs(["cuprite"], ["siren, fast", "jpeg-ls"], [0.1, 0.2])

    assert [job.bpppb for job in todo] == [0.1, 0.2, None]


def test_slow_codecs_are_measured_at_all_rates_only_when_they_are_named():
    by_default = [job.bpppb for job in runner.jobs(["cuprite"], ["siren, best"])]

    assert by_default == [rate for rate in results.RATES if rate <= 0.2]
    assert [job.bpppb for job in runner.jobs(["cuprite"], ["siren, best"], results.RATES)] == list(results.RATES)
    assert [job.bpppb for job in runner.jobs(["cuprite"], ["siren, fast"])] == list(results.RATES)


@pytest.fixture
def grid(monkeypatch, tmp_path, make_scene):
    """A function that runs jobs in this process and returns those that were really measured."""
    measured = []

    def fake(job, _):
        measured.append(job)
        figures = {"psnr_db": str(len(measured)), "encode_s": "1", "bpppb": "0.1", "status": "ok"}
        return dict.fromkeys(results.COLUMNS, "") | dict(
            zip(("scene", "codec", "asked_bpppb"), job.key, strict=True), **figures
        )

    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(scenes, "load", lambda _: make_scene())
    monkeypatch.setattr(runner, "_in_a_process", fake)

    def run(todo, **options):
        measured.clear()
        runner.run(todo, workers=2, say=lambda _: None, **options)
        return list(measured)

    return run


def test_what_has_a_row_is_not_measured_again(grid):
    first = runner.jobs(["cuprite"], ["sz3"], [0.1])

    assert grid(first) == first
    assert grid(runner.jobs(["cuprite"], ["sz3"], [0.1, 0.2])) == runner.jobs(["cuprite"], ["sz3"], [0.2])
    assert grid(first, again=True) == first


def test_row_that_lacked_something_is_measured_again_and_never_replaces_a_measured_one(grid, monkeypatch):
    measured = runner.jobs(["cuprite"], ["sz3"], [0.1, 0.2])
    grid(measured)
    lacking = dict.fromkeys(results.COLUMNS, "") | {"status": "missing: a GPU"}
    monkeypatch.setattr(
        runner,
        "_in_a_process",
        lambda job, _: lacking | dict(zip(("scene", "codec", "asked_bpppb"), job.key, strict=True)),
    )
    grid([*measured, *runner.jobs(["cuprite"], ["zfp"], [0.1])], again=True)

    status = {runner.key_of(row): row["status"] for row in results.read(results.GRID)}
    assert list(status.values()) == ["ok", "ok", "missing: a GPU"]


def test_failed_job_does_not_stop_the_others(grid, monkeypatch):
    working = runner._in_a_process

    def fail_at_a_fifth(job, threads):
        if job.bpppb == 0.2:
            raise runner.JobError("no memory")
        return working(job, threads)

    monkeypatch.setattr(runner, "_in_a_process", fail_at_a_fifth)
    with pytest.raises(runner.JobError, match="1 of 3 jobs failed"):
        grid(runner.jobs(["cuprite"], ["sz3"], [0.1, 0.2, 0.4]))

    assert [row["asked_bpppb"] for row in results.read(results.GRID)] == ["0.1", "0.4"]


def test_rows_stand_in_the_order_of_scenes_codecs_and_rates(grid):
    grid(runner.jobs(["cuprite", "abu_beach_1"], ["zfp", "sz3"], [0.2, 0.1]))

    keys = [runner.key_of(row) for row in results.read(results.GRID)]
    assert keys == [
        (scene, codec, rate)
        for scene in ("abu_beach_1", "cuprite")
        for codec in ("sz3", "zfp")
        for rate in ("0.1", "0.2")
    ]


@pytest.mark.usefixtures("grid")
def test_missing_scene_is_skipped_with_its_reason(monkeypatch):
    def absent(name):
        raise scenes.MissingSceneError(f"{name} is not here")

    monkeypatch.setattr(scenes, "load", absent)
    said = []
    runner.run(runner.jobs(["cuprite"], ["sz3"], [0.1]), workers=1, say=said.append)

    assert said == ["skipped: cuprite is not here"]


@pytest.mark.parametrize("target", [1, 9, 10, 57, 99, 100, 400])
def test_bisection_finds_the_finest_setting_that_fits(target):
    found = best_whole_below(lambda setting: b"x" * (10 * (52 - setting)), target, coarse=51, fine=0)
    fitting = [setting for setting in range(52) if 10 * (52 - setting) <= target]

    assert (found and found[1]) == (min(fitting) if fitting else None)


def test_bisection_of_a_real_setting_comes_close():
    found = best_below(lambda setting: b"x" * int(setting), 70, coarse=10.0, fine=1000.0, steps=12)

    assert found is not None
    assert len(found[0]) == 70


@pytest.mark.parametrize("dtype", ["u2", "i2", "f4", "u1"])
def test_container_returns_dtype_shape_and_parts(dtype):
    scene = np.zeros((3, 200, 70000), dtype)
    parts = [b"", b"a" * 300, b"b"]

    assert unpack(pack(scene, parts)) == (np.dtype(dtype), scene.shape, parts)

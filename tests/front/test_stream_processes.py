"""Streamed writes as processes of their own: killed at any moment, and in bounded memory."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from xr_inr.partial import holds_work, partial_folder

from .test_stream import content

PRELUDE = textwrap.dedent(
    """
    import dataclasses, os, resource, sys
    import dask.array, numpy as np, torch, xarray as xr
    import xr_inr
    from xr_inr import batch_fit, journal, partial, variable_fit
    from xr_inr.core.latent import model, rotation
    from xr_inr.core.latent.presets import LATENT_PRESETS

    torch.set_num_threads(1)
    for name, preset in LATENT_PRESETS.items():
        LATENT_PRESETS[name] = dataclasses.replace(preset, sweeps=1, synthesis_widths=())
    rotation._ITERATIONS = 1
    """
)

WRITING = PRELUDE + textwrap.dedent(
    """
    variable_fit._SAMPLES_AT_ONCE = 160
    samples = np.random.default_rng(0).integers(0, 250, (5, 40, 40)).astype("i2")

    def write(target, **options):
        scene = xr.DataArray(samples, dims=("band", "y", "x"), name="reflectance")
        asked = {"psnr": 5.0, "preset": "fast", "device": "cpu", "chunks": {"y": 4, "x": 4}}
        scene.inr.compress(**asked, compute=False).inr.to_zarr(target, **options)
    """
)

# A process starts once and forks for every write: importing torch takes longer than what is to be killed.
FORKING = WRITING + textwrap.dedent(
    """
    import importlib, json

    def dying(place, when, call):
        module, _, name = place.partition(".")
        holder = importlib.import_module(f"xr_inr.{module}")
        *outer, name = name.split(".")
        for part in outer:
            holder = getattr(holder, part)
        whole, calls = getattr(holder, name), []

        def die(*arguments, **options):
            calls.append(1)
            if len(calls) < call:
                return whole(*arguments, **options)
            if when == "after a part" and name == "write_whole":
                path, data = arguments
                path.with_name(path.name + ".tmp").write_bytes(data[: len(data) // 2])
            elif when == "after a part":
                with arguments[0]._path.open("ab") as file:
                    file.write(journal._line(arguments[1])[:-40])
            os._exit(9)

        setattr(holder, name, die)

    for line in sys.stdin:
        target, *step = json.loads(line)
        child = os.fork()
        if child == 0:
            print(os.getpid(), flush=True)
            if step:
                dying(*step)
            write(target, resume=True)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    """
)


@pytest.fixture(scope="module")
def writer():
    """A process that forks a child for each write that it is told of, on its standard input, and says how it ended."""
    command = [sys.executable, "-c", FORKING]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        yield process
        process.stdin.close()


def write(writer, target, *, step=(), killed_after=None):
    """Write, or go on writing, and end at a step or after some seconds; return exit status and seconds taken."""
    writer.stdin.write(json.dumps([str(target), *step]) + "\n")
    writer.stdin.flush()
    child = int(writer.stdout.readline())
    started = time.monotonic()
    if killed_after is not None:
        time.sleep(killed_after)
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            os.kill(child, signal.SIGKILL)
    return int(writer.stdout.readline()), time.monotonic() - started


@pytest.fixture(scope="module")
def undisturbed(writer, tmp_path_factory):
    """The store of a write that nothing disturbs, as files with their content, and the seconds that it took."""
    target = tmp_path_factory.mktemp("undisturbed") / "scene.zarr"
    status, seconds = write(writer, target)
    assert status == 0
    return content(target), seconds


def test_ten_kills_at_random_moments_leave_the_store_of_an_undisturbed_write(writer, undisturbed, tmp_path):
    expected, seconds = undisturbed
    moments = random.Random(6)  # noqa: S311 - no secret
    target = tmp_path / "scene.zarr"
    for _ in range(10):
        # Early enough that most of the ten meet a write that is under way; what was finished is kept each time.
        status, _ = write(writer, target, killed_after=moments.uniform(0.01, 0.25) * seconds)
        assert status in {0, 1, -signal.SIGKILL}
        assert not target.exists() or content(target) == expected
        if target.exists() and not holds_work(target):
            break
    else:
        assert write(writer, target)[0] == 0

    assert content(target) == expected
    assert not partial_folder(target).exists()


STEPS = {
    "a payload is half written": ("partial.write_whole", "after a part", 5),
    "a payload is there, and no line of it": ("journal.Journal.add", "before", 3),
    "a line is half written": ("journal.Journal.add", "after a part", 3),
    "all is fitted, and no store there": ("stream.write_store", "before", 1),
    "the store is written, and not in its place": ("store.flush_tree", "before", 1),
    "the store is in its place": ("partial.Partial.drop", "before", 1),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_write_that_ended_at_any_step_is_gone_on_with(writer, undisturbed, tmp_path, step):
    target = tmp_path / "scene.zarr"
    assert write(writer, target, step=step)[0] == 9
    assert write(writer, target)[0] == 0

    assert content(target) == undisturbed[0]
    assert not partial_folder(target).exists()


LARGE = PRELUDE + textwrap.dedent(
    """
    import json

    folder, rows, bands, side = sys.argv[1], int(sys.argv[2]), 100, 64
    variable_fit._SAMPLES_AT_ONCE = side * side * bands

    def load(block_info):
        return np.load(f"{folder}/{block_info[None]['chunk-location'][1]}.npy")

    def write(rows, target):
        for row in range(rows):
            lines = (1 + row / 1000) * np.sin(np.arange(side) / 9)[:, None] * np.cos(np.arange(side) / 7)
            np.save(f"{folder}/{row}.npy", np.broadcast_to(lines, (bands, side, side)))
        in_files = dask.array.map_blocks(load, chunks=((bands,), (side,) * rows, (side,)), dtype="f8")
        scene = xr.DataArray(in_files, dims=("band", "y", "x"), name="scene")
        asked = {"psnr": 1.0, "preset": "fast", "device": "cpu", "chunks": {"y": side}}
        scene.inr.compress(**asked, compute=False).inr.to_zarr(f"{folder}/{target}")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    before = write(2, "small.zarr")
    after = write(rows, "large.zarr")
    print(json.dumps({"scene": bands * rows * side * side * 8, "growth": after - before}))
    """
)

CAP = 2**24
"""How much more memory a large scene may take than a small one, in bytes."""


def test_memory_stays_flat_while_a_scene_of_four_times_the_cap_is_streamed(tmp_path):
    rows = -(-4 * CAP // (100 * 64 * 64 * 8))
    command = [sys.executable, "-c", LARGE, str(tmp_path), str(rows)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert found["scene"] >= 4 * CAP
    assert found["growth"] < CAP

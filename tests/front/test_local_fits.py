"""Batches on the devices of one machine: side by side where there are several, and the next ones read meanwhile."""

import threading
import time

import pytest
import torch
import xarray as xr

from xr_inr import batch_fit, stream, variable_fit
from xr_inr.core import device as devices
from xr_inr.core.monitor import Progress
from xr_inr.exceptions import BatchError, BudgetError, ChunksError
from xr_inr.local_fits import fit_here
from xr_inr.planned import plan_of
from xr_inr.progress import FitDisplay

from .helpers import lack_memory, make_scene
from .test_stream import content

PATIENCE = 30.0
"""Seconds within which another thread must have come as far as it should."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """At most two chunks of 5 x 4 x 4 samples at once: four batches of the scene's six chunks."""
    monkeypatch.setattr(variable_fit, "_SAMPLES_AT_ONCE", 160)


@pytest.fixture
def two_devices(monkeypatch):
    """A machine with two devices; both are its CPU, by two names."""
    monkeypatch.setattr(devices, "spread", lambda _: ["cpu", "auto"])


def planned(psnr=14.0):
    chunks = {"y": 4, "x": 4}
    return make_scene().inr.compress(psnr=psnr, preset="fast", device="cpu", chunks=chunks, compute=False)


def tasks(psnr=14.0):
    """Return the batches of a planned scene, each with its task."""
    plan = plan_of(planned(psnr).variable)
    return [(("reflectance", number), plan.task(batch)) for number, batch in enumerate(plan.fit.batches)]


def go_on(monitor, ended):
    """Report like a fit that has far to go; say that it was told to end."""
    stop = time.monotonic() + PATIENCE
    while time.monotonic() < stop:
        try:
            monitor.report(Progress("fit", 1, 2, 0.0))
        except Exception:
            ended.set()
            raise
        time.sleep(0.01)


def fitted(names):
    with FitDisplay(False, 4) as display:
        return dict(fit_here(iter(tasks()), names, display, 4))


# One device


def test_the_samples_of_the_next_batch_are_read_beside_a_fit(monkeypatch):
    read = {batch: threading.Event() for batch, _ in tasks()}
    load, encode = batch_fit.BatchTask.loaded, batch_fit.BatchTask.encode
    batches = {tuple(task.parts): batch for batch, task in tasks()}
    waited = []

    def loaded(task, *arguments):
        found = load(task, *arguments)
        read[batches[tuple(task.parts)]].set()
        return found

    def encoded(task, *arguments):
        name, number = batches[tuple(task.parts)]
        if number < 3:
            waited.append(read[name, number + 1].wait(PATIENCE))
        return encode(task, *arguments)

    monkeypatch.setattr(batch_fit.BatchTask, "loaded", loaded)
    monkeypatch.setattr(batch_fit.BatchTask, "encode", encoded)
    fitted([])
    assert waited == [True, True, True]


@pytest.mark.parametrize("names", [[], ["cpu", "auto"]], ids=["one device", "two devices"])
def test_no_more_batches_are_read_than_one_for_each_device_beside_those_being_fitted(monkeypatch, names):
    held, most, lock = set(), [], threading.Lock()
    load, fit = batch_fit.BatchTask.loaded, batch_fit.BatchTask.fitted

    def loaded(task, *arguments):
        with lock:
            held.add(tuple(task.parts))
            most.append(len(held))
        return load(task, *arguments)

    def fit_slowly(task, *arguments):
        time.sleep(0.1)
        found = fit(task, *arguments)
        with lock:
            held.discard(tuple(task.parts))
        return found

    monkeypatch.setattr(batch_fit.BatchTask, "loaded", loaded)
    monkeypatch.setattr(batch_fit.BatchTask, "fitted", fit_slowly)
    fitted(names)
    assert max(most) <= 2 * max(len(names), 1)


def test_fits_on_one_device_tell_of_their_iterations():
    told = []
    with FitDisplay(told.append, 4) as display:
        list(fit_here(iter(tasks(psnr=30.0)), ["cpu"], display, 4))
    assert {progress.stage for progress in told} >= {"fit"}


# Several devices


@pytest.mark.usefixtures("two_devices")
def test_a_store_is_the_same_whatever_devices_fitted_it(tmp_path, monkeypatch):
    planned(psnr=30.0).inr.to_zarr(tmp_path / "two.zarr")
    monkeypatch.setattr(devices, "spread", lambda _: ["cpu"])
    planned(psnr=30.0).inr.to_zarr(tmp_path / "one.zarr")

    assert content(tmp_path / "two.zarr") == content(tmp_path / "one.zarr")


def test_each_device_fits_a_batch_while_the_other_one_does(monkeypatch):
    both, used = threading.Barrier(2, timeout=PATIENCE), []
    encode = batch_fit.BatchTask.encode

    def encoded(task, *arguments):
        used.append(task.config.request.device)
        both.wait()
        return encode(task, *arguments)

    monkeypatch.setattr(batch_fit.BatchTask, "encode", encoded)
    results = fitted(["cpu", "auto"])
    assert sorted(used) == ["auto", "auto", "cpu", "cpu"]
    assert not any(result.failures for result in results.values())


def compressed(**changed):
    asked = {"psnr": 30.0, "preset": "fast", "chunks": {"y": 4, "x": 4}} | changed
    return make_scene().inr.compress(**asked)


@pytest.mark.usefixtures("two_devices")
def test_a_scene_in_memory_is_compressed_alike_whatever_devices_fit_it(monkeypatch):
    used = set()
    encode = batch_fit.BatchTask.encode

    def encoded(task, *arguments):
        used.add(task.config.request.device)
        time.sleep(0.05)
        return encode(task, *arguments)

    monkeypatch.setattr(batch_fit.BatchTask, "encode", encoded)
    found = compressed()
    assert used == {"cpu", "auto"}
    monkeypatch.setattr(devices, "spread", lambda _: ["cpu"])
    xr.testing.assert_identical(found, compressed())


@pytest.mark.usefixtures("two_devices")
def test_a_chunk_that_cannot_be_that_good_is_named_whatever_device_fits_it(monkeypatch):
    def refuse(*_):
        raise BatchError({0: BudgetError("psnr=30 was not reached")}, {})

    monkeypatch.setattr(batch_fit.BatchTask, "encode", refuse)
    with pytest.raises(BudgetError, match=r"variable 'reflectance', chunk \(0, \d, \d\): psnr=30 was not reached"):
        compressed()


@pytest.mark.usefixtures("two_devices")
def test_a_device_that_fails_in_the_middle_of_a_compression_is_told_of(monkeypatch):
    lack_memory(monkeypatch, (0, 0, 0))
    with pytest.raises(ChunksError, match=r"1 chunks could not be fitted\. Nothing is kept\. .*out of memory"):
        compressed()


@pytest.mark.usefixtures("two_devices")
def test_a_batch_that_fails_on_one_of_several_devices_takes_no_other_with_it(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        lack_memory(patch, (0, 0, 0))
        with pytest.raises(ChunksError, match="2 chunks could not be fitted"):
            planned().inr.to_zarr(tmp_path / "scene.zarr")

    planned().inr.to_zarr(tmp_path / "scene.zarr", resume=True)
    assert (tmp_path / "scene.zarr").is_dir()


def test_batches_on_several_devices_are_told_of_when_they_are_done():
    told = []
    with FitDisplay(told.append, 4) as display:
        list(fit_here(iter(tasks()), ["cpu", "auto"], display, 4))
    assert [(progress.stage, progress.iteration, progress.iterations) for progress in told] == [
        ("batches", done, 4) for done in (1, 2, 3, 4)
    ]


def test_fits_that_nobody_waits_for_any_more_end_at_their_next_iteration(monkeypatch):
    begun, ended = threading.Event(), threading.Event()
    first = threading.Lock()

    def endless(monitor):
        if first.acquire(blocking=False):
            # The other device's batch is given out, and whoever takes it goes away.
            begun.wait(PATIENCE)
            return
        begun.set()
        go_on(monitor, ended)

    def encoded(task, scenes, monitor):
        endless(monitor)
        raise RuntimeError(f"{len(scenes)} chunks of {task.version} are not fitted")

    monkeypatch.setattr(batch_fit.BatchTask, "encode", encoded)
    with FitDisplay(False, 4) as display:
        batches = fit_here(iter(tasks()), ["cpu", "auto"], display, 4)
        next(batches)
        batches.close()
    assert ended.is_set()


@pytest.mark.usefixtures("two_devices")
def test_a_write_that_fails_leaves_no_fit_behind(tmp_path, monkeypatch):
    encode = batch_fit.BatchTask.encode
    ended, first = threading.Event(), threading.Lock()

    def encoded(task, scenes, monitor):
        if first.acquire(blocking=False):
            return encode(task, scenes, monitor)
        go_on(monitor, ended)
        return encode(task, scenes, monitor)

    def full(*_):
        raise OSError("no space left on the device")

    monkeypatch.setattr(batch_fit.BatchTask, "encode", encoded)
    monkeypatch.setattr(stream.Partial, "keep", full)
    with pytest.raises(OSError, match="no space left"):
        planned().inr.to_zarr(tmp_path / "scene.zarr")
    assert ended.is_set()


# Which devices


def test_auto_stands_for_all_cuda_devices_and_other_names_for_themselves(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert devices.spread("auto") == ["cuda:0", "cuda:1", "cuda:2"]
    assert [devices.spread(name) for name in ("cpu", "cuda", "cuda:1")] == [["cpu"], ["cuda"], ["cuda:1"]]


def test_without_a_cuda_device_auto_is_one_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.spread("auto") == ["auto"]

"""Large chunks of files and of dask: read once, block by block, and fitted without their samples in memory."""

import errno
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import dask.array
import numpy as np
import pytest
import xarray as xr

from xr_inr import spool, variable_fit
from xr_inr.batch_fit import BatchTask
from xr_inr.codecs.chunks import ChunkAxes
from xr_inr.core import source
from xr_inr.exceptions import RequestError
from xr_inr.lazy import fitted_of
from xr_inr.spool import blocks, spooled

from .helpers import make_scene


@pytest.fixture
def large(monkeypatch):
    """Let chunks of more than 100 samples be large, and read some 60 of them at a time."""
    for module in (spool, variable_fit, source):
        monkeypatch.setattr(module, "WHOLE_SAMPLES", 100)
    for module in (spool, source):
        monkeypatch.setattr(module, "TILE_SAMPLES", 60)


def computed(scene, chunks, counts):
    """Return the scene as dask would compute it block by block, noting in `counts` how often each is."""

    def block(block_info):
        place = tuple(slice(*span) for span in block_info[None]["array-location"])
        key = tuple((part.start, part.stop) for part in place)
        counts[key] = counts.get(key, 0) + 1
        return scene.values[place]

    made = dask.array.map_blocks(
        block, chunks=dask.array.core.normalize_chunks(chunks, scene.shape), dtype=scene.dtype, meta=scene.values[:0]
    )
    return scene.copy(data=made)


def variable(data, **encoding):
    return xr.Variable(("b", "y", "x"), data, encoding=encoding)


LAYOUTS = {
    "large blocks of dask stay as they are": (variable(dask.array.zeros((5, 6, 8), chunks=(5, 3, 4))), 4),
    "small blocks of dask are joined": (variable(dask.array.zeros((5, 6, 8), chunks=(1, 2, 2))), 5),
    "blocks of a file stay as they are": (variable(np.zeros((5, 6, 8)), preferred_chunks={"b": 5, "y": 6, "x": 2}), 4),
    "rows of a file that tells of no blocks": (variable(np.zeros((5, 6, 8))), 6),
}


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("part", "count"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_blocks_hold_each_sample_once(part, count):
    seen = np.zeros(part.shape, int)
    found = list(blocks(part))
    for block in found:
        seen[block] += 1
    assert (seen == 1).all()
    assert len(found) == count


@pytest.mark.parametrize("chunks", ["scene", {"y": 6, "x": -1}])
@pytest.mark.usefixtures("large")
def test_every_block_of_dask_is_computed_once_for_a_whole_compression(chunks):
    scene, counts = make_scene((5, 12, 9)), {}
    lazy = computed(scene, (5, 3, 9), counts)
    expected = fitted_of(scene.inr.compress(psnr=35.0, chunks=chunks, device="cpu")).encoded
    found = fitted_of(lazy.inr.compress(psnr=35.0, chunks=chunks, device="cpu")).encoded
    assert {index: chunk.payload for index, chunk in found.items()} == {
        index: chunk.payload for index, chunk in expected.items()
    }
    assert set(counts.values()) == {1}
    assert len(counts) == 4


@pytest.mark.usefixtures("large")
def test_a_planned_scene_is_streamed_to_the_store_that_its_samples_in_memory_give(tmp_path):
    scene = make_scene((5, 12, 9))
    plans = {
        name: one.inr.compress(psnr=35.0, device="cpu", compute=False)
        for name, one in {"memory": scene, "dask": computed(scene, (5, 3, 9), {})}.items()
    }
    identities = [plan.variable._data.array.plan.identity() for plan in plans.values()]
    assert identities[0] == identities[1]
    for name, plan in plans.items():
        plan.inr.to_zarr(tmp_path / name)
    found, expected = (xr.open_zarr(tmp_path / name).reflectance.values for name in ("dask", "memory"))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.usefixtures("large")
def test_a_file_is_read_as_it_is_in_memory_whatever_the_order_of_its_axes(tmp_path):
    scene = make_scene((5, 12, 9)).drop_vars("spatial_ref").transpose("y", "x", "band")
    scene.attrs.pop("long_name")
    scene.to_netcdf(tmp_path / "scene.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "scene.nc", engine="h5netcdf") as opened:
        part = opened.reflectance.variable
        found = spooled(part, ChunkAxes(2, 3))
        assert found is not part
        np.testing.assert_array_equal(found.to_numpy(), scene.values)
        assert found.dims == scene.dims


@pytest.mark.usefixtures("large")
def test_samples_in_memory_are_not_written_to_a_file():
    part = make_scene((5, 12, 9)).variable
    assert spooled(part, ChunkAxes(0, 3)) is part


@pytest.mark.usefixtures("large")
@pytest.mark.skipif(not hasattr(spool.os, "posix_fallocate"), reason="room is not reserved")
def test_a_folder_without_room_is_an_error_before_any_sample_is_read(monkeypatch):
    counts = {}

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.os, "posix_fallocate", full)
    with pytest.raises(RequestError, match=r"room .* 1,080 bytes \(No space left on device\)\. TMPDIR"):
        computed(make_scene((5, 12, 9)), (5, 3, 9), counts).inr.compress(psnr=35.0, device="cpu")
    assert not counts


@pytest.mark.parametrize("size", [4, 12], ids=["small", "large"])
@pytest.mark.usefixtures("large")
def test_threads_compute_samples_themselves_and_leave_the_settings_of_dask_alone(size):
    # Each is in the midst of its chunk while the other one begins, and they end in the order they began.
    begun, ended, places = threading.Barrier(2, timeout=30), threading.Event(), {}

    def block(samples, name):
        if name not in places:
            places[name] = threading.current_thread().name
            begun.wait()
        if name == "second":
            ended.wait(30)
        return samples

    def load(name):
        zeros = dask.array.zeros((3, size, size), chunks=-1)
        made = variable(zeros.map_blocks(block, name, dtype=float, meta=np.zeros((0, 0, 0))))
        task = BatchTask({(0, 0, 0): made}, None, ChunkAxes(0, 3), None)
        found = task.loaded("synchronous")
        if name == "first":
            ended.set()
        return found.failures, threading.current_thread().name

    with ThreadPoolExecutor(2) as threads:
        told = dict(zip(("first", "second"), threads.map(load, ("first", "second")), strict=True))
    assert told == {name: ({}, place) for name, place in places.items()}
    assert dask.config.get("scheduler", None) is None


_LIMITED = """
import re, resource, sys
import dask.array
import numpy as np
import xarray as xr
import xr_inr

# Threads of a pool would take room for their stacks.
dask.config.set(scheduler="synchronous")
shape = (640, 200, 200)
field = np.sin(np.mgrid[0:200, 0:200].sum(axis=0) / 9.0).astype("f4")
gains = (1.0 + 0.3 * np.sin(np.arange(640) / 50)).astype("f4")[:, None, None]

def block(block_info):
    first, last = block_info[None]["array-location"][1]
    return gains * field[first:last]

samples = dask.array.map_blocks(block, chunks=((640,), (25,) * 8, (200,)), dtype="f4", meta=np.empty((0, 0, 0), "f4"))
scene = xr.DataArray(samples, dims=("band", "y", "x"), name="scene")
asked = {"preset": "fast", "device": "cpu"}
xr_inr.compress(scene[:, :32, :32].compute(), bpppb=0.1, **asked)
held = int(re.search(r"VmData:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
limit = held + int(0.8 * scene.nbytes)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
print(xr_inr.compress(scene, bpppb=0.002, **asked).inr.report.psnr)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
def test_a_scene_larger_than_the_memory_allowed_is_fitted_whole():
    done = subprocess.run([sys.executable, "-c", _LIMITED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 40.0

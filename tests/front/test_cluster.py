"""client=: batches as tasks of dask.distributed, on two processes, one of which may be killed."""

import math
import os
import signal
import subprocess
import sys

import dask.array
import pytest

from xr_inr import batch_fit, cluster, variable_fit
from xr_inr.cluster import Cluster
from xr_inr.core.latent import rotation
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.exceptions import ChunksError, RequestError
from xr_inr.geo import open_raster
from xr_inr.partial import partial_folder

from .helpers import make_scene
from .test_stream import content

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def planned(scene, **options):
    asked = {"psnr": 14.0, "preset": "fast", "device": "cpu", "chunks": {"y": 4, "x": 4}, "compute": False}
    return scene.inr.compress(**asked | options)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """At most two chunks of 5 x 4 x 4 samples at once."""
    monkeypatch.setattr(variable_fit, "_SAMPLES_AT_ONCE", 160)


class SmallModels(distributed.WorkerPlugin):
    """Gives a worker the presets of this process, which tests make small."""

    def __init__(self):
        self.presets = dict(LATENT_PRESETS)

    def setup(self, worker):  # noqa: ARG002
        LATENT_PRESETS.update(self.presets)
        rotation._ITERATIONS = 10


@pytest.fixture(scope="module")
def client(small_models):  # noqa: ARG001 - which the workers get
    """A client of two processes, each with one thread, started again where one is killed."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as local, distributed.Client(local) as connected:
        connected.register_plugin(SmallModels())
        yield connected


@pytest.fixture(scope="module")
def large():
    """A scene of 6 x 6 chunks."""
    return make_scene((5, 24, 24), seed=2)


@pytest.fixture
def here(large, tmp_path):
    """The store of `large` that is fitted in this process, as files with their content."""
    planned(large).inr.to_zarr(tmp_path / "here.zarr")
    return content(tmp_path / "here.zarr")


def killing(client):
    """A listener that kills a worker as soon as the first batch is finished."""
    pids = sorted(client.run(os.getpid).values())

    def progress(told):
        if told.stage == "batches" and pids:
            os.kill(pids.pop(), signal.SIGKILL)
            pids.clear()

    return progress


SOURCES = {
    "in memory": lambda scene: scene,
    "in dask": lambda scene: scene.copy(data=dask.array.from_array(scene.to_numpy(), chunks=(5, 12, 12))),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_store_is_the_one_that_is_fitted_here(client, large, here, tmp_path, source):
    planned(source(large)).inr.to_zarr(tmp_path / "there.zarr", client=client)

    assert content(tmp_path / "there.zarr") == here
    assert not partial_folder(tmp_path / "there.zarr").exists()


def test_killed_worker_loses_nothing(client, large, here, tmp_path):
    planned(large, progress=killing(client)).inr.to_zarr(tmp_path / "there.zarr", client=client)

    assert content(tmp_path / "there.zarr") == here


@pytest.mark.usefixtures("client")
def test_samples_in_a_file_are_read_by_the_workers(geotiff, tmp_path, monkeypatch):
    sent = []
    submit = Cluster._submit

    def noted(self, task):
        sent.extend(task.parts.values())
        return submit(self, task)

    monkeypatch.setattr(Cluster, "_submit", noted)
    lazy = planned(open_raster(geotiff), chunks={"y": 10, "x": 9})
    lazy.inr.to_zarr(tmp_path / "there.zarr", client=True)
    lazy.inr.to_zarr(tmp_path / "here.zarr")

    assert not any(part._in_memory for part in sent)
    assert content(tmp_path / "there.zarr") == content(tmp_path / "here.zarr")


def test_progress_tells_of_batches(client, large, tmp_path):
    told = []
    planned(large, progress=told.append).inr.to_zarr(tmp_path / "there.zarr", client=client)

    assert [progress.iteration for progress in told] == list(range(1, 19))
    assert {(progress.stage, progress.iterations) for progress in told} == {("batches", 18)}
    assert all(progress.psnr >= 14 for progress in told)


def test_chunk_that_cannot_be_read_is_tried_again_and_then_named(client, tmp_path):
    scene = make_scene()

    broken = tmp_path / "broken"

    def sometimes(block, block_info=None):
        if broken.exists() and block_info[0]["chunk-location"] == (0, 1, 2):
            raise OSError("the disk has a bad sector")
        return block

    data = dask.array.from_array(scene.to_numpy(), chunks=(5, 4, 4)).map_blocks(sometimes, dtype="i2")
    lazy = planned(scene.copy(data=data))
    broken.touch()
    with pytest.raises(ChunksError) as caught:
        lazy.inr.to_zarr(tmp_path / "there.zarr", client=client, retries=1)

    assert caught.value.failures == {("reflectance", (0, 1, 2)): "OSError: the disk has a bad sector"}
    assert len(list(partial_folder(tmp_path / "there.zarr").glob("payloads/0/*"))) == 5


# A cluster without workers


@pytest.fixture
def abandoned(small_models):  # noqa: ARG001 - which the workers get
    """A client of a scheduler with two workers that nothing starts again, and these as processes."""
    with (
        distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as local,
        distributed.Client(local) as connected,
    ):
        connected.register_plugin(SmallModels())
        command = [sys.executable, "-m", "distributed.cli.dask_worker", local.scheduler_address, "--no-nanny"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}  # where the plugin is imported from
        workers = [subprocess.Popen([*command, "--nthreads", "1"], env=environment) for _ in range(2)]
        try:
            connected.wait_for_workers(2, timeout=60)
            yield connected, workers
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


def ended_by(act):
    """A listener that does something as soon as the first batch is finished."""
    todo = [act]

    def progress(told):
        if told.stage == "batches" and todo:
            todo.pop()()

    return progress


def test_chunks_that_no_worker_is_left_for_are_named_in_time_and_the_others_are_kept(
    abandoned, large, here, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "_WAY_BACK", 0.5)
    connected, workers = abandoned

    def kill_all():
        for worker in workers:
            worker.kill()

    target = tmp_path / "there.zarr"
    lazy = planned(large, progress=ended_by(kill_all))
    with pytest.raises(
        ChunksError, match=r"resume=True \(--resume\) fits only these.* and 1\d more: no worker"
    ) as caught:
        lazy.inr.to_zarr(target, client=connected, worker_timeout=0.5)

    kept = {path.name for path in partial_folder(target).glob("payloads/0/*")}
    named = {".".join(map(str, index)) for _, index in caught.value.failures}
    assert len(kept) >= 2
    assert len(kept | named) == len(kept) + len(named) == 36
    assert set(caught.value.failures.values()) == {"no worker was there for 0.5 s, which is the worker_timeout"}

    planned(large).inr.to_zarr(target, resume=True)
    assert content(target) == here


def test_workers_that_are_all_killed_and_come_back_lose_nothing(client, large, here, tmp_path):
    pids = client.run(os.getpid).values()
    killing_all = ended_by(lambda: [os.kill(pid, signal.SIGKILL) for pid in pids])
    planned(large, progress=killing_all).inr.to_zarr(tmp_path / "there.zarr", client=client, worker_timeout=60)

    assert content(tmp_path / "there.zarr") == here


def test_chunks_of_a_cluster_that_is_closed_are_named(large, tmp_path):
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as local:
        connected = distributed.Client(local)
        lazy = planned(large, progress=ended_by(local.close))
        with pytest.raises(ChunksError, match="the cluster has gone") as caught:
            lazy.inr.to_zarr(tmp_path / "there.zarr", client=connected)
        connected.close()

    assert 0 < len(caught.value.failures) < 36


# What is refused before the first fit


def test_resource_that_no_worker_declares_is_refused(client, tmp_path):
    with pytest.raises(RequestError, match=r"a worker must declare the resources \{'GPU': 1.0\}"):
        planned(make_scene(), device="cuda").inr.to_zarr(tmp_path / "there.zarr", client=client)

    assert not list(tmp_path.iterdir())


def test_client_must_be_one(tmp_path):
    with pytest.raises(RequestError, match=r"client must be a distributed\.Client"):
        planned(make_scene()).inr.to_zarr(tmp_path / "there.zarr", client="tcp://there:8786")


def test_retries_must_not_be_negative(client, tmp_path):
    with pytest.raises(RequestError, match="retries must not be negative"):
        planned(make_scene()).inr.to_zarr(tmp_path / "there.zarr", client=client, retries=-1)


@pytest.mark.parametrize("seconds", [0, -1.0, math.nan])
def test_worker_timeout_must_be_positive(client, tmp_path, seconds):
    with pytest.raises(RequestError, match="worker_timeout must be positive"):
        planned(make_scene()).inr.to_zarr(tmp_path / "there.zarr", client=client, worker_timeout=seconds)


def test_worker_with_another_version_is_refused(scene, monkeypatch):
    task = planned(scene).variable._data.array.plan.task([(0, 0, 0)])
    monkeypatch.setattr(batch_fit, "__version__", "99.0")
    with pytest.raises(RequestError, match="workers must have the xr_inr of the client"):
        batch_fit.run_elsewhere(task)


@pytest.mark.parametrize(
    ("device", "resources", "wanted"),
    [("cuda", None, {"GPU": 1}), ("cuda:1", {"slot": 2}, {"slot": 2}), ("cuda", {}, {}), ("auto", None, {})],
)
def test_device_says_what_a_worker_must_declare(monkeypatch, device, resources, wanted):
    class Scheduler:
        status, asynchronous = "running", False

        def scheduler_info(self, n_workers):  # noqa: ARG002
            return {"workers": {"one": {"resources": {"GPU": 1, "slot": 2}}}}

    monkeypatch.setattr(cluster, "_client", lambda client: client)

    assert Cluster.of(Scheduler(), resources, 2, 1.0, {device}).resources == wanted

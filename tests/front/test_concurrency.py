"""Threads and processes that encode and decode at once: the same results as one after the other, and no deadlock."""

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from tests.golden import every_form, make
from xr_inr.codecs.zarr import InrCodec
from xr_inr.core.decode import Payload, decode

pytestmark = pytest.mark.timeout(120)

THREADS = 8
NAMES = [entry["name"] for entry in make.manifest(every_form.FOLDER)][:: len(every_form.CASES) // 12]
PAYLOADS = [make.path_of(name, every_form.FOLDER).read_bytes() for name in NAMES]
CHUNK = make.path_of("latent_fast_uint16_little", every_form.FOLDER).read_bytes()

FORKED = """
import os, sys, threading
from pathlib import Path
from xr_inr.core.decode import Payload
payload = Payload(Path(sys.argv[1]).read_bytes())
expected = payload.read()
stop = threading.Event()
def busy():
    while not stop.is_set():
        Payload(Path(sys.argv[1]).read_bytes()).read()
threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
child = os.fork()
if child == 0:
    same = (Payload(Path(sys.argv[1]).read_bytes()).read() == expected).all()
    os._exit(0 if same else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
stop.set()
for thread in threads:
    thread.join()
sys.exit(status)
"""


@pytest.fixture
def store(tmp_path):
    """A store of 12 chunks, each the same payload, that nothing was fitted for."""
    group = zarr.open_group(str(tmp_path / "scene.zarr"), mode="w", zarr_format=3)
    array = group.create_array(
        "scene",
        shape=(3, 24, 32),
        chunks=(3, 8, 8),
        dtype="u2",
        serializer=InrCodec(bpppb=16.0),
        filters=None,
        compressors=None,
        dimension_names=("band", "y", "x"),
    )
    for row, column in np.ndindex(3, 4):
        key = array.metadata.encode_chunk_key((0, row, column))
        sync((array.store_path / key).set(default_buffer_prototype().buffer.from_bytes(CHUNK)))
    return tmp_path / "scene.zarr"


@pytest.fixture
def expected():
    return np.tile(decode(CHUNK), (1, 3, 4))


def in_threads(function, arguments):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, arguments, timeout=100))


def test_threads_decode_payloads_to_the_samples_of_one_thread():
    found = in_threads(decode, PAYLOADS * 3)
    assert [samples.tobytes() for samples in found] == [decode(payload).tobytes() for payload in PAYLOADS] * 3


def test_threads_read_windows_of_one_payload_to_the_samples_of_one_thread():
    payload = Payload(make.path_of("latent_fast_uint16_network").read_bytes())
    windows = [((top, top + 5), (left, left + 6)) for top in range(0, 24, 4) for left in range(0, 24, 6)]
    whole = decode(make.path_of("latent_fast_uint16_network").read_bytes())
    for found, ((top, bottom), (left, right)) in zip(in_threads(payload.read, windows), windows, strict=True):
        assert np.array_equal(found, whole[:, top:bottom, left:right])


@pytest.mark.parametrize("model", ["latent", "siren"])
def test_threads_encode_to_the_payloads_of_one_thread_while_others_decode(encode, make_scene, model):
    scenes = [make_scene((3, 6, 7), seed=seed) for seed in range(4)]
    alone = [encode(scene, model=model, bpppb=24.0).payload for scene in scenes]

    def work(number):
        return encode(scenes[number], model=model, bpppb=24.0).payload if number < 4 else decode(alone[number % 4])

    found = in_threads(work, range(8))

    assert found[:4] == alone
    assert all(np.array_equal(samples, decode(payload)) for samples, payload in zip(found[4:], alone, strict=True))


def test_spawned_processes_decode_to_the_samples_of_this_one():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(decode, PAYLOADS, timeout=100))
    # Samples may change their byte order on the way, but not their values.
    assert all(np.array_equal(samples, decode(payload)) for samples, payload in zip(found, PAYLOADS, strict=True))


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_process_forked_while_threads_decode_decodes():
    path = make.path_of("latent_fast_uint16_little", every_form.FOLDER)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, path], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def test_dask_in_threads_gives_the_samples_of_one_thread(store, expected):
    lazy = xr.open_zarr(store, consolidated=False)["scene"]
    assert np.array_equal(lazy.compute(scheduler="threads", num_workers=THREADS), expected)


def test_zarr_reads_ten_chunks_at_once(store, expected):
    with zarr.config.set({"async.concurrency": 10}):
        assert np.array_equal(zarr.open_array(store / "scene", mode="r")[:], expected)


def test_threads_that_read_arrays_of_one_store_get_the_same_samples(store, expected):
    found = in_threads(lambda _: zarr.open_array(store / "scene", mode="r")[:], range(THREADS))
    assert all(np.array_equal(samples, expected) for samples in found)


def test_decoding_starts_no_threads():
    before = threading.active_count()
    for payload in PAYLOADS:
        decode(payload)
    assert threading.active_count() == before


def test_reading_a_store_takes_no_more_threads_than_the_pool_of_the_event_loop(store):
    before = threading.active_count()
    array = zarr.open_array(store / "scene", mode="r")
    for _ in range(4):
        _ = array[:]
    assert threading.active_count() - before <= min(32, (os.cpu_count() or 1) + 4) + 2

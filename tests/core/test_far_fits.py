"""Fits and decodings on a device with a memory of its own come to what they come to on a CPU.

The device is the stand-in of `tests.far_device`, which refuses what a GPU would refuse.
"""

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.core.test_lowered_limits import LIMITS, SCENES
from tests.far_device import FAR
from xr_inr.core import bounded
from xr_inr.core.decode import Payload, decode
from xr_inr.core.encode import encode_arrays
from xr_inr.core.latent import batch, descent
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.request import MODELS, FitRequest

SIZE = (6, 12, 13)


@pytest.fixture(autouse=True)
def few_sweeps(tiny_presets, monkeypatch):  # noqa: ARG001 - these are made quicker yet
    for name, preset in LATENT_PRESETS.items():
        fewer = {"sweeps": 3, "turn_iterations": min(preset.turn_iterations, 3), "tries": min(preset.tries, 2)}
        monkeypatch.setitem(LATENT_PRESETS, name, replace(preset, **fewer))
    monkeypatch.setattr("xr_inr.core.latent.rounding._CORRECTIONS", 4)
    monkeypatch.setattr(bounded, "_FITS", 1)


@pytest.fixture
def make_gaps(make_scene):
    """A function that returns a scene with a corner and a sample that were not measured, and a constant band."""

    def make(shape=SIZE, seed=0):
        scene = make_scene(shape, "i2", seed=seed) + np.int16(500)
        scene[:, :3, :4] = -1
        scene[2, 6, 7] = -1
        scene[3][scene[3] > 0] = 77
        return scene

    return make


def fitted(arrays, device="cuda", **asked):
    """Return the payloads of arrays, of which -1 marks gaps and the second band is not to count."""
    request = FitRequest(**{"preset": "fast", "device": device} | asked)
    return [one.payload for one in encode_arrays(arrays, request, nodata=-1, bad_bands=(1,))]


ASKED = [
    {"preset": "fast", "bpppb": 6.0},
    {"preset": "fast", "sam": 3.0},
    {"preset": "fast", "max_error": 9.0},
    {"preset": "balanced", "psnr": 30.0},
    {"preset": "best", "bpppb": 6.0},
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_scene_comes_to_the_payload_of_a_cpu_and_leaves_nothing(far, make_gaps, asked):
    scene = make_gaps()
    assert fitted([scene], **asked) == fitted([scene], "cpu", **asked)
    assert far.alive == 0 < far.peak


@pytest.mark.usefixtures("far")
def test_chunks_that_are_fitted_at_once_do(make_gaps):
    chunks = [make_gaps(), make_gaps((9, 12, 13), 1), make_gaps((6, 9, 10), 2)]
    assert fitted(chunks, bpppb=6.0) == fitted(chunks, "cpu", bpppb=6.0)


@pytest.mark.usefixtures("far")
def test_networks_that_could_be_captured_are_fitted(make_gaps, monkeypatch):
    together = descent._Together
    monkeypatch.setattr(descent, "_descend_alone", lambda one: together([one]).descend_captured())
    (payload,) = fitted([make_gaps()], bpppb=6.0)
    assert len(payload) <= 6.0 * np.prod(SIZE) / 8


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize(("make", "preset"), [("whole", "balanced"), ("with gaps", "fast")])
def test_what_large_scenes_alone_go_through_does(make, preset, monkeypatch):
    for module, limits in LIMITS:
        for name, limit in limits.items():
            both = limit | {FAR.type: limit["cpu"]} if isinstance(limit, dict) else limit
            monkeypatch.setattr(module, name, both)
    scene, asked = SCENES[make]().astype("i2"), {"preset": preset, "bpppb": 5.0}
    assert fitted([scene], **asked) == fitted([scene], "cpu", **asked)


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize(("preset", "weight_bits"), [("fast", 8), ("balanced", 5), ("best", 16), ("paper", 32)])
def test_sirens_do_one_by_one_and_at_once(make_gaps, preset, weight_bits):
    asked = {"model": "siren", "preset": preset, "weight_bits": weight_bits, "bpppb": 24.0}
    chunks = [make_gaps(), make_gaps(seed=1), make_gaps((6, 9, 10), 2)]
    assert fitted(chunks, **asked) == fitted(chunks, "cpu", **asked)
    assert fitted(chunks[:1], **asked) == fitted(chunks[:1], "cpu", **asked)


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("model", MODELS)
def test_a_decoding_there_gives_the_samples_of_numpy(make_gaps, model):
    (payload,) = fitted([make_gaps()], "cpu", model=model, preset="balanced", bpppb=16.0)
    expected, opened = decode(payload), Payload(payload, device="cuda")
    np.testing.assert_array_equal(opened.read(((3, 9), (2, 5)), [0, 4]), expected[[0, 4], 3:9, 2:5])
    np.testing.assert_array_equal(decode(payload, device="cuda"), expected)
    rows, columns, bands = np.array([7, 0, 3]), np.array([0, 9, 4]), np.array([5, 0])
    np.testing.assert_array_equal(opened.read_points(rows, columns, bands), expected[bands][:, rows, columns])


def test_chunks_whose_memory_does_not_suffice_at_once_are_fitted_one_by_one(far, make_gaps, monkeypatch):
    chunks, refused = [make_gaps(seed=seed) for seed in range(2)], []
    fitted(chunks[:1], bpppb=6.0)
    far.limit = 3 * far.peak // 2
    lacks_memory = batch.lacks_memory
    monkeypatch.setattr(batch, "lacks_memory", lambda error: refused.append(str(error)) or lacks_memory(error))
    assert fitted(chunks, bpppb=6.0) == fitted(chunks, "cpu", bpppb=6.0)
    assert refused
    assert far.alive == 0


def test_a_chunk_for_which_it_never_suffices_is_fitted_on_the_cpu(far, make_gaps):
    far.limit = 100_000
    with pytest.warns(RuntimeWarning, match="lazy:0 lacks memory for a chunk of 936 samples"):
        found = fitted([make_gaps()], bpppb=6.0)
    assert found == fitted([make_gaps()], "cpu", bpppb=6.0)
    assert far.alive == 0


@pytest.mark.usefixtures("far")
def test_threads_fit_on_devices_of_their_own(make_gaps):
    found = {}
    devices = ["cuda:0", "cuda:1"]

    def work(device, seed):
        found[device] = fitted([make_gaps(seed=seed)], device, bpppb=6.0)

    threads = [threading.Thread(target=work, args=one) for one in zip(devices, range(2), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, device in enumerate(devices):
        assert found[device] == fitted([make_gaps(seed=seed)], "cpu", bpppb=6.0)

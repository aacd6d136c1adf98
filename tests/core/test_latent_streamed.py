"""Fits whose latents lie in host memory: parts of them go to a device and come back, and nothing else changes."""

import warnings

import pytest
import torch

from xr_inr.core import encode
from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.latent import batch, by_components, memory, model, soft
from xr_inr.core.latent.by_components import Synthesis, analysed, synthesised
from xr_inr.core.latent.memory import home_of
from xr_inr.core.latent.wavelet import Pyramid, analyse, synthesise_unrounded
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest

CPU = torch.device("cpu")
BESIDE = torch.device("cpu", 0)
"""Stands for a device that is not the CPU."""

SIZE = 21, 18
PYRAMID = Pyramid.of(SIZE)


@pytest.fixture
def some_at_a_time(monkeypatch):
    """Two planes go to a device at once, and as many features as a CPU takes."""
    monkeypatch.setattr(by_components, "_SAMPLES_AT_ONCE", 2 * SIZE[0] * SIZE[1])
    monkeypatch.setattr(soft, "_SENT_AT_ONCE", soft._FEATURES_AT_ONCE["cpu"])


@pytest.fixture
def beside(monkeypatch, tiny_presets):  # noqa: ARG001 - in force while a test encodes
    """Fits are computed on a device beside the CPU."""
    monkeypatch.setattr(encode.devices, "resolve", lambda _: BESIDE)


@pytest.fixture
def small_device(monkeypatch, beside, some_at_a_time):  # noqa: ARG001 - in force while a test encodes
    """That device has memory for nothing but parts."""
    monkeypatch.setattr(model, "home_of", lambda _device, _latents: CPU)


@pytest.mark.usefixtures("some_at_a_time")
class TestWavelet:
    planes = torch.randn(5, *SIZE, generator=torch.Generator().manual_seed(0))

    def test_subbands_of_some_components_at_a_time_are_those_of_all(self):
        for found, expected in zip(analysed(self.planes, PYRAMID, BESIDE), self.subbands(), strict=True):
            assert torch.equal(found, expected)

    def test_planes_of_some_components_at_a_time_are_those_of_all(self):
        expected = synthesise_unrounded(self.subbands(), PYRAMID, torch)
        assert torch.equal(synthesised(self.subbands(), PYRAMID, BESIDE), expected)
        assert torch.equal(Synthesis(self.subbands(), PYRAMID, BESIDE).planes, expected)

    @pytest.mark.parametrize("device", [CPU, BESIDE], ids=["whole", "in parts"])
    def test_slopes_are_those_of_the_synthesis(self, device):
        latents = [part.requires_grad_() for part in self.subbands()]
        weights = torch.randn(5, *SIZE, generator=torch.Generator().manual_seed(1))
        (synthesise_unrounded(latents, PYRAMID, torch) * weights).sum().backward()
        found = Synthesis(latents, PYRAMID, device).slopes(weights)
        for slope, latent in zip(found, latents, strict=True):
            torch.testing.assert_close(slope, latent.grad)

    def test_planes_too_small_to_be_halved_have_slopes(self):
        latents, pyramid = [torch.ones(3, 2, 2)], Pyramid.of((2, 2))
        (slope,) = Synthesis(latents, pyramid, BESIDE).slopes(torch.full((3, 2, 2), 7.0))
        assert torch.equal(slope, torch.full((3, 2, 2), 7.0))

    def subbands(self):
        return analyse(self.planes, PYRAMID, torch)


def gappy(make_scene):
    scene = make_scene((6, *SIZE), seed=3)
    scene[:, 5:9, 4:12] = 0
    return scene


SCENES = {
    "whole": lambda make_scene: make_scene((6, *SIZE)),
    "with gaps": gappy,
    "tiny": lambda make_scene: make_scene((3, 2, 3)),
}


@pytest.mark.usefixtures("small_device")
@pytest.mark.parametrize("preset", ["fast", "balanced", "best"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_streamed_fit_comes_to_the_same_payload(make_scene, scene, preset, monkeypatch):
    array = SCENES[scene](make_scene)
    found = encode_array(array, FitRequest(preset=preset, psnr=36.0), nodata=0)
    monkeypatch.setattr(encode.devices, "resolve", lambda _: CPU)
    assert found.payload == encode_array(array, FitRequest(preset=preset, psnr=36.0), nodata=0).payload


@pytest.mark.usefixtures("small_device")
def test_no_seam_is_where_parts_meet(make_scene, monkeypatch):
    """Parts are components, and the part of a component is all of it: what a device holds leaves no edge in a scene."""
    array = make_scene((6, *SIZE), seed=5)
    payloads = set()
    for planes in (1, 2, 5, 100):
        monkeypatch.setattr(by_components, "_SAMPLES_AT_ONCE", planes * SIZE[0] * SIZE[1])
        payloads.add(encode_array(array, FitRequest(preset="fast", psnr=36.0)).payload)
    assert len(payloads) == 1


@pytest.mark.usefixtures("small_device")
def test_chunks_that_are_streamed_are_fitted_beside_one_another(make_scene):
    chunks = [make_scene((4, 12, 12), seed=seed) for seed in range(3)]
    request = FitRequest(preset="fast", bpppb=2.0)
    for one, chunk in zip(encode_arrays(chunks, request), chunks, strict=True):
        alone = encode_array(chunk, request)
        assert len(one.payload) == pytest.approx(len(alone.payload), rel=0.03)
        assert one.figures.psnr == pytest.approx(alone.figures.psnr, abs=0.05)


@pytest.mark.parametrize(
    ("device", "free", "latents", "home"),
    [
        (BESIDE, 1_000_000, 6_000, BESIDE),
        (BESIDE, 1_000_000, 6_400, CPU),
        (BESIDE, None, 10**12, BESIDE),
        (CPU, 1_000, 10**12, CPU),
    ],
    ids=["fits", "does not", "nobody knows", "on the CPU"],
)
def test_latents_lie_on_their_device_where_it_has_memory_for_them(monkeypatch, device, free, latents, home):
    monkeypatch.setattr(memory, "free_memory", lambda _: free)
    assert home_of(device, latents) == home


@pytest.mark.usefixtures("beside", "some_at_a_time")
def test_a_chunk_that_turns_out_too_large_for_its_device_is_streamed(make_scene, monkeypatch):
    array, request = make_scene((6, *SIZE)), FitRequest(preset="fast", bpppb=2.0)
    sweep, notes = batch.sweep_together, []

    def lacking(sweeps):
        if sweeps[0].rounder.soft.home == BESIDE:
            raise torch.OutOfMemoryError("injected")
        return sweep(sweeps)

    monkeypatch.setattr(batch, "sweep_together", lacking)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = encode_array(array, request, monitor=Monitor(note=notes.append))
    assert "cpu:0 lacks memory for a chunk of 2,268 samples: parts are sent to it" in notes
    monkeypatch.setattr(encode.devices, "resolve", lambda _: CPU)
    assert found.payload == encode_array(array, request).payload

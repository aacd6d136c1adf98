"""Fits whose latents lie in host memory: parts of them go to a device and come back, and nothing else changes."""

import warnings
from dataclasses import replace

import pytest
import torch

from tests.far_device import FAR
from xr_inr.core import encode, memory, rate
from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.latent import batch, by_components, model, patches, rounding, soft
from xr_inr.core.latent.batch import fit_latents
from xr_inr.core.latent.by_components import Synthesis, analysed, synthesised
from xr_inr.core.latent.memory import home_of
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.quantise import Rounder, first_latents
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.wavelet import Pyramid, analyse, synthesise_unrounded
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest

CPU = torch.device("cpu")
GIBIBYTE = 2**30
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
    monkeypatch.setattr(rounding, "home_of", lambda _device, _latents: CPU)


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
        (BESIDE, 10 * GIBIBYTE, 55_000_000, BESIDE),
        (BESIDE, 10 * GIBIBYTE, 65_000_000, CPU),
        (BESIDE, GIBIBYTE // 1024, 2_000, BESIDE),
        (BESIDE, GIBIBYTE // 1024, 2_500, CPU),
        (BESIDE, None, 10**12, BESIDE),
        (CPU, 1_000, 10**12, CPU),
    ],
    ids=["fits", "does not", "small one fits", "small one does not", "nobody knows", "on the CPU"],
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


@pytest.mark.usefixtures("beside", "some_at_a_time")
def test_a_fit_that_was_told_to_end_hurries_where_it_begins_anew(make_scene, monkeypatch):
    sweep, rounds, asked, found = batch.sweep_together, model.Fitting._round, [], []

    def lacking(sweeps):
        if asked and sweeps[0].rounder.soft.home == BESIDE:
            raise torch.OutOfMemoryError("injected")
        return sweep(sweeps)

    def interrupted(fitting):
        if not asked:
            raise KeyboardInterrupt
        yield from rounds(fitting)

    def noted(*arguments, **named):
        found.extend(fit_latents(*arguments, **named))
        return found

    monkeypatch.setattr(batch, "sweep_together", lacking)
    monkeypatch.setattr(model.Fitting, "_round", interrupted)
    monkeypatch.setattr(rate, "fit_latents", noted)
    monitor = Monitor(keep_best=lambda progress: not asked.append(progress))
    encode_array(make_scene((6, *SIZE)), FitRequest(preset="fast", bpppb=2.0), monitor=monitor)
    assert len(asked) == 1
    assert found[0].interrupted


@pytest.fixture
def small_parts(monkeypatch):
    """What a device is sent at once is little: patches, some features, single planes."""
    monkeypatch.setattr(patches, "MOST_PIXELS", 256)
    monkeypatch.setattr(patches, "SIDE", 12)
    monkeypatch.setattr(soft, "_SENT_AT_ONCE", 2**10)
    monkeypatch.setattr(by_components, "_SAMPLES_AT_ONCE", 2**10)


@pytest.mark.usefixtures("small_parts", "tiny_presets")
def test_a_device_with_half_of_the_memory_that_a_fit_needs_comes_to_the_same_payload(far, make_scene, monkeypatch):
    monkeypatch.setitem(LATENT_PRESETS, "fast", replace(LATENT_PRESETS["fast"], sweeps=1, turn_iterations=2))
    array, request = make_scene((4, 24, 48), seed=5), FitRequest(preset="fast", bpppb=2.0, device="cuda")
    whole = encode_array(array, request)
    far.limit, far.peak = far.peak // 2, 0
    assert encode_array(array, request).payload == whole.payload
    assert 0 < far.peak <= far.limit


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("home", "least", "most"), [(CPU, 1.0, 1.4), (FAR, 3.0, 4.0)], ids=["in host memory", "on the device"]
)
def test_what_a_device_holds_grows_with_components_only_where_latents_lie_on_it(far, home, least, most):
    peaks = []
    for rank in (3, 12):
        planes = 20 * torch.randn(rank, 40, 40, generator=torch.Generator().manual_seed(2)).to(home)
        scene = SoftScene(planes, None, Pyramid.of((40, 40)), device=FAR)
        rounder = Rounder(scene.pyramid, rank, shipped(), FAR, seed=0, home=home)
        latents = first_latents(analysed(planes, scene.pyramid, FAR))
        far.peak = far.alive
        rounder.sweep(latents, scene, 0.14, 0.5)
        peaks.append(far.peak)
    assert least < peaks[1] / peaks[0] < most

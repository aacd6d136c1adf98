"""Sirens of scenes too large for a device: their samples lie in host memory, and points are compared part by part."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.far_device import FAR
from xr_inr.core import memory
from xr_inr.core.encode import encode_array
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene
from xr_inr.core.siren import batch
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit_stack import StackTrainer
from xr_inr.core.siren.network import initialise
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.presets import PRESETS
from xr_inr.core.siren.stack import Stack
from xr_inr.core.siren.stack_gradient import StackGradient
from xr_inr.core.siren.stack_objective import StackObjective

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("tiny_presets")


def partly_masked(make_scene):
    scene = make_scene((5, 12, 13), "f4")
    scene[:, 2:4, 3:7] = np.nan
    scene[1, 6:8] = np.nan
    return prepare_scene(scene)


SCENES = {
    "whole": lambda make_scene: prepare_scene(make_scene((5, 12, 13), "f4")),
    "partly masked": partly_masked,
}


def tell_free_memory(monkeypatch, free):
    """Let so many bytes be free on every device, or nobody know."""
    for module in (memory, batch):
        monkeypatch.setattr(module, "free_memory", lambda _: free)


@pytest.fixture(params=SCENES)
def scenes(request, make_scene):
    """Two scenes, of different numbers of points where one is masked."""
    return [SCENES[request.param](make_scene), SCENES["whole"](make_scene)]


def gradient_of(scenes, *, index=None, at_once=10**9, bits=None):
    """Return the errors of a stack of networks and their gradients."""
    objective = StackObjective([Objective(scene, None, CPU) for scene in scenes])
    networks = [initialise(Architecture(2, 6, 5), torch.Generator().manual_seed(seed), CPU) for seed in range(2)]
    stack = Stack.of(networks)
    gradient = StackGradient(objective, stack, bits, [100, 100], at_once)
    return [gradient.find(index).clone(), *(part.grad.clone() for part in stack.tensors)]


@pytest.mark.parametrize("bits", [None, 8])
@pytest.mark.parametrize("at_once", [2, 60, 301])
def test_gradients_of_parts_add_up_to_that_of_all_points(scenes, at_once, bits):
    for found, expected in zip(
        gradient_of(scenes, at_once=at_once, bits=bits), gradient_of(scenes, bits=bits), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_gradients_of_parts_add_up_to_that_of_drawn_points(scenes):
    index = torch.arange(0, 100, 3).repeat(2, 1)
    for found, expected in zip(
        gradient_of(scenes, index=index, at_once=14), gradient_of(scenes, index=index), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch_points", [None, 30])
def test_samples_in_host_memory_lead_to_the_same_network(far, scenes, batch_points):  # noqa: ARG001 - FAR is there
    found = []
    for home in (FAR, CPU):
        objectives = [Objective(scene, None, FAR, home) for scene in scenes]
        preset = dataclasses.replace(PRESETS["fast"], batch_points=batch_points)
        trainer = StackTrainer(objectives, Architecture(2, 6, 5), preset, weight_bits=8, seed=0, device=FAR)
        while not trainer.finished:
            trainer.advance()
        found.append(trainer.psnrs)
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_a_scene_larger_than_a_device_is_fitted_on_it(far, make_scene, monkeypatch):
    monkeypatch.setattr(batch, "_FEWEST_POINTS", 64)
    tell_free_memory(monkeypatch, None)
    array, notes = make_scene((6, 40, 44), "f4"), []
    request = FitRequest(model="siren", preset="paper", device="cuda", bpppb=2.0)
    whole = encode_array(array, request)
    far.limit, far.peak = int(0.7 * far.peak), 0
    part = encode_array(array, request, monitor=Monitor(note=notes.append))
    assert f"{FAR} lacks memory for a scene of 1,760 pixels: parts are sent to it" in notes
    assert len(part.payload) == len(whole.payload)
    assert part.figures.psnr == pytest.approx(whole.figures.psnr, abs=0.2)
    assert far.peak <= far.limit


def test_all_points_are_looked_at_as_few_at_once_as_gradients_are(far, make_scene):
    objective = Objective(prepare_scene(make_scene((6, 40, 44), "f4")), None, FAR, CPU)
    peaks = []
    for at_once in (64, 640):
        trainer = StackTrainer(
            [objective],
            Architecture(2, 24, 6),
            PRESETS["fast"],
            weight_bits=8,
            seed=0,
            device=FAR,
            points_at_once=at_once,
        )
        before = far.peak = far.alive
        trainer.end()
        peaks.append(far.peak - before)
    assert 5 * peaks[0] < peaks[1]


def masked_here_and_there(make_scene):
    """A scene of 48 bands, each pixel of which lacks one."""
    array = make_scene((48, 40, 44), "f4")
    array[np.arange(1760).reshape(40, 44) % 48, *np.indices((40, 44))] = np.nan
    return array


@pytest.mark.parametrize("told", [True, False], ids=["is known to lack", "turns out to lack"])
def test_samples_lie_in_host_memory_where_a_device_lacks_it_for_partly_masked_pixels(
    far, make_scene, monkeypatch, told
):
    array, homes, objective = masked_here_and_there(make_scene), [], batch.Objective

    def noted(*arguments):
        homes.append(arguments[3].type)
        return objective(*arguments)

    monkeypatch.setattr(batch, "Objective", noted)
    monkeypatch.setattr(batch, "_FEWEST_POINTS", 64)
    far.limit = int(1.6 * array.nbytes)
    tell_free_memory(monkeypatch, 2 * array.nbytes if told else None)
    payload = encode_array(array, FitRequest(model="siren", preset="fast", device="cuda", bpppb=0.06)).payload
    assert len(payload) <= 0.06 * array.size / 8
    assert homes == (["cpu"] if told else ["lazy", "cpu"])


@pytest.mark.parametrize(("free", "home"), [(3_000_000, "lazy"), (200_000, "cpu"), (None, "lazy")])
def test_samples_lie_on_a_device_that_has_memory_for_them(far, make_scene, monkeypatch, free, home):  # noqa: ARG001
    homes = []

    class Noted(Objective):
        def __init__(self, *args):
            super().__init__(*args)
            homes.append(self.home.type)

    monkeypatch.setattr(batch, "Objective", Noted)
    tell_free_memory(monkeypatch, free)
    encode_array(make_scene((6, 40, 44), "f4"), FitRequest(model="siren", preset="fast", device="cuda", bpppb=2.0))
    assert homes == [home]


def test_what_not_even_few_points_have_memory_for_fails(make_scene, monkeypatch):
    tried = []

    def failing(*_, points_at_once, **__):
        tried.append(points_at_once)
        raise MemoryError("injected")

    monkeypatch.setattr(batch, "StackTrainer", failing)
    monkeypatch.setattr(batch, "_FEWEST_POINTS", 300)
    monkeypatch.setattr(batch, "free_memory", lambda _: None)
    with pytest.raises(MemoryError, match="injected"):
        encode_array(make_scene((6, 40, 44)), FitRequest(model="siren", preset="paper", device="cpu", bpppb=2.0))
    assert tried[1:] == [880, 440, 300]

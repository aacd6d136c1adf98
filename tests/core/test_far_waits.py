"""How often a fit or a decoding waits for its device: a GPU stands still then, and takes tens of microseconds to go on.

The device is the stand-in of `tests.far_device`, which counts.
"""

import dataclasses

import numpy as np
import pytest
import torch

from tests.core.latent_examples import make_latents, make_side
from tests.far_device import FAR
from xr_inr.core.arrays import Arrays
from xr_inr.core.captured import Captured
from xr_inr.core.encode import encode_array
from xr_inr.core.latent import context
from xr_inr.core.latent.descent import _Together, descend
from xr_inr.core.latent.latents import decode_latents, encode_latents
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.quantise import Rounder, Sweep, first_latents, sweep_together
from xr_inr.core.latent.restoration_fit import RestorationTask, fit_restoration
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit_stack import StackTrainer
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.presets import PRESETS

SIZE = (12, 13)


@pytest.fixture
def waits(far):
    """A function that returns how often a call waits."""

    def count(call, *arguments):
        far.waits.clear()
        far.uploads.clear()
        call(*arguments)
        return far.waits.total()

    return count


def planes(rank, seed=0):
    return torch.tensor(6 * np.random.default_rng(seed).standard_normal((rank, *SIZE)), dtype=torch.float32, device=FAR)


def a_sweep(rank, seed=0):
    pyramid = Pyramid.of(SIZE)
    scene = SoftScene(planes(rank, seed), None, pyramid)
    rounder = Rounder(pyramid, rank, shipped(), FAR, seed)
    return Sweep(rounder, first_latents(analyse(scene.planes, pyramid, torch)), scene, WEIGHT, 0.4)


@pytest.mark.parametrize("rank", [2, 7])
def test_a_sweep_waits_for_each_subband_and_thrice(waits, rank):
    """For which latents are to be decided on, what offsets save, and the errors."""
    assert waits(sweep_together, [a_sweep(rank)]) == len(Pyramid.of(SIZE).subbands) + 3


@pytest.mark.parametrize("count", [2, 4])
def test_a_sweep_of_several_chunks_waits_once_more(waits, count):
    """For the chunks that latents are of."""
    sweeps = [a_sweep(3, seed) for seed in range(count)]
    assert waits(sweep_together, sweeps) == len(Pyramid.of(SIZE).subbands) + 4


def test_a_sweep_of_several_chunks_copies_there_little_more_than_one_of_one(far, waits):
    """What they have in common is kept from the sweep before."""
    one, several = [a_sweep(3)], [a_sweep(3, seed) for seed in range(4)]
    waits(sweep_together, one)
    alone = far.uploads.total()
    sweep_together(several)
    waits(sweep_together, several)
    assert far.uploads.total() <= alone + 1


def restoration(iterations, seed=0):
    """Return what fits a restoring network: it asks for a descent, and then for no more."""
    preset = dataclasses.replace(LATENT_PRESETS["balanced"], synthesis_iterations=iterations)
    decoded = planes(4, seed)
    task = RestorationTask(decoded + torch.sin(decoded), decoded, None, 4, WEIGHT, decoded.device)
    return fit_restoration(task, preset, (4,), seed=seed, monitor=Monitor())


WAYS = {
    "alone": lambda descents: descend(descents[:1]),
    "together": descend,
    "captured": lambda descents: _Together(descents).descend_captured(),
}


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_no_iteration_of_a_descent_waits_but_the_first(waits, way):
    """Which finds eigenbases."""
    few, many = ([next(restoration(count, seed)) for seed in range(2)] for count in (2, 15))
    assert waits(way, few) == waits(way, many) == 6


def test_a_program_that_is_captured_neither_waits_nor_copies_from_the_cpu(far, monkeypatch):
    found, run = [], Captured.run

    def watched(self, program):
        before = far.waits.total() + far.uploads.total()
        run(self, program)
        found.append(far.waits.total() + far.uploads.total() - before)

    monkeypatch.setattr(Captured, "run", watched)
    _Together([next(restoration(15))]).descend_captured()
    trainer = sirens([np.random.default_rng(0).random((3, 6, 7), np.float32)] * 2)
    while not trainer.finished:
        trainer.advance()
    assert len(found) == 14 + 12
    assert not any(found)


def test_a_network_is_rounded_without_waiting_but_for_what_each_rounding_saves(waits):
    """After ten copies of weights, of octaves and of what there is to be saved."""
    fit = restoration(3)
    descend([next(fit)])
    assert waits(list, fit) <= 10 + 11


def test_no_fit_asks_for_numbers_of_planes_one_by_one(far, make_scene, tiny_presets, monkeypatch):  # noqa: ARG001
    monkeypatch.setitem(
        LATENT_PRESETS, "fast", dataclasses.replace(LATENT_PRESETS["fast"], sweeps=1, turn_iterations=0)
    )
    monkeypatch.setattr("xr_inr.core.latent.rounding._CORRECTIONS", 1)
    encode_array(make_scene((7, *SIZE)), FitRequest(preset="fast", device="cuda", bpppb=4.0))
    assert far.waits["item in rounding.py:<genexpr>"] == 0 < far.waits["copy in rounding.py:_energy_left_out"]


def sirens(scenes, **changes):
    # With a constant rate no network goes back, and has its eigenbases found again.
    fixed = {"iterations": 12, "schedule": "constant", "batch_points": None}
    preset = dataclasses.replace(PRESETS["fast"], **(fixed | changes))
    objectives = [Objective(prepare_scene(scene), None, FAR) for scene in scenes]
    architecture = Architecture(2, 6, objectives[0].outputs)
    return StackTrainer(objectives, architecture, preset, weight_bits=8, seed=0, device=FAR)


def holed(seed):
    """Return samples of which some pixels lack one band."""
    scene = np.random.default_rng(seed).random((3, 20, 21), np.float32)
    scene[1, 6:8] = np.nan
    return scene


def test_an_iteration_of_sirens_on_batches_waits_only_where_it_looks_at_all_positions(waits):
    trainer = sirens([holed(0), holed(1)], batch_points=40)
    found = [waits(trainer.advance) for _ in range(11)]
    assert found[0] > 0
    assert not any(found[1:])


def test_an_iteration_of_sirens_on_all_positions_waits_for_errors_and_for_whether_they_can_be_stored(waits):
    trainer = sirens([holed(0), holed(1)])
    trainer.advance()
    assert all(waits(trainer.advance) <= 2 for _ in range(10))


def test_a_table_that_is_looked_up_is_copied_once(far, waits):
    arrays = Arrays.on("cuda")
    table, index = np.arange(9.0), torch.arange(12, device=FAR)
    assert arrays.look_up(table, index).tolist() == [*range(9), 8, 8, 8]
    assert waits(arrays.look_up, table, index) == far.uploads.total() == 0


def test_a_step_of_a_decoding_waits_once_and_copies_once(far, waits):
    """A pass waits for its means, too, and copies its biases; in the end each subband tells its largest latent."""
    size, rank = (24, 27), 9
    latents = make_latents(size, rank)
    side, pyramid = make_side(latents, size), Pyramid.of(size)
    data = encode_latents(latents, side, pyramid, shipped())
    passes, groups = len(context.places(pyramid)), len(context.groups(rank))
    found = waits(decode_latents, data, side, pyramid, shipped(), Arrays.on("cuda"))
    assert found <= passes * (groups + 1) + len(latents)
    assert far.uploads["arrays.py:put"] <= passes * (groups + 1) + 10

"""A fit can be saved and gone on with: it ends in the very bits of one that was never interrupted."""

import dataclasses
import io

import pytest
import torch

from xr_inr.core.scene import prepare_scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Trainer
from xr_inr.core.siren.objective import Objective

CPU = torch.device("cpu")


@pytest.fixture
def begin(make_scene, tiny_presets):
    """A function that begins a fit of a tiny preset, changed as asked for."""

    def begin(preset, *, bits=16, **changes):
        objective = Objective(prepare_scene(make_scene((5, 9, 11))), None, CPU)
        settings = dataclasses.replace(tiny_presets[preset], iterations=40, **changes)
        return Trainer(objective, Architecture(2, 8, 5), settings, weight_bits=bits, seed=3, device=CPU)

    return begin


def saved(trainer):
    """The state after a way through a file."""
    file = io.BytesIO()
    torch.save(trainer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def advance(trainer, iterations):
    """Return the best PSNR after each iteration."""
    course = []
    for _ in range(iterations):
        trainer.advance()
        course.append(trainer.best.psnr)
    return course


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("paper", {}),
        ("paper", {"bits": 32, "batch_points": 20}),
        ("fast", {"bits": 8}),
        ("fast", {"bits": 4, "batch_points": 20, "quantise_from": 0.8}),
        ("fast", {"bits": 8, "learning_rate": 1.0, "warmup": 0}),
    ],
    ids=["adam", "adam on batches", "soap", "soap, rounding late", "stalled and slowed down"],
)
@pytest.mark.parametrize("stop", [0, 1, 13, 39])
def test_resumed_fit_equals_an_uninterrupted_one(begin, preset, settings, stop):
    whole, first, resumed = (begin(preset, **settings) for _ in range(3))
    course = advance(whole, 40)
    start = advance(first, stop)
    resumed.load_state_dict(saved(first))
    assert start + advance(resumed, 40 - stop) == course
    assert resumed.finished
    assert resumed.best.iteration == whole.best.iteration
    for ours, theirs in zip(resumed.best.layers, whole.best.layers, strict=True):
        assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


def test_finished_fit_is_restored_finished(begin):
    done, restored = begin("paper"), begin("paper")
    advance(done, 40)
    restored.load_state_dict(saved(done))
    assert restored.finished
    assert restored.best.psnr == done.best.psnr


def test_state_of_another_architecture_is_refused(begin, tiny_presets, make_scene):
    objective = Objective(prepare_scene(make_scene((5, 9, 11))), None, CPU)
    other = Trainer(objective, Architecture(3, 8, 5), tiny_presets["paper"], weight_bits=16, seed=0, device=CPU)
    with pytest.raises(ValueError, match=r"of a network 3 x 8 -> 5\. Got 2 x 8 -> 5\."):
        other.load_state_dict(begin("paper").state_dict())

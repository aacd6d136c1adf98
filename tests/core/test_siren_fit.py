"""The fit: the best parameters are never lost, it repeats with its seed, and it can be interrupted."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xr_inr.core import rate
from xr_inr.core.monitor import Monitor
from xr_inr.core.quality import Quality
from xr_inr.core.scene import prepare_scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.batch import SirenAim, fit_sirens
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.core.siren.fit import Trainer
from xr_inr.core.siren.model import SirenFit
from xr_inr.core.siren.network import evaluate
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.plan import make_plan
from xr_inr.core.siren.quantisation import as_stored, to_float_layers
from xr_inr.core.siren.storage import read_table_i, write_table_i
from xr_inr.core.spectral import SpectralBasis, analyse
from xr_inr.exceptions import BudgetError, XrInrError

CPU = torch.device("cpu")
BITS = [32, 16, 8, 4]


@pytest.fixture
def scene(make_scene):
    return prepare_scene(make_scene((5, 9, 11), "f4"))


@pytest.fixture
def partly_masked(make_scene):
    array = make_scene((5, 9, 11), "f4")
    array[1, 2:5, 3:] = array[:, 8] = np.nan
    return prepare_scene(array)


@pytest.fixture
def train(scene, tiny_presets):
    """A function that returns a trainer of the fast preset, changed as asked for."""

    def train(*, bits=8, seed=0, architecture=(2, 12), of=scene, preset="fast", **changes):
        settings = dataclasses.replace(tiny_presets[preset], **changes)
        basis = SpectralBasis.quantise(analyse(of), 3) if settings.spectral else None
        objective = Objective(of, basis, CPU)
        shape = Architecture(*architecture, objective.outputs)
        return Trainer(objective, shape, settings, weight_bits=bits, seed=seed, device=CPU)

    return train


def finish(trainer):
    """Run a trainer to its end; return its best PSNR after each iteration."""
    course = []
    while not trainer.finished:
        trainer.advance()
        course.append(trainer.best.psnr)
    return course


def measured(trainer):
    """The PSNR of the kept parameters in their stored form."""
    objective = trainer._objective
    outputs = evaluate(as_stored(trainer.best.layers, trainer._bits), objective.positions())
    return objective.psnr(float(objective.squared_error(outputs)))


def test_fit_learns(train):
    course = finish(train(bits=32, iterations=150))
    assert course[-1] > course[0] + 10


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_reported_psnr_is_that_of_the_stored_parameters(train, bits, preset):
    trainer = train(bits=bits, preset=preset)
    finish(trainer)
    assert trainer.best.psnr == pytest.approx(measured(trainer), abs=1e-3)


@pytest.mark.parametrize("bits", [32, 8])
def test_best_psnr_never_falls(train, bits):
    course = finish(train(bits=bits, learning_rate=0.05))
    assert course == sorted(course)


@pytest.mark.parametrize("optimiser", ["soap", "adam"])
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("rate", [1e3, 1e30], ids=["wild", "overflowing"])
def test_diverging_learning_rate_does_not_lose_the_best(train, optimiser, bits, rate):
    trainer = train(bits=bits, optimiser=optimiser, learning_rate=rate, warmup=0)
    first = finish(trainer)[0]
    assert trainer.best.psnr >= first - 0.5  # rounding to the stored form may take a little
    assert all(bool(part.isfinite().all()) for layer in trainer.best.layers for part in layer)
    assert trainer.best.psnr == pytest.approx(measured(trainer), abs=1e-3)


def test_fit_without_any_finite_error_says_so(train, monkeypatch):
    trainer = train(optimiser="adam")
    monkeypatch.setattr(trainer._objective, "squared_error", lambda outputs, _: outputs.sum() * math.nan)
    with pytest.raises(XrInrError, match=r"a network 2 x 12 -> 3 diverged: no finite error"):
        finish(trainer)


def test_network_that_no_decoder_takes_is_not_kept(train, scene):
    trainer = train(bits=16, architecture=(1, 12))
    trainer.advance()
    with torch.no_grad():
        (first, first_biases), (last, _) = trainer.best.layers
        first[1], first_biases[1] = first[0], first_biases[0]
        last[:, 0], last[:, 1] = 1e3, -1e3  # cancel out, but sums of 2,000 are not exact
        trainer._layers[-1][1].fill_(10.0)
    trainer.settle()
    stored = write_table_i(to_float_layers(trainer.best.layers), trainer.architecture, 30.0, scene.layout.shape[1:], 16)
    Evaluator(read_table_i(stored, scene.layout.shape[1:]), scene.layout.shape[1:])


def test_rounding_from_halfway_judges_only_rounded_parameters(train):
    trainer = train(bits=4, quantise_from=0.5)
    finish(trainer)
    assert trainer.best.iteration >= 12
    assert trainer.best.psnr == pytest.approx(measured(trainer), abs=1e-3)


@pytest.mark.parametrize("bits", [16, 8])
def test_fit_on_batches_keeps_the_best_over_all_positions(train, partly_masked, bits):
    trainer = train(bits=bits, of=partly_masked, batch_points=20)
    finish(trainer)
    assert trainer.best.psnr == pytest.approx(measured(trainer), abs=1e-3)


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_batches_add_up_to_the_whole_objective(train, partly_masked, preset):
    objective = train(of=partly_masked, preset=preset)._objective
    outputs = torch.randn(objective.points, objective.outputs, generator=torch.Generator().manual_seed(0))
    parts = torch.arange(objective.points).split(13)
    total = sum(float(objective.squared_error(outputs[index], index)) for index in parts)
    assert total == pytest.approx(float(objective.squared_error(outputs)), rel=1e-5)


def test_objective_is_eq_2_and_3_over_the_valid_samples(train, partly_masked):
    objective = train(of=partly_masked, preset="paper", spectral=False)._objective
    error = float(objective.squared_error(torch.zeros(objective.points, 5)))
    values, valid = partly_masked.values.astype("f8"), partly_masked.valid
    spread = float(partly_masked.layout.high) - float(partly_masked.layout.low)
    assert error == pytest.approx(np.square(values[valid]).sum(), rel=1e-5)
    mse = np.square(values[valid]).sum() / partly_masked.valid_samples * spread**2
    assert objective.psnr(error) == pytest.approx(10 * math.log10(partly_masked.peak**2 / mse), abs=1e-4)


def test_objective_in_components_is_the_error_in_bands(scene):
    basis = SpectralBasis.quantise(analyse(scene), 3)
    objective = Objective(scene, basis, CPU)
    outputs = torch.randn(objective.points, 3, generator=torch.Generator().manual_seed(0))
    steps = np.rint(outputs.double().numpy() * 2**20)
    squared = np.square(basis.spectra(steps, np.arange(5)) - scene.values).sum()
    expected = 10 * math.log10(
        (scene.peak / (scene.layout.high - scene.layout.low)) ** 2 * scene.valid_samples / squared
    )
    assert objective.psnr(float(objective.squared_error(outputs))) == pytest.approx(expected, abs=0.05)


def test_same_seed_same_course_and_another_seed_another(train):
    assert finish(train(seed=1)) == finish(train(seed=1)) != finish(train(seed=2))


def test_huge_constant_band_beside_a_small_range_has_a_psnr():
    array = np.stack([np.full((2, 2), 1e140), np.arange(4.0).reshape(2, 2)])
    assert Objective(prepare_scene(array), None, CPU).psnr(1.0) > 2700


@pytest.fixture
def budget(scene, tiny_presets):
    """A budget that both depths of the fast preset fill, so that there is a search."""
    return next(
        size for size in range(600, 1200) if len(make_plan(scene, tiny_presets["fast"], size, 8).architectures) == 2
    )


@pytest.fixture
def fit(scene, tiny_presets, budget):
    """A function that fits the scene with the fast preset, changed as asked for."""

    def fit(monitor=None, *, stop_at=None, **changes):
        aim = SirenAim(scene, budget, math.inf if stop_at is None else stop_at)
        preset = dataclasses.replace(tiny_presets["fast"], **changes)
        (found,) = fit_sirens([aim], preset, weight_bits=8, device=CPU, seed=0, monitor=monitor or Monitor())
        return found

    return fit


def interrupting(at, *, keep):
    """A monitor that is interrupted at its `at`-th report, and the list of what it was asked to keep."""
    reports, asked = [], []

    def report(progress):
        reports.append(progress)
        if len(reports) == at:
            raise KeyboardInterrupt

    def keep_best(progress):
        asked.append(progress)
        return keep

    return Monitor(report=report, keep_best=keep_best), asked


@pytest.mark.parametrize("at", [1, 7, 20, 31], ids=lambda at: f"report-{at}")
def test_interrupted_fit_keeps_the_best_so_far_when_told_to(fit, budget, at):
    monitor, asked = interrupting(at, keep=True)
    found = fit(monitor)
    assert sum(len(section) for section in found.sections.values()) <= budget
    assert found.iterations < 24
    assert len(asked) == 1
    assert math.isfinite(asked[0].psnr)


def test_fit_interrupted_in_the_search_tells_what_the_search_saw(fit):
    monitor, _ = interrupting(6, keep=True)  # the first of two candidates is through
    assert len(fit(monitor).search) == 1


def test_interrupt_goes_on_when_nothing_is_to_be_kept(fit):
    monitor, asked = interrupting(7, keep=False)
    with pytest.raises(KeyboardInterrupt):
        fit(monitor)
    assert len(asked) == 1


def test_device_is_free_again_after_an_interrupt(fit):
    monitor, _ = interrupting(3, keep=False)
    with pytest.raises(KeyboardInterrupt):
        fit(monitor)
    assert fit().iterations == 24


def test_progress_counts_every_iteration_to_the_end(fit):
    seen = []
    found = fit(Monitor(report=seen.append))
    searched = [progress for progress in seen if progress.stage == "search"]
    assert [progress.iteration for progress in searched] == list(range(1, 9))  # two candidates, one rung
    assert {progress.iterations for progress in searched} == {8}
    assert [progress.iteration for progress in seen[len(searched) :]] == list(range(1, 25))
    assert {progress.iterations for progress in seen[len(searched) :]} == {24}
    assert len(found.search) == 2


def test_fit_ends_as_soon_as_a_psnr_is_reached(fit):
    course = []
    fit(Monitor(report=course.append), iterations=100)
    course = [progress.psnr for progress in course if progress.stage == "fit"]
    assert fit(iterations=100, stop_at=course[50]).iterations == course.index(course[50]) + 1


def pretend(curve):
    """A fit whose quality depends on the budget alone, and the budgets it was asked for."""
    asked = []

    def fit(budget, stop_at):
        asked.append((budget, stop_at))
        return SirenFit({}, Architecture(1, budget, 1))

    return fit, (lambda found: curve(found.architecture.hidden_width)), asked


def of_psnr(measure):
    """What returns figures of nothing but the PSNR that is measured."""
    return lambda found: SimpleNamespace(psnr=measure(found))


def fitted_to(quality, fit, measure, *, first_psnr):
    """Return what comes of the fits that are asked for to reach a quality."""
    rounds = rate.rounds_to_quality(
        quality, measure, first_psnr=first_psnr, samples=100_000, smallest=60, monitor=Monitor()
    )
    asked = next(rounds)
    while True:
        try:
            asked = rounds.send(fit(*asked))
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("offset", [0.0, 3.0, -3.0], ids=["as foretold", "too early", "too late"])
def test_angle_is_met_within_five_percent_wherever_the_first_fits_end(offset):
    asked = []

    def fit(budget, stop_at):
        asked.append(budget)
        psnr = min(6.0 * math.log2(budget / 100), stop_at)
        return SirenFit({}, Architecture(1, budget, 1), search=[psnr])

    def measure(found):
        (psnr,) = found.search
        return SimpleNamespace(psnr=psnr, sam=10 ** (-(psnr - 40.0 + offset) / 20))

    found = fitted_to(Quality("sam", 1.5), fit, measure, first_psnr=37.0)
    assert 0.95 * 1.5 <= measure(found).sam <= 1.5
    assert len(asked) <= 13


@pytest.mark.parametrize("target", [5.0, 20.0, 35.0, 50.0])
def test_psnr_is_met_by_a_budget_close_to_the_smallest(target):
    fit, measure, asked = pretend(lambda budget: 6.0 * math.log2(budget / 100))
    found = fitted_to(Quality("psnr", target), fit, of_psnr(measure), first_psnr=target)
    assert measure(found) >= target
    assert found.architecture.hidden_width <= 1.5 * 100 * 2 ** (target / 6.0)
    assert len(asked) <= 7
    assert all(stop_at > target for _, stop_at in asked)


def test_fit_that_a_person_keeps_ends_the_search_for_a_psnr():
    kept = SimpleNamespace(interrupted=True)
    found = fitted_to(Quality("psnr", 40.0), lambda *_: kept, of_psnr(lambda _: 35.0), first_psnr=40.0)
    assert found is kept


def test_psnr_out_of_reach_says_what_was_reached():
    fit, measure, _ = pretend(lambda budget: min(30.0, budget / 100))
    with pytest.raises(BudgetError, match=r"psnr=80.0 was not reached: .* up to 8 bpppb gave 30.00 dB"):
        fitted_to(Quality("psnr", 80.0), fit, of_psnr(measure), first_psnr=80.0)


@pytest.mark.parametrize("seed", range(3))
def test_fit_at_too_high_a_rate_slows_down_until_it_gains_again(train, seed):
    steep = {"bits": 32, "iterations": 300, "learning_rate": 0.02, "architecture": (3, 24)}
    trainer = train(**steep, seed=seed)
    course = finish(trainer)

    # How much it gains in the end is a matter of the last digits of such steps, which differ between processors.
    assert trainer._slower < 1.0
    assert course[-1] > course[60] + 3
    assert trainer.best.iteration > 150


def test_fit_at_a_good_rate_does_not_slow_down(train):
    trainer = train(bits=32, iterations=150, widest_at_full_rate=None)
    finish(trainer)

    assert trainer._slower == 1.0


def test_learning_rate_falls_with_the_width(train):
    narrow, wide = (train(architecture=(1, width), widest_at_full_rate=16) for width in (8, 32))

    assert wide._learning_rate() == pytest.approx(narrow._learning_rate() / 2)

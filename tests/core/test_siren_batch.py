"""Sirens of several chunks fitted at once: each comes to what it would alone, whatever its company."""

import contextlib
import dataclasses
import gc
import math
import weakref

import numpy as np
import pytest
import torch

from xr_inr.core import rate
from xr_inr.core.decode import Payload
from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.monitor import Monitor
from xr_inr.core.quality import Quality
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene
from xr_inr.core.siren import batch, plan
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.batch import SirenAim, fit_sirens
from xr_inr.core.siren.fit import Trainer
from xr_inr.core.siren.fit_stack import StackTrainer
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.presets import PRESETS
from xr_inr.exceptions import BatchError, BudgetError, XrInrError

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("tiny_presets")


def holed(array):
    """Mask some pixels whole, and others in one band."""
    array = array.copy()
    array[:, 2:4, 3:7] = np.nan
    array[1, 6:8] = np.nan
    return array


@pytest.fixture
def chunks(make_scene):
    plain = [make_scene((5, 9, 11), "f4", seed=seed) for seed in range(3)]
    return [*plain, holed(plain[0]), make_scene((5, 7, 8), "f4", seed=4)]


def asked(**changes):
    return FitRequest(**({"model": "siren", "preset": "fast", "device": "cpu"} | changes))


def test_payload_is_that_of_the_chunk_alone(chunks):
    request = asked(preset="paper", bpppb=8.0)
    for found, chunk in zip(encode_arrays(chunks, request), chunks, strict=True):
        alone = encode_array(chunk, request)
        assert len(found.payload) == len(alone.payload)
        assert found.figures.psnr == pytest.approx(alone.figures.psnr, abs=0.02)


def test_every_payload_keeps_to_its_size(chunks):
    for found, chunk in zip(encode_arrays(chunks, asked(bpppb=8.0)), chunks, strict=True):
        assert len(found.payload) <= chunk.size


def test_every_payload_reaches_the_quality(chunks):
    assert all(found.figures.psnr >= 5.0 for found in encode_arrays(chunks[:2], asked(psnr=5.0)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_payloads_are_much_the_same_from_another_device(chunks):
    first, second = (encode_arrays(chunks, asked(bpppb=8.0, device=device)) for device in ("cpu", "cuda"))
    for found, other in zip(first, second, strict=True):
        assert found.figures.psnr == pytest.approx(other.figures.psnr, abs=1.0)


def test_chunks_of_different_networks_are_fitted_in_one_call(make_scene):
    arrays = [make_scene((bands, 9, 11), "f4") for bands in (3, 6, 6)]
    found = encode_arrays(arrays, asked(bpppb=8.0))
    assert [Payload(one.payload).shape[0] for one in found] == [3, 6, 6]


def trainers(scenes, *, bits=8, **changes):
    """A trainer of all scenes at once, and one of each."""
    preset = dataclasses.replace(PRESETS["paper"], **({"iterations": 40, "learning_rate": 2e-3} | changes))
    objectives = [Objective(scene, None, CPU) for scene in scenes]
    terms = {"weight_bits": bits, "seed": 0, "device": CPU}
    shape = Architecture(3, 10, objectives[0].outputs)
    return StackTrainer(objectives, shape, preset, **terms), [
        Trainer(one, shape, preset, **terms) for one in objectives
    ]


@pytest.mark.parametrize("bits", [32, 8])
@pytest.mark.parametrize("batch_points", [None, 30])
def test_adam_takes_the_steps_of_a_single_fit(chunks, bits, batch_points):
    together, alone = trainers([prepare_scene(chunk) for chunk in chunks[:4]], bits=bits, batch_points=batch_points)
    for _ in range(40):
        together.advance()
        for trainer in alone:
            trainer.advance()
    assert together.psnrs == pytest.approx([trainer.best.psnr for trainer in alone], abs=0.02)


def test_fit_that_is_good_enough_ends_without_the_others(chunks):
    scenes = [prepare_scene(chunk) for chunk in chunks[:3]]
    aims = [SirenAim(scene, 600, stop_at) for scene, stop_at in zip(scenes, (math.inf, 5.0, math.inf), strict=True)]
    found = fit_sirens(aims, PRESETS["fast"], weight_bits=8, device=CPU, seed=0, monitor=Monitor())
    assert found[1].iterations < found[0].iterations == found[2].iterations == PRESETS["fast"].iterations


def test_diverged_fit_says_so(chunks, monkeypatch):
    together, _ = trainers([prepare_scene(chunk) for chunk in chunks[:2]])
    monkeypatch.setattr(
        together._objective, "errors_between", lambda *_: torch.full((2,), math.nan, requires_grad=True)
    )
    monkeypatch.setattr(together._objective, "errors_everywhere", lambda _: torch.full((2,), math.nan))
    with pytest.raises(XrInrError, match=r"a network 3 x 10 -> 5 diverged: no finite error"):
        together.end()


def test_budget_that_is_too_small_is_that_chunks_failure(chunks):
    scenes = [prepare_scene(chunk) for chunk in chunks[:2]]
    aims = [SirenAim(scene, budget) for scene, budget in zip(scenes, (600, 10), strict=True)]
    good, bad = fit_sirens(aims, PRESETS["fast"], weight_bits=8, device=CPU, seed=0, monitor=Monitor())
    assert good.sections
    assert isinstance(bad, BudgetError)


def test_quality_out_of_reach_does_not_lose_the_others(chunks, monkeypatch):
    rounds = rate.rounds_to_quality
    targets = iter([Quality("psnr", 5.0), Quality("psnr", 500.0)])
    monkeypatch.setattr(rate, "rounds_to_quality", lambda _, *args, **more: rounds(next(targets), *args, **more))
    with pytest.raises(BatchError, match=r"^array 1: psnr=500\.0 was not reached") as caught:
        encode_arrays(chunks[:2], asked(psnr=5.0))
    assert list(caught.value.encoded) == [0]


@pytest.mark.parametrize("encode", [encode_array, lambda chunk, request: encode_arrays([chunk] * 2, request)])
@pytest.mark.parametrize("target", [{"psnr": 500.0}, {"bpppb": 8.0}], ids=str)
def test_an_error_leaves_no_scene_in_a_reference_cycle(make_scene, monkeypatch, encode, target):
    if "bpppb" in target:
        monkeypatch.setattr(batch, "make_plan", refused)
    array = make_scene((5, 9, 11), "f4")
    watched = weakref.ref(array)
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(BudgetError, BatchError):
            encode(array, asked(**target))
        del array
        assert watched() is None
    finally:
        gc.enable()


def refused(*_):
    raise BudgetError("injected")


class TestMemory:
    def test_batch_that_is_too_large_is_halved(self, chunks, monkeypatch):
        expected = encode_arrays(chunks[:3], asked(bpppb=8.0))
        sizes = []

        class Limited(StackTrainer):
            def __init__(self, objectives, *args, **more):
                sizes.append(len(objectives))
                if len(objectives) > 1:
                    raise MemoryError
                super().__init__(objectives, *args, **more)

        monkeypatch.setattr(batch, "StackTrainer", Limited)
        found = encode_arrays(chunks[:3], asked(bpppb=8.0))
        assert max(sizes) > 1
        assert [len(one.payload) for one in found] == [len(one.payload) for one in expected]

    def test_single_chunk_that_is_too_large_fails(self, chunks, monkeypatch):
        def failing(*_, **__):
            raise MemoryError

        monkeypatch.setattr(batch, "StackTrainer", failing)
        with pytest.raises(MemoryError):
            encode_arrays(chunks[:2], asked(bpppb=8.0))

    @pytest.mark.parametrize(("free", "largest"), [(None, 3), (1, 1)], ids=["unknown", "none"])
    def test_batch_is_as_large_as_the_free_memory_allows(self, chunks, monkeypatch, free, largest):
        sizes = []
        together = batch._Batch._together

        def noted(own, jobs, *args):
            sizes.append(len(jobs))
            return together(own, jobs, *args)

        monkeypatch.setattr(batch._Batch, "_together", noted)
        monkeypatch.setattr(batch, "free_memory", lambda _: free)
        encode_arrays([chunks[0]] * 3, asked(bpppb=8.0))
        assert max(sizes) == largest


class TestInterrupts:
    @staticmethod
    def encode(chunks, at, *, keep):
        seen, questions = [], []

        def report(progress):
            seen.append(progress)
            if len(seen) == at:
                raise KeyboardInterrupt

        def keep_best(progress):
            questions.append(progress)
            return keep

        monitor = Monitor(report=report, keep_best=keep_best)
        return encode_arrays([chunks[0]] * 2, asked(bpppb=8.0), monitor=monitor), seen, questions

    def test_progress_is_that_of_all_chunks_and_never_falls(self, chunks):
        _, seen, _ = self.encode(chunks, 0, keep=False)
        fits = [progress for progress in seen if progress.stage == "fit"]
        done = [progress.iteration for progress in fits]
        assert done == sorted(done)
        assert done[-1] == fits[-1].iterations == 2 * PRESETS["fast"].iterations

    def test_progress_of_a_search_is_that_of_all_its_rounds(self, chunks, monkeypatch):
        preset = dataclasses.replace(PRESETS["paper"], hidden_layers=(1, 2, 3), rungs=(2, 5), iterations=6)
        monkeypatch.setitem(PRESETS, "paper", preset)
        monkeypatch.setattr(plan, "_FULL", 0.5)  # so that there are three candidates
        seen = []
        encode_arrays([chunks[0]] * 2, asked(preset="paper", bpppb=8.0), monitor=Monitor(report=seen.append))
        search = [progress for progress in seen if progress.stage == "search"]
        done = [progress.iteration for progress in search]
        assert done == sorted(done)
        assert {progress.iterations for progress in search} == {done[-1]} == {2 * (3 * 2 + 2 * 5)}

    def test_progress_does_not_fall_where_memory_makes_a_fit_begin_anew(self, chunks, monkeypatch):
        lacked, seen = [], []

        class Lacking(StackTrainer):
            def advance(self):
                if not lacked and self.iteration == 9:
                    lacked.append(self.iteration)
                    raise MemoryError
                super().advance()

        monkeypatch.setattr(batch, "StackTrainer", Lacking)
        encode_arrays(chunks[:2], asked(bpppb=8.0), monitor=Monitor(report=seen.append))
        done = [progress.iteration for progress in seen if progress.stage == "fit"]
        assert lacked
        assert done == sorted(done)
        assert done[-1] == seen[-1].iterations == 2 * PRESETS["fast"].iterations

    def test_batch_that_is_to_be_kept_says_what_is(self, chunks):
        lines = []
        encode_arrays(chunks[:2], asked(bpppb=8.0), monitor=self.interrupted_at(3, lines.append))
        assert [" kept: " in line and line.endswith(" dB after 3 iterations") for line in lines] == [True, True]

    @staticmethod
    def interrupted_at(at, note):
        reports = []

        def report(progress):
            reports.append(progress)
            if len(reports) == at:
                raise KeyboardInterrupt

        return Monitor(report=report, keep_best=lambda _: True, note=note)

    def test_batch_that_is_to_be_kept_keeps_its_budgets(self, chunks):
        found, seen, questions = self.encode(chunks, 3, keep=True)
        assert all(len(one.payload) <= chunks[0].size for one in found)
        assert (len(seen), len(questions)) == (3, 1)

    def test_scenes_that_are_a_mean_spectrum_so_far_are_not_asked_for_again(self, chunks):
        aims = [SirenAim(prepare_scene(chunk), budget) for chunk, budget in zip(chunks, (600, 60), strict=False)]
        monitor = self.interrupted_at(3, lambda _: None)
        network, mean = fit_sirens(aims, PRESETS["fast"], weight_bits=8, device=CPU, seed=0, monitor=monitor)
        assert network.architecture is not None
        assert mean.architecture is None
        assert network.interrupted
        assert mean.interrupted

    def test_batch_that_is_not_to_be_kept_ends(self, chunks):
        with pytest.raises(KeyboardInterrupt):
            self.encode(chunks, 3, keep=False)

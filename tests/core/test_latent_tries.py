"""Several fits of one chunk: the best payload is kept, and interrupts keep what there is."""

import dataclasses

import numpy as np
import pytest
import torch

from xr_inr.core.bitstream import Section
from xr_inr.core.encode import encode_array
from xr_inr.core.latent.aim import Aim
from xr_inr.core.latent.batch import fit_latents
from xr_inr.core.latent.model import Fitting
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.steps import LatentResult
from xr_inr.core.monitor import Monitor
from xr_inr.core.quality import Quality
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene
from xr_inr.exceptions import BudgetError

SWEEPS = 6
ROUNDS = LATENT_PRESETS["best"].trellis_rounds
SCENE_SHAPE = (8, 20, 24)


def tried(tries):
    """The tiny preset `best` with so many tries."""
    return dataclasses.replace(LATENT_PRESETS["best"], tries=tries)


@pytest.fixture
def scene(tiny_presets, make_scene):  # noqa: ARG001 - in force while a test fits
    return make_scene(SCENE_SHAPE)


@pytest.fixture
def encode_best(scene, monkeypatch):
    """A function that encodes the scene with some tries."""

    def encode(tries, *, monitor=None, **target):
        monkeypatch.setitem(LATENT_PRESETS, "best", tried(tries))
        return encode_array(scene, FitRequest(preset="best", device="cpu", **target), monitor=monitor)

    return encode


class Scripted:
    """Stands for the fits of a chunk: each comes to what is written down for it."""

    def __init__(self, outcomes, widths=()):
        self.asked, self._outcomes, self._widths = [], iter(outcomes), iter(widths)
        self.widths = (0, 0)

    def run(self):
        yield from ()
        self.widths = next(self._widths, (0, 0))
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return LatentResult({Section.LATENT_STREAM: bytes(outcome)}, 1, (), SWEEPS)

    def again(self, seed, widths):
        self.asked.append((seed, tuple(widths.synthesis), tuple(widths.restoration)))
        return self.run()


@pytest.fixture
def fit_scripted(scene, monkeypatch):
    """A function that fits the scene with a preset, the runs of which are `Scripted`; the largest payload is best."""

    def fit(script, preset, **target):
        monkeypatch.setattr(Fitting, "run", lambda _: script.run())
        monkeypatch.setattr(Fitting, "again", lambda _, seed, widths: script.again(seed, widths))
        monkeypatch.setattr(Fitting, "widths", property(lambda _: script.widths))
        monkeypatch.setattr(Aim, "worth", lambda _, sections: len(sections[Section.LATENT_STREAM]))
        aim = Aim(prepare_scene(scene), target.get("budget"), target.get("quality"), lambda _: None)
        (found,) = fit_latents([aim], preset, device=torch.device("cpu"), seed=0, monitor=Monitor())
        return found

    return fit


@pytest.mark.parametrize("sizes", [(3, 2, 1), (1, 3, 2), (1, 2, 3)])
def test_the_best_try_is_kept_whichever_it_is(fit_scripted, sizes):
    found = fit_scripted(Scripted(sizes), tried(3), budget=900)
    assert len(found.sections[Section.LATENT_STREAM]) == 3


def test_a_later_try_that_does_not_meet_the_target_is_passed_over(fit_scripted):
    script = Scripted([2, BudgetError("psnr=20.0 was not reached"), 3])
    assert len(fit_scripted(script, tried(3), budget=900).sections[Section.LATENT_STREAM]) == 3


def test_a_first_try_that_does_not_reach_a_size_is_the_fits_failure(fit_scripted):
    assert str(fit_scripted(Scripted([BudgetError("not reached"), 2, 3]), tried(3), budget=900)) == "not reached"


def test_later_tries_have_seeds_of_their_own_and_the_widths_of_the_best_so_far(fit_scripted):
    preset = dataclasses.replace(tried(4), synthesis_widths=(8, 24, 48), restoration_widths=(8, 24))
    script = Scripted([1, 3, 2, 1], widths=[(24, 24), (48, 8), (8, 24), (8, 8)])
    fit_scripted(script, preset, budget=900)
    assert script.asked == [(1, (24,), (24,)), (2, (48,), (8,)), (3, (48,), (8,))]


def test_a_network_that_did_not_pay_is_tried_again_at_the_first_width(fit_scripted):
    preset = dataclasses.replace(tried(2), synthesis_widths=(8, 24), restoration_widths=(8, 24))
    script = Scripted([2, 1], widths=[(0, 0), (0, 0)])
    fit_scripted(script, preset, budget=900)
    assert script.asked == [(1, (8,), (8,))]


def test_of_payloads_within_a_size_the_better_one_is_worth_more(scene):
    psnrs = {b"a": 30.0, b"bb": 31.0}
    figures = {part: type("Figures", (), {"psnr": psnr}) for part, psnr in psnrs.items()}
    aim = Aim(prepare_scene(scene), 900, None, lambda sections: figures[sections[Section.LATENT_STREAM]])
    assert aim.worth({Section.LATENT_STREAM: b"bb"}) > aim.worth({Section.LATENT_STREAM: b"a"})


def test_of_payloads_that_reach_a_quality_the_smaller_one_is_worth_more(scene):
    aim = Aim(prepare_scene(scene), None, Quality("psnr", 30.0), lambda _: None)
    assert aim.worth({Section.LATENT_STREAM: b"bb"}) < aim.worth({Section.LATENT_STREAM: b"a"})


def test_several_tries_are_no_worse_than_the_first_at_a_size(encode_best):
    one, several = (encode_best(tries, bpppb=1.0).figures.psnr for tries in (1, 3))
    assert several >= one


def test_several_tries_are_no_larger_than_the_first_at_a_quality(encode_best):
    one, several = (len(encode_best(tries, psnr=30.0).payload) for tries in (1, 3))
    assert several <= one


def test_the_same_seed_gives_the_same_payload(encode_best):
    assert encode_best(3, bpppb=1.0).payload == encode_best(3, bpppb=1.0).payload


def test_tries_differ(encode_best, monkeypatch):
    seen = []
    worth = Aim.worth
    monkeypatch.setattr(Aim, "worth", lambda aim, sections: seen.append(sections) or worth(aim, sections))
    encode_best(2, bpppb=1.0)
    assert seen[0] != seen[1]


class TestFollowing:
    @pytest.fixture
    def reports(self, encode_best):
        found = []
        encode_best(3, bpppb=1.0, monitor=Monitor(report=found.append))
        return found

    def test_all_tries_are_planned_for(self, reports):
        assert {progress.iterations for progress in reports} == {3 * (SWEEPS + ROUNDS) + 3}

    def test_progress_never_falls_and_leaves_room_for_the_last_try(self, reports):
        done = [progress.iteration for progress in reports]
        assert done == sorted(done)
        assert max(done[: len(done) // 4]) <= SWEEPS + ROUNDS + 3

    def test_an_interrupted_fit_keeps_the_tries_that_are_done(self, encode_best, monkeypatch):
        again, begun = Fitting.again, []

        def noted(fitting, *options):
            begun.append(fitting)
            return again(fitting, *options)

        def report(_):
            if len(begun) == 1:
                begun.append(None)
                raise KeyboardInterrupt

        first = encode_best(1, bpppb=1.0)
        monkeypatch.setattr(Fitting, "again", noted)
        found = encode_best(3, bpppb=1.0, monitor=Monitor(report=report, keep_best=lambda _: True))
        assert found.payload == first.payload
        assert len(begun) == 2

    def test_an_interrupt_of_the_first_try_leaves_out_the_others(self, encode_best, monkeypatch):
        rounds, begun = Fitting._round, []

        def noted(fitting):
            begun.append(fitting)
            yield from rounds(fitting)

        def report(_):
            if len(begun) == 1:
                begun.append(None)
                raise KeyboardInterrupt

        monkeypatch.setattr(Fitting, "_round", noted)
        found = encode_best(3, bpppb=1.0, monitor=Monitor(report=report, keep_best=lambda _: True))
        assert len(found.payload) <= np.prod(SCENE_SHAPE) / 8
        assert len(begun) == 2

    @pytest.mark.parametrize("where", ["beside the fit", "in the midst of it"])
    def test_an_interrupt_while_the_first_try_comes_to_its_target_offers_it(self, encode_best, monkeypatch, where):
        settle, sections, asked, settling = Fitting._settle, Fitting._sections, [], []

        def noted(fitting):
            settling.append(None)
            return (yield from settle(fitting))

        def interrupt(*place):
            if place == (where,) and len(settling) == 1:
                settling.append(None)
                raise KeyboardInterrupt

        def report(_):
            interrupt("beside the fit")

        def put_together(fitting, latents):
            interrupt("in the midst of it")
            return sections(fitting, latents)

        monkeypatch.setattr(Fitting, "_settle", noted)
        monkeypatch.setattr(Fitting, "_sections", put_together)
        monitor = Monitor(report=report, keep_best=lambda progress: asked.append(progress) or True)
        found = encode_best(3, psnr=38.0, monitor=monitor)
        assert len(asked) == 1
        assert found.figures.psnr >= 38.0

    def test_who_interrupts_a_fit_that_was_cut_short_is_not_asked_again(self, encode_best, monkeypatch):
        settle, asked, settling = Fitting._settle, [], []

        def noted(fitting):
            settling.append(None)
            return (yield from settle(fitting))

        def report(_):
            if settling:
                raise KeyboardInterrupt

        monkeypatch.setattr(Fitting, "_settle", noted)
        # By sweeps alone the target takes corrections, each of which is reported.
        monkeypatch.setattr(Fitting, "_round_by_trellis", lambda _: iter(()))
        monitor = Monitor(report=report, keep_best=lambda progress: asked.append(progress) or True)
        with pytest.raises(KeyboardInterrupt):
            encode_best(3, psnr=38.0, monitor=monitor)
        assert len(asked) == 1

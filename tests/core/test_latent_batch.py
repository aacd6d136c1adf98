"""Several arrays encoded at once: each gets what it would get alone, whatever its company."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xr_inr.core import rate
from xr_inr.core.decode import Payload, decode
from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.latent import batch as latent_batch
from xr_inr.core.latent import model, rounding, tries
from xr_inr.core.latent.aim import Aim
from xr_inr.core.latent.batch import fit_latents
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.rotation import Turn, rotate, rotate_together
from xr_inr.core.monitor import Monitor
from xr_inr.core.quality import Quality
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene
from xr_inr.exceptions import BatchError, BudgetError, RequestError

NODATA = 0

pytestmark = pytest.mark.usefixtures("tiny_presets")


def chunk(bands=12, size=(20, 18), *, materials=3, noise=2.0, seed=0):
    """Return mixtures of some spectra by smooth fields: the more of them, the higher the rank."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]] / 5.0
    angles = random.uniform(0, 6, (materials, 3))
    fields = np.stack([np.sin(a + rows + b * columns) * np.cos(c * rows) for a, b, c in angles])
    mixed = np.tensordot(random.normal(size=(bands, materials)), fields, 1) * 200 + random.normal(
        0, noise, (bands, *size)
    )
    return np.rint(mixed - mixed.min() + 50).astype(np.uint16)


def masked(array):
    array = array.copy()
    array[:, 3:9, 4:12] = NODATA
    array[2, 15:, :] = NODATA
    return array


CHUNKS = {
    "plain": chunk(),
    "of many components": chunk(materials=8, seed=1),
    "masked": masked(chunk(materials=5, seed=2)),
    "constant": np.full((12, 20, 18), 77, np.uint16),
    "of fewer bands": chunk(bands=5, seed=3),
    "all nodata": np.full((12, 20, 18), NODATA, np.uint16),
    "of another size": chunk(size=(9, 14), seed=4),
    "hardly more than noise": chunk(materials=1, noise=30.0, seed=5),
}


def asked(**target):
    return FitRequest(**({"preset": "fast", "device": "cpu"} | target))


def together(names, request, **options):
    arrays = [CHUNKS[name] for name in names]
    found = encode_arrays(arrays, request, nodata=NODATA, allow_void=True, **options)
    return dict(zip(names, found, strict=True))


def alone(name, request):
    return encode_array(CHUNKS[name], request, nodata=NODATA, allow_void=True)


def same(found, expected, name):
    """Check that two payloads of a chunk are as good and as large, but for what rounding of floats may turn."""
    assert len(found.payload) == pytest.approx(len(expected.payload), rel=0.03)
    if np.isfinite(expected.figures.psnr):
        assert found.figures.psnr == pytest.approx(expected.figures.psnr, abs=0.05)
    else:
        np.testing.assert_array_equal(decode(found.payload), CHUNKS[name])


@pytest.fixture(scope="module")
def batch(tiny_presets):  # noqa: ARG001 - in force while the batch is fitted
    """All chunks, encoded at once to a size."""
    return together(CHUNKS, asked(bpppb=1.5))


@pytest.fixture(scope="module")
def good_batch(tiny_presets):  # noqa: ARG001 - in force while the batch is fitted
    """Some chunks, encoded at once to a quality."""
    return together(["plain", "masked", "hardly more than noise"], asked(psnr=30.0))


@pytest.mark.parametrize("name", ["of many components", "masked", "constant", "all nodata", "of another size"])
def test_payload_is_that_of_the_array_alone(batch, name):
    same(batch[name], alone(name, asked(bpppb=1.5)), name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_payloads_are_much_the_same_from_another_device(batch):
    for name, found in together(CHUNKS, asked(bpppb=1.5, device="cuda")).items():
        same(found, batch[name], name)


def test_payload_to_a_quality_is_that_of_the_array_alone(good_batch):
    same(good_batch["masked"], alone("masked", asked(psnr=30.0)), "masked")


def test_order_and_company_do_not_matter(batch):
    for name, found in together(["masked", "constant", "plain"], asked(bpppb=1.5)).items():
        same(found, batch[name], name)


def test_every_payload_keeps_to_its_size(batch):
    for name, found in batch.items():
        assert len(found.payload) <= 1.5 * CHUNKS[name].size / 8


def test_every_payload_keeps_to_its_own_budget():
    budgets = [500, 400]
    found = together(["plain", "of another size"], asked(bpppb=1.0), budgets=budgets)
    assert all(len(one.payload) <= budget for one, budget in zip(found.values(), budgets, strict=True))


def test_every_payload_reaches_the_quality(good_batch):
    assert all(30.0 <= one.figures.psnr <= 30.5 for one in good_batch.values())


def test_ranks_differ_within_a_batch(batch):
    ranks = {Payload(one.payload).rank for name, one in batch.items() if name not in ("constant", "all nodata")}
    assert len(ranks) > 2


def test_masked_samples_come_back_as_nodata(batch):
    for name, one in batch.items():
        np.testing.assert_array_equal(decode(one.payload) == NODATA, CHUNKS[name] == NODATA)


def test_a_batch_larger_than_what_is_swept_at_once_is_parted(batch, monkeypatch):
    monkeypatch.setitem(latent_batch._LATENTS_AT_ONCE, "cpu", 1_000)
    for name, found in together(["plain", "masked"], asked(bpppb=1.5)).items():
        same(found, batch[name], name)


def test_turns_of_several_scenes_are_those_of_each():
    random = np.random.default_rng(0)
    shapes = [(6, 2), (9, 5), (4, 4)]
    subbands = [
        [random.normal(0, 9.0 / (1 + np.arange(count))[:, None, None], (count, *size)) for size in ((4, 5), (8, 9))]
        for count, _ in shapes
    ]
    turns = [Turn.of(parts, rank, 0.14) for parts, (_, rank) in zip(subbands, shapes, strict=True)]
    for turn, parts, found in zip(turns, subbands, rotate_together(turns), strict=True):
        np.testing.assert_allclose(found, rotate(parts, turn.rank, turn.weight), atol=1e-6)
        np.testing.assert_allclose(found.T @ found, np.eye(turn.rank), atol=1e-9)


class TestFailures:
    TINY = np.array([[[1, 2]], [[3, 5]]], np.uint8)

    def test_every_array_that_breaks_a_rule_is_named_before_anything_is_fitted(self):
        seen = []
        arrays = [chunk(), np.zeros((2, 3)), chunk(), np.full((2, 3, 4), NODATA, np.uint8), self.TINY]
        with pytest.raises(BatchError) as caught:
            encode_arrays(arrays, asked(bpppb=1.5), nodata=NODATA, monitor=Monitor(report=seen.append))
        assert "array 1: a scene must have 3 axes" in str(caught.value)
        assert "array 3: a scene must have at least one valid sample" in str(caught.value)
        assert "array 4: a budget of 0 bytes" in str(caught.value)
        assert isinstance(caught.value.failures[4], BudgetError)
        assert (sorted(caught.value.failures), caught.value.encoded, seen) == ([1, 3, 4], {}, [])

    def test_an_array_that_does_not_reach_the_quality_does_not_lose_the_others(self, monkeypatch):
        def failing(*args, **kwargs):
            first, _, third = fit_latents(*args, **kwargs)
            return [first, BudgetError("psnr=20.0 was not reached"), third]

        monkeypatch.setattr(rate, "fit_latents", failing)
        with pytest.raises(BatchError, match=r"^array 1: psnr=20\.0 was not reached$") as caught:
            encode_arrays([chunk(seed=seed) for seed in range(3)], asked(psnr=20.0))
        assert sorted(caught.value.encoded) == [0, 2]
        assert all(found.figures.psnr >= 20.0 for found in caught.value.encoded.values())

    def test_a_quality_that_one_of_two_does_not_reach_is_that_ones_failure(self, monkeypatch):
        monkeypatch.setattr(rounding, "_CORRECTIONS", 4)
        monkeypatch.setattr(tries, "_FINER_FITS", 0)
        scene = prepare_scene(chunk())
        quality = Quality("psnr", 20.0)
        aims = [Aim(scene, None, quality, lambda _, psnr=psnr: SimpleNamespace(psnr=psnr)) for psnr in (20.1, 3.0)]
        good, bad = fit_latents(aims, LATENT_PRESETS["fast"], device=torch.device("cpu"), seed=0, monitor=Monitor())
        assert good.sections
        assert "psnr=20.0 was not reached" in str(bad)

    def test_no_arrays_are_refused(self):
        with pytest.raises(RequestError, match="arrays must hold at least one array"):
            encode_arrays([], asked(bpppb=1.5))

    def test_budgets_are_as_many_as_arrays(self):
        with pytest.raises(RequestError, match=r"budgets must be as many as arrays. Got 1 for 2 arrays"):
            encode_arrays([chunk(), chunk()], asked(bpppb=1.5), budgets=[900])

    def test_error_survives_pickling(self):
        error = BatchError({2: BudgetError("too small")}, {0: b"kept"})
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert (str(again), again.encoded) == ("array 2: too small", {0: b"kept"})


class Listener:
    """Interrupts a batch at the first report for which something holds, and answers for the person."""

    def __init__(self, when=lambda: False, *, keep=False):
        self.reports, self.questions = [], []
        self._when, self._keep = when, keep

    def report(self, progress):
        self.reports.append(progress)
        if self._when():
            self._when = lambda: False
            raise KeyboardInterrupt

    def keep_best(self, progress):
        self.questions.append(progress)
        return self._keep

    def encode(self):
        monitor = Monitor(report=self.report, keep_best=self.keep_best)
        return together(["plain", "of another size"], asked(bpppb=1.5), monitor=monitor)


class TestInterrupts:
    SWEEPS = 6 + LATENT_PRESETS["fast"].trellis_rounds + 3
    """That the fit of each array takes at least, probes included."""

    def test_progress_is_that_of_all_arrays_and_never_falls(self):
        listener = Listener()
        listener.encode()
        done = [progress.iteration for progress in listener.reports]
        assert done == sorted(done)
        assert {progress.iterations for progress in listener.reports} == {2 * self.SWEEPS}
        assert done[-1] == 2 * self.SWEEPS
        assert all(np.isfinite(progress.psnr) for progress in listener.reports)

    @pytest.fixture
    def begun(self, monkeypatch):
        """A list that grows by one with every array whose sweeps begin."""
        rounds, begun = model.Fitting._round, []

        def noted(fitting):
            begun.append(fitting)
            yield from rounds(fitting)

        monkeypatch.setattr(model.Fitting, "_round", noted)
        return begun

    @pytest.mark.parametrize("count", [1, 2])
    def test_a_batch_that_is_to_be_kept_is_cut_short_and_meets_its_budgets(self, begun, count):
        listener = Listener(lambda: len(begun) == count, keep=True)
        for name, one in listener.encode().items():
            assert len(one.payload) <= 1.5 * CHUNKS[name].size / 8
        assert len(listener.questions) == 1

    def test_a_batch_that_is_not_to_be_kept_ends(self, begun):
        listener = Listener(lambda: len(begun) == 2, keep=False)
        with pytest.raises(KeyboardInterrupt):
            listener.encode()
        assert len(listener.questions) == 1

    def test_nobody_is_asked_before_the_sweeps(self):
        listener = Listener(lambda: True, keep=True)
        with pytest.raises(KeyboardInterrupt):
            listener.encode()
        assert not listener.questions

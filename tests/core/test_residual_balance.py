"""Which model is tried next under a bound: foretold from the sizes of those tried, and never far beside them."""

import numpy as np
import pytest

from xr_inr.core import bounded
from xr_inr.core.bitstream import Section
from xr_inr.core.encode import encode_array
from xr_inr.core.goal import FittedModel
from xr_inr.core.latent.smallest import mean_only
from xr_inr.core.request import FitRequest
from xr_inr.core.residual.balance import Tried, first_share, next_share
from xr_inr.exceptions import BudgetError

ERRORS = np.random.default_rng(0).normal(size=20_000)
SAMPLES = 100_000


def model_of(share, growth):
    """A model of 5,000 bytes at a share of 1, with the layer of normal errors."""
    errors = ERRORS * share / 2.0
    counts = np.unique(np.rint(errors), return_counts=True)[1] / len(errors)
    bits = -(counts * np.log2(counts)).sum() * SAMPLES
    return Tried(share, round(5_000 * share**-growth), round(bits / 8), errors)


def sizes(growth):
    return {share: model_of(share, growth).size for share in np.geomspace(0.15, 2.0, 60)}


@pytest.mark.parametrize("growth", [1.0, 1.5, 2.2])
@pytest.mark.parametrize("begin", [0.3, 0.6, 1.0])
def test_four_models_come_within_five_percent_of_the_best(growth, begin):
    tried, share = [], begin
    while share is not None and len(tried) < 4:
        tried.append(model_of(share, growth))
        share = next_share(tried, min(one.size for one in tried))
    assert min(one.size for one in tried) <= 1.05 * min(sizes(growth).values())


def test_nothing_more_is_tried_between_models_as_small_as_the_best():
    known = sizes(1.5)
    best = min(known, key=known.get)
    around = [model_of(best * factor, 1.5) for factor in (0.8, 0.9, 1.0, 1.1, 1.25)]
    assert next_share(around, known[best]) is None


def test_a_model_that_the_layer_alone_beats_by_far_is_the_last():
    assert next_share([model_of(0.6, 1.5)], 5_000) is None


def test_the_next_share_is_neither_far_beside_what_was_tried_nor_the_same():
    one = model_of(0.9, 0.6)
    share = next_share([one], one.size)
    assert one.share / 1.61 <= share <= one.share / 1.06


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(SAMPLES // 8, 0.6), (4 * SAMPLES // 8, 1.0), (SAMPLES // 200, 0.2)],
    ids=["one bit", "tight", "wide"],
)
def test_the_first_share_follows_the_bits_of_the_layer_alone(layer, expected):
    assert first_share(layer, SAMPLES) == pytest.approx(expected, rel=1e-3)


def test_after_a_model_without_error_a_smaller_one_is_tried():
    assert next_share([Tried(0.5, 100, 10, np.zeros(5))], 110) == pytest.approx(0.8)


@pytest.fixture
def asked(monkeypatch):
    """The qualities asked for, in dB; no model is there, or one that pays by what a test says."""
    found = []

    def refuse(goal, *_, **__):
        found.append(goal.quality.asked)
        raise BudgetError("no model")

    monkeypatch.setattr("xr_inr.core.rate.fit_model", refuse)
    return found


def ramp():
    return np.add.outer(np.arange(3), np.arange(64).reshape(8, 8)).astype("u2")


def encoded(max_error):
    return encode_array(ramp(), FitRequest(max_error=max_error, preset="fast", device="cpu"))


def test_where_no_model_is_that_good_the_layer_alone_is_kept(asked):
    assert encoded(2).iterations == 0
    assert len(asked) == 1


def test_a_bound_of_zero_asks_for_no_model(asked):
    encoded(0)
    assert not asked


def test_at_most_four_models_are_fitted(asked, monkeypatch):
    monkeypatch.setattr(bounded, "next_share", lambda *_: 0.5)

    def same(goal, *_, **__):
        asked.append(goal.quality.asked)
        return FittedModel({Section.LATENT_BASIS: mean_only(goal.scene).to_bytes()}, 1)

    monkeypatch.setattr("xr_inr.core.rate.fit_model", same)
    encoded(2)
    assert len(asked) == 4

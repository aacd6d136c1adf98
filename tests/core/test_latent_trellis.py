"""The search for latents: the cheapest way there is, made of what latents can be in their states."""

import dataclasses
import functools
import math

import numpy as np
import pytest

from tests.core.latent_examples import drawn, make_chains
from tests.core.ways import way  # noqa: F401 - runs this module both ways
from xr_inr.core.latent.fine import FineLaws
from xr_inr.core.latent.laws import SCALES, probabilities
from xr_inr.core.latent.trellis import Chains, search
from xr_inr.core.latent.wavelet import LARGEST_LATENT

WEIGHT = 0.14


def part_of(chains, part):
    return Chains(*(getattr(chains, field.name)[:, part] for field in dataclasses.fields(Chains)))


# What latents can be and what they cost, one by one, as the format says


def next_state(state, bit):
    return (state >> 1 ^ state) & 1 | (state >> 2 ^ bit) << 1 & 2 | (state & 1) << 2


def coded(number, scale, mean):
    """Return the shift of a law, whether a number is an escape under it, and its bits."""
    shift = max(math.ceil((scale - 15) / 3), 0)
    base = (mean + 4) >> 3
    row = 8 * (scale - 3 * shift) + (4 if shift else mean + 4 - 8 * base)
    leading = (number - base + (1 << shift >> 1)) >> shift
    escape = abs(leading) > 12
    column = (25 if leading > 0 else 26) if escape else leading + 12
    bits = shift - math.log2(probabilities()[row, column])
    if escape:
        bits += 2 * (math.floor(math.log2(abs(leading) - 13 + 4)) - 2) + 3
    return shift, escape, bits


class Walk:
    """One chain, looked at latent by latent."""

    def __init__(self, chains, chain, fine_from, weight=WEIGHT):
        self.chain = {field.name: getattr(chains, field.name)[chain] for field in dataclasses.fields(Chains)}
        self.fine_from, self.weight = fine_from, weight
        self.points = len(self.chain["targets"])
        self.told, self.least = functools.cache(self.told), functools.cache(self.least)

    def told(self, point, latent, state):
        """Return what a latent costs and the state after it."""
        half, mean = int(self.chain["halves"][point]), int(self.chain["means"][point])
        if half >> 1 < self.fine_from:
            assert latent % 16 == 0
            _, _, bits = coded(latent // 16, half >> 1, mean)
            return self._cost(point, latent, bits), state
        q = state & 1
        assert latent % 9 == 0
        assert latent // 9 % 2 == q
        number, scale, mean = (latent // 9 - q) // 2, (half - 1) >> 1, (8 * mean + 4) // 9
        shift, escape, bits = coded(number, scale, mean if scale > 15 else mean - 4 * q)
        bit = 0 if shift == 0 and escape else number & 1
        return self._cost(point, latent, bits), next_state(state, bit)

    def of(self, latents, state):
        """Return what latents cost and the state after them; fails where one is none that it can be."""
        whole = 0.0
        for point, latent in enumerate(latents):
            cost, state = self.told(point, int(latent), state)
            whole += cost
        return whole, state

    def least(self, state, point=0):
        """Return the least cost of all ways over the candidates from a point on."""
        if point == self.points:
            return 0.0
        ways = (self.told(point, latent, state) for latent in self._candidates(point, state & 1))
        return min(cost + self.least(after, point + 1) for cost, after in ways)

    def _candidates(self, point, q):
        target = self.chain["targets"][point]
        if self.chain["halves"][point] >> 1 >= self.fine_from:
            first = math.floor((target * 16 / 9 - q) / 2) - 2
            return [9 * (2 * number + q) for number in range(first, first + 6)]
        nearest = round(target)
        now = int(self.chain["now"][point])
        return {0, 16 * nearest, 16 * (nearest - int(np.sign(nearest)))} | ({now} if now % 16 == 0 else set())

    def _cost(self, point, latent, bits):
        miss = latent / 16 - self.chain["targets"][point]
        size = 16 * math.log2(1 + min(abs(latent), 8191) / 16)
        return self.chain["norms"][point] * miss**2 + self.weight * (bits + self.chain["slopes"][point] * size)


@pytest.mark.parametrize(
    ("halves", "largest"),
    [
        pytest.param((2, 94), 40, id="laws-of-all-scales"),
        pytest.param((12, 33), 3, id="narrow-laws"),
        pytest.param((2, 20), 40, id="many-escapes"),
        pytest.param((30, 36), 30, id="laws-about-the-first-shift"),
        pytest.param((8, 16), 4, id="few-fine"),
    ],
)
@pytest.mark.parametrize("weight", [WEIGHT, 2.0])
def test_no_way_over_the_candidates_is_cheaper_than_the_one_found(halves, largest, weight):
    chains = make_chains(60, 12, halves=halves, largest=largest)
    begun = drawn(0, 7, 60)
    found = search(chains, begun.astype(np.int32), 6, weight)
    for chain, state in enumerate(begun.tolist()):
        walk = Walk(chains, chain, 6, weight)
        cost, _ = walk.of(found[chain], state)
        assert cost == pytest.approx(walk.least(state), rel=1e-12)


@pytest.mark.parametrize("fine_from", [1, 6, 20, SCALES])
@pytest.mark.parametrize("largest", [1, 40, 3000])
def test_all_latents_can_be_in_their_states_and_states_go_on_from_call_to_call(fine_from, largest):
    chains = make_chains(3, 400, largest=largest)
    states = np.zeros(3, np.int32)
    calls = [part_of(chains, slice(start, start + 100)) for start in range(0, 400, 100)]
    found = np.hstack([search(call, states, fine_from, WEIGHT) for call in calls])
    assert [Walk(chains, chain, fine_from).of(found[chain], 0)[1] for chain in range(3)] == states.tolist()


@pytest.mark.parametrize("fine_from", [1, 6, 20, SCALES])
def test_what_is_found_is_what_a_stream_can_hold(fine_from):
    chains = make_chains(5, 300)
    states = np.arange(5, dtype=np.int32)
    found = search(chains, states, fine_from, WEIGHT)
    laws = FineLaws.of(chains.halves, chains.means, fine_from)
    np.testing.assert_array_equal(laws.checked(*laws.integers(found), np.arange(5, dtype=np.int32)), states)


def test_fine_latents_of_unit_scale_cost_less_than_whole_ones():
    uniform = (drawn(0, 9999, (8, 1000)) + 0.5) / 10_000
    empty = np.zeros(uniform.shape, np.int32)
    chains = Chains(np.log(uniform / (1 - uniform)), empty + 1.0, empty + 0.0, empty + 24, empty, empty)
    costs = {}
    for fine_from in (1, SCALES):
        found = search(chains, np.zeros(8, np.int32), fine_from, WEIGHT)
        costs[fine_from] = sum(Walk(chains, chain, fine_from).of(found[chain], 0)[0] for chain in range(8)) / WEIGHT
    assert costs[1] < costs[SCALES] - 0.14 * uniform.size


def test_latents_that_are_not_fine_are_decided_each_by_itself_and_leave_states_alone():
    chains = make_chains(2, 50)
    states = np.array([5, 2], np.int32)
    found = search(chains, states, SCALES, WEIGHT)
    alone = [search(part_of(chains, [point]), states, SCALES, WEIGHT) for point in range(50)]
    np.testing.assert_array_equal(found, np.hstack(alone))
    assert states.tolist() == [5, 2]


@pytest.mark.parametrize(("now", "found"), [(48, 48), (40, 16)])
def test_what_a_latent_is_may_stay_where_it_is_one_that_can_be(now, found):
    # Under a narrow law of mean 3 all but 3 is dear; rounded targets are 1, 0 and 0.
    chains = Chains(*(np.full((1, 1), value) for value in (1.2, 1.0, 0.0)), *np.int32([[[6]], [[24]], [[now]]]))
    assert search(chains, np.zeros(1, np.int32), SCALES, weight=1.0).tolist() == [[found]]


@pytest.mark.parametrize("fine_from", [1, SCALES])
@pytest.mark.parametrize("target", [2.0**64, -(2.0**64), LARGEST_LATENT, -LARGEST_LATENT])
def test_latents_stay_within_what_can_be_coded(fine_from, target):
    chains = dataclasses.replace(make_chains(2, 20), targets=np.full((2, 20), float(target)))
    found = search(chains, np.zeros(2, np.int32), fine_from, weight=0.0)
    assert abs(found).max() <= 16 * LARGEST_LATENT
    assert abs(found).min() > 16 * LARGEST_LATENT - 64
    assert (np.sign(found) == np.sign(target)).all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_no_latents_are_found_for_none(shape):
    states = np.arange(shape[0], dtype=np.int32)
    assert search(make_chains(*shape), states, 6, WEIGHT).shape == shape
    assert states.tolist() == list(range(shape[0]))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"targets": np.zeros(4)}, r"arrays of chains must be \(count, points\)"),
        ({"norms": np.zeros((2, 4))}, r"norms must be float64, of shape \(2, 5\). Got float64, \(2, 4\)"),
        ({"slopes": np.zeros((2, 5), np.float32)}, "slopes must be float64"),
        ({"means": np.zeros((2, 5), np.int64)}, "means must be int32"),
        ({"now": np.zeros((5, 2), np.int32)}, "now must be int32"),
        ({"targets": np.full((2, 5), np.nan)}, "targets must lie in .* Got nan"),
        ({"norms": np.full((2, 5), np.inf)}, "norms must lie in .* Got inf"),
        ({"slopes": np.full((2, 5), -1e30)}, r"slopes must lie in .* Got -1e\+30"),
        ({"halves": np.full((2, 5), 95, np.int32)}, r"halves must lie in \[0, 94\]. Got 95"),
        ({"halves": np.full((2, 5), -1, np.int32)}, "halves must lie in"),
        ({"means": np.full((2, 5), 2**27 + 1, np.int32)}, "means must lie in .* Got 134217729"),
        ({"states": np.zeros(3, np.int32)}, r"states must be int32, of shape \(2,\)"),
        ({"states": np.array([0, 8], np.int32)}, r"states must lie in \[0, 7\]. Got 8"),
        ({"fine_from": 0}, r"fine_from must lie in \[1, 48\]. Got 0"),
        ({"fine_from": 49}, "fine_from must lie in"),
        ({"weight": -1.0}, "weight must lie in"),
        ({"weight": np.nan}, "weight must lie in .* Got nan"),
    ],
)
def test_what_cannot_be_searched_is_refused(changed, rule):
    given = {"states": np.zeros(2, np.int32), "fine_from": 6, "weight": WEIGHT}
    chains = dataclasses.replace(make_chains(2, 5), **{k: v for k, v in changed.items() if k not in given})
    with pytest.raises(ValueError, match=rule):
        search(chains, **{k: changed.get(k, v) for k, v in given.items()})

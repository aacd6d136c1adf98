"""The search for latents in C: for any chains what numpy gives."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import drawn, make_chains
from tests.core.ways import both_ways, needs_kernels
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.trellis import Chains, search

pytestmark = needs_kernels


def searched(chains, fine_from, weight):
    states = (np.arange(len(chains.targets)) % 8).astype(np.int32)
    return search(chains, states, fine_from, weight), states


def assert_same(chains, fine_from, weight):
    (compiled, compiled_states), (reference, states) = both_ways(lambda: searched(chains, fine_from, weight))
    np.testing.assert_array_equal(compiled, reference)
    np.testing.assert_array_equal(compiled_states, states)
    assert compiled.dtype == reference.dtype == np.int32


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 9), st.integers(0, 60)),
    halves=st.sampled_from([(0, 94), (2, 12), (24, 36), (60, 94)]),
    largest=st.sampled_from([0.1, 1.0, 30.0, 1e3, 1e6, 1e15, 2.0**64]),
    fine_from=st.sampled_from([1, 2, 6, 16, 47, SCALES]),
    weight=st.sampled_from([0.0, 0.01, 0.14, 3.0, 2.0**64]),
    seed=st.integers(0, 999),
)
def test_any_chains(shape, fine_from, weight, **drawing):
    assert_same(make_chains(*shape, **drawing), fine_from, weight)


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.tuples(*[st.floats(-(2.0**64), 2.0**64)] * 3), min_size=1, max_size=20),
    integers=st.lists(
        st.tuples(st.integers(0, 94), st.integers(-(2**27), 2**27), st.integers(-(2**31), 2**31 - 1)),
        min_size=20,
        max_size=20,
    ),
    fine_from=st.integers(1, SCALES),
)
def test_any_numbers_that_are_allowed(numbers, integers, fine_from):
    floats = np.array(numbers).T[:, None]
    chains = Chains(*floats, *np.array(integers[: len(numbers)], np.int32).T[:, None])
    assert_same(chains, fine_from, 0.14)


def test_of_candidates_that_cost_the_same_both_take_the_first():
    # Targets halfway between candidates, symmetric laws, and no worth of bits: nothing but the order decides.
    shape = (6, 300)
    targets = drawn(-40, 40, shape) * 9 / 32
    flat = dataclasses.replace(make_chains(*shape), targets=targets, norms=np.ones(shape), slopes=np.zeros(shape))
    for fine_from in (1, 12, SCALES):
        assert_same(flat, fine_from, 0.0)
        assert_same(dataclasses.replace(flat, means=np.zeros(shape, np.int32)), fine_from, 0.14)


def test_many_latents_are_searched_part_by_part_in_numpy():
    assert_same(make_chains(300, 1000, largest=5), 6, 0.14)


def test_chains_may_be_strided():
    chains = make_chains(5, 40)
    assert_same(Chains(*(getattr(chains, field.name)[::2, ::-3] for field in dataclasses.fields(Chains))), 6, 0.14)

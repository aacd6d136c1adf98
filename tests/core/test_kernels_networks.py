"""Sinusoidal networks in C: for any planes and weights what numpy gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import drawn, make_restoring, make_synthesis
from tests.core.ways import both_ways, needs_kernels
from xr_inr.core.latent.synthesis import SineSynthesis

pytestmark = needs_kernels


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.sampled_from([1, 2, 15, 16, 17, 127, 128, 129, 300])),
    rank=st.integers(2, 9),
    width=st.sampled_from([1, 3, 8, 24, 64]),
    unit=st.sampled_from([1.0, 0.37, 2e-12, 9e11]),
    bits=st.tuples(*[st.integers(4, 20)] * 3),
    drawing=st.tuples(st.sampled_from([40, 2**13, 2**26]), st.integers(0, 99)),
)
def test_networks_of_any_shape(size, rank, drawing, **shape):
    largest, seed = drawing
    planes = drawn(-largest, largest, (rank, *size), seed).astype(np.float32)
    inputs = 1 + seed % (rank - 1)
    for network in (
        make_synthesis(rank, inputs=inputs, seed=seed, **shape),
        make_restoring(rank, inputs=inputs, seed=seed, **shape),
    ):
        compiled, reference = both_ways(lambda network=network: network(planes[: network.inputs]))
        np.testing.assert_array_equal(compiled, reference)
        assert compiled.tobytes() == reference.tobytes()


def test_networks_see_planes_that_are_strided():
    planes = drawn(-4000, 4000, (3, 10, 40)).astype(np.float32)[:, ::2, 3:20]
    compiled, reference = both_ways(lambda: make_restoring(3)(planes))
    np.testing.assert_array_equal(compiled, reference)


def test_weights_as_large_as_there_may_be():
    """Sums reach 2**53, where one more bit would be lost."""
    weights, biases = np.full((64, 10), 2**9), np.full(64, 2**9)
    weights[:, ::2] *= -1
    octaves = np.zeros(5, np.int64)
    layers = (
        (weights, biases),
        (np.full((64, 64), 2**12) * (-1) ** np.arange(64), biases),
        (np.full((5, 64), 7), octaves),
    )
    network = SineSynthesis(np.float32(1.0), octaves, octaves, octaves + 27, (6, 10, 0), layers, curved=True)
    planes = drawn(-(2**14), 2**14, (5, 6, 70)).astype(np.float32)
    compiled, reference = both_ways(lambda: network(planes))
    np.testing.assert_array_equal(compiled, reference)

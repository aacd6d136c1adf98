"""The restoring network: what it adds to planes, how it is stored, and what is refused."""

import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import drawn, make_restoring
from xr_inr.core.arrays import Arrays
from xr_inr.core.latent.parameters import write_parameters
from xr_inr.core.latent.restoration import read_restoration, restore, write_restoration
from xr_inr.core.latent.sine_storage import LARGEST_WIDTH
from xr_inr.core.latent.synthesis import SineSynthesis
from xr_inr.core.latent.wavelet import LARGEST_PLANE, PLANE_BITS
from xr_inr.exceptions import PayloadError

ONE = 2**PLANE_BITS
SIZE = (18, 23)


def some_planes(rank, size=SIZE, seed=0):
    return drawn(-40 * ONE, 40 * ONE, (rank, *size), seed).astype(np.float32)


def as_lists(network):
    octaves = network.input_octaves, network.slope_octaves, network.output_octaves
    return (
        network.unit,
        [part.tolist() for part in octaves],
        network.step_bits,
        [(weights.tolist(), biases.tolist()) for weights, biases in network.layers],
    )


@settings(max_examples=40)
@given(
    st.integers(1, 9).flatmap(lambda rank: st.tuples(st.just(rank), st.integers(1, rank))),
    st.integers(1, 12),
    st.floats(0.125, 8.0, width=32),
    st.tuples(*[st.integers(4, 20)] * 3),
)
def test_stored_form_is_restored(ranks, width, unit, bits):
    rank, inputs = ranks
    network = make_restoring(rank, inputs=inputs, width=width, unit=unit, bits=bits)
    found = read_restoration(write_restoration(network), rank)
    assert as_lists(found) == as_lists(network)
    assert found.curved


def layer(*rows):
    """Return weights and biases of rows, each of which ends with the bias."""
    matrix = np.array(rows, np.int64)
    return matrix[:, :-1], matrix[:, -1]


def one_unit(first, last=((16, 0),), octave=0):
    """Return a network that looks at one plane through one unit, whose weights are in 16ths, and corrects `last`."""
    zeros = np.zeros(1, np.int64)
    layers = layer(first), layer((16, 0)), layer(*last)
    octaves = np.full(len(last), octave)
    return SineSynthesis(np.float32(1.0), zeros, zeros, octaves, (4, 4, 4), layers, curved=True)


def test_what_it_says_is_added_to_all_planes_those_it_sees_and_those_it_does_not():
    planes = np.zeros((3, 1, 1), np.float32)
    planes[0] = ONE
    network = one_unit((16, 0, 0), ((16, 0), (-32, 0), (0, 8)))
    said = np.sin(np.sin(1.0))
    expected = np.rint(np.array([said, -2 * said, 0.5]) * ONE) + planes[:, 0, 0]
    np.testing.assert_array_equal(restore(planes, network)[:, 0, 0], expected)


def test_the_second_coordinate_is_the_sum_of_differences_from_four_neighbours():
    """Beyond an edge stands the pixel at the edge."""
    plane = drawn(-2, 2, (1, 5, 6), 3).astype(np.float32) * np.float32(ONE / 8)
    seen = np.pad(plane[0].astype(float), 1, mode="edge")
    curvature = seen[2:, 1:-1] + seen[:-2, 1:-1] + seen[1:-1, 2:] + seen[1:-1, :-2] - 4 * plane[0]
    restored = restore(plane, one_unit((0, 16, 0)))
    np.testing.assert_array_equal(restored[0], plane[0] + np.rint(np.sin(np.sin(curvature / ONE)) * ONE))


def test_no_network_leaves_planes_as_they_are():
    planes = some_planes(2)
    assert restore(planes, None) is planes


def test_planes_stay_within_what_sums_allow():
    planes = np.full((1, 2, 2), LARGEST_PLANE, np.float32)
    assert restore(planes, one_unit((0, 0, 16), octave=32)).max() == LARGEST_PLANE


@pytest.mark.parametrize("rows", [(0, 7), (5, 12), (10, 18)], ids=str)
@pytest.mark.parametrize("columns", [(0, 6), (9, 17), (17, 23)], ids=str)
def test_a_window_with_a_pixel_around_it_is_part_of_the_whole(rows, columns):
    planes, network = some_planes(4), make_restoring(4)
    seen = [
        slice(max(start - 1, 0), min(stop + 1, size)) for (start, stop), size in zip((rows, columns), SIZE, strict=True)
    ]
    top, left = rows[0] - seen[0].start, columns[0] - seen[1].start
    window = restore(planes[:, seen[0], seen[1]], network)
    part = window[:, top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]
    np.testing.assert_array_equal(part, restore(planes, network)[:, slice(*rows), slice(*columns)])


def test_torch_gives_the_bits_of_numpy():
    planes, network = some_planes(5, (40, 130)), make_restoring(5, width=11, unit=0.7)
    arrays = Arrays.on("cpu")
    found = restore(torch.from_numpy(planes), network, arrays)
    np.testing.assert_array_equal(found.numpy(), restore(planes, network))


def head(unit=1.0, inputs=2, width=3, bits=(4, 4, 4)):
    return struct.pack("<f5B", unit, inputs, width, *bits)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "truncated restoring network", id="empty"),
        pytest.param(head(unit=0.0), "unit .* positive and finite. Got 0.0", id="unit-zero"),
        pytest.param(head(unit=float("nan")), "unit .* positive and finite. Got nan", id="unit-nan"),
        pytest.param(head(inputs=0), r"inputs .* \[1, 3\]. Got 0", id="no-inputs"),
        pytest.param(head(inputs=4), r"inputs .* \[1, 3\]. Got 4", id="more-inputs-than-planes"),
        pytest.param(head(width=0), rf"hidden width .* \[1, {LARGEST_WIDTH}\]. Got 0", id="no-units"),
        pytest.param(head(width=LARGEST_WIDTH + 1), r"hidden width .* Got 65", id="too-wide"),
        pytest.param(head(bits=(4, 21, 4)), r"step .* \[0, 20\]. Got 21", id="steps-too-small"),
    ],
)
def test_what_cannot_be_is_refused(data, reason):
    with pytest.raises(PayloadError, match=reason):
        read_restoration(data, 3)


@pytest.mark.parametrize(
    ("octave", "weight", "reason"),
    [(33, 0, r"octave must lie within \+-32. Got 33"), (0, 2**15, r"weights of a unit must sum to less than 512")],
    ids=["octave", "weights"],
)
def test_numbers_that_would_not_be_exact_are_refused(octave, weight, reason):
    octaves = np.zeros(3, np.int64)
    octaves[0], octaves[1] = octave, -octave
    sets = [octaves, np.array([weight, 0, 0]), np.zeros(2, np.int64), np.zeros(2, np.int64)]
    data = head(inputs=1, width=1, bits=(0, 0, 0)) + write_parameters(sets)
    with pytest.raises(PayloadError, match=reason):
        read_restoration(data, 1)

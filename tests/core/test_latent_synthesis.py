"""The sinusoidal network of the latent model: stored shortly, evaluated exactly, refused when it could not be."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import drawn, make_synthesis
from xr_inr.core import fixed_point
from xr_inr.core.latent.parameters import write_parameters
from xr_inr.core.latent.synthesis import LARGEST_INPUT, LARGEST_WIDTH, SineSynthesis
from xr_inr.core.latent.wavelet import LARGEST_PLANE, PLANE_BITS
from xr_inr.exceptions import PayloadError

ONE = 2**PLANE_BITS


def network_of(first, second, third, *, bits=(0, 0, 0), unit=1.0, octaves=(0,), out_octaves=(0,)):
    """Return a network of nested lists, each row weights and then the bias."""
    layers = tuple(
        (np.array(rows, np.int64)[:, :-1], np.array(rows, np.int64)[:, -1]) for rows in (first, second, third)
    )
    return SineSynthesis(np.float32(unit), np.array(octaves), np.array(out_octaves), bits, layers)


IDENTITY = ([[1, 0]], [[1, 0]], [[1, 0]])


def as_tuple(network):
    layers = [(weights.tolist(), biases.tolist()) for weights, biases in network.layers]
    return network.unit, network.input_octaves.tolist(), network.output_octaves.tolist(), network.step_bits, layers


def some_planes(inputs, pixels=500, seed=0):
    return drawn(-40 * ONE, 40 * ONE, (inputs, pixels), seed).astype(np.float32)


@given(st.integers(2, 9), st.data())
def test_stored_form_is_restored(rank, data):
    inputs, width = data.draw(st.integers(1, rank - 1)), data.draw(st.integers(1, 12))
    network = make_synthesis(rank, inputs=inputs, width=width, unit=data.draw(st.floats(0.125, 8.0, width=32)))
    network = dataclasses.replace(
        network,
        input_octaves=drawn(-32, 32, inputs, rank),
        output_octaves=drawn(-32, 32, rank - inputs, rank),
        step_bits=tuple(data.draw(st.lists(st.integers(4, 20), min_size=3, max_size=3))),
    )
    assert as_tuple(SineSynthesis.from_bytes(network.to_bytes(), rank)) == as_tuple(network)


def test_bytes_by_hand():
    network = network_of([[1, 2]], [[3, 4]], [[5, 6], [7, 8]], bits=(1, 2, 3), octaves=(-1,), out_octaves=(0, 4))
    sets = [np.array(part, np.int64) for part in ([1, 2], [3, 4], [5, 6, 7, 8])]
    assert network.to_bytes() == (
        b"\x01"  # inputs
        b"\x01"  # hidden width
        b"\x00\x00\x80\x3f"  # unit 1.0
        b"\x1f\x20\x24"  # octaves of the input and both outputs, 32 more
        b"\x01\x02\x03"  # bits of each layer's steps
    ) + write_parameters(sets)


@pytest.mark.parametrize("value", [-3.0, -0.5, 0.0, 0.015625, 1.0, 2.5, 4.0])
@pytest.mark.parametrize(
    ("network", "expected"),
    [
        pytest.param(network_of(*IDENTITY), lambda x: math.sin(math.sin(x)), id="sines"),
        pytest.param(
            network_of([[3, 1]], [[1, 0]], [[1, 0]], bits=(1, 0, 0)),
            lambda x: math.sin(math.sin(1.5 * x + 0.5)),
            id="first-layer",
        ),
        pytest.param(
            network_of([[1, 0]], [[-5, 2]], [[1, 0]], bits=(0, 2, 0)),
            lambda x: math.sin(0.5 - 1.25 * math.sin(x)),
            id="second-layer",
        ),
        pytest.param(
            network_of([[1, 0]], [[1, 0]], [[40, 3]], bits=(0, 0, 1)),
            lambda x: 20 * math.sin(math.sin(x)) + 1.5,
            id="third-layer",
        ),
        pytest.param(network_of(*IDENTITY, octaves=(2,)), lambda x: math.sin(math.sin(x / 4)), id="input-octave"),
        pytest.param(network_of(*IDENTITY, out_octaves=(5,)), lambda x: 32 * math.sin(math.sin(x)), id="output-octave"),
        pytest.param(network_of(*IDENTITY, unit=0.5), lambda x: 0.5 * math.sin(math.sin(2 * x)), id="unit"),
    ],
)
def test_values_are_those_of_the_formula(network, expected, value):
    found = network(np.array([[value * ONE]], np.float32))
    if abs(value) * float(1 / network.unit) <= LARGEST_INPUT:
        assert found[0, 0] == pytest.approx(ONE * expected(value), abs=0.51)


def test_outputs_are_whole_float32_numbers_for_each_pixel():
    found = make_synthesis(5, inputs=2)(some_planes(2))
    assert (found.shape, found.dtype) == ((3, 500), np.float32)
    np.testing.assert_array_equal(found, np.rint(found))
    assert len(np.unique(found)) > 20


@pytest.mark.parametrize("sign", [1, -1])
def test_inputs_are_clipped_to_4_of_their_scale(sign):
    network = make_synthesis(3, inputs=1)
    at_the_edge, far_beyond = (np.array([[sign * value * 8 * ONE]], np.float32) for value in (4, 2**20))
    np.testing.assert_array_equal(network(at_the_edge), network(far_beyond))
    assert (network(at_the_edge) != network(at_the_edge / 2)).any()


def test_outputs_stop_at_the_largest_plane():
    network = network_of([[0, 1]], [[0, 1]], [[0, 500], [0, -500]], unit=1e9, out_octaves=(32, 32))
    assert network(np.zeros((1, 1), np.float32)).tolist() == [[LARGEST_PLANE], [-LARGEST_PLANE]]


@pytest.mark.parametrize("inputs", [1, 3])
def test_a_pixel_is_the_same_however_it_is_asked_for(inputs):
    network = make_synthesis(8, inputs=inputs, width=24)
    planes = some_planes(inputs, 1_000)
    whole = network(planes)
    for part in (slice(17, 18), slice(0, 999), slice(3, 700, 7), slice(None, None, -1)):
        np.testing.assert_array_equal(network(planes[:, part]), whole[:, part])
    np.testing.assert_array_equal(network(np.asfortranarray(planes)), whole)


def test_a_pixel_needs_no_others():
    assert make_synthesis(5, inputs=2)(np.zeros((2, 0), np.float32)).shape == (3, 0)


def test_sums_are_exact_up_to_the_largest_weights():
    """Against Python's integers, rows just below the limit, inputs that need every bit."""
    weights = np.array([[-16_319, 7], [5_001, -11_318], [1, 16_300]])
    network = SineSynthesis(
        np.float32(1.0),
        np.array([0, -2]),
        np.array([10]),
        (7, 7, 7),
        (
            (weights, np.array([231, -255, 0])),
            (np.array([[21_800, -21_800, 21_000], [3, 2, 1], [0, -65_000, 500]]), np.array([0, 65_529, -7])),
            (np.array([[30_011, 30_013, -5_000]]), np.array([500])),
        ),
    )
    planes = drawn(-4 * ONE, 4 * ONE, (2, 40)).astype(np.float32)
    for pixel in range(40):
        limit = int(LARGEST_INPUT) * 2**20
        values = [
            max(-limit, min(limit, int(plane) * 2 ** (14 - octave)))
            for plane, octave in zip(planes[:, pixel], [0, -2], strict=True)
        ]
        for index, (rows, biases) in enumerate(network.layers):
            products = [
                sum(int(weight) * 2**17 * value for weight, value in zip(row, values, strict=True))
                + int(bias) * 2 ** (17 + 20)
                for row, bias in zip(rows, biases, strict=True)
            ]
            if index < 2:
                exact = np.array(products, np.float64)
                assert exact.tolist() == products
                values = [int(value) for value in fixed_point.sine_of_products(exact, 1.0)]
        expected = np.rint(np.rint(products[0] / 2**24) / 2**4)
        assert network(planes[:, pixel : pixel + 1]).tolist() == [[np.float32(expected)]]


@pytest.mark.parametrize(
    ("layers", "bits"),
    [
        pytest.param(([[127, 4]], [[1, 0]], [[1, 0]]), (0, 0, 0), id="first-layer-of-inputs-up-to-4"),
        pytest.param(([[1, 0]], [[-500, 12]], [[1, 0]]), (0, 0, 0), id="second-layer"),
        pytest.param(([[1, 0]], [[1, 0]], [[0, -512]]), (0, 0, 0), id="bias"),
        pytest.param(([[1, 0]], [[1, 0]], [[32_000, 768]]), (0, 0, 6), id="fine-steps"),
    ],
)
def test_weights_whose_sums_could_be_inexact_are_refused(layers, bits):
    with pytest.raises(PayloadError, match="the weights of a unit must sum to less than 512"):
        network_of(*layers, bits=bits)
    smaller = [[[value - np.sign(value) for value in row] for row in rows] for rows in layers]
    smaller = [rows if rows != [[0, 0]] else [[1, 0]] for rows in smaller]
    stored = network_of(*smaller, bits=bits).to_bytes()
    SineSynthesis.from_bytes(stored, 2)


def stored(*, inputs=b"\x01", width=b"\x01", unit=b"\x00\x00\x80\x3f", octaves=b"\x20\x20", bits=bytes(3), sets=None):
    sets = sets or ([1, 0], [1, 0], [1, 0])
    return inputs + width + unit + octaves + bits + write_parameters([np.array(part, np.int64) for part in sets])


@pytest.mark.parametrize(
    ("data", "rank", "message"),
    [
        pytest.param(b"", 2, "truncated sinusoidal network", id="empty"),
        pytest.param(stored()[:10], 2, "truncated sinusoidal network", id="cut"),
        pytest.param(stored()[:12], 2, "truncated coded parameters", id="no-weights"),
        pytest.param(stored() + b"and so on", 2, "must end where their stream does", id="trailing"),
        pytest.param(stored(inputs=b"\x00"), 2, r"inputs .* \[1, 1\]. Got 0", id="no-inputs"),
        pytest.param(stored(inputs=b"\x02"), 2, r"inputs .* \[1, 1\]. Got 2", id="no-outputs"),
        pytest.param(stored(), 1, "1 inputs needs more than 1 components", id="rank-1"),
        pytest.param(stored(width=b"\x00"), 2, r"hidden width .* \[1, 64\]. Got 0", id="no-width"),
        pytest.param(stored(width=b"\x41"), 2, r"hidden width .* Got 65", id="too-wide"),
        pytest.param(stored(unit=bytes(4)), 2, "unit .* must be positive and finite. Got 0.0", id="unit-0"),
        pytest.param(stored(unit=b"\x00\x00\x80\xbf"), 2, "Got -1.0", id="unit-negative"),
        pytest.param(stored(unit=b"\x00\x00\xc0\x7f"), 2, "Got nan", id="unit-nan"),
        pytest.param(stored(unit=b"\x00\x00\x80\x7f"), 2, "Got inf", id="unit-inf"),
        pytest.param(stored(unit=b"\xff\xff\x7f\x7f"), 2, "unit .* Got 3.4", id="unit-absurd"),
        pytest.param(stored(unit=b"\x00\x00\x00\x01"), 2, "unit .* Got 2.3", id="unit-tiny"),
        pytest.param(stored(octaves=b"\x41\x20"), 2, r"octave .* \[0, 64\]. Got 65", id="input-octave"),
        pytest.param(stored(octaves=b"\x20\xff"), 2, "octave .* Got 255", id="output-octave"),
        pytest.param(stored(bits=b"\x00\x15\x00"), 2, r"step .* \[0, 20\]. Got 21", id="step"),
        pytest.param(stored(sets=([1, 0], [2**15 + 1, 0], [1, 0])), 2, "must lie within .*32768", id="weight"),
        pytest.param(stored(sets=([1, 0], [400, 112], [1, 0])), 2, "sum to less than 512", id="row"),
    ],
)
def test_reader_refuses(data, rank, message):
    with pytest.raises(PayloadError, match=message):
        SineSynthesis.from_bytes(data, rank)


def test_the_largest_network_is_read():
    network = make_synthesis(255, inputs=254, width=LARGEST_WIDTH, bits=(9, 9, 9))
    assert SineSynthesis.from_bytes(network.to_bytes(), 255).outputs == 1


@given(st.binary(max_size=80), st.integers(1, 8))
def test_any_bytes_are_a_bounded_network_or_refused(data, rank):
    try:
        network = SineSynthesis.from_bytes(data, rank)
    except PayloadError:
        return
    found = network(some_planes(network.inputs, 5))
    assert np.abs(found).max() <= LARGEST_PLANE

"""A sinusoidal network of the latent model: evaluated exactly from a pixel and its neighbours, refused if it cannot."""

import math

import numpy as np
import pytest

from tests.core.latent_examples import drawn, make_synthesis
from xr_inr.core import fixed_point
from xr_inr.core.latent import synthesis
from xr_inr.core.latent.synthesis import BESIDE, LARGEST_INPUT, SineSynthesis
from xr_inr.core.latent.wavelet import LARGEST_PLANE, PLANE_BITS
from xr_inr.exceptions import PayloadError

ONE = 2**PLANE_BITS


def network_of(first, second, third, *, bits=(0, 0, 0), unit=1.0, octaves=(0,), slope_octaves=(0,), out_octaves=(0,)):
    """Return a network of nested lists, each row weights and then the bias; weights of slopes may be left out."""
    seen = len(octaves) * (1 + len(BESIDE))
    first = [[*row[:-1], *[0] * (seen + 1 - len(row)), row[-1]] for row in first]
    layers = tuple(
        (np.array(rows, np.int64)[:, :-1], np.array(rows, np.int64)[:, -1]) for rows in (first, second, third)
    )
    return SineSynthesis(
        np.float32(unit), np.array(octaves), np.array(slope_octaves), np.array(out_octaves), bits, layers
    )


IDENTITY = ([[1, 0]], [[1, 0]], [[1, 0]])


def some_planes(inputs, size=(20, 25), seed=0):
    return drawn(-40 * ONE, 40 * ONE, (inputs, *size), seed).astype(np.float32)


def flat(value):
    """Return a plane of one pixel, whose neighbours beyond the edges are like it."""
    return np.array([[[value]]], np.float32)


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
    found = network(flat(value * ONE))
    if abs(value) * float(1 / network.unit) <= LARGEST_INPUT:
        assert found[0, 0, 0] == pytest.approx(ONE * expected(value), abs=0.51)


@pytest.mark.parametrize(
    ("place", "slopes"),
    [
        pytest.param((1, 1), (-3, 3, -1, 1), id="inside"),
        pytest.param((0, 0), (0, 3, 0, 1), id="top-left"),
        pytest.param((0, 2), (0, 3, -1, 0), id="top-right"),
        pytest.param((2, 0), (-3, 0, 0, 1), id="bottom-left"),
        pytest.param((2, 2), (-3, 0, -1, 0), id="bottom-right"),
    ],
)
@pytest.mark.parametrize("index", range(len(BESIDE)), ids=["above", "below", "left", "right"])
def test_slopes_are_differences_from_neighbours_and_none_beyond_an_edge(index, place, slopes):
    plane = np.arange(9, dtype=np.float32).reshape(1, 3, 3) * ONE / 4
    weights = [0] * (1 + len(BESIDE))
    weights[1 + index] = 1
    found = network_of([[*weights, 0]], [[1, 0]], [[100, 0]], slope_octaves=(1,))(plane)
    expected = 100 * math.sin(math.sin(slopes[index] / 4 / 2))
    assert found[0][place] == pytest.approx(ONE * expected, abs=0.51)


def test_slopes_stand_after_all_planes_plane_by_plane():
    planes = np.zeros((2, 3, 3), np.float32)
    planes[1, 0, 1] = ONE
    above_of_the_second = 2 + 1
    weights = [0] * 10
    weights[above_of_the_second] = 1
    found = network_of([[*weights, 0]], [[1, 0]], [[100, 0]], octaves=(0, 0), slope_octaves=(0, 0))(planes)
    said = 100 * ONE * math.sin(math.sin(1.0))
    np.testing.assert_allclose(found[0], [[0, 0, 0], [0, said, 0], [0, 0, 0]], atol=0.51)


def test_outputs_are_whole_float32_numbers_for_each_pixel():
    found = make_synthesis(5, inputs=2)(some_planes(2))
    assert (found.shape, found.dtype) == ((3, 20, 25), np.float32)
    np.testing.assert_array_equal(found, np.rint(found))
    assert len(np.unique(found)) > 20


@pytest.mark.parametrize("sign", [1, -1])
def test_inputs_are_clipped_to_4_of_their_scale(sign):
    network = make_synthesis(3, inputs=1)
    at_the_edge, far_beyond = (flat(sign * value * 8 * ONE) for value in (4, 2**20))
    np.testing.assert_array_equal(network(at_the_edge), network(far_beyond))
    assert (network(at_the_edge) != network(at_the_edge / 2)).any()


@pytest.mark.parametrize("sign", [1, -1])
def test_slopes_are_clipped_to_4_of_their_scale(sign):
    network = network_of([[0, 0, 1, 0, 0, 0]], [[1, 0]], [[100, 0]], slope_octaves=(3,))
    half, at_the_edge, far_beyond = (
        network(np.array([[[0], [sign * value * 8 * ONE]]], np.float32))[0, 0, 0] for value in (2, 4, 2**20)
    )
    assert half != at_the_edge == far_beyond


def test_outputs_stop_at_the_largest_plane():
    network = network_of([[0, 1]], [[0, 1]], [[0, 500], [0, -500]], unit=1e9, out_octaves=(32, 32))
    assert network(flat(0)).ravel().tolist() == [LARGEST_PLANE, -LARGEST_PLANE]


@pytest.mark.parametrize("inputs", [1, 3])
def test_a_pixel_is_the_same_in_every_window_that_has_its_neighbours(inputs):
    network = make_synthesis(8, inputs=inputs, width=24)
    planes = some_planes(inputs)
    whole = network(planes)
    for top, bottom, left, right in ((0, 20, 0, 25), (0, 4, 7, 10), (5, 20, 0, 2), (16, 20, 3, 25), (9, 10, 24, 25)):
        seen = np.s_[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1]
        inside = np.s_[min(top, 1) :, min(left, 1) :]
        found = network(planes[:, *seen])[:, *inside][:, : bottom - top, : right - left]
        np.testing.assert_array_equal(found, whole[:, top:bottom, left:right])
    np.testing.assert_array_equal(network(np.asfortranarray(planes)), whole)


@pytest.mark.parametrize("pixels", [1, 60, 110], ids="{}-at-once".format)
def test_rows_are_evaluated_a_few_at_a_time_as_all_at_once(monkeypatch, pixels):
    network, planes = make_synthesis(5, inputs=2), some_planes(2)
    whole = network(planes)
    monkeypatch.setattr(synthesis, "_PIXELS_AT_ONCE", pixels)
    np.testing.assert_array_equal(network(planes), whole)


def test_sums_are_exact_up_to_the_largest_weights():
    """Against Python's integers, rows just below the limit, inputs that need every bit."""
    beside = np.array([[9, -8, 7, -6, 5, -4, 3, -2], [-1, 2, -3, 4, -5, 6, -7, 8], [40, 1, -40, 0, 1, -40, 0, 40]])
    weights = np.hstack([[[-16_250, 7], [4_960, -11_318], [1, 16_130]], beside])
    network = SineSynthesis(
        np.float32(1.0),
        np.array([0, -2]),
        np.array([1, 0]),
        np.array([10]),
        (7, 7, 7),
        (
            (weights, np.array([31, -55, 0])),
            (np.array([[21_800, -21_800, 21_000], [3, 2, 1], [0, -65_000, 500]]), np.array([0, 65_000, -7])),
            (np.array([[30_011, 30_013, -5_000]]), np.array([500])),
        ),
    )
    planes = drawn(-4 * ONE, 4 * ONE, (2, 5, 8)).astype(np.float32)
    whole = network(planes)
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge").astype(int)
    for row, column in np.ndindex(5, 8):
        centre = padded[:, 1 + row, 1 + column]
        slopes = [padded[:, 1 + row + down, 1 + column + across] - centre for down, across in BESIDE]
        limit, octaves = int(LARGEST_INPUT) * 2**20, [0, -2, *[1, 0] * len(BESIDE)]
        values = [
            max(-limit, min(limit, int(value) * 2 ** (14 - octave)))
            for value, octave in zip(np.concatenate([centre, *slopes]), octaves, strict=True)
        ]
        for index, (rows, biases) in enumerate(network.layers):
            products = [
                sum(int(weight) * 2**17 * value for weight, value in zip(weights, values, strict=True))
                + int(bias) * 2 ** (17 + 20)
                for weights, bias in zip(rows, biases, strict=True)
            ]
            if index < 2:
                exact = np.array(products, np.float64)
                assert exact.tolist() == products
                values = [int(value) for value in fixed_point.sine_of_products(exact, 1.0)]
        assert whole[0, row, column] == np.float32(np.rint(np.rint(products[0] / 2**24) / 2**4))


@pytest.mark.parametrize(
    ("layers", "bits"),
    [
        pytest.param(([[127, 4]], [[1, 0]], [[1, 0]]), (0, 0, 0), id="first-layer-of-inputs-up-to-4"),
        pytest.param(([[60, 0, 40, 0, 27, 4]], [[1, 0]], [[1, 0]]), (0, 0, 0), id="first-layer-with-slopes"),
        pytest.param(([[1, 0]], [[-500, 12]], [[1, 0]]), (0, 0, 0), id="second-layer"),
        pytest.param(([[1, 0]], [[1, 0]], [[0, -512]]), (0, 0, 0), id="bias"),
        pytest.param(([[1, 0]], [[1, 0]], [[32_000, 768]]), (0, 0, 6), id="fine-steps"),
    ],
)
def test_weights_whose_sums_could_be_inexact_are_refused(layers, bits):
    with pytest.raises(PayloadError, match="the weights of a unit must sum to less than 512"):
        network_of(*layers, bits=bits)
    smaller = [[[value - np.sign(value) for value in row] for row in rows] for rows in layers]
    network_of(*[rows if rows != [[0, 0]] else [[1, 0]] for rows in smaller], bits=bits)

"""Evaluation: the same bits for every batch and order, and within a step of what the formula says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xr_inr.core import fixed_point
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.core.siren.storage import StoredNetwork
from xr_inr.exceptions import PayloadError

STEP = 2.0**-fixed_point.VALUE_BITS
PRODUCT_ONE = 2.0 ** (fixed_point.VALUE_BITS + fixed_point.WEIGHT_BITS)
SIZE = (37, 53)
ROWS, COLUMNS = (index.ravel() for index in np.indices(SIZE))


def network(architecture=(3, 24, 5), omega_0=30.0, seed=0):
    """A network with the SIREN initialisation."""
    shape, generator = Architecture(*architecture), np.random.default_rng(seed)
    layers = []
    for index, (units, inputs) in enumerate(shape.layer_shapes):
        bound = 0.5 if index == 0 else np.sqrt(6.0 / inputs) / omega_0
        layers.append((generator.uniform(-bound, bound, (units, inputs)), generator.uniform(-0.2, 0.2, units)))
    return StoredNetwork(shape, omega_0, layers)


def plain_siren(stored, rows, columns, size=SIZE):
    """The formula in float64: sin(w0 (Wx + b)), linear last, x and y in [-1, 1]."""
    values = np.stack([2.0 * columns / (size[1] - 1) - 1.0, 2.0 * rows / (size[0] - 1) - 1.0], axis=1)
    for weights, biases in stored.layers[:-1]:
        values = np.sin(stored.omega_0 * (values @ weights.T + biases))
    weights, biases = stored.layers[-1]
    return values @ weights.T + biases


@given(angle=st.floats(-15_000.0, 15_000.0))
def test_sine_is_within_a_step_of_numpy(angle):
    products = np.array([np.rint(angle / 30.0 * PRODUCT_ONE)])
    exact = np.sin(30.0 * products / PRODUCT_ONE)
    assert abs(fixed_point.sine_of_products(products.copy(), 30.0)[0] * STEP - exact[0]) <= STEP


def test_sine_of_a_dense_turn_is_within_a_step_of_numpy():
    angles = np.linspace(-7.0, 7.0, 200_001)
    products = np.rint(angles / 30.0 * PRODUCT_ONE)
    exact = np.sin(30.0 * products / PRODUCT_ONE)
    assert np.abs(fixed_point.sine_of_products(products.copy(), 30.0) * STEP - exact).max() <= STEP


@pytest.mark.parametrize(("quarters", "sine"), [(0, 0), (1, 1), (2, 0), (3, -1), (4, 0), (-1, -1), (4001, 1)])
def test_sine_of_quarter_turns_is_exact(quarters, sine):
    products = np.rint(np.array([quarters * np.pi / 2.0 / 30.0]) * PRODUCT_ONE)
    assert fixed_point.sine_of_products(products, 30.0)[0] * STEP == sine


@given(angle=st.floats(0.0, 15_000.0))
def test_sine_is_odd_and_never_beyond_one(angle):
    products = np.rint(np.array([angle, -angle]) / 30.0 * PRODUCT_ONE)
    positive, negative = fixed_point.sine_of_products(products, 30.0) * STEP
    assert positive == -negative
    assert abs(positive) <= 1


@pytest.mark.parametrize(
    ("size", "positions"),
    [
        (1, [0.0]),
        (2, [-1.0, 1.0]),
        (3, [-1.0, 0.0, 1.0]),
        (5, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (4, [-1.0, -349_525 * STEP, 349_525 * STEP, 1.0]),
    ],
)
def test_grid_positions_by_hand(size, positions):
    assert (fixed_point.grid_positions(np.arange(size), size) * STEP).tolist() == positions


@pytest.mark.parametrize("size", [65_535, 2**31 - 1])
def test_grid_of_any_size_ends_at_one(size):
    assert (fixed_point.grid_positions(np.array([0, size - 1]), size) * STEP).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("architecture", [(1, 1, 1), (1, 64, 3), (3, 24, 5), (8, 16, 2)], ids=str)
@pytest.mark.parametrize("omega_0", [1.0, 30.0])
def test_evaluation_is_the_formula_up_to_rounding(architecture, omega_0):
    stored = network(architecture, omega_0)
    found = Evaluator(stored, SIZE)(ROWS, COLUMNS) * STEP
    np.testing.assert_allclose(found, plain_siren(stored, ROWS, COLUMNS), atol=1e-3)
    assert np.abs(found - plain_siren(stored, ROWS, COLUMNS)).mean() < 1e-4


def test_small_network_by_hand():
    stored = StoredNetwork(
        Architecture(1, 1, 2), 30.0, [(np.array([[0.5, -0.25]]), np.zeros(1)), (np.array([[2.0], [-1.0]]), np.ones(2))]
    )
    sine = np.rint(np.sin(30.0 * (0.5 * 1.0 - 0.25 * -1.0)) / STEP)
    found = Evaluator(stored, SIZE)(np.array([0]), np.array([SIZE[1] - 1]))
    assert found.tolist() == [[2 * sine + 2**20, -sine + 2**20]]


@given(points=st.lists(st.integers(0, SIZE[0] * SIZE[1] - 1), min_size=1, max_size=40))
def test_points_do_not_depend_on_their_company(points):
    evaluator = Evaluator(network(), SIZE)
    rows, columns = np.divmod(np.array(points), SIZE[1])
    together = evaluator(rows, columns)
    alone = np.concatenate([evaluator(rows[i : i + 1], columns[i : i + 1]) for i in range(len(points))])
    np.testing.assert_array_equal(together, alone)


def test_large_batches_give_the_same_as_small_ones_in_any_order():
    evaluator = Evaluator(network(), SIZE)
    whole = evaluator(ROWS, COLUMNS)
    order = np.random.default_rng(0).permutation(len(ROWS))
    np.testing.assert_array_equal(evaluator(ROWS[order], COLUMNS[order]), whole[order])
    np.testing.assert_array_equal(evaluator(ROWS[::7], COLUMNS[::7]), whole[::7])


def test_order_of_units_does_not_matter():
    stored = network()
    (first, first_bias), (second, second_bias), *rest = stored.layers
    order = np.random.default_rng(0).permutation(len(first))
    turned = StoredNetwork(
        stored.architecture, 30.0, [(first[order], first_bias[order]), (second[:, order], second_bias), *rest]
    )
    np.testing.assert_array_equal(
        Evaluator(turned, SIZE)(ROWS, COLUMNS), Evaluator(stored, SIZE)(ROWS, COLUMNS)
    )  # sums are exact, whatever their order


def tiny(weights, biases=(0.0,)):
    return StoredNetwork(
        Architecture(1, 1, 1), 30.0, [(np.array([weights]), np.array(biases)), (np.ones((1, 1)), np.zeros(1))]
    )


@pytest.mark.parametrize(
    ("weights", "biases"),
    [
        pytest.param((256.0, -256.0), (0.0,), id="weights"),
        pytest.param((200.0, 200.0), (-112.0,), id="bias-included"),
        pytest.param((1e30, 0.0), (0.0,), id="huge"),
        pytest.param((np.inf, 0.0), (0.0,), id="inf"),
        pytest.param((np.nan, 0.0), (0.0,), id="nan"),
        pytest.param((0.0, 0.0), (np.nan,), id="nan-bias"),
    ],
)
def test_sums_that_would_not_be_exact_are_refused(weights, biases):
    with pytest.raises(PayloadError, match="must be finite and sum to less than 512"):
        Evaluator(tiny(weights, biases), SIZE)


def test_sums_just_below_the_limit_are_exact():
    evaluator = Evaluator(tiny((255.5, -256.25)), SIZE)
    corner = evaluator(np.array([0]), np.array([SIZE[1] - 1]))[0, 0] * STEP
    assert corner == pytest.approx(np.sin(30.0 * 511.75), abs=STEP)

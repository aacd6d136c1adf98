"""Rounding of columns: errors that make up for one another, and bits weighed against them."""

import numpy as np
import pytest

from tests.core.latent_examples import drawn
from xr_inr.core.latent.column_rounding import feedback, round_columns
from xr_inr.core.latent.columns import LARGEST_LEVEL, write_columns
from xr_inr.core.latent.symbols import SymbolEncoder


def alike(columns=6, likeness=0.9, energy=4.0**6):
    """The Gram matrix of planes that resemble one another."""
    return energy * (likeness * np.ones((columns, columns)) + (1 - likeness) * np.eye(columns))


def targets_of(rows=60, columns=6):
    """Columns between the multiples of any step."""
    smooth = np.sin(np.arange(rows)[:, None] / (3 + np.arange(columns)))
    return smooth + drawn(-500, 500, (rows, columns)) / 5000


def error(levels, steps, targets, gram):
    errors = levels * steps - targets
    return float(np.einsum("ri,ij,rj->", errors, gram, errors))


def bits(levels):
    encoder = SymbolEncoder()
    write_columns(encoder, levels)
    return 8 * len(encoder.getvalue())


STEPS = np.full(6, 2.0**-6)


def test_feedback_and_shares_make_up_the_gram_matrix():
    gram = alike() * np.outer(np.arange(1, 7), np.arange(1, 7))
    below, shares = feedback(gram)
    np.testing.assert_array_equal(below, np.tril(below, -1))
    whole = below + np.eye(6)
    np.testing.assert_allclose(whole.T @ np.diag(shares) @ whole, gram, rtol=1e-9)


@pytest.mark.parametrize(
    "gram",
    [
        pytest.param(np.zeros((4, 4)), id="empty-planes"),
        pytest.param(np.full((4, 4), 1e9), id="planes-all-the-same"),
        pytest.param(1e6 * np.eye(4) - 30 * np.ones((4, 4)), id="plain"),
        pytest.param(np.diag([1e9, 1e3, -5.0, 0.0]), id="less-than-nothing"),
    ],
)
def test_every_share_is_at_least_one_squared_step(gram):
    below, shares = feedback(gram)
    assert (shares >= 1 - 1e-3).all()
    assert np.isfinite(below).all()


def test_planes_unlike_one_another_are_rounded_alone():
    below, shares = feedback(np.diag([9.0, 4.0, 25.0]))
    np.testing.assert_allclose(below, 0, atol=1e-12)
    np.testing.assert_allclose(shares, [9, 4, 25])


def test_without_weight_and_likeness_every_entry_is_the_nearest():
    targets = targets_of()
    levels = round_columns(targets, STEPS, alike(likeness=0.0), weight=0.0)
    np.testing.assert_array_equal(levels, np.rint(targets / STEPS))


def test_columns_that_resemble_one_another_make_up_for_their_errors():
    targets, gram = targets_of(), alike()
    found = round_columns(targets, STEPS, gram, weight=0.0)
    assert error(found, STEPS, targets, gram) < 0.5 * error(np.rint(targets / STEPS), STEPS, targets, gram)


def test_weight_gives_fewer_bits_and_more_error():
    targets, gram = targets_of(), alike(likeness=0.3)
    found = [round_columns(targets, STEPS, gram, weight) for weight in (0.0, 0.2, 2.0)]
    lengths = [bits(levels) for levels in found]
    errors = [error(levels, STEPS, targets, gram) for levels in found]
    assert lengths == sorted(lengths, reverse=True)
    assert errors == sorted(errors)


@pytest.mark.parametrize("bits_each", [1, 3, 6])
def test_weighing_bits_costs_less_in_all_than_rounding_to_the_nearest(bits_each):
    targets, steps, weight = 0.3 * targets_of(), np.full(6, 2.0**-bits_each), 0.14
    gram = alike(likeness=0.3, energy=4.0**bits_each)
    found, nearest = (
        error(levels, steps, targets, gram) + weight * bits(levels)
        for levels in (round_columns(targets, steps, gram, weight), np.rint(targets / steps).astype(np.int64))
    )
    assert found < 0.99 * nearest


def test_one_row_and_one_column_are_rounded():
    assert round_columns(np.array([[2.6]]), np.ones(1), np.eye(1), weight=0.0).tolist() == [[3]]


def test_entries_stay_within_what_can_be_coded():
    levels = round_columns(np.array([[1e12, -1e12]]), np.ones(2), 100 * np.eye(2), weight=0.1)
    assert levels.tolist() == [[LARGEST_LEVEL, -LARGEST_LEVEL]]

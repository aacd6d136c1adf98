"""The laws of latents: tables of probabilities, exact in float32, and the same for ever."""

import hashlib
import math

import numpy as np
import pytest

from xr_inr.core.latent.laws import (
    COLUMNS,
    FRACTIONS,
    REACH,
    TABLED_SCALES,
    TAIL_SHARE,
    TAIL_WIDTH,
    UNIT_SCALE,
    index_of_scale,
    probabilities,
    scale_of_index,
)

UP, DOWN = COLUMNS - 2, COLUMNS - 1
every_scale = pytest.mark.parametrize("scale", range(TABLED_SCALES))


def row(scale, fraction):
    """Return the table of a law: below, -REACH ... REACH, above."""
    table = probabilities()[scale * FRACTIONS + fraction].astype(np.float64)
    return np.concatenate([table[[DOWN]], table[: 2 * REACH + 1], table[[UP]]])


def mean_of(fraction):
    return (fraction - FRACTIONS // 2) / FRACTIONS


def test_there_is_a_table_for_every_scale_and_fraction():
    assert (probabilities().shape, probabilities().dtype) == ((TABLED_SCALES * FRACTIONS, COLUMNS), np.float32)


def test_tables_sum_to_1_exactly():
    np.testing.assert_array_equal(probabilities().sum(axis=1, dtype=np.float64), 1.0)


def test_probabilities_are_positive_multiples_of_2_to_the_minus_15():
    counts = probabilities().astype(np.float64) * 2**15
    np.testing.assert_array_equal(counts, np.rint(counts))
    assert counts.min() >= 1


def test_tables_are_frozen():
    digest = hashlib.sha256(probabilities().astype("<f4").tobytes()).hexdigest()
    assert digest == "4d9ba5c0dbe91b4ee7d567ea72131f8edfaf796e3c6c9131ced8a60d70279934"


def test_tables_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        probabilities()[0, 0] = 0.5


@every_scale
def test_a_mean_and_its_opposite_have_mirrored_tables(scale):
    for fraction in range(1, FRACTIONS):
        np.testing.assert_array_equal(row(scale, fraction), row(scale, FRACTIONS - fraction)[::-1])


@every_scale
def test_probabilities_fall_with_the_distance_from_the_mean(scale):
    for fraction in range(FRACTIONS):
        inner = row(scale, fraction)[1:-1]
        distances = np.abs(np.arange(-REACH, REACH + 1) - mean_of(fraction))
        assert (np.diff(inner[np.lexsort((-inner, distances))]) <= 0).all()


@pytest.mark.parametrize("fraction", range(FRACTIONS))
def test_wider_laws_are_flatter(fraction):
    likeliest = [row(scale, fraction).max() for scale in range(TABLED_SCALES)]
    escapes = [row(scale, fraction)[[0, -1]].sum() for scale in range(TABLED_SCALES)]
    assert (np.diff(likeliest) <= 0).all()
    assert (np.diff(escapes) >= 0).all()


def mixture(value, mean, scale):
    """Return the probability of less than `value` under the law that tables are made of."""
    distance = (value - mean) / 2.0 ** ((scale - UNIT_SCALE) / 3)
    narrow, wide = (0.5 + 0.5 * math.tanh(part / 2) for part in (distance, distance / TAIL_WIDTH))
    return (1 - TAIL_SHARE) * narrow + TAIL_SHARE * wide


@every_scale
def test_tables_are_a_mixture_of_two_logistic_laws(scale):
    for fraction in range(FRACTIONS):
        inner = [mixture(edge + 0.5, mean_of(fraction), scale) for edge in range(-REACH - 1, REACH + 1)]
        apart = np.sort(np.abs(row(scale, fraction) - np.diff([0.0, *inner, 1.0])))
        # Rounding, or the least probability there is; the likeliest gives or takes what the others left over.
        assert apart[-2] <= 2.0**-15
        assert apart[-1] <= (COLUMNS - 1) * 2.0**-15


@pytest.mark.parametrize(("index", "scale"), [(12, 1.0), (15, 2.0), (9, 0.5), (0, 2.0**-4), (47, 2.0 ** (35 / 3))])
def test_scales_grow_by_an_octave_every_three_indices(index, scale):
    assert scale_of_index(np.array(index)) == pytest.approx(scale)
    assert index_of_scale(np.array(scale)) == pytest.approx(index)

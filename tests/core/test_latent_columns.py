"""Columns of whole numbers as bytes: foretold from what stands above, under laws as wide as the misses of late."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import drawn
from tests.core.ways import way  # noqa: F401 - runs this module both ways
from xr_inr.core.latent.columns import (
    KINDS,
    LARGEST_LEVEL,
    ColumnLaws,
    choose_kinds,
    foretold,
    growth,
    read_columns,
    write_columns,
)
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.exceptions import PayloadError


def written(levels):
    encoder = SymbolEncoder()
    write_columns(encoder, np.asarray(levels, np.int64))
    return encoder.getvalue()


def read(data, rows, columns):
    decoder = SymbolDecoder(data)
    levels = read_columns(decoder, rows, columns)
    decoder.finish()
    return levels


def laws_after(levels, kinds=None):
    """The laws of all entries, given those before them: indices of scales, and means in eighths."""
    levels = np.asarray(levels, np.int64)
    laws = ColumnLaws(len(levels), np.zeros(levels.shape[1], int) if kinds is None else np.array(kinds))
    scales, means = np.zeros(levels.shape, int), np.zeros(levels.shape, int)
    for row, column in laws.fronts():
        scales[row, column], means[row, column] = laws.of(row, column)
        laws.learn(row, column, levels[row, column])
    return scales, means


@given(rows=st.integers(1, 30), columns=st.integers(1, 12), octaves=st.integers(0, 26), seed=st.integers(0, 99))
def test_columns_are_restored(rows, columns, octaves, seed):
    levels = drawn(-(2**octaves), 2**octaves, (rows, columns), seed) >> drawn(0, octaves, (1, columns), seed)
    np.testing.assert_array_equal(read(written(levels), rows, columns), levels)


def test_entries_at_both_limits_are_restored():
    levels = LARGEST_LEVEL * (2 * drawn(0, 1, (40, 7)) - 1)
    np.testing.assert_array_equal(read(written(levels), 40, 7), levels)


def test_stored_form_is_frozen():
    levels = np.cumsum(drawn(-3, 3, (9, 4)), axis=0) * np.array([40, 5, 1, 0])
    assert written(levels).hex() == "3434c24ad4b93ea5a8ec9cd167d41b324ae39ba19d1e4ea7019b786687d61e3a"


def test_a_front_holds_the_entries_whose_row_and_column_have_one_sum():
    fronts = [list(zip(row, column, strict=True)) for row, column in ColumnLaws(3, np.zeros(2, int)).fronts()]
    assert fronts == [[(0, 0)], [(1, 0), (0, 1)], [(2, 0), (1, 1)], [(2, 1)]]


@pytest.mark.parametrize("changed", [(0, 0), (3, 2), (5, 0), (4, 5)], ids=str)
def test_laws_depend_on_earlier_fronts_alone(changed):
    levels = drawn(-9, 9, (8, 6))
    other = levels.copy()
    other[changed] += 500
    kinds = [0, 1, 2, -1, -2, 1]
    later = np.add.outer(np.arange(8), np.arange(6)) > sum(changed)
    for before, after in zip(laws_after(levels, kinds), laws_after(other, kinds), strict=True):
        np.testing.assert_array_equal(before[~later], after[~later])


def test_a_miss_widens_the_laws_under_it_and_beside_it_for_a_while():
    quiet = np.zeros((30, 10), int)
    loud = quiet.copy()
    loud[9, 3] = 100
    wider = laws_after(loud)[0] - laws_after(quiet)[0]
    assert wider[10, 3] > wider[14, 3] > 0
    assert wider[9, 4] > wider[9, 7] > 0
    assert (wider >= 0).all()
    assert not wider[:9].any()


def test_first_entries_say_nothing_of_how_columns_change():
    large = np.full((6, 3), 10_000)
    np.testing.assert_array_equal(laws_after(large)[0], laws_after(large // 1000)[0])


def test_laws_of_entries_at_the_limits_are_within_the_tables():
    scales, means = laws_after(LARGEST_LEVEL * (2 * drawn(0, 1, (60, 8)) - 1), [0, 1, 2, -1, -2, 2, 2, 2])
    assert 0 <= scales.min() <= scales.max() < SCALES
    assert np.abs(means).max() <= 8 * LARGEST_LEVEL


@pytest.mark.parametrize(
    ("kind", "eighths"),
    [
        pytest.param(0, 80, id="the-entry-above"),
        pytest.param(-1, 140 - 24, id="on-along-the-slope"),
        pytest.param(-2, 0, id="nothing"),
        pytest.param(1, 120, id="the-entry-above-grown"),
        pytest.param(2, 140 - 24 + 58, id="the-slope-grown"),
    ],
)
def test_foretold_by_kind(kind, eighths):
    assert foretold(np.array(10), np.array(4), np.array(kind), np.array(32)) == eighths


@pytest.mark.parametrize(
    ("now", "before", "grown"),
    [(150, 100, 32), (100, 100, 0), (50, 100, -32), (-50, -100, -32), (-100, 100, -64), (900, 100, 128), (7, 0, 0)],
)
def test_growth_is_in_64ths_within_minus_1_and_2(now, before, grown):
    assert growth(np.array([now]), np.array([before])) == [grown]


def smooth(rows=200):
    return np.rint(500 * np.sin(np.arange(rows) / 12)).astype(np.int64)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param(drawn(-50, 50, 200), -2, id="noise"),
        pytest.param(np.cumsum(drawn(-5, 5, 200)), 0, id="walk"),
        pytest.param(smooth(), -1, id="smooth"),
        pytest.param((1000 + drawn(-300, 300, 200, 5)) // 4, 1, id="like-the-first"),
        pytest.param(np.zeros(200, int), 0, id="zeros"),
    ],
)
def test_columns_are_foretold_as_suits_them(column, kind):
    first = 1000 + drawn(-300, 300, 200, 5)
    assert choose_kinds(np.column_stack([first, column])).tolist() == [0, kind]


def test_the_first_column_is_foretold_by_the_entry_above_whatever_suits_it():
    assert choose_kinds(smooth()[:, None]).tolist() == [0]


@pytest.mark.parametrize(
    ("levels", "bits"),
    [
        pytest.param(np.zeros((200, 10), int), 0.3, id="zeros"),
        pytest.param(smooth()[:, None] // 8 + np.zeros(10, int), 2.5, id="smooth"),
        pytest.param(drawn(-8, 8, (200, 10)), 4.9, id="noise"),
        pytest.param(np.where(np.arange(200)[:, None] % 20 < 2, drawn(-500, 500, (200, 10)), 0), 3.7, id="noisy-bands"),
    ],
)
def test_columns_take_few_bits_an_entry(levels, bits):
    assert 8 * len(written(levels)) / levels.size < bits


def test_larger_entries_are_not_written():
    with pytest.raises(ValueError, match=f"must lie within .*{LARGEST_LEVEL}"):
        written([[0], [LARGEST_LEVEL + 1]])


def test_unknown_kinds_are_refused():
    encoder = SymbolEncoder()
    encoder.put(np.array([max(KINDS) + 1], np.int32), np.array([9]), np.array([0]))
    with pytest.raises(PayloadError, match=r"kind of a column must be in \[-2, 2\]"):
        read(encoder.getvalue(), 3, 2)


def test_larger_entries_are_refused():
    encoder = SymbolEncoder()
    laws = ColumnLaws(2, np.zeros(1, int))
    for (row, column), level in zip(laws.fronts(), ([LARGEST_LEVEL], [LARGEST_LEVEL + 1]), strict=True):
        # Under the law that a reader has, a change of one from what stands above.
        scales, means = laws.of(row, column)
        relative = np.array(level) - ((means + 4) >> 3)
        encoder.put(relative.astype(np.int32), scales, means - 8 * ((means + 4) >> 3))
        laws.learn(row, column, np.array(level))
    with pytest.raises(PayloadError, match="must lie within"):
        read(encoder.getvalue(), 2, 1)


@given(st.binary(max_size=60), st.integers(1, 20), st.integers(1, 6))
def test_any_bytes_are_bounded_entries_or_refused(data, rows, columns):
    try:
        levels = read(data, rows, columns)
    except PayloadError:
        return
    assert levels.shape == (rows, columns)
    assert np.abs(levels).max() <= LARGEST_LEVEL

"""Sets of whole numbers as bytes: one law a set, the cheapest there is, and checks when they are read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import drawn
from xr_inr.core.latent.laws import LARGEST_INTEGER, PER_OCTAVE, SCALES
from xr_inr.core.latent.parameters import best_scale, bits_under, read_parameters, write_parameters
from xr_inr.core.latent.symbols import SymbolEncoder
from xr_inr.exceptions import PayloadError

LEVELS = st.integers(-3, 3) | st.integers(-3000, 3000) | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)


def sets_of(*values):
    return [np.array(part, np.int64) for part in values]


@given(st.lists(st.lists(LEVELS, max_size=30), max_size=5))
def test_sets_are_restored(values):
    written = sets_of(*values)
    found = read_parameters(write_parameters(written), [len(part) for part in written], LARGEST_INTEGER)
    assert [part.tolist() for part in found] == values
    assert all(part.dtype == np.int64 for part in found)


def test_a_byte_names_the_scale_of_each_set_then_one_stream_follows():
    sets = sets_of([1, -2, 3], [], [900, -800])
    encoder = SymbolEncoder()
    for part in sets:
        encoder.put(part.astype(np.int32), np.full(len(part), best_scale(part)), np.zeros(len(part), int))
    assert write_parameters(sets) == bytes([best_scale(part) for part in sets]) + encoder.getvalue()


def test_stored_form_is_frozen():
    stored = write_parameters(sets_of(np.arange(-6, 7), [0] * 40, [1000, -77, 5]))
    assert stored.hex() == "0f002572145b0a7192372cb0e51aae"


@pytest.mark.parametrize("count", [1, 1000, 100_000])
def test_zeros_take_next_to_nothing(count):
    assert 8 * len(write_parameters(sets_of([0] * count))) <= 0.012 * count + 40


@pytest.mark.parametrize("spread", [0.05, 0.3, 1.0, 5.0, 40.0, 900.0, 20_000.0, 1e6])
@pytest.mark.parametrize("law", ["logistic", "laplace", "uniform"])
def test_the_scale_is_about_the_cheapest_of_all(spread, law):
    generator = np.random.default_rng(0)
    plain = {"logistic": generator.logistic, "laplace": generator.laplace, "uniform": generator.uniform}[law]
    values = np.rint(plain(0.0, spread, 800) if law != "uniform" else plain(-spread, spread, 800)).astype(np.int64)

    def bytes_under(scale):
        encoder = SymbolEncoder()
        encoder.put(values.astype(np.int32), np.full(len(values), scale), np.zeros(len(values), int))
        return len(encoder.getvalue())

    assert bytes_under(best_scale(values)) <= 1.02 * min(bytes_under(scale) for scale in range(SCALES)) + 2


@pytest.mark.parametrize(
    ("scale", "spread"), [(0, 1), (6, 3), (15, 8), (15, 60), (16, 40), (25, 500), (47, 2**20)], ids=str
)
def test_bits_are_about_those_that_are_written(scale, spread):
    values = drawn(-spread, spread, 5000, scale)
    scales, means = np.full(len(values), scale), drawn(-20, 20, len(values))
    encoder = SymbolEncoder()
    encoder.put(values.astype(np.int32), scales, means)
    assert float(bits_under(values, scales, means).sum()) == pytest.approx(8 * len(encoder.getvalue()), rel=2e-3)


def test_bits_are_told_for_every_value_under_every_law():
    values, scales = np.array([-90, -30, 0, 30, 90])[:, None], np.array([3, 12, 21])
    bits = bits_under(values, scales, np.array(0))
    assert bits.shape == (5, 3)
    assert bits.argmin(axis=0).tolist() == [2, 2, 2]


def test_numbers_beyond_the_widest_laws_have_one_of_those():
    assert best_scale(np.full(9, LARGEST_INTEGER)) >= SCALES - PER_OCTAVE


def test_larger_numbers_are_not_written():
    with pytest.raises(ValueError, match=f"must lie within .*{LARGEST_INTEGER}"):
        write_parameters(sets_of([2**31]))


THREE = write_parameters(sets_of([5, -6, 7]))


@pytest.mark.parametrize(
    ("data", "counts", "message"),
    [
        pytest.param(b"", [3], "truncated coded parameters", id="empty"),
        pytest.param(b"\x05", [3, 3], "truncated coded parameters", id="scales-cut"),
        pytest.param(bytes([SCALES]) + THREE[1:], [3], r"scale .* \[0, 47\]. Got 48", id="unknown-scale"),
        pytest.param(THREE + b"and so on", [3], "must end where their stream does", id="trailing"),
        pytest.param(b"\x00" + b"\xff" * 40, [9], r"(are not ones that xr_inr writes|must)", id="nonsense"),
    ],
)
def test_reader_refuses(data, counts, message):
    with pytest.raises(PayloadError, match=message):
        read_parameters(data, counts, 100)


@pytest.mark.parametrize("value", [101, -101])
def test_numbers_beyond_the_largest_are_refused(value):
    stored = write_parameters(sets_of([1, 2], [value]))
    read_parameters(stored, [2, 1], 101)
    with pytest.raises(PayloadError, match=r"must lie within \+-100"):
        read_parameters(stored, [2, 1], 100)


@given(st.binary(max_size=60), st.lists(st.integers(0, 50), max_size=4))
def test_any_bytes_are_bounded_numbers_or_refused(data, counts):
    try:
        found = read_parameters(data, counts, 1000)
    except PayloadError:
        return
    assert [len(part) for part in found] == counts
    assert all(np.abs(part).max(initial=0) <= 1000 for part in found)


def test_a_set_of_many_numbers_is_restored():
    values = drawn(-(2**20), 2**20, 70_000)
    np.testing.assert_array_equal(read_parameters(write_parameters([values]), [70_000], 2**20)[0], values)

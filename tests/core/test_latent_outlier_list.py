"""The list of outliers comes back whole, in about as many bits as its positions and values have."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import make_outliers
from xr_inr.core.latent.outlier_list import bits_of_one, read_outliers, write_outliers
from xr_inr.core.outliers import Outliers
from xr_inr.exceptions import PayloadError


def stored(outliers, shape):
    return write_outliers(outliers, shape[0], math.prod(shape[1:]))


def read(data, shape):
    return read_outliers(data, shape[0], math.prod(shape[1:]))


@pytest.mark.parametrize(
    ("shape", "count"),
    [((1, 1, 1), 1), ((3, 4, 5), 1), ((3, 4, 5), 60), ((7, 33, 20), 11), ((200, 100, 90), 999)],
    ids=str,
)
@pytest.mark.parametrize("bits", [1, 8, 24])
def test_a_list_comes_back(shape, count, bits):
    outliers = make_outliers(shape, count, bits=bits)
    found = read(stored(outliers, shape), shape)
    assert found.bits == bits
    for name in ("pixels", "bands", "levels"):
        np.testing.assert_array_equal(getattr(found, name), getattr(outliers, name))


@pytest.mark.parametrize("place", [0, 5_000_000_000 - 1])
def test_the_first_sample_and_the_last_one_of_a_huge_scene_can_be_told_of(place):
    pixel, band = divmod(place, 50)
    only = Outliers(np.array([pixel]), np.array([band]), np.array([3]), 2)
    found = read_outliers(write_outliers(only, 50, 10**8), 50, 10**8)
    assert (found.pixels[0], found.bands[0], found.levels[0]) == (pixel, band, 3)


@pytest.mark.parametrize("count", [3, 100, 9_000])
def test_an_outlier_takes_about_the_bits_that_are_foretold(count):
    shape = (100, 100, 90)
    taken = 8 * len(stored(make_outliers(shape, count), shape))
    assert taken == pytest.approx(count * bits_of_one(count, 900_000, 12), rel=0.05, abs=40)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_list_or_refused(data):
    try:
        found = read(data, (3, 8, 9))
    except PayloadError:
        return
    assert stored(found, (3, 8, 9)) == data
    assert 0 <= found.pixels.min() <= found.pixels.max() < 72
    assert 0 <= found.bands.min() <= found.bands.max() < 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda data: b"\x00" + data[1:], "number of outliers", id="none"),
        pytest.param(lambda data: b"\x7f" + data[1:], "number of outliers", id="more-than-samples"),
        pytest.param(lambda data: data[:1] + b"\x19" + data[2:], "bits of a level", id="wide-levels"),
        pytest.param(lambda data: data[:-1], "outliers", id="truncated"),
        pytest.param(lambda data: data + b"\x00", "outliers", id="longer"),
        pytest.param(lambda data: data[:-1] + bytes([data[-1] | 1]), "the end no ones", id="ones-at-the-end"),
        pytest.param(lambda data: data[:2] + b"\xff" + data[3:], "a one for each", id="more-ones"),
    ],
)
def test_other_forms_are_refused(change, message):
    data = stored(make_outliers((3, 4, 5), 4, bits=9), (3, 4, 5))
    with pytest.raises(PayloadError, match=message):
        read(change(data), (3, 4, 5))


def test_positions_that_do_not_rise_are_refused():
    one = Outliers(np.array([2, 2]), np.array([1, 0]), np.array([0, 0]), 1)
    with pytest.raises(PayloadError, match="must rise and be less than 60"):
        read(stored(one, (3, 4, 5)), (3, 4, 5))

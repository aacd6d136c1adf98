"""The map of repeated pixels comes back whole, and takes few bytes where curves go on from row to row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import make_repeats
from tests.core.ways import both_ways
from xr_inr.core.latent.repeat_map import read_repeats, write_repeats
from xr_inr.core.repeats import Repeats
from xr_inr.exceptions import PayloadError

SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (13, 40), (40, 13)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 0.95, 1.0])
def test_a_map_comes_back(size, share):
    repeats = make_repeats(size, share=share)
    data, reference = both_ways(lambda: write_repeats(repeats))
    assert data == reference
    for found in both_ways(lambda: read_repeats(data, size)):
        np.testing.assert_array_equal(found.left, repeats.left)
        np.testing.assert_array_equal(found.above, repeats.above)


def test_curves_take_three_fifths_of_what_scattered_pixels_do():
    rows, columns = np.mgrid[:96, :96]
    left = np.diff(np.rint(0.9 * columns + 3 * np.sin(rows / 30)), axis=1, prepend=-9) == 0
    above = np.diff(np.rint(0.93 * rows + 4 * np.sin(columns / 40)), axis=0, prepend=-9) == 0
    scattered = make_repeats((96, 96), share=float(left.mean() + above.mean()) / 2)
    assert 0.04 < left.mean() < 0.2
    assert len(write_repeats(Repeats(left, above))) < 0.6 * len(write_repeats(scattered))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_map_or_refused(data):
    def outcome():
        try:
            found = read_repeats(data, (9, 8))
        except PayloadError:
            return None
        return found.left.tolist(), found.above.tolist()

    compiled, reference = both_ways(outcome)
    assert compiled == reference


def test_bytes_after_the_last_bit_are_refused():
    with pytest.raises(PayloadError, match="must end where their stream does"):
        read_repeats(write_repeats(make_repeats((9, 8))) + bytes([1] * 8), (9, 8))


def test_numbers_that_are_no_bits_are_refused():
    with pytest.raises(PayloadError):
        read_repeats(b"\xff" * 200, (40, 40))

"""Pixels that are like their neighbours are found to the last bit, and every chain of them ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.core.latent_examples import make_repeats
from xr_inr.core import source
from xr_inr.core.repeats import Repeats
from xr_inr.core.scene import prepare_scene

SIZES = [(1, 1), (1, 6), (7, 1), (2, 2), (9, 8), (8, 9)]


def like_the_one_before(samples, valid, axis):
    """Return which pixels have the samples of the one before along an axis, and at least one valid one."""
    same = np.where(valid, samples, 0.0) == np.roll(np.where(valid, samples, 0.0), 1, axis)
    found = (same & (valid == np.roll(valid, 1, axis))).all(0) & valid.any(0)
    found[tuple(slice(None, 1) if axis == number + 1 else slice(None) for number in range(2))] = False
    return found


SCENES = hnp.arrays("f4", st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
                    elements=st.sampled_from([1.0, 2.0, -9.0, np.nan]))  # fmt: skip


@given(SCENES, st.sampled_from([None, -9.0]), st.integers(1, 3))
def test_pixels_are_alike_where_all_that_is_valid_is(scene, nodata, rows_at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "WHOLE_SAMPLES", 0)
        patch.setattr(source, "TILE_SAMPLES", rows_at_once * scene.shape[0] * scene.shape[2])
        found = prepare_scene(scene, nodata=nodata, allow_void=True).repeats
    valid = ~np.isnan(scene) & (scene != -9.0 if nodata is not None else True)
    left, above = like_the_one_before(scene, valid, 2), like_the_one_before(scene, valid, 1)
    if not left.any() and not above.any():
        assert found is None
        return
    np.testing.assert_array_equal(found.left, left)
    np.testing.assert_array_equal(found.above, above)


def test_a_gap_in_another_band_tells_pixels_apart():
    scene = np.array([[[1.0, 1.0, 1.0]], [[2.0, np.nan, np.nan]]], "f4")
    assert prepare_scene(scene).repeats.left.tolist() == [[False, False, True]]


def test_bad_bands_tell_no_pixels_apart():
    scene = np.array([[[1, 1, 2]], [[2, 3, 4]]], "i2")
    assert prepare_scene(scene).repeats is None
    assert prepare_scene(scene, bad_bands=[1]).repeats.left.tolist() == [[False, True, False]]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_sources_are_alike_and_repeat_nothing(size, share):
    repeats = make_repeats(size, share=share)
    # Pixels joined by a mark get one number, so that those which are alike can be told.
    numbers = np.arange(np.prod(size)).reshape(size)
    for _ in range(sum(size) * 2):
        numbers[:, 1:] = np.where(repeats.left[:, 1:], np.minimum(numbers[:, 1:], numbers[:, :-1]), numbers[:, 1:])
        numbers[:, :-1] = np.where(repeats.left[:, 1:], np.minimum(numbers[:, 1:], numbers[:, :-1]), numbers[:, :-1])
        numbers[1:] = np.where(repeats.above[1:], np.minimum(numbers[1:], numbers[:-1]), numbers[1:])
        numbers[:-1] = np.where(repeats.above[1:], np.minimum(numbers[1:], numbers[:-1]), numbers[:-1])
    rows, columns = repeats.sources
    np.testing.assert_array_equal(numbers[rows, columns], numbers)
    assert not repeats.repeated[rows, columns].any()
    assert max(abs(rows - np.arange(size[0])[:, None]).max(), abs(columns - np.arange(size[1])).max()) <= 1
    odd = (np.arange(size[0]) % 2 == 1)[:, None] | (np.arange(size[1]) % 2 == 1)
    assert not repeats.repeated[~odd].any()


def test_of_blocks_of_four_one_is_left():
    left, above = np.zeros((2, 6, 8), bool)
    left[:, 1::2] = above[1::2] = True
    repeats = Repeats(left, above)
    assert repeats.counts[::2, ::2].tolist() == [[4.0] * 4] * 3
    assert repeats.counts.sum() == 48
    assert repeats.repeated.mean() == 0.75


def test_counts_are_how_many_pixels_each_one_stands_for():
    repeats = make_repeats((9, 8))
    rows, columns = repeats.sources
    for row, column in np.ndindex(9, 8):
        assert repeats.counts[row, column] == np.count_nonzero((rows == row) & (columns == column))

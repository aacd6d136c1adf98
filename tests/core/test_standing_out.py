"""Samples stand out that are alone in their band and in their pixel; edges, objects and gaps do not."""

import numpy as np
import pytest

from xr_inr.core.scene import prepare_scene
from xr_inr.core.standing_out import StandingOut, standing_out_of

SHAPE = (7, 12, 13)


def smooth(shape=SHAPE):
    """Return spectra that differ along a slope, on the [0, 1] scale."""
    bands, height, width = np.ogrid[: shape[0], : shape[1], : shape[2]]
    return (0.3 + 0.02 * bands + 0.01 * height + 0.015 * width).astype(np.float32)


def places(found, width=SHAPE[2]):
    """Return (band, row, column) of those that do by more than the slope between neighbours."""
    found = found.of_these(np.abs(found.heights) > 0.05)
    return list(zip(found.bands.tolist(), *(axis.tolist() for axis in np.divmod(found.pixels, width)), strict=True))


@pytest.mark.parametrize("place", [(3, 5, 6), (0, 0, 5), (6, 11, 4), (1, 7, 0), (2, 6, 12)], ids=str)
@pytest.mark.parametrize("height", [0.4, -0.25])
def test_a_sample_that_is_far_off_stands_out_by_about_as_much(place, height):
    values = smooth()
    values[place] += height
    found = StandingOut.of(values, None)
    assert places(found) == [place]
    assert max(found.heights, key=abs) == pytest.approx(height, abs=0.03)


def test_a_slope_has_none():
    assert not places(StandingOut.of(smooth(), None))


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)], ids=str)
def test_corners_have_too_little_around_them_to_tell(corner):
    values = smooth()
    values[3, *corner] += 0.4
    assert not places(StandingOut.of(values, None))


def test_two_side_by_side_hide_neither():
    values = smooth()
    values[3, 5, 6:8] += 0.4
    assert places(StandingOut.of(values, None)) == [(3, 5, 6), (3, 5, 7)]


def test_an_edge_has_none():
    values = smooth()
    values[:, :, 6:] += 0.4
    values[3, 5:, :] += 0.2
    assert not places(StandingOut.of(values, None))


def test_what_stands_out_in_all_bands_is_an_object():
    values = smooth()
    values[:, 5, 6] += 0.3
    assert not places(StandingOut.of(values, None))


def test_a_band_of_an_object_that_stands_out_by_more_does_by_what_is_more():
    values = smooth()
    values[:, 5, 6] += 0.3
    values[2, 5, 6] += 0.4
    found = StandingOut.of(values, None)
    assert places(found) == [(2, 5, 6)]
    assert max(found.heights, key=abs) == pytest.approx(0.4, abs=0.03)


def test_masked_samples_never_stand_out():
    values, valid = smooth(), np.ones(SHAPE, np.bool_)
    values[2, 3, 4] = 0.0
    values[4, 7, 8] += 0.5
    valid[2, 3, 4] = False
    assert places(StandingOut.of(values, valid)) == [(4, 7, 8)]


@pytest.mark.parametrize("shape", [(2, 9, 9), (5, 1, 9), (5, 9, 1)], ids=str)
def test_scenes_with_too_few_around_a_sample_have_none(shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    assert len(StandingOut.of(values, None)) == 0


def test_those_that_do_most_are_kept_of_many():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(8, 40, 40)).astype(np.float32)
    values[4, 20, ::4] += 30.0
    found = StandingOut.of(values, None)
    assert len(found) == values.size // 256
    assert {(4, 20, column) for column in range(0, 40, 4)} <= set(places(found, 40))
    assert (np.diff(found.pixels * 8 + found.bands) > 0).all()


def test_parts_of_a_scene_are_joined_with_the_pixels_of_the_whole():
    values = smooth()
    values[3, 2, 6] += 0.4
    values[2, 9, 1] += 0.4
    parts = [StandingOut.of(values[:, :6], None), StandingOut.of(values[:, 6:], None, 6 * SHAPE[2])]
    assert places(StandingOut.joined(parts)) == [(3, 2, 6), (2, 9, 1)]
    assert len(StandingOut.joined([])) == 0


def test_bands_are_those_that_are_fitted():
    """And neither masked samples nor constant bands count."""
    scene = np.rint(1000 * smooth()).astype(np.int16)
    scene[1] = 5
    scene[:, 8:10, 2:4] = -1
    scene[4, 5, 6] = 3000
    ready = prepare_scene(scene, nodata=-1)
    found = standing_out_of(ready, next(ready.tiles()))
    assert places(found) == [(3, 5, 6)]
    assert ready.layout.fitted_bands[found.bands[0]] == 4

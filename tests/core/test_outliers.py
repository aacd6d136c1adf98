"""Outliers are put where they belong, wherever samples are asked for, and are taken from what is fitted."""

import numpy as np
import pytest

from tests.core.latent_examples import make_outliers
from xr_inr.core.outliers import Mended, Outliers
from xr_inr.core.scene import prepare_scene
from xr_inr.core.source import ArraySource

SHAPE = (4, 6, 7)
LAYOUT = prepare_scene(np.arange(100, 268, dtype=np.int16).reshape(SHAPE)).layout


def whole(outliers):
    """Return a scene of zeros with outliers, by the definition."""
    samples = np.zeros(SHAPE, np.int16)
    rows, columns = np.divmod(outliers.pixels, SHAPE[2])
    samples[outliers.bands, rows, columns] = 100 + np.rint(167 * outliers.levels / outliers.top)
    return samples


@pytest.mark.parametrize("count", [1, 20, 168])
@pytest.mark.parametrize(
    ("rows", "columns", "bands"),
    [
        pytest.param(np.arange(6)[:, None], np.arange(7)[None], np.arange(4), id="all"),
        pytest.param(np.arange(2, 5)[:, None], np.arange(3, 4)[None], np.arange(4), id="a-window"),
        pytest.param(np.array([5, 0, 5, 3]), np.array([6, 0, 6, 2]), np.array([3, 1]), id="points-and-bands"),
        pytest.param(np.arange(6)[:, None], np.arange(7)[None], np.array([2, 2, 0]), id="a-band-twice"),
        pytest.param(np.arange(0)[:, None], np.arange(7)[None], np.arange(4), id="nothing"),
    ],
)
def test_they_are_put_where_they_belong(count, rows, columns, bands):
    outliers = make_outliers(SHAPE, count)
    rows, columns = np.broadcast_arrays(rows, columns)
    samples = np.zeros((len(bands), *rows.shape), np.int16)
    outliers.overwrite(samples, rows, columns, bands, LAYOUT)
    np.testing.assert_array_equal(samples, whole(outliers)[bands][:, rows, columns])


@pytest.mark.parametrize("bits", [1, 5, 24])
def test_levels_go_from_the_lowest_sample_to_the_highest(bits):
    ends = Outliers(np.array([0, 1]), np.array([0, 0]), np.array([0, (1 << bits) - 1]), bits)
    assert ends.values(LAYOUT).tolist() == [100, 267]
    assert ends.values(LAYOUT).dtype == np.int16


@pytest.mark.parametrize("rows", [(0, 6), (0, 1), (2, 4), (4, 6)], ids=str)
def test_a_mended_scene_has_other_samples_in_these_places_alone(rows):
    scene = np.arange(168, dtype=np.uint8).reshape(SHAPE)
    before = scene.copy()
    pixels, bands, values = np.array([3, 3, 20, 41]), np.array([0, 2, 1, 3]), np.array([200, 201, 202, 203], np.uint8)
    mended = Mended(ArraySource(scene), pixels, bands, values)
    wanted = before.copy()
    wanted.reshape(4, -1)[bands, pixels] = values
    np.testing.assert_array_equal(mended.read(rows), wanted[:, slice(*rows)])
    np.testing.assert_array_equal(scene, before)
    assert (mended.shape, mended.dtype) == (SHAPE, np.uint8)

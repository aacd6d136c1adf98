"""Errors beside the edges of chunks: which pixels are beside them, and what is told."""

import numpy as np
import pytest

from benchmarks.speed import seams


def test_two_pixels_on_each_side_of_an_inner_edge_are_beside_it():
    near = seams.near_edges((100, 64))
    assert np.flatnonzero(near.all(axis=1)).tolist() == [62, 63, 64, 65]
    assert not near[np.r_[:62, 66:100]].any()


def test_a_scene_of_one_chunk_has_no_edges():
    assert not seams.near_edges((64, 30)).any()


@pytest.mark.parametrize(("way", "count"), [(seams.WHOLE, 1), (seams.CHUNKED, 3)])
def test_parts_cover_an_axis(way, count):
    parts = seams._parts(145, way)
    assert len(parts) == count
    assert np.concatenate([np.arange(145)[part] for part in parts]).tolist() == list(range(145))


def test_table_tells_the_ratio_of_both_ways():
    row = dict.fromkeys(seams.COLUMNS, "1") | {"scene": seams.SCENE, "way": "one fit", "rmse_near_edges": "1.1"}
    assert "one fit: 1.1 and 1.0, a ratio of 1.100" in seams.table([row | {"rmse_inside": "1.0"}])

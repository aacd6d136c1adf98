"""The anchors are as strong as they have to be before anything is held to them, and no codec was left out."""

import pytest

from benchmarks import results, runner
from benchmarks.codecs import registry

FLOORS = [
    ("jasper_ridge_198", "klt + jpeg 2000", 0.1, 44.3),
    ("indian_pines_200", "klt + jpeg 2000", 0.1, 41.7),
    ("jasper_ridge_198", "klt + hevc intra", 0.0966, 44.9),
    ("indian_pines_200", "klt + hevc intra", 0.0888, 41.8),
]


@pytest.mark.parametrize(("scene", "codec", "bpppb", "psnr"), FLOORS)
def test_anchor_reaches_its_floor_within_the_bytes(scene, codec, bpppb, psnr):
    rows = [row for row in results.read(results.GRID) if (row["scene"], row["codec"]) == (scene, codec)]
    reached = [results.number(row, "psnr_db") for row in rows if results.number(row, "bpppb") <= bpppb]

    assert max(reached) >= psnr


@pytest.mark.parametrize("scene", ["jasper_ridge_198", "indian_pines_200", "pavia_centre_crop"])
def test_every_codec_has_a_row_at_every_rate_it_is_measured_at(scene):
    rows = {runner.key_of(row) for row in results.read(results.GRID)}

    assert [job.key for job in runner.jobs([scene], registry.CODECS) if job.key not in rows] == []

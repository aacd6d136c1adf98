"""The growth of an encode with pixels: the scenes it is measured on, and what its table says."""

import numpy as np
import pytest

from benchmarks.speed import pixels


def scene():
    random = np.random.default_rng(0)
    smooth = 1000 + 300 * np.sin(np.mgrid[0:40, 0:30].sum(axis=0) / 9.0)
    return (smooth * np.linspace(1, 2, 8)[:, None, None] + random.normal(0, 12, (8, 40, 30))).astype(np.uint16)


@pytest.mark.parametrize("side", [40, 100])
def test_grown_scene_has_the_size_that_is_asked_for_and_the_statistics_of_its_scene(side):
    found = pixels.grown(scene(), side)
    assert (found.shape, found.dtype) == ((8, side, side), np.uint16)
    assert found.mean() == pytest.approx(scene().mean(), rel=0.15)


def test_mirrored_parts_of_a_grown_scene_are_not_copies():
    found = pixels.grown(scene(), 80).astype(float)
    first, mirrored = found[:, :40], found[:, 79:39:-1]
    assert np.abs(first - mirrored).mean() > 5


def test_noise_is_found_to_be_as_strong_as_it_is():
    assert pixels._noise(scene()).mean() == pytest.approx(12, rel=0.2)


def row(side, seconds, peak):
    return dict.fromkeys(pixels.COLUMNS, "1") | {
        "scene": "indian_pines_200",
        "bands": "100",
        "height": str(side),
        "width": str(side),
        "encode_cpu_s": str(seconds),
        "encode_s": str(seconds),
        "peak_mib": str(peak),
    }


def test_table_tells_the_exponents_of_time_and_memory():
    told = pixels.table([row(side, side**2 / 1e4, side) for side in (64, 128, 256)])
    assert "Processor time ~ pixels^1.00 ± 0.00, memory ~ pixels^0.50 ± 0.00." in told
    assert "| 4,096 | 0.4 | 100 |" in told


def test_no_exponent_is_told_of_two_sizes():
    assert "pixels^" not in pixels.table([row(64, 1, 1), row(128, 4, 1)])

"""JPEG and JPEG 2000 of single bands, and principal components with a cosine transform."""

import re

import numpy as np
import pytest

from benchmarks.codecs.base import OutOfReachError

pytest.importorskip("imagecodecs")
pytest.importorskip("constriction")

from benchmarks.codecs import bandwise, coefficient_coder
from benchmarks.codecs.bandwise import Jpeg2000Bands, JpegBands
from benchmarks.codecs.pca_dct import PcaDct

CODECS = pytest.mark.parametrize("codec", [JpegBands(), Jpeg2000Bands(), PcaDct()], ids=lambda codec: codec.name)


def smooth_scene(bands=12, height=37, width=45, *, dtype=np.uint16, lowest=100.0, highest=3000.0):
    """Mix three smooth maps into smooth spectra, with a little noise."""
    z, y, x = np.meshgrid(*(np.linspace(0, 1, size) for size in (bands, height, width)), indexing="ij")
    mixed = np.sin(3 * z) * np.cos(7 * y + 2 * x) + z**2 * np.sin(11 * x * y) + np.cos(5 * z + 1) * (x - y)
    noisy = mixed + np.random.default_rng(0).normal(0, 0.01, mixed.shape)
    unit = (noisy - noisy.min()) / np.ptp(noisy)
    return np.rint(lowest + unit * (highest - lowest)).astype(dtype)


def psnr(scene, decoded):
    error = np.mean((scene.astype(np.float64) - decoded) ** 2)
    return 10 * np.log10(float(np.ptp(scene)) ** 2 / error)


@CODECS
@pytest.mark.parametrize(
    "scene",
    [
        smooth_scene(),
        smooth_scene(dtype=np.int16, lowest=-300, highest=900),
        smooth_scene(dtype=np.uint8, lowest=0, highest=255),
        smooth_scene(lowest=0, highest=65_535),
        smooth_scene(3, 20, 17),
    ],
    ids=["uint16", "signed", "uint8", "full range", "small"],
)
def test_a_scene_comes_back_from_its_payload_alone(codec, scene):
    stream = codec.encode(scene, scene.size // 4 + 300)

    decoded = type(codec)().decode(stream.payload)

    assert decoded.dtype == scene.dtype
    assert decoded.shape == scene.shape
    assert psnr(scene, decoded) > 25


@CODECS
def test_a_payload_keeps_to_its_budget_and_more_bytes_lose_less(codec):
    scene = smooth_scene()
    budgets = [scene.size // part for part in (24, 12, 6, 3)]

    payloads = [codec.encode(scene, budget).payload for budget in budgets]

    assert all(len(payload) <= budget for payload, budget in zip(payloads, budgets, strict=True))
    quality = [psnr(scene, codec.decode(payload)) for payload in payloads]
    assert quality == sorted(quality)


@CODECS
def test_a_budget_is_used(codec):
    scene = smooth_scene(24, 60, 60)

    assert len(codec.encode(scene, 8000).payload) > 0.98 * 8000


@CODECS
def test_a_budget_out_of_reach_says_what_the_smallest_stream_takes(codec):
    with pytest.raises(OutOfReachError, match=r"takes \d+ bytes, more than 20") as raised:
        codec.encode(smooth_scene(), 20)

    smallest = int(re.search(r"(\d+) bytes", str(raised.value))[1])
    assert 20 < smallest < 1000


@CODECS
def test_a_constant_scene_comes_back(codec):
    scene = np.full((5, 20, 20), 1234, np.uint16)

    decoded = codec.decode(codec.encode(scene, 1000).payload)

    assert np.abs(decoded.astype(int) - 1234).max() <= 1


def test_bands_that_are_too_long_for_one_column_of_a_jpeg_stand_in_several(monkeypatch):
    monkeypatch.setattr(bandwise, "_JPEG_LONGEST", 100)
    scene = smooth_scene(7, 20, 20)

    decoded = JpegBands().decode(JpegBands().encode(scene, scene.size // 2).payload)

    assert psnr(scene, decoded) > 25


@pytest.mark.parametrize("shape", [(224, 512, 614), (655, 97, 1), (1, 65_000, 10)])
def test_no_image_of_bands_is_longer_than_a_jpeg_may_be(shape):
    bands, height, _ = shape
    rows = -(-bands // bandwise._jpeg_columns(shape))

    assert rows * (height + -height % 8) < 65_536


def test_bands_further_apart_than_16_bits_are_out_of_reach_of_jpeg_2000():
    scene = np.array([0, 1 << 16], np.int32).reshape(1, 1, 2)

    with pytest.raises(OutOfReachError, match="span 17 bits"):
        Jpeg2000Bands().encode(scene, 1000)


def test_principal_components_beat_codecs_of_single_bands_where_spectra_are_alike():
    scene = smooth_scene(40, 40, 40)

    pca, jpeg, jpeg2000 = (
        psnr(scene, codec.decode(codec.encode(scene, 3000).payload))
        for codec in (PcaDct(), JpegBands(), Jpeg2000Bands())
    )

    assert jpeg < jpeg2000 < pca


@pytest.mark.parametrize("spread", [0, 0.3, 3, 300])
@pytest.mark.parametrize("grid", [(1, 1), (3, 5)])
def test_levels_come_back_exactly(spread, grid):
    shape = (4, 8, 7, grid[0] * grid[1])
    decay = np.add.outer(np.arange(8), np.arange(7))[None, :, :, None]
    drawn = np.random.default_rng(0).laplace(0, 1, shape) * spread * 0.8**decay
    levels = np.rint(drawn).astype(np.int32)

    stream = coefficient_coder.encode(levels, grid)

    np.testing.assert_array_equal(coefficient_coder.decode(stream, shape, grid), levels)


def test_the_estimated_size_of_levels_is_near_that_of_their_stream():
    drawn = np.random.default_rng(0).laplace(0, 2, (6, 8, 8, 100))
    levels = np.rint(drawn).astype(np.int32)

    estimate = coefficient_coder.bits_by_plane(levels).sum() / 8

    assert len(coefficient_coder.encode(levels, (10, 10))) == pytest.approx(estimate, rel=0.03)

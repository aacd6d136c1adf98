"""The classical anchors: a spectral KLT and an image codec at one distortion for all components."""

import math
import os

import numpy as np
import pytest

pytest.importorskip("imagecodecs")
pytest.importorskip("constriction")
pytest.importorskip("av")

from benchmarks import scenes
from benchmarks.codecs.base import OutOfReachError
from benchmarks.codecs.hevc import KltHevc
from benchmarks.codecs.klt import KltAvif, KltJpeg2000, KltJpegXl
from benchmarks.codecs.pictures import from_picture, restore_header, shorten_header, to_picture
from benchmarks.codecs.transform import Klt, apply_regression, unpack

CODECS = [KltJpeg2000, KltJpegXl, KltAvif, KltHevc]


@pytest.fixture(scope="module")
def scene():
    return _scene(np.uint16, lowest=100)


def _scene(dtype, lowest):
    """Return smooth mixtures of three spectra and a little noise, 20 bands of 30 x 21."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:30, :21] / 10
    abundances = np.stack([1 + np.sin(x + y), np.cos(2 * x) * y, np.exp(-((x - 1) ** 2) - (y - 1) ** 2)])
    spectra = rng.uniform(100, 600, size=(20, 3)).cumsum(axis=0) / 5
    cube = np.einsum("bk,kij->bij", spectra, abundances) + rng.normal(0, 3, size=(20, 30, 21))
    return np.rint(cube - cube.min() + lowest).astype(dtype)


def _psnr(scene, restored):
    error = np.mean((scene.astype(float) - restored) ** 2)
    return 10 * math.log10(float(scene.max()) ** 2 / error)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("dtype", "lowest"), [(np.uint16, 100), (np.int16, -700)])
def test_stream_fits_and_holds_all_that_decoding_needs(codec, dtype, lowest):
    scene = _scene(dtype, lowest)
    stream = codec().encode(scene, 1200)
    restored = codec().decode(bytes(bytearray(stream.payload)))
    assert len(stream.payload) <= 1200
    assert (restored.dtype, restored.shape) == (scene.dtype, scene.shape)
    assert _psnr(scene, restored) > 30


@pytest.mark.parametrize("codec", CODECS)
def test_more_bytes_never_mean_more_errors(codec, scene):
    found = [_psnr(scene, codec().decode(codec().encode(scene, budget).payload)) for budget in (700, 1400, 2800)]
    assert found[0] < found[1] + 0.1 < found[2] + 0.2


@pytest.mark.parametrize("codec", CODECS)
def test_too_small_a_budget_is_refused_with_the_size_that_would_do(codec, scene):
    with pytest.raises(OutOfReachError, match=r"needs \d+ bytes"):
        codec().encode(scene, 40)


def test_a_flat_scene_is_stored():
    scene = np.full((5, 16, 16), 321, np.uint16)
    np.testing.assert_array_equal(KltJpeg2000().decode(KltJpeg2000().encode(scene, 500).payload), scene)


@pytest.mark.parametrize("rank", [1, 3, 20])
@pytest.mark.parametrize("distortion", [0.01, 10.0, 1e5])
def test_packed_basis_reads_back_orthonormal_and_the_same(scene, rank, distortion):
    basis = Klt(scene).basis(rank, distortion)
    again = unpack(basis.packed, len(scene))
    np.testing.assert_array_equal(again.vectors, basis.vectors)
    np.testing.assert_array_equal(again.mean, basis.mean)
    np.testing.assert_allclose(again.vectors.T @ again.vectors, np.eye(rank), atol=1e-12)


def test_coarser_bases_are_smaller(scene):
    sizes = [len(Klt(scene).basis(5, distortion).packed) for distortion in (0.01, 1.0, 100.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3


def test_rounding_the_basis_costs_less_than_the_distortion_it_is_meant_for(scene):
    klt = Klt(scene)
    basis = klt.basis(3, 4.0)
    excess = np.mean((scene - basis.scene_of(basis.components(scene))) ** 2) * len(scene) - klt.variances[3:].sum()
    assert 0 < excess < 4.0


def test_regression_undoes_scale_and_offset_of_planes(scene):
    klt = Klt(scene)
    planes = klt.planes(3)
    changed = np.concatenate([planes * 7 + 1000, np.full_like(planes[:1], 5)])
    found = [np.mean((scene - apply_regression(klt.regression(z, 1e-4), z, 20)) ** 2) for z in (planes, changed)]
    assert found[1] == pytest.approx(found[0], rel=1e-3)
    assert found[0] == pytest.approx(klt.variances[3:].sum() / 20, rel=1e-2)


@pytest.mark.parametrize(("bits", "rank", "level"), [(0.5, 1, 8.0), (2.0, 2, 2.0), (3.5, 3, 1.0)])
def test_water_level_is_that_of_gaussian_components(bits, rank, level):
    klt = Klt(np.zeros((3, 1, 2), np.uint16))
    klt.variances = np.array([16.0, 4.0, 2.0])
    assert klt.water_level(bits) == (pytest.approx(level), rank)


@pytest.mark.parametrize("size", [(30, 21), (16, 8), (610, 34)])
def test_planes_survive_the_picture(size):
    planes = np.random.default_rng(0).integers(0, 4096, size=(11, *size)).astype(np.uint16)
    picture = to_picture(planes)
    assert not any(side % 8 for side in picture.shape)
    np.testing.assert_array_equal(from_picture(picture, 11, size), planes)


def test_a_header_like_the_typical_one_takes_few_bytes():
    typical = bytes(range(90))
    stream = typical[:40] + b"!" + typical[41:] + b"data"
    stored = shorten_header(stream, 90, typical)
    assert restore_header(stored, typical) == stream
    assert len(stored) < 20


@pytest.mark.skipif(scenes.FOLDER not in os.environ, reason=f"{scenes.FOLDER} names no folder of scenes")
def test_jpeg_2000_on_jasper_ridge_stays_as_strong_as_it_was_measured():
    scene = scenes.load("jasper_ridge_198")
    stream = KltJpeg2000().encode(scene, scene.size // 80)
    assert _psnr(scene, KltJpeg2000().decode(stream.payload)) >= 45.4

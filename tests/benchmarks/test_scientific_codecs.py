"""What the general-purpose peers promise: the budget, the samples they may change and those they may not."""

import numpy as np
import pytest

from benchmarks.codecs.base import OutOfReachError
from benchmarks.codecs.fourier import FourierNetwork
from benchmarks.codecs.lossless import JpegLs, Pcodec, ShuffledZstd
from benchmarks.codecs.scientific import Sperr, Sz3, Zfp
from benchmarks.codecs.tthresh import Tthresh

LOSSLESS = [ShuffledZstd, Pcodec, JpegLs]
DTYPES = ["uint8", "uint16", "int16"]


def smooth_scene(dtype="uint16", shape=(20, 24, 28)):
    bands, rows, columns = np.meshgrid(*(np.linspace(0, 1, size) for size in shape), indexing="ij")
    field = np.sin(5 * rows + 3 * bands) * np.cos(4 * columns) + 0.02 * np.random.default_rng(0).standard_normal(shape)
    span = {"uint8": (30, 200), "uint16": (500, 6000), "int16": (-900, 6000)}[dtype]
    return np.rint(span[0] + (span[1] - span[0]) * (field + 1.1) / 2.2).clip(np.iinfo(dtype).min, None).astype(dtype)


def lossy(codec_type):
    return FourierNetwork(effort=4e7) if codec_type is FourierNetwork else codec_type()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("codec_type", [Sperr, Sz3, Zfp])
def test_lossy_streams_keep_the_budget_and_resemble_the_scene(codec_type, dtype):
    scene = smooth_scene(dtype)
    budget = scene.size // 8
    payload = codec_type().encode(scene, budget).payload
    restored = codec_type().decode(payload)
    assert len(payload) <= budget
    assert restored.dtype == scene.dtype
    assert restored.shape == scene.shape
    assert np.std(restored.astype(float) - scene) < 0.4 * np.std(scene.astype(float))


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
@pytest.mark.parametrize(("codec_type", "budget"), [(Tthresh, 1000), (FourierNetwork, 4500)])
def test_sandboxed_codecs_keep_the_budget_the_shape_and_the_dtype(codec_type, budget, dtype):
    scene = smooth_scene(dtype, (7, 8, 9))
    payload = lossy(codec_type).encode(scene, budget).payload
    restored = lossy(codec_type).decode(payload)
    assert len(payload) <= budget
    assert (restored.dtype, restored.shape) == (scene.dtype, scene.shape)
    assert np.std(restored.astype(float) - scene) < 0.8 * np.std(scene.astype(float))


@pytest.mark.parametrize("codec_type", [Sperr, Sz3, Zfp, FourierNetwork])
def test_a_budget_below_the_smallest_stream_is_out_of_reach(codec_type):
    with pytest.raises(OutOfReachError):
        lossy(codec_type).encode(smooth_scene(), 12)


def test_a_budget_below_the_smallest_tensor_is_out_of_reach():
    with pytest.raises(OutOfReachError):
        Tthresh().encode(smooth_scene(shape=(5, 6, 7)), 12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("codec_type", LOSSLESS)
def test_lossless_streams_give_back_every_sample(codec_type, dtype):
    scene = smooth_scene(dtype)
    restored = codec_type().decode(codec_type().encode(scene, 0).payload)
    assert restored.dtype == scene.dtype
    np.testing.assert_array_equal(restored, scene)


@pytest.mark.parametrize("codec_type", LOSSLESS)
def test_lossless_streams_hold_the_extremes_of_the_dtype(codec_type):
    limits = np.iinfo(np.int16)
    scene = np.random.default_rng(1).choice(np.array([limits.min, -1, 0, limits.max], np.int16), (3, 8, 9))
    np.testing.assert_array_equal(codec_type().decode(codec_type().encode(scene, 0).payload), scene)

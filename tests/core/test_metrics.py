"""Figures against scikit-image, torchmetrics and numbers worked out by hand; blocks add up to the whole."""

import functools
import itertools
import math
import operator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio
from torchmetrics.functional.image import spectral_angle_mapper

from xr_inr.core.decode import decode
from xr_inr.core.encode import measure
from xr_inr.core.metrics import Figures, compare, psnr


@pytest.fixture(params=["u1", "i2", "f4", ">f8"])
def pair(request, make_scene):
    """A scene and a decoded one that differs by a few units."""
    original = make_scene((6, 9, 11), request.param)
    noise = np.random.default_rng(0).integers(-3, 4, original.shape)
    return original, (original + noise.astype(original.dtype)).astype(original.dtype)


def equal_figures(first, second):
    for name in Figures.__dataclass_fields__:
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-12, err_msg=name)


def test_eq_2_and_3_by_hand():
    figures = compare(np.array([[[10, 20]], [[-40, 0]]]), np.array([[[11, 20]], [[-40, 3]]]))
    assert figures.mse == (1 + 9) / 4
    assert figures.peak == 40
    assert figures.psnr == pytest.approx(10 * math.log10(1600 / 2.5))  # 28.06 dB
    assert figures.psnr == pytest.approx(28.0618, abs=1e-4)
    assert figures.max_error == 3
    assert figures.band_mse.tolist() == [0.5, 4.5]
    assert figures.band_psnr == pytest.approx([10 * math.log10(400 / 0.5), 10 * math.log10(1600 / 4.5)])


@pytest.mark.parametrize(
    ("mse", "peak", "decibels"),
    [(1.0, 10.0, 20.0), (4.0, 2.0, 0.0), (0.0, 5.0, math.inf), (0.0, 0.0, math.inf), (1.0, 0.0, math.nan)],
)
def test_psnr_by_hand(mse, peak, decibels):
    assert psnr(mse, peak) == pytest.approx(decibels, nan_ok=True)


def test_psnr_of_nothing_is_nan():
    assert math.isnan(psnr(math.nan, 1.0))


def test_psnr_and_mse_are_those_of_scikit_image(pair):
    original, decoded = (array.astype("f8") for array in pair)
    figures = compare(*pair)
    assert figures.mse == pytest.approx(mean_squared_error(original, decoded))
    peak = np.abs(original).max()
    assert figures.psnr == pytest.approx(peak_signal_noise_ratio(original, decoded, data_range=peak))
    for band in range(6):
        expected = peak_signal_noise_ratio(original[band], decoded[band], data_range=np.abs(original[band]).max())
        assert figures.band_psnr[band] == pytest.approx(expected)


def test_spectral_angle_is_that_of_torchmetrics(pair):
    original, decoded = (torch.as_tensor(array.astype("f8"))[None] for array in pair)
    assert compare(*pair).sam == pytest.approx(math.degrees(float(spectral_angle_mapper(decoded, original))))


def test_spectral_angles_by_hand():
    original = np.array([[[1.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]]])
    decoded = np.array([[[0.0, 1.0, -1.0]], [[3.0, 0.0, -1.0]]])
    assert compare(original, decoded).sam == pytest.approx((90 + 45 + 180) / 3)


@pytest.mark.parametrize("value", [1e-60, 1e60], ids=["tiny", "huge"])
def test_spectral_angle_does_not_depend_on_the_scale(value):
    original, decoded = np.array([[[value]], [[0.0]]]), np.array([[[value]], [[value]]])
    assert compare(original, decoded).sam == pytest.approx(45)


def test_pixels_without_direction_have_no_angle():
    figures = compare(np.array([[[0.0, 1.0]], [[0.0, 1.0]]]), np.array([[[1.0, 1.0]], [[2.0, 1.0]]]))
    assert (figures.angles, figures.sam) == (1, pytest.approx(0.0, abs=1e-5))


def test_masked_samples_do_not_count():
    original = np.array([[[1.0, -9999.0]], [[2.0, np.nan]]])
    decoded = np.array([[[1.5, 7.0]], [[2.0, 5.0]]])
    figures = compare(original, decoded, original != -9999.0)
    assert figures.valid_samples.tolist() == [1, 1]
    assert (figures.mse, figures.peak, figures.max_error, figures.angles) == (0.125, 2.0, 0.5, 1)


def test_figures_of_nothing_are_nan():
    figures = compare(np.full((2, 1, 3), np.nan), np.full((2, 1, 3), np.nan))
    assert [math.isnan(value) for value in (figures.mse, figures.psnr, figures.sam)] == [True] * 3
    assert np.isnan(figures.band_mse).all()
    assert np.isnan(figures.band_psnr).all()
    assert (figures.max_error, figures.angles) == (0.0, 0)


def test_unsigned_integers_do_not_wrap():
    assert compare(np.array([[[0]]], "u1"), np.array([[[255]]], "u1")).max_error == 255


@given(cuts=st.lists(st.integers(0, 9), max_size=4), masked=st.booleans())
def test_figures_of_blocks_add_up_to_those_of_the_whole(make_scene, cuts, masked):
    original, decoded = make_scene((4, 9, 11), "f4"), make_scene((4, 9, 11), "f4", seed=1)
    if masked:
        original[1, 3:6] = np.nan
    edges = sorted({0, 9, *cuts})
    blocks = [compare(original[:, top:bottom], decoded[:, top:bottom]) for top, bottom in itertools.pairwise(edges)]
    equal_figures(functools.reduce(operator.add, blocks), compare(original, decoded))


def test_a_payload_is_measured_the_same_in_blocks_of_rows(monkeypatch, masked_payload, masked_scene):
    whole = measure(masked_payload, masked_scene)
    monkeypatch.setattr("xr_inr.core.measuring._SAMPLES_AT_ONCE", 130)
    equal_figures(measure(masked_payload, masked_scene), whole)
    assert whole.valid_samples.sum() == (np.isfinite(masked_scene) & (masked_scene != -999)).sum()


def test_figures_are_those_of_the_decoded_samples(encode, masked_scene):
    encoded = encode(masked_scene, nodata=-999.0)
    valid = np.isfinite(masked_scene) & (masked_scene != -999.0)
    error = decode(encoded.payload).astype("f8")[valid] - masked_scene[valid]
    assert encoded.figures.mse == pytest.approx(np.square(error).mean())
    assert encoded.figures.peak == np.abs(masked_scene[valid]).max()

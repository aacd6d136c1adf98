"""Weights of bands: errors count by them, nothing else changes, and what they cannot be is refused."""

import numpy as np
import pytest

from xr_inr.codecs.config import CodecConfig
from xr_inr.core.encode import encode_array, foresee
from xr_inr.core.request import MODELS, FitRequest
from xr_inr.exceptions import RequestError

BANDS, HEAVY = 8, 2


def scene():
    """Bands of materials mixed by smooth fields, and as much noise in each."""
    random = np.random.default_rng(4)
    rows, columns = np.mgrid[0:24, 0:20] / 6.0
    fields = np.stack([np.sin(rows + columns), np.cos(2 * columns), np.sin(3 * rows), np.cos(rows - 2 * columns)])
    mixed = np.tensordot(random.normal(size=(BANDS, 4)), fields, 1) * 100 + random.normal(size=(BANDS, 24, 20)) * 20
    return np.rint(mixed + 1000).astype(np.uint16)


def weighing(weight):
    return [weight if band == HEAVY else 1.0 for band in range(BANDS)]


def fitted(band_weights=None, *, model="latent", preset="fast", **target):
    asked = FitRequest(**target, band_weights=band_weights, model=model, preset=preset, device="cpu")
    return encode_array(scene(), asked)


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize(("model", "preset", "bpppb"), [("latent", "fast", 1.0), ("siren", "fast", 1.5)])
def test_a_heavy_band_errs_less_and_the_others_more_at_the_same_size(model, preset, bpppb):
    plain, weighed = (fitted(weights, model=model, preset=preset, bpppb=bpppb) for weights in (None, weighing(8.0)))
    others = np.arange(BANDS) != HEAVY

    assert weighed.figures.band_mse[HEAVY] < plain.figures.band_mse[HEAVY]
    assert weighed.figures.band_mse[others].mean() > plain.figures.band_mse[others].mean()
    assert len(weighed.payload) <= bpppb * scene().size / 8


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("model", MODELS)
def test_equal_weights_give_the_payload_without_any(model):
    assert fitted([3] * BANDS, model=model, bpppb=1.5).payload == fitted(model=model, bpppb=1.5).payload


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("model", MODELS)
def test_a_psnr_is_that_of_the_weighted_errors(model):
    figures = fitted(weighing(4.0), model=model, psnr=22.0).figures
    squares = np.square(weighing(4.0))
    weighted = (figures.band_mse * squares / squares.mean()).mean()

    assert 10 * np.log10(figures.peak**2 / weighted) >= 22.0


@pytest.mark.usefixtures("tiny_presets")
def test_a_weight_of_zero_is_that_of_a_bad_band():
    plain = FitRequest(bpppb=1.0, preset="fast", device="cpu")
    bad = encode_array(scene(), plain, bad_bands=[HEAVY])

    assert fitted(weighing(0.0), bpppb=1.0).payload == bad.payload
    assert CodecConfig(FitRequest(bpppb=1.0, band_weights=weighing(0.0))).bad_bands == (HEAVY,)


def test_weights_stand_in_a_configuration_as_json_has_them():
    config = CodecConfig(FitRequest(bpppb=1.0, band_weights=np.array([1, 2])))

    assert config.to_dict()["band_weights"] == [1.0, 2.0]
    assert CodecConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"band_weights": [1, -1]}, "must be finite and not negative. Got -1 for band 1"),
        ({"band_weights": [1, np.nan]}, "must be finite and not negative. Got nan"),
        ({"band_weights": []}, r"must be a number for each band. Got \[\]"),
        ({"band_weights": "12"}, "must be a number for each band. Got '12'"),
        ({"band_weights": 2.0}, "must be a number for each band. Got 2.0"),
        ({"band_weights": [1, 1001]}, "within a factor of 1000, or be 0. Got 1 for band 0 and 1001 for band 1"),
        ({"band_weights": [1, 2], "bpppb": None, "max_error": 1}, "must come without max_error"),
    ],
)
def test_weights_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(RequestError, match=f"band_weights .*{message}"):
        FitRequest(**{"bpppb": 1.0} | arguments)


def test_weights_of_another_number_of_bands_are_refused_before_any_fit():
    with pytest.raises(RequestError, match=r"band_weights must be as many as bands\. Got 2 for 8 bands"):
        foresee(scene(), FitRequest(bpppb=1.0, band_weights=[1, 2]))

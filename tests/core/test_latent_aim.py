"""How a payload stands to its target, and how often it is decoded to tell."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from xr_inr.core import measuring
from xr_inr.core.bitstream import Section
from xr_inr.core.encode import encode_array
from xr_inr.core.latent.aim import Aim
from xr_inr.core.quality import Quality
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene


@pytest.fixture(scope="module")
def array():
    return np.add.outer(np.arange(4), np.arange(144).reshape(12, 12)).astype("u2")


@pytest.mark.parametrize(
    ("psnr", "met", "tight"),
    [(39.9, False, True), (40.0, True, True), (40.2, True, True), (40.4, True, False)],
)
def test_a_quality_is_met_from_above_and_tight_within_three_tenths_of_a_decibel(array, psnr, met, tight):
    aim = Aim(prepare_scene(array), None, Quality("psnr", 40.0), lambda _: SimpleNamespace(psnr=psnr))
    verdict = aim.judge({})
    assert (verdict.met, verdict.tight, verdict.reached) == (met, tight, psnr)
    assert np.sign(verdict.missed) == np.sign(psnr - 40.1)


@pytest.mark.parametrize(("share", "met", "tight"), [(0.9, True, False), (0.98, True, True), (1.02, False, True)])
def test_a_size_is_met_from_below_and_tight_within_three_percent(array, share, met, tight):
    scene = prepare_scene(array)
    content = {Section.LATENT_STREAM: bytes(4_000)}
    size = Aim(scene, 1, None, lambda _: None).size(content)
    verdict = Aim(scene, round(size / share), None, lambda _: None).judge(content)
    assert (verdict.met, verdict.tight) == (met, tight)


@pytest.mark.parametrize(("share", "tight"), [(0.98, False), (0.99, True)])
def test_less_slack_wastes_less_of_a_size(array, share, tight):
    scene = prepare_scene(array)
    content = {Section.LATENT_STREAM: bytes(4_000)}
    size = Aim(scene, 1, None, lambda _: None).size(content)
    assert Aim(scene, round(size / share), None, lambda _: None, slack=0.4).judge(content).tight == tight


@pytest.mark.parametrize(("psnr", "tight"), [(40.2, False), (40.1, True)])
def test_less_slack_wastes_less_of_a_quality(array, psnr, tight):
    measure = lambda _: SimpleNamespace(psnr=psnr)  # noqa: E731 - one line says it
    assert Aim(prepare_scene(array), None, Quality("psnr", 40.0), measure, slack=0.4).judge({}).tight == tight


def test_a_payload_is_decoded_once_to_be_judged(array):
    decoded = []

    def measure(sections):
        decoded.append(sections)
        return SimpleNamespace(psnr=40.1)

    verdict = Aim(prepare_scene(array), None, Quality("psnr", 40.0), measure).judge({})
    assert verdict.met
    assert verdict.tight
    assert len(decoded) == 1


def test_what_was_judged_last_is_not_decoded_again_in_a_fit(array, monkeypatch):
    decoded = []

    def measured(payload, *arguments):
        decoded.append(payload)
        return measuring.measure(payload, *arguments)

    monkeypatch.setattr("xr_inr.core.job.measure", measured)
    encode_array(array, FitRequest(psnr=40.0, preset="fast", device="cpu"))
    # The last is what is given out, measured for its report.
    tried = decoded[:-1]
    assert all(one != other for one, other in itertools.pairwise(tried))

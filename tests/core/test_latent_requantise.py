"""Rounds of the trellis in fits: they save bits, keep to laws that are fixed, and give way where little is wide."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch

from xr_inr.core.bitstream import Section
from xr_inr.core.decode import Payload
from xr_inr.core.encode import encode_array
from xr_inr.core.latent.latents import decode_latents, encode_latents
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.quantise import Rounder, first_latents, side_of, whole
from xr_inr.core.latent.requantise import FINE_FROM, Trellis, requantise
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.request import FitRequest

SIZE = (48, 50)
PYRAMID = Pyramid.of(SIZE)


def rounded(amplitude=6.0, rank=2):
    """Return a scene of noisy planes, a rounder, and latents after some sweeps."""
    random = np.random.default_rng(7)
    smooth = np.add.outer(np.sin(np.linspace(0, 9, SIZE[0])), np.cos(np.linspace(0, 7, SIZE[1])))
    planes = amplitude * (4 * smooth + random.normal(size=(rank, *SIZE)))
    scene = SoftScene(torch.tensor(planes, dtype=torch.float32), None, PYRAMID)
    rounder = Rounder(PYRAMID, rank, shipped(), torch.device("cpu"), seed=0)
    latents = first_latents(analyse(scene.planes, PYRAMID, torch))
    for _ in range(6):
        latents = rounder.sweep(latents, scene, WEIGHT, 0.4)
    return scene, rounder, latents


@functools.cache
def case():
    return rounded()


def cost(scene, latents, side):
    """Return the bits that latents take and the error that they leave, in bits."""
    integers = whole(latents, side.unit)
    stream = encode_latents(integers, side, PYRAMID, shipped())
    return 8 * len(stream) + float(scene.error(latents)) / WEIGHT


def test_a_round_costs_a_tenth_of_a_bit_a_latent_less_than_sweeps():
    scene, rounder, latents = case()
    found = requantise(Trellis(rounder, latents, scene, WEIGHT, None))
    before = cost(scene, latents, side_of(whole(latents), PYRAMID, rounder.offsets))
    assert cost(scene, found.latents, found.side) < before - 0.1 * scene.planes.numel()


def test_what_comes_of_a_round_can_be_coded_under_its_side_and_is_decoded():
    scene, rounder, latents = case()
    found = requantise(Trellis(rounder, latents, scene, WEIGHT, None))
    integers = whole(found.latents, found.side.unit)
    stream = encode_latents(integers, found.side, PYRAMID, shipped())
    for part, decoded in zip(integers, decode_latents(stream, found.side, PYRAMID, shipped()), strict=True):
        np.testing.assert_array_equal(decoded, part)
    assert found.side.fine_from == FINE_FROM


def test_a_later_round_is_held_to_the_side_of_the_one_before_and_costs_no_more():
    scene, rounder, latents = case()
    first = requantise(Trellis(rounder, latents, scene, WEIGHT, None))
    second = requantise(Trellis(rounder, first.latents, scene, WEIGHT, first.side))
    assert second.side is first.side
    assert cost(scene, second.latents, second.side) < 1.002 * cost(scene, first.latents, first.side)
    changed = sum(int((a != b).sum()) for a, b in zip(first.latents, second.latents, strict=True))
    assert 0 < changed < 0.9 * scene.planes.numel()


def test_a_larger_lambda_takes_fewer_bits_and_leaves_a_larger_error():
    scene, rounder, latents = case()
    found = [requantise(Trellis(rounder, latents, scene, weight, None)) for weight in (WEIGHT, 4 * WEIGHT)]
    sizes = [len(encode_latents(whole(one.latents, one.side.unit), one.side, PYRAMID, shipped())) for one in found]
    errors = [float(scene.error(one.latents)) for one in found]
    assert sizes[0] > sizes[1]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("amplitude", [0.0, 0.02])
def test_latents_of_narrow_laws_are_left_whole(amplitude):
    scene, rounder, latents = rounded(amplitude)
    found = requantise(Trellis(rounder, latents, scene, WEIGHT, None))
    assert found.side is None
    for before, after in zip(latents, found.latents, strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("preset", ["fast", "balanced", "best"])
def test_a_fit_meets_its_budget_with_fine_latents_and_is_better_than_without(make_scene, preset, monkeypatch):
    scene = make_scene((10, *SIZE))
    quick = dataclasses.replace(
        LATENT_PRESETS[preset], sweeps=6, tries=1, synthesis_iterations=10, synthesis_widths=(4,), restoration_widths=()
    )
    found = {}
    for rounds in (0, quick.trellis_rounds):
        monkeypatch.setitem(LATENT_PRESETS, preset, dataclasses.replace(quick, trellis_rounds=rounds))
        found[rounds > 0] = encode_array(scene, FitRequest(preset=preset, bpppb=1.5, device="cpu"))
    assert 0.97 * 1.5 < found[True].bpppb <= 1.5
    assert Section.LATENT_FINE in Payload(found[True].payload).section_bytes
    assert Section.LATENT_FINE not in Payload(found[False].payload).section_bytes
    assert found[True].figures.psnr > found[False].figures.psnr

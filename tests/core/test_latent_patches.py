"""Patches of large planes that stand for all of them, and the network that is fitted to those."""

import dataclasses

import numpy as np
import pytest
import torch

import xr_inr
from xr_inr.core.decode import Payload
from xr_inr.core.latent import patches
from xr_inr.core.latent.patches import Patches
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.synthesis_fit import SynthesisTask, fit_synthesis
from xr_inr.core.latent.wavelet import PLANE_BITS, Pyramid
from xr_inr.core.monitor import Monitor

from .driving import alone

SIZES = {
    "small": ((200, 300), (200, 300)),
    "square": ((1024, 1024), (384, 320)),
    "wide": ((256, 4096), (64, 2048)),
    "high": ((4096, 256), (2048, 64)),
    "a strip": ((10, 100_000), (10, 13_056)),
}


@pytest.mark.parametrize(("size", "expected"), SIZES.values(), ids=SIZES.keys())
def test_patches_are_of_about_the_shape_of_the_planes_and_no_more_than_is_allowed(size, expected):
    found = Patches.of(size)
    assert found.size == expected
    assert found.size[0] * found.size[1] <= patches.MOST_PIXELS
    assert found.share == pytest.approx(size[0] * size[1] / (expected[0] * expected[1]))


@pytest.mark.parametrize("size", [size for size, _ in SIZES.values()], ids=SIZES.keys())
def test_patches_reach_from_one_border_to_the_other_without_overlap(size):
    found = Patches.of(size)
    for index, length in ((found.rows, size[0]), (found.columns, size[1])):
        assert (np.diff(index) > 0).all()
        if len(index) > patches.SIDE:
            assert (index[0], index[-1]) == (0, length - 1)


def test_small_planes_are_taken_as_they_are():
    planes = np.zeros((2, 20, 30), np.float32)
    assert Patches.of((20, 30)).cut(planes) is planes


def test_what_is_cut_out_are_the_samples_of_the_patches(monkeypatch):
    monkeypatch.setattr(patches, "MOST_PIXELS", 16)
    monkeypatch.setattr(patches, "SIDE", 2)
    planes = np.arange(100).reshape(1, 10, 10)
    found = Patches.of((10, 10)).cut(planes)
    np.testing.assert_array_equal(found[0], [[0, 1, 8, 9], [10, 11, 18, 19], [80, 81, 88, 89], [90, 91, 98, 99]])


def test_a_network_fitted_to_patches_is_nearly_as_good_everywhere(monkeypatch):
    side = 96
    fields = np.random.default_rng(7).uniform(-1.0, 1.0, (3, side, side))
    known, wanted = (30 * fields).astype(np.float32), 30 * fields[:1] * fields[1:2]
    beyond = 3 * np.sin(3 * fields[2:])
    task = SynthesisTask(known, known[None], wanted, beyond, Pyramid.of((side, side)), bands=20)
    preset = dataclasses.replace(LATENT_PRESETS["fast"], synthesis_iterations=150)

    def fitted():
        device = torch.device("cpu")
        found = alone(fit_synthesis(task, preset, (16,), device=device, seed=0, monitor=Monitor()))
        said = found.network(known * np.float32(2.0**PLANE_BITS)) / np.float32(2.0**PLANE_BITS)
        return found, np.square(np.concatenate([wanted, found.added]) - said).mean()

    expected, least = fitted()
    monkeypatch.setattr(patches, "MOST_PIXELS", side * side // 2)
    monkeypatch.setattr(patches, "SIDE", 16)
    found, left = fitted()
    assert found.added.shape == expected.added.shape == (1, side, side)
    assert left - least < 1e-3 * np.square(wanted).mean()
    assert found.saved == pytest.approx(expected.saved, rel=0.1)


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_a_scene_that_is_fitted_to_patches_has_all_its_networks(monkeypatch, curved_scene, preset):
    monkeypatch.setattr(patches, "MOST_PIXELS", 16 * 16)
    monkeypatch.setattr(patches, "SIDE", 8)
    payload = xr_inr.encode(curved_scene, bpppb=2.0, preset=preset, device="cpu")
    assert len(payload) <= 2.0 * curved_scene.size / 8
    cascade = Payload(payload).reader.cascade
    assert len(cascade) > 1
    assert xr_inr.compare(curved_scene, xr_inr.decode(payload)).psnr > 30.0


@pytest.fixture
def curved_scene():
    """Return (20, 32, 32) spectra on a curved surface of two smooth fields."""
    random = np.random.default_rng(3)
    row, column = np.mgrid[:32, :32] / 48
    fields = np.stack([np.sin(9 * row + 5 * column), np.cos(11 * column - 6 * row)])
    fields += 0.05 * random.standard_normal(fields.shape)
    surface = np.stack([*fields, fields[0] * fields[1], fields[0] ** 2, fields[1] ** 2, np.sin(3 * fields[0])])
    spectra = np.einsum("bf,fij->bij", random.uniform(-1, 1, (20, 6)), surface)
    return np.clip(2000 + 300 * spectra + 3 * random.standard_normal(spectra.shape), 0, 65535).astype(np.uint16)

"""What large scenes alone go through, a small one goes through under lowered limits, and meets its target."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import xr_inr
from xr_inr.core import bounded, decode, encode, measuring, source, spectral
from xr_inr.core.latent import (
    batch,
    by_components,
    energies,
    foretold,
    patches,
    plan,
    quantise,
    repeat_filling,
    rotation,
    rounding,
    soft,
    soft_scene,
    symbols,
    synthesis,
)
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.residual import fit as residual_fit
from xr_inr.core.residual import remainder

LIMITS = [
    (patches, {"MOST_PIXELS": 144, "SIDE": 6}),
    (source, {"WHOLE_SAMPLES": 100, "TILE_SAMPLES": 600}),
    (plan, {"WHOLE_SAMPLES": 100, "_FIRST_PLANES": 2}),
    (energies, {"_LATENTS_AT_ONCE": 50}),
    (repeat_filling, {"_PIXELS_AT_ONCE": 100}),
    (spectral, {"WHOLE_SAMPLES": 100, "_ANALYSED_PIXELS": 200}),
    (foretold, {"_PIXELS_AT_ONCE": 70}),
    (rotation, {"_PIXELS_AT_ONCE": 70}),
    (batch, {"_LATENTS_AT_ONCE": {"cpu": 500}}),
    (soft, {"_FEATURES_AT_ONCE": {"cpu": 3000}, "_ACTIVATIONS_AT_ONCE": {"cpu": 700}, "_SENT_AT_ONCE": 900}),
    (by_components, {"_SAMPLES_AT_ONCE": 800}),
    (soft_scene, {"_POINTS_AT_ONCE": {"cpu": 130}}),
    (quantise, {"_DECIDED_AT_ONCE": {"cpu": 700}}),
    (synthesis, {"_PIXELS_AT_ONCE": 37}),
    (symbols, {"_AT_ONCE": 190}),
    (decode, {"_SAMPLES_AT_ONCE": 970}),
    (measuring, {"_SAMPLES_AT_ONCE": 1010}),
    (bounded, {"_SAMPLES_AT_ONCE": 1030, "_FITS": 1}),
    (residual_fit, {"TILE_SIDE": 9, "_MOST_PIXELS": 330}),
    (remainder, {"_SOME": 210}),
]

QUICK = {"synthesis_iterations": 20, "sweeps": 7}


@pytest.fixture(autouse=True)
def lowered(monkeypatch):
    for module, limits in LIMITS:
        for name, limit in limits.items():
            assert hasattr(module, name)
            monkeypatch.setattr(module, name, limit)
    for name in ("fast", "balanced"):
        monkeypatch.setitem(LATENT_PRESETS, name, replace(LATENT_PRESETS[name], **QUICK))


def curved(height, width):
    """Return (7, height, width) spectra on a curved surface of two smooth fields."""
    random = np.random.default_rng(3)
    row, column = np.mgrid[:height, :width] / 48
    fields = np.stack([np.sin(9 * row + 5 * column), np.cos(11 * column - 6 * row)])
    surface = np.stack([*fields, fields[0] * fields[1], fields[0] ** 2])
    spectra = np.einsum("bf,fij->bij", random.uniform(-1, 1, (7, 4)), surface)
    return np.rint(2000 + 300 * spectra + 3 * random.standard_normal(spectra.shape)).astype(np.uint16)


def whole():
    return curved(18, 20)


def elongated():
    return curved(3, 120)


def with_gaps():
    """Only pixels in the middle, which no patch holds, are measured; one band lacks some of them, one is constant."""
    scene = np.pad(curved(14, 14), ((0, 0), (8, 8), (8, 8)))
    scene[4, 9:13] = 0
    scene[5][scene[5] > 0] = 1234
    return scene


SCENES = {"whole": whole, "elongated": elongated, "with gaps": with_gaps}
TARGETS = [("bpppb", 4.0), ("psnr", 40.0), ("sam", 0.4), ("max_error", 60.0)]


def reached(scene, payload):
    """Return a payload's figures over the samples that were measured, by the names of targets."""
    decoded, valid = xr_inr.decode(payload), scene != 0
    np.testing.assert_array_equal(decoded != 0, valid)
    figures = xr_inr.compare(scene, decoded, valid)
    bpppb = 8 * len(payload) / scene.size
    return {"bpppb": bpppb, "psnr": figures.psnr, "sam": figures.sam, "max_error": figures.max_error}


@pytest.mark.parametrize(("target", "value"), TARGETS, ids=[target for target, _ in TARGETS])
@pytest.mark.parametrize("preset", ["fast", "balanced"])
@pytest.mark.parametrize("make", SCENES.values(), ids=SCENES.keys())
def test_a_target_is_met(make, preset, target, value):
    scene = make()
    payload = xr_inr.encode(scene, preset=preset, nodata=0, device="cpu", **{target: value})
    found = reached(scene, payload)[target]
    assert found >= value if target == "psnr" else found <= value


@pytest.mark.parametrize("make", SCENES.values(), ids=SCENES.keys())
def test_a_target_is_met_where_parts_are_sent_to_a_device(make, monkeypatch):
    monkeypatch.setattr(encode.devices, "resolve", lambda _: torch.device("cpu", 0))
    monkeypatch.setattr(rounding, "home_of", lambda _device, _latents: torch.device("cpu"))
    scene = make()
    payload = xr_inr.encode(scene, preset="balanced", nodata=0, bpppb=4.0)
    assert reached(scene, payload)["bpppb"] <= 4.0


def test_windows_are_those_of_the_whole():
    payload = xr_inr.encode(whole(), preset="balanced", bpppb=4.0, device="cpu")
    expected, opened = xr_inr.decode(payload), xr_inr.Payload(payload)
    for rows, columns in [
        ((17, 18), (19, 20)),
        ((0, 1), (0, 20)),
        ((7, 13), (3, 4)),
        ((0, 18), (0, 20)),
        ((5, 6), (5, 6)),
    ]:
        found = opened.read((rows, columns), [6, 0, 4])
        np.testing.assert_array_equal(found, expected[[6, 0, 4]][:, slice(*rows), slice(*columns)])

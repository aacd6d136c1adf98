"""Fitting the sinusoidal network: it learns what can be foretold, and adds the components that this pays for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from xr_inr.core.bitstream import Section, read_container
from xr_inr.core.decode import decode
from xr_inr.core.encode import encode_array
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.reading import read_side
from xr_inr.core.latent.soft_scene import SoftSynthesis
from xr_inr.core.latent.synthesis_fit import Foretelling, SynthesisTask, fit_synthesis
from xr_inr.core.latent.wavelet import PLANE_BITS, Pyramid
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest

CPU = torch.device("cpu")
SIDE = 32
PYRAMID = Pyramid.of((SIDE, SIDE))
PRESET = replace(LATENT_PRESETS["fast"], synthesis_widths=(16,), synthesis_iterations=150)
FIELDS = np.random.default_rng(7).uniform(-1.0, 1.0, (3, SIDE, SIDE))
KNOWN = (30 * FIELDS).astype(np.float32)
PRODUCT, WAVE = 30 * FIELDS[0] * FIELDS[1], 20 * np.sin(3 * FIELDS[2])


def noise(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, SIDE, SIDE))


def fitted(coded: NDArray[np.floating], beyond: NDArray[np.floating], *, iterations: int = 150) -> Foretelling:
    task = SynthesisTask(KNOWN, coded, beyond, PYRAMID, bands=20)
    found = fit_synthesis(task, replace(PRESET, synthesis_iterations=iterations), device=CPU, seed=0, monitor=Monitor())
    assert found is not None
    return found


def said(found: Foretelling) -> NDArray[np.float32]:
    return found.network(KNOWN.reshape(3, -1) * np.float32(2.0**PLANE_BITS)) / np.float32(2.0**PLANE_BITS)


def test_what_follows_from_the_first_planes_is_learnt() -> None:
    wanted = np.stack([PRODUCT, WAVE])
    found = fitted(wanted, noise(0))
    left = wanted.reshape(2, -1) - said(found)
    assert np.square(left).mean() < 0.5 * np.square(wanted).mean()
    assert found.saved > 0
    assert len(found.added) == 0


def test_a_component_that_can_be_foretold_is_added_without_latents() -> None:
    mixing = np.linalg.qr(noise(1)[0, :4, :4])[0]
    candidates = np.concatenate([WAVE[None] / 4, 0.5 * noise(3)])
    found = fitted(PRODUCT[None], np.tensordot(mixing, candidates, 1))
    assert found.network.outputs == 1 + len(found.added)
    assert len(found.added) == 1
    left = found.added[0].ravel() - said(found)[1]
    assert np.square(left).sum() < 0.5 * np.square(found.added).sum()


def test_nothing_is_added_where_nothing_can_be_foretold() -> None:
    found = fitted(PRODUCT[None], 0.5 * noise(4))
    assert found.added.shape == (0, SIDE, SIDE)
    assert found.network.outputs == 1


@pytest.mark.parametrize("count", [0, 2])
def test_a_network_that_saves_nothing_is_not_kept(count: int) -> None:
    task = SynthesisTask(KNOWN, 0.3 * noise(count), 0.3 * noise(count), PYRAMID, bands=20)
    assert fit_synthesis(task, PRESET, device=CPU, seed=0, monitor=Monitor()) is None


def test_what_is_beyond_pays_for_a_network_without_any_later_component_with_latents() -> None:
    found = fitted(noise(0), WAVE[None] / 4)
    assert found.network.outputs == len(found.added) == 1


def test_a_payload_holds_components_without_latents_and_decodes() -> None:
    random = np.random.default_rng(0)
    fields = random.uniform(-1.0, 1.0, (3, 40, 40))
    for axis in (1, 2):
        fields = np.mean([np.roll(fields, shift, axis) for shift in range(6)], axis=0)
    fields /= np.abs(fields).max()
    curved = np.stack([fields[0] * fields[1], np.sin(4 * fields[2]), fields[0] ** 2])
    spectra = random.normal(size=(60, 6)) * np.array([400.0, 350.0, 300.0, 60.0, 50.0, 40.0])
    scene = np.tensordot(spectra, np.concatenate([fields, curved]), 1)
    array = np.rint(scene - scene.min()).astype(np.uint16)
    result = encode_array(array, FitRequest(preset="fast", bpppb=0.2))
    sections = read_container(result.payload)[1]
    basis = LatentBasis.from_bytes(sections[Section.LATENT_BASIS], 60)
    side, _ = read_side(sections[Section.LATENT_SIDE], basis.rank, Pyramid.of((40, 40)))
    without_latents = ~side.scales.any(axis=0)
    assert without_latents.any()
    assert basis.directions[:, without_latents].any(axis=0).all()
    error = np.square(decode(result.payload).astype(np.float64) - array).mean()
    assert 10 * np.log10(float(array.max()) ** 2 / error) == pytest.approx(result.figures.psnr)


def test_the_soft_network_is_the_stored_one_but_for_rounding() -> None:
    found = fitted(PRODUCT[None], WAVE[None] / 4, iterations=60)
    soft = SoftSynthesis.of(found.network, CPU)(torch.tensor(KNOWN)).detach().numpy().reshape(found.network.outputs, -1)
    assert np.abs(said(found) - soft).max() < 0.05

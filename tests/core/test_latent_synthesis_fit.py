"""Fitting a sinusoidal network: it learns what can be foretold, and adds the components that this pays for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.core.latent_examples import make_synthesis
from xr_inr.core.bitstream import Section, read_container
from xr_inr.core.decode import decode
from xr_inr.core.encode import encode_array
from xr_inr.core.latent import soft_scene
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.reading import read_side
from xr_inr.core.latent.soft_scene import SoftSynthesis
from xr_inr.core.latent.synthesis_fit import Foretelling, SynthesisTask, fit_synthesis
from xr_inr.core.latent.wavelet import PLANE_BITS, Pyramid
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import PayloadError

from .driving import alone

CPU = torch.device("cpu")
SIDE = 32
PYRAMID = Pyramid.of((SIDE, SIDE))
WIDTHS = (16,)
PRESET = replace(LATENT_PRESETS["fast"], synthesis_iterations=150)
FIELDS = np.random.default_rng(7).uniform(-1.0, 1.0, (3, SIDE, SIDE))
KNOWN = (30 * FIELDS).astype(np.float32)
PRODUCT, WAVE = 30 * FIELDS[0] * FIELDS[1], 20 * np.sin(3 * FIELDS[2])


def noise(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, SIDE, SIDE))


def task_of(coded: NDArray[np.floating], beyond: NDArray[np.floating]) -> SynthesisTask:
    """Return a task whose known planes were left by a rounding that other steps would have done otherwise."""
    likewise = np.stack([KNOWN + 0.3 * noise(3, seed) for seed in (1, 2)]).astype(np.float32)
    return SynthesisTask(KNOWN, likewise, coded, beyond, PYRAMID, bands=20)


def fitted(coded: NDArray[np.floating], beyond: NDArray[np.floating], *, iterations: int = 150) -> Foretelling:
    preset = replace(PRESET, synthesis_iterations=iterations)
    found = alone(fit_synthesis(task_of(coded, beyond), preset, WIDTHS, device=CPU, seed=0, monitor=Monitor()))
    assert found is not None
    return found


def said(found: Foretelling) -> NDArray[np.float32]:
    """Return what a network foretells, (outputs, height, width), in quantiser steps."""
    return found.network(KNOWN * np.float32(2.0**PLANE_BITS)) / np.float32(2.0**PLANE_BITS)


def test_what_follows_from_the_first_planes_is_learnt() -> None:
    wanted = np.stack([PRODUCT, WAVE])
    found = fitted(wanted, noise(0))
    left = wanted - said(found)
    assert np.square(left).mean() < 0.5 * np.square(wanted).mean()
    assert found.saved > 0
    assert len(found.added) == 0


def test_a_plane_that_is_the_slope_of_another_is_learnt() -> None:
    wanted = np.diff(KNOWN[:1], axis=2, append=KNOWN[:1, :, -1:]) / 2
    found = fitted(wanted, noise(0))
    assert np.square(wanted - said(found)).mean() < 0.1 * np.square(wanted).mean()


def test_of_several_widths_the_one_that_saves_most_is_kept() -> None:
    notes: list[str] = []
    task, monitor = task_of(np.stack([PRODUCT, WAVE]), noise(0)), Monitor(note=notes.append)
    found = alone(fit_synthesis(task, PRESET, (1, 16), device=CPU, seed=0, monitor=monitor))
    assert found is not None
    assert len(found.network.layers[0][1]) == 16
    assert [note.split(":")[0] for note in notes] == [f"sinusoidal network of width {width}" for width in (1, 16)]


def test_no_widths_give_no_network() -> None:
    assert (
        alone(fit_synthesis(task_of(WAVE[None], noise(0)), PRESET, (), device=CPU, seed=0, monitor=Monitor())) is None
    )


def test_what_one_rounding_left_by_chance_is_not_learnt() -> None:
    """A plane that follows from the error of a rounding, which other steps do not leave, is worth no network."""
    error = noise(3, seed=3).astype(np.float32)
    likewise = np.stack([KNOWN - error + noise(3, seed) for seed in (4, 5, 6, 7)]).astype(np.float32)
    task = SynthesisTask(KNOWN, likewise, 3 * error[:1], 3 * error[:0], PYRAMID, bands=20)
    assert alone(fit_synthesis(task, PRESET, WIDTHS, device=CPU, seed=0, monitor=Monitor())) is None


def test_the_soft_network_evaluates_rows_a_few_at_a_time_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = SoftSynthesis.of(make_synthesis(5, inputs=3), CPU)
    planes = torch.tensor(KNOWN)
    whole = soft(planes)
    monkeypatch.setitem(soft_scene._POINTS_AT_ONCE, "cpu", 3 * SIDE)
    with torch.no_grad():
        torch.testing.assert_close(soft(planes), whole)


def test_a_component_that_can_be_foretold_is_added_without_latents() -> None:
    mixing = np.linalg.qr(noise(1)[0, :4, :4])[0]
    candidates = np.concatenate([WAVE[None] / 4, 0.5 * noise(3)])
    found = fitted(PRODUCT[None], np.tensordot(mixing, candidates, 1))
    assert found.network.outputs == 1 + len(found.added)
    assert len(found.added) == 1
    left = found.added[0] - said(found)[1]
    assert np.square(left).sum() < 0.5 * np.square(found.added).sum()


def test_nothing_is_added_where_nothing_can_be_foretold() -> None:
    found = fitted(PRODUCT[None], 0.25 * noise(4))
    assert found.added.shape == (0, SIDE, SIDE)
    assert found.network.outputs == 1


@pytest.mark.parametrize("count", [0, 2])
def test_a_network_that_saves_nothing_is_not_kept(count: int) -> None:
    task = task_of(0.3 * noise(count), 0.3 * noise(count))
    assert alone(fit_synthesis(task, PRESET, WIDTHS, device=CPU, seed=0, monitor=Monitor())) is None


def test_what_is_beyond_pays_for_a_network_without_any_later_component_with_latents() -> None:
    found = fitted(noise(0), WAVE[None] / 4)
    assert found.network.outputs == len(found.added) == 1


def curved_scene(seed: int) -> NDArray[np.uint16]:
    """Return spectra on a curved surface, whose weaker directions follow from the stronger ones."""
    random = np.random.default_rng(seed)
    fields = random.uniform(-1.0, 1.0, (3, 48, 48))
    for axis in (1, 2):
        fields = np.mean([np.roll(fields, shift, axis) for shift in range(6)], axis=0)
    fields /= np.abs(fields).max()
    curved = np.stack([fields[0] ** 2, np.cos(4 * fields[0]), np.sin(5 * fields[0])])
    spectra = random.normal(size=(60, 6)) * np.array([800.0, 300.0, 30.0, 60.0, 50.0, 40.0])
    scene = np.tensordot(spectra, np.concatenate([fields, curved]), 1)
    return np.rint(scene - scene.min()).astype(np.uint16)


def test_a_payload_holds_components_without_latents_and_decodes() -> None:
    """Which scenes have one hangs on the last digits of a fit, so that several are tried."""
    for seed in range(6):
        array = curved_scene(seed)
        result = encode_array(array, FitRequest(preset="fast", bpppb=0.1, device="cpu"))
        sections = read_container(result.payload)[1]
        basis = LatentBasis.from_bytes(sections[Section.LATENT_BASIS], 60)
        side, _ = read_side(sections[Section.LATENT_SIDE], basis.rank, Pyramid.of((48, 48)))
        without_latents = ~side.scales.any(axis=0)
        if without_latents.any():
            break
    assert without_latents.any()
    assert basis.directions[:, without_latents].any(axis=0).all()
    error = np.square(decode(result.payload).astype(np.float64) - array).mean()
    assert 10 * np.log10(float(array.max()) ** 2 / error) == pytest.approx(result.figures.psnr)


def test_the_soft_network_is_the_stored_one_but_for_rounding() -> None:
    found = fitted(PRODUCT[None], WAVE[None] / 4, iterations=60)
    soft = SoftSynthesis.of(found.network, CPU)(torch.tensor(KNOWN)).detach().numpy()
    assert np.abs(said(found) - soft).max() < 0.05


@pytest.mark.parametrize("curved", [False, True], ids=["slopes", "curvature"])
def test_weights_of_any_size_are_brought_down_to_what_can_be_stored(curved: bool) -> None:
    inputs, width, outputs = 60, 8, 5
    seen = inputs * (2 if curved else 5)
    random = torch.Generator().manual_seed(0)
    layers = [
        (torch.randn(units, wide, generator=random) * 40.0, torch.randn(units, generator=random) * 40.0)
        for units, wide in ((width, seen), (width, width), (outputs, width))
    ]
    octaves = torch.zeros(inputs)
    soft = SoftSynthesis(layers, octaves, octaves, torch.zeros(outputs), 1.0, curved=curved)
    with pytest.raises(PayloadError, match="must sum to less than"):
        soft.stored((4, 4, 4))
    for bits in (1, 2, 6):
        soft.confined().stored((bits,) * 3)


def test_weights_that_can_be_stored_stay_as_they_are() -> None:
    layers = [(torch.ones(4, 10), torch.ones(4)), (torch.ones(4, 4), torch.ones(4)), (torch.ones(3, 4), torch.ones(3))]
    soft = SoftSynthesis(layers, torch.zeros(2), torch.zeros(2), torch.zeros(3), 1.0)
    for own, given in zip(soft.confined().parameters, soft.parameters, strict=True):
        assert torch.equal(own, given)

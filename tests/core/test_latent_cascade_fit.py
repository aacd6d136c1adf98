"""Fitting networks one after the other: which stretch of planes each foretells, from what, and which are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from xr_inr.core.latent import cascade_fit
from xr_inr.core.latent.cascade import MOST_NETWORKS
from xr_inr.core.latent.cascade_fit import FORETOLD_FROM, STEPS_LIKEWISE, CascadeTask, fit_cascade
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.quantise import first_latents
from xr_inr.core.latent.soft_scene import SoftScene, SoftSynthesis
from xr_inr.core.latent.steps import Steps
from xr_inr.core.latent.synthesis_fit import SynthesisTask
from xr_inr.core.latent.wavelet import Pyramid, analyse, synthesise_unrounded
from xr_inr.core.monitor import Monitor

from .driving import alone

SIDE = 32
PYRAMID = Pyramid.of((SIDE, SIDE))
PRESET = replace(LATENT_PRESETS["fast"], synthesis_widths=(8, 12), synthesis_iterations=80)
NONE = np.zeros((0, SIDE, SIDE))


def noise(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, SIDE, SIDE))


def task_of(planes: NDArray[np.floating], beyond: NDArray[np.floating] = NONE) -> CascadeTask:
    """Return the task of planes that are rounded as a fit begins."""
    wanted = torch.tensor(planes, dtype=torch.float32)
    decoded = synthesise_unrounded(first_latents(analyse(wanted, PYRAMID, torch)), PYRAMID, torch)
    return CascadeTask(wanted, decoded, beyond, PYRAMID, bands=20, device=wanted.device)


def fitted(task: CascadeTask) -> tuple[list[SoftSynthesis], NDArray[np.float32]]:
    return alone(fit_cascade(task, PRESET, PRESET.synthesis_widths, seed=0, monitor=Monitor()))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[SynthesisTask, tuple[int, ...]]]:
    """The tasks of single networks, and the widths to try; none is fitted."""
    found: list[tuple[SynthesisTask, tuple[int, ...]]] = []

    def note(task: SynthesisTask, _preset: Any, widths: tuple[int, ...], **_others: Any) -> Steps[None]:
        found.append((task, widths))
        yield from ()

    monkeypatch.setattr(cascade_fit, "fit_synthesis", note)
    return found


@pytest.mark.parametrize(
    ("coded", "stretches"),
    [
        pytest.param(1, [(1, 1)], id="1-plane"),
        pytest.param(2, [(1, 2)], id="2-planes"),
        pytest.param(4, [(1, 2), (2, 4)], id="4-planes"),
        pytest.param(6, [(1, 2), (2, 3), (3, 6)], id="6-planes"),
        pytest.param(9, [(1, 2), (2, 3), (3, 5), (5, 9)], id="9-planes"),
        pytest.param(16, [(1, 2), (2, 3), (3, 5), (5, 9), (9, 16)], id="16-planes"),
    ],
)
def test_networks_begin_where_enough_planes_follow_and_end_where_the_next_begins(
    coded: int, stretches: list[tuple[int, int]], asked: list[Any]
) -> None:
    task = task_of(noise(coded))
    networks, added = fitted(task)
    found = [(len(one.known), len(one.known) + len(one.coded)) for one, _ in asked]
    assert found == stretches
    for one, _ in asked:
        start = len(one.known)
        np.testing.assert_array_equal(one.known, task.decoded[:start])
        np.testing.assert_array_equal(one.coded, task.planes[start : start + len(one.coded)])
    assert (networks, added.shape) == ([], (0, SIDE, SIDE))


def test_the_last_network_alone_is_tried_in_all_widths_and_given_what_has_no_latents(asked: list[Any]) -> None:
    fitted(task_of(noise(9), noise(3)))
    assert [widths for _, widths in asked] == [(8,), (8,), (8,), (8, 12)]
    assert [len(one.beyond) for one, _ in asked] == [0, 0, 0, 3]


def test_networks_are_fitted_to_planes_as_other_steps_would_leave_them(asked: list[Any]) -> None:
    task = task_of(30 * noise(4))
    fitted(task)
    for one, _ in asked:
        assert one.likewise.shape == (len(STEPS_LIKEWISE), *one.known.shape)
        for factor, variant in zip(STEPS_LIKEWISE, one.likewise, strict=True):
            error = np.abs(variant - one.known)
            assert 0 < error.mean() < 2 * factor
    unlike = [part.tobytes() for part in asked[0][0].likewise]
    assert len(set(unlike)) == len(STEPS_LIKEWISE)


def test_no_more_networks_are_fitted_than_can_be_stored() -> None:
    assert list(FORETOLD_FROM) == sorted(set(FORETOLD_FROM))
    assert 1 <= len(FORETOLD_FROM) <= MOST_NETWORKS


FIELDS = np.random.default_rng(7).uniform(-1.0, 1.0, (3, SIDE, SIDE))
SLOPE = 12 * np.diff(FIELDS[0], axis=0, append=FIELDS[0, -1:])


def test_a_plane_that_is_the_slope_of_another_is_learnt() -> None:
    task = task_of(np.stack([30 * FIELDS[0], SLOPE]))
    (network,), _ = fitted(task)
    with torch.no_grad():
        left = SLOPE - network(task.decoded[:1])[0].numpy()
    assert (network.inputs, network.outputs) == (1, 1)
    assert np.square(left).mean() < 0.3 * np.square(SLOPE).mean()


def test_networks_that_save_nothing_are_left_out_of_the_middle() -> None:
    """Of four planes the second is noise; the last two follow from the first."""
    planes = np.stack([30 * FIELDS[0], 30 * FIELDS[1], 15 * np.sin(3 * FIELDS[0]), SLOPE])
    networks, _ = fitted(task_of(planes))
    assert [(network.inputs, network.outputs) for network in networks] == [(2, 2)]


def test_nothing_is_kept_where_nothing_is_saved() -> None:
    networks, added = fitted(task_of(3 * noise(4), 0.2 * noise(2)))
    assert networks == []
    assert added.shape == (0, SIDE, SIDE)


def test_a_component_without_latents_is_foretold_by_the_last_network() -> None:
    networks, added = fitted(task_of(30 * FIELDS, 8 * np.sin(3 * FIELDS[:1])))
    assert added.shape == (1, SIDE, SIDE)
    assert networks[-1].inputs + networks[-1].outputs == 3 + 1


def test_what_is_foretold_adds_to_planes_as_the_networks_before_left_them() -> None:
    task = task_of(np.stack([30 * FIELDS[0], SLOPE, 15 * np.sin(3 * FIELDS[0]), 15 * FIELDS[0] ** 2]))
    networks, _ = fitted(task)
    scene = SoftScene(task.planes, None, PYRAMID, networks)
    with torch.no_grad():
        found = scene.with_foretold(task.decoded, foretelling=True)
        planes = task.decoded.clone()
        for network in networks:
            end = network.inputs + network.outputs
            planes[network.inputs : end] += network(planes[: network.inputs])
    assert len(networks) == 2
    torch.testing.assert_close(found, planes)
    assert not torch.equal(found, task.decoded)

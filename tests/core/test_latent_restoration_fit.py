"""The restoring network learns what decoded planes lack, and is kept where it saves more bytes than it takes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from xr_inr.core.latent import patches, restoration_fit
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.restoration_fit import RestorationTask, fit_restoration
from xr_inr.core.latent.soft_scene import SoftSynthesis
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.monitor import Monitor

from .driving import alone

PRESET = replace(LATENT_PRESETS["fast"], synthesis_iterations=60)
SIZE = (40, 44)


def some_planes(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, *size)).astype(np.float32) * 6.0)


def a_task(
    decoded: Tensor, missing: Tensor, *, heard: Tensor | None = None, inputs: int | None = None
) -> RestorationTask:
    count = len(decoded) if inputs is None else inputs
    return RestorationTask(decoded + missing, decoded, heard, count, WEIGHT, decoded.device)


def fitted(
    task: RestorationTask, widths: tuple[int, ...] = (8,), notes: list[str] | None = None
) -> SoftSynthesis | None:
    monitor = Monitor() if notes is None else Monitor(note=notes.append)
    return alone(fit_restoration(task, PRESET, widths, seed=0, monitor=monitor))


def left(task: RestorationTask, network: SoftSynthesis) -> float:
    """Return the share of the squared error that a network leaves."""
    with torch.no_grad():
        restored = task.decoded + network(task.decoded[: network.inputs])
    return float((task.planes - restored).square().sum() / (task.planes - task.decoded).square().sum())


def bent(planes: Tensor) -> Tensor:
    return torch.stack([torch.sin(planes[1] / 6.0), torch.cos(planes[0] / 5.0), torch.sin(planes[2] / 8.0)])


def test_what_other_planes_tell_of_an_error_is_learnt() -> None:
    decoded = some_planes(3)
    task = a_task(decoded, bent(decoded))
    network = fitted(task)
    assert network is not None
    assert left(task, network) < 0.2


def test_what_stands_beside_a_pixel_is_learnt() -> None:
    """A plane that was blurred."""
    decoded = some_planes(2)
    seen = torch.nn.functional.pad(decoded[None], (1, 1, 1, 1), mode="replicate")[0]
    around = seen[:, 2:, 1:-1] + seen[:, :-2, 1:-1] + seen[:, 1:-1, 2:] + seen[:, 1:-1, :-2]
    task = a_task(decoded, 0.05 * (around - 4 * decoded))
    network = fitted(task)
    assert network is not None
    assert left(task, network) < 0.3


def test_planes_without_latents_are_corrected_and_not_looked_at() -> None:
    decoded = some_planes(3)
    decoded[2] = 0.0
    network = fitted(a_task(decoded, torch.stack([*bent(decoded)[:2], torch.sin(decoded[0] / 4.0)]), inputs=2))
    assert network is not None
    assert (network.inputs, network.outputs) == (2, 3)


def test_an_error_by_chance_gives_no_network() -> None:
    assert fitted(a_task(some_planes(3), some_planes(3, seed=1) * 0.05)) is None


def test_no_widths_give_no_network() -> None:
    decoded = some_planes(3)
    assert fitted(a_task(decoded, bent(decoded)), ()) is None


def test_of_several_widths_the_one_that_saves_most_is_kept() -> None:
    decoded, notes = some_planes(3), []
    network = fitted(a_task(decoded, bent(decoded)), (1, 8), notes)
    saved = [int(note.split()[-3].replace(",", "")) for note in notes]
    assert network is not None
    assert len(network.layers[0][1]) == (1, 8)[int(np.argmax(saved))]


def test_what_was_not_measured_has_no_part() -> None:
    """Half of the scene lacks something else; it is not heard."""
    decoded = some_planes(3)
    heard = torch.ones(SIZE)
    heard[:, SIZE[1] // 2 :] = 0.0
    missing = bent(decoded)
    told = fitted(a_task(decoded, missing, heard=heard))
    other = fitted(a_task(decoded, torch.where(heard > 0, missing, -50.0 * missing), heard=heard))
    assert told is not None
    assert other is not None
    for mine, theirs in zip(told.parameters, other.parameters, strict=True):
        assert torch.equal(mine, theirs)


def test_of_a_large_scene_patches_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "MOST_PIXELS", 900)
    monkeypatch.setattr(patches, "SIDE", 10)
    decoded = some_planes(3)
    task = a_task(decoded, bent(decoded))
    problem = restoration_fit._Problem.of(task)
    assert len(problem.seen) == 900
    assert problem.worth * 900 == pytest.approx(SIZE[0] * SIZE[1] / WEIGHT)
    network = fitted(task)
    assert network is not None
    assert left(task, network) < 0.3


def test_of_a_large_scene_with_gaps_pixels_that_were_measured_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """They lie between the patches, which would see none of them."""
    monkeypatch.setattr(patches, "MOST_PIXELS", 400)
    monkeypatch.setattr(patches, "SIDE", 10)
    decoded, heard = some_planes(3), torch.zeros(SIZE)
    heard[10:30, 10:34] = 1.0
    task = a_task(decoded, bent(decoded), heard=heard)
    problem = restoration_fit._Problem.of(task)
    assert len(problem.seen) == 400
    assert problem.worth * 400 == pytest.approx(20 * 24 / WEIGHT)
    network = fitted(task)
    assert network is not None
    assert left(task, network) < 0.3


def test_the_weights_that_come_back_are_those_that_are_stored() -> None:
    decoded = some_planes(3)
    network = fitted(a_task(decoded, bent(decoded)))
    assert network is not None
    stored = SoftSynthesis.of(network.stored(network.step_bits), torch.device("cpu"))
    for mine, theirs in zip(network.parameters, stored.parameters, strict=True):
        assert torch.equal(mine, theirs)

"""Descents of sinusoidal networks: several at once end where each would alone, whatever the others are like."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xr_inr.core.encode import encode_arrays
from xr_inr.core.latent import batch
from xr_inr.core.latent.cascade_fit import CascadeTask, fit_cascade
from xr_inr.core.latent.descent import Descent, _Slopes, _Together, descend
from xr_inr.core.latent.parameters import write_parameters
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.quantise import first_latents
from xr_inr.core.latent.restoration_fit import RestorationTask, fit_restoration
from xr_inr.core.latent.sine_fit import said_by
from xr_inr.core.latent.sine_stack import bits_of_weights
from xr_inr.core.latent.wavelet import Pyramid, analyse, synthesise_unrounded
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest

PRESET = replace(
    LATENT_PRESETS["balanced"], synthesis_widths=(8,), restoration_widths=(8,), synthesis_iterations=40, toll=0.0
)


def curved(count, *, side=24, seed=0):
    """Return planes, (count, side, side), of which all follow from the first two."""
    random = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side] / 6.0
    first, second = 12 * np.sin(row + seed), 9 * np.cos(column - row)
    more = [8 * np.sin(first / (5 + k)) + 6 * np.cos(second / (4 + k)) for k in range(count - 2)]
    return (np.stack([first, second, *more]) + random.normal(0, 0.2, (count, side, side))).astype(np.float32)


def decoded(planes):
    pyramid = Pyramid.of(planes.shape[1:])
    wanted = torch.from_numpy(planes)
    return wanted, synthesise_unrounded(first_latents(analyse(wanted, pyramid, torch)), pyramid, torch)


def cascade(count, *, seed=0, side=24, preset=PRESET):
    wanted, known = decoded(curved(count, seed=seed, side=side))
    beyond = curved(6, seed=seed + 10, side=side)[2 : 2 + seed % 3]
    task = CascadeTask(wanted, known, beyond, Pyramid.of((side, side)), bands=30, device=wanted.device)
    return fit_cascade(task, preset, preset.synthesis_widths, seed=0, monitor=Monitor())


def restoration(count, *, seed=0):
    wanted, known = decoded(curved(count, seed=seed))
    task = RestorationTask(wanted, known, None, count, 0.14, wanted.device)
    return fit_restoration(task, PRESET, (8,), seed=0, monitor=Monitor())


def first_descent(steps) -> Descent:
    return next(steps)


CHARGED = replace(PRESET, toll=1.0)
"""As `PRESET`, and weights are charged their bits."""

COMPANIES = {
    "other numbers of planes, weights charged": lambda: [
        cascade(count, seed=count, preset=CHARGED) for count in (3, 6, 4)
    ],
    "equal shapes": lambda: [cascade(3, seed=seed) for seed in range(4)],
    "other numbers of planes": lambda: [cascade(count, seed=count) for count in (3, 6, 4)],
    "restoring networks": lambda: [restoration(4, seed=seed) for seed in range(3)],
}


def left_by(descent, layers):
    return descent.wanted - (said_by(layers, descent.seen[0]) * descent.scale).T


def value_of(descent, left):
    """Return the loss of what a network leaves, a pixel."""
    all_of_it = left.square().sum() if descent.loss.kind == "squares" else descent.loss.bits(left)
    return all_of_it / left.shape[1]


def loss_of(descent):
    with torch.no_grad():
        return float(value_of(descent, left_by(descent, descent.layers)))


@pytest.mark.parametrize("company", COMPANIES.values(), ids=COMPANIES.keys())
@pytest.mark.parametrize("count", [1, 3])
def test_slopes_are_the_gradients_of_losses_and_of_the_bits_of_weights(company, count):
    descents = [first_descent(steps) for steps in company()[:count]]
    last = descents[0].preset.synthesis_iterations - len(descents[0].seen) * 2
    found = _Slopes(descents).at(last - last % len(descents[0].seen))
    for number, descent in enumerate(descents):
        layers = [tuple(part.clone().requires_grad_() for part in layer) for layer in descent.layers]
        total = value_of(descent, left_by(descent, layers))
        for weights, biases in layers:
            bits = bits_of_weights(weights, biases, weights.numel() + len(biases))
            total = total + descent.preset.toll * descent.toll * bits
        expected = torch.autograd.grad(total, [part for layer in layers for part in layer])
        for part, wanted in zip(found, expected, strict=True):
            own = part[0, number, : len(wanted)]
            torch.testing.assert_close(own, wanted, rtol=1e-3, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("spread", [0.05, 0.1, 0.6])
def test_bits_of_weights_are_about_what_a_payload_takes_for_them(spread):
    weights = torch.from_numpy(np.random.default_rng(0).laplace(0.0, spread, (60, 50)))
    levels = np.rint(weights.numpy().ravel() * 2.0**4).astype(np.int64)
    estimate = bits_of_weights(weights, torch.zeros(60), weights.numel())
    assert float(estimate) == pytest.approx(8 * len(write_parameters([levels])), rel=0.25)


def test_weights_that_are_charged_take_fewer_bits_for_much_the_same_loss():
    plain, charged = (first_descent(cascade(5, preset=preset)) for preset in (PRESET, CHARGED))
    for descent in (plain, charged):
        descend([descent])
    with torch.no_grad():
        taken = [
            float(sum(bits_of_weights(*layer, layer[0].numel()) for layer in descent.layers))
            for descent in (plain, charged)
        ]
    assert taken[1] < 0.97 * taken[0]
    assert loss_of(charged) < 1.02 * loss_of(plain)


@pytest.mark.parametrize("company", COMPANIES.values(), ids=COMPANIES.keys())
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("preset", [PRESET, CHARGED], ids=["free weights", "charged weights"])
def test_a_program_that_can_be_captured_takes_the_steps_that_others_take(company, count, preset):
    captured, plain = ([replace(first_descent(steps), preset=preset) for steps in company()[:count]] for _ in range(2))
    _Together(captured).descend_captured()
    _Together(plain).descend()
    for one, other in zip(captured, plain, strict=True):
        for found, expected in zip(one.layers, other.layers, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("company", COMPANIES.values(), ids=COMPANIES.keys())
def test_networks_that_descend_together_come_as_far_as_each_would_alone(company):
    together = [first_descent(steps) for steps in company()]
    apart = [first_descent(steps) for steps in company()]
    assert len({descent.kind for descent in together}) == 1
    begun = [loss_of(descent) for descent in together]
    descend(together)
    for descent in apart:
        descend([descent])
    found, expected = ([loss_of(descent) for descent in descents] for descents in (together, apart))
    assert found == pytest.approx(expected, rel=0.05)
    assert all(loss < 0.97 * before for loss, before in zip(found, begun, strict=True))


def test_what_networks_do_at_first_is_the_same_together_and_alone():
    preset = replace(PRESET, synthesis_iterations=1)
    company = [[first_descent(cascade(count, seed=count, preset=preset)) for count in (3, 6, 4)] for _ in range(2)]
    descend(company[0])
    for descent in company[1]:
        descend([descent])
    for found, expected in zip(*company, strict=True):
        for layers in zip(found.layers, expected.layers, strict=True):
            for part, wanted in zip(*layers, strict=True):
                torch.testing.assert_close(part.detach(), wanted.detach(), rtol=0.0, atol=1e-4)


OTHERS = {
    "another size": lambda: cascade(3, side=20),
    "other iterations": lambda: cascade(3, preset=replace(PRESET, synthesis_iterations=61)),
    "another width": lambda: cascade(3, preset=replace(PRESET, synthesis_widths=(12,))),
    "another loss": lambda: restoration(3),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_networks_that_differ_in_more_than_what_they_say_do_not_descend_together(other):
    assert first_descent(cascade(3)).kind != first_descent(other()).kind


# In a batch


def chunks(count):
    found = [curved(9, side=16, seed=seed) for seed in range(count)]
    return [np.rint(40 * chunk - 40 * chunk.min()).astype(np.uint16) for chunk in found]


@pytest.fixture
def companies(monkeypatch):
    """How many networks descended at once, time after time."""
    found = []

    def noted(descents):
        found.append(len(descents))
        descend(descents)

    monkeypatch.setattr(batch, "descend", noted)
    return found


REQUEST = FitRequest(preset="balanced", device="cpu", bpppb=3.0)


@pytest.mark.usefixtures("tiny_presets")
def test_networks_of_chunks_that_begin_at_the_same_plane_descend_at_once(companies):
    encode_arrays(chunks(4), REQUEST)
    assert companies[0] == 4
    assert max(companies) == 4


@pytest.mark.usefixtures("tiny_presets")
def test_networks_that_memory_does_not_suffice_for_descend_in_halves(monkeypatch):
    expected = [one.payload for one in encode_arrays(chunks(4), REQUEST)]
    tried = []

    def scarce(descents):
        tried.append(len(descents))
        if len(descents) > 2:
            raise MemoryError("injected")
        descend(descents)

    monkeypatch.setattr(batch, "descend", scarce)
    found = [one.payload for one in encode_arrays(chunks(4), REQUEST)]
    assert tried[0] == 4
    assert max(tried[1:]) <= 2
    assert [len(one) for one in found] == pytest.approx([len(one) for one in expected], rel=0.03)


@pytest.mark.usefixtures("tiny_presets")
def test_a_single_network_that_memory_does_not_suffice_for_ends_the_fit(monkeypatch):
    def refuse(_):
        raise MemoryError("injected")

    monkeypatch.setattr(batch, "descend", refuse)
    with pytest.raises(MemoryError, match="injected"):
        encode_arrays(chunks(1), REQUEST)

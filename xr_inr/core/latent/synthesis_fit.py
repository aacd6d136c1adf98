"""Fitting the sinusoidal network: so that what it leaves to the latents, and what it leaves undone, cost least."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.analysis import Analysis
from xr_inr.core.latent.cascade import write_cascade
from xr_inr.core.latent.descent import Descent
from xr_inr.core.latent.foretold import column_bits, worthwhile
from xr_inr.core.latent.patches import Part, Patches
from xr_inr.core.latent.presets import LatentPreset
from xr_inr.core.latent.rotation import turned_planes
from xr_inr.core.latent.sine_fit import Layers, best_stored, said_by, uniform_layers
from xr_inr.core.latent.soft_scene import SoftSynthesis, coordinates
from xr_inr.core.latent.steps import Steps
from xr_inr.core.latent.synthesis import BESIDE, SineSynthesis
from xr_inr.core.latent.tradeoff import WEIGHT, coding_bits, coding_slopes
from xr_inr.core.latent.wavelet import Pyramid
from xr_inr.core.memory import CPU
from xr_inr.core.monitor import Monitor

_STEP_BITS = (3, 4, 5, 6)
"""Bits after the point that weights may have."""

_SLOPES_SHARE = 0.1
"""Of the initial weights of slopes to those of planes: a network begins with nearly none."""

_SLOPES_WITHIN = 1.0
"""Octaves by which slopes are kept below planes: theirs are the heavier tails."""


@dataclass(frozen=True)
class SynthesisTask:
    """Planes to foretell from others."""

    known: NDArray[np.float32]
    """(inputs, height, width) decoded planes, in quantiser steps."""

    likewise: NDArray[np.float32]
    """(variants, inputs, height, width) the same planes as other steps would have left them. Networks are fitted to
    these, and judged by `known`: what they make of one rounding's errors is worth nothing once latents change."""

    coded: NDArray[np.floating]
    """(components, height, width) planes to foretell that have latents, in quantiser steps."""

    beyond: NDArray[np.floating]
    """(candidates, height, width) planes without latents, of which the worthwhile directions are to be foretold."""

    pyramid: Pyramid
    """The subbands that differences from `coded` will be coded in."""

    bands: int
    """Entries that a component adds to the basis."""


@dataclass(frozen=True)
class Foretelling:
    """A network, and the components that it adds to those with latents."""

    network: SineSynthesis
    """As stored; its outputs are the coded planes and then the added ones."""

    added: NDArray[np.float32]
    """(components, height, width) the planes of the added components, in quantiser steps."""

    saved: float
    """About how many bits all this saves; error counts at what a bit is worth."""


def fit_synthesis(
    task: SynthesisTask,
    preset: LatentPreset,
    widths: Sequence[int],
    *,
    device: torch.device,
    seed: int,
    monitor: Monitor,
) -> Steps[Foretelling | None]:
    """Fit networks, choose the components beyond those with latents that each shall foretell, and keep the best.

    Of large planes, evenly spaced patches stand for all: what is learnt on them holds for the others, since a network
    has few weights, and memory does not grow with the scene.

    Parameters
    ----------
    task
        What to foretell from what.
    preset
        How many iterations, and the largest learning rate.
    widths
        Hidden widths to try.
    device
        Where to fit.
    seed
        Of the initial weights.
    monitor
        Who is told what each width saves.

    Returns
    -------
    Foretelling or None
        None where no network saves anything.
    """
    best: Foretelling | None = None
    if not len(task.coded) + len(task.beyond):
        return best
    problem = _Problem.of(task, device)
    for width in widths:
        found = yield from _fit(task, problem, width, preset, seed)
        saved = found.saved if found else 0.0
        monitor.note(f"sinusoidal network of width {width}: {saved / 8:,.0f} bytes saved")
        if saved > (best.saved if best else 0.0):
            best = found
    return best


def _fit(
    task: SynthesisTask, problem: _Problem, width: int, preset: LatentPreset, seed: int
) -> Steps[Foretelling | None]:
    device = problem.target.device
    layers = uniform_layers(
        [(len(task.known), 1.0), (len(task.known) * len(BESIDE), _SLOPES_SHARE)],
        width,
        len(problem.scale),
        seed,
        device,
    )
    wanted = problem.target.flatten(1)
    toll = 1.0 / (problem.share * wanted.shape[1])
    yield Descent(layers, problem.variants, wanted, problem.scale, problem.loss, preset, toll)
    with torch.no_grad():
        narrow = problem.narrowed(layers, task.bands)
        problem, layers = narrow.problem, narrow.layers
        if not len(problem.target):
            return None
        before = problem.share * float(problem.cost(None)) - narrow.spent
        soft = SoftSynthesis(layers, problem.input_octaves, problem.slope_octaves, problem.output_octaves, 1.0)
        # Weights are rounded there, over and over: each time a device would be waited for.
        soft = soft.confined().to(CPU)
        added = problem.target[problem.coded :].cpu().numpy()
        if problem.share > 1.0:
            added = turned_planes(task.beyond, narrow.turn.T.cpu().numpy())

        def stored(bits: tuple[int, ...]) -> Foretelling:
            network = soft.stored(bits)
            left = problem.share * float(problem.cost(SoftSynthesis.of(network, device).layers))
            return Foretelling(network, added, before - (left + 8.0 * len(write_cascade((network,)))))

        return best_stored(stored, lambda found: found.saved, len(layers), _STEP_BITS)


@dataclass(frozen=True)
class _CodingLoss:
    """What planes cost in bits: those with latents to be coded, the others by their error."""

    coded: int
    """How many planes, the first ones, have latents."""

    analysis: Analysis
    """Gives their subbands."""

    @property
    def kind(self) -> tuple[str, tuple[int, int]]:
        """What those that can be computed together have in common: the size of the planes."""
        return "coding", self.analysis.size

    def turn_to_slopes(self, losses: Sequence[_CodingLoss], left: Sequence[Tensor]) -> None:
        """Put in place of several sets of planes, (planes, pixels), how the bits a pixel of each change with them."""
        coded = torch.cat([planes[: loss.coded] for loss, planes in zip(losses, left, strict=True)])
        parts = self.analysis(coded.reshape(-1, *self.analysis.size))
        of_coded = self.analysis.transposed([coding_slopes(part) for part in parts]).flatten(1)
        of_coded.div_(coded.shape[1])
        start = 0
        for loss, planes in zip(losses, left, strict=True):
            planes[: loss.coded] = of_coded[start : start + loss.coded]
            planes[loss.coded :] *= 2.0 / (WEIGHT * planes.shape[1])
            start += loss.coded

    def bits(self, left: Tensor) -> Tensor:
        """Return the bits of planes, (planes, pixels)."""
        coded, uncoded = left[: self.coded], left[self.coded :]
        return coding_bits(self.analysis(coded.reshape(-1, *self.analysis.size))) + uncoded.square().sum() / WEIGHT


@dataclass(frozen=True)
class _Narrowed:
    """The worthwhile directions of a problem."""

    problem: _Problem
    layers: Layers

    turn: Tensor
    """(directions, candidates) the worthwhile ones among those beyond."""

    spent: float
    """Bits of their columns."""


@dataclass(frozen=True)
class _Problem:
    """A task as torch sees it: what a network's layers leave of the planes, and what that costs."""

    coordinates: Tensor
    """(pixels, coordinates) what the first layer sees."""

    variants: list[Tensor]
    """The same of each of `SynthesisTask.likewise`."""

    target: Tensor
    """(outputs, height, width) in quantiser steps."""

    loss: _CodingLoss
    """What planes cost."""

    input_octaves: Tensor
    slope_octaves: Tensor
    output_octaves: Tensor

    share: float
    """Pixels of the scene for each of these."""

    @classmethod
    def of(cls, task: SynthesisTask, device: torch.device) -> _Problem:
        """Return the problem of all candidates, on patches of large planes."""
        patches = Patches.of(task.pyramid.size)
        octaves = octaves_above(task.known, device)
        slope_octaves = octaves_above(_slopes(task.known), device) + _SLOPES_WITHIN
        seen, *variants = (seen_in(patches, planes, octaves, slope_octaves) for planes in (task.known, *task.likewise))
        wanted = np.concatenate([patches.cut(task.coded), patches.cut(task.beyond)]).astype(np.float32)
        target = torch.tensor(wanted, device=device)
        loss = _CodingLoss(len(task.coded), Analysis(Pyramid.of(patches.size), device))
        return cls(seen, variants, target, loss, octaves, slope_octaves, octaves_above(wanted, device), patches.share)

    @property
    def coded(self) -> int:
        """How many of the outputs, the first ones, have latents."""
        return self.loss.coded

    @property
    def scale(self) -> Tensor:
        """(outputs,) quantiser steps in an output of 1."""
        return torch.exp2(self.output_octaves)

    def foretold(self, layers: Layers) -> Tensor:
        """Return what the network says of the known planes, (outputs, pixels)."""
        return (said_by(layers, self.coordinates) * self.scale).T

    def cost(self, layers: Layers | None) -> Tensor:
        """Return what the planes cost, in bits, once a network, if any, has said its part."""
        left = self.target.flatten(1)
        return self.loss.bits(left if layers is None else left - self.foretold(layers))

    def narrowed(self, layers: Layers, bands: int) -> _Narrowed:
        """Return the problem of the worthwhile directions, and the layers turned to them."""
        weight, bias = layers[-1]
        units = weight.shape[1] + 1
        said, wanted = self.foretold(layers)[self.coded :], self.target[self.coded :].flatten(1)
        # Energies are those of the whole scene.
        whole = math.sqrt(self.share)
        found = worthwhile(whole * said.cpu().numpy(), whole * wanted.cpu().numpy(), bands=bands, units=units)
        turn = torch.tensor(found, device=weight.device)
        more = turn @ said
        octaves = torch.cat([self.output_octaves[: self.coded], octaves_above(more.cpu().numpy(), weight.device)])
        gains = turn * self.scale[self.coded :] / torch.exp2(octaves[self.coded :, None])
        last = (
            torch.cat([weight[: self.coded], gains @ weight[self.coded :]]),
            torch.cat([bias[: self.coded], gains @ bias[self.coded :]]),
        )
        target = torch.cat([self.target[: self.coded], (turn @ wanted).reshape(-1, *self.target.shape[1:])])
        energies = (self.share * more.double().square().sum(1)).tolist()
        spent = sum(column_bits(energy, bands) for energy in energies)
        return _Narrowed(replace(self, target=target, output_octaves=octaves), [*layers[:-1], last], turn, spent)


def seen_in(
    part: Part, planes: NDArray[np.float32], octaves: Tensor, slope_octaves: Tensor, *, curved: bool = False
) -> Tensor:
    """Return what a network sees of some pixels, (pixels, coordinates).

    Parameters
    ----------
    part
        Which pixels of the planes.
    planes
        (inputs, height, width) decoded planes, in quantiser steps.
    octaves, slope_octaves
        (inputs,) of planes and of their differences, where the result shall be.
    curved
        As `SineSynthesis.curved`.
    """
    found = []
    for plane, octave, slope_octave in zip(planes, octaves.cpu(), slope_octaves.cpu(), strict=True):
        given = torch.tensor(plane[None], dtype=torch.float32)
        fields = coordinates(given, octave[None], slope_octave[None], curved=curved).T
        found.append(part.cut(fields.reshape(-1, *plane.shape).numpy()))
    return torch.tensor(np.stack(found, 1), device=octaves.device).flatten(2).flatten(0, 1).T


def _slopes(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the differences of planes along both axes, (planes, differences)."""
    along = [np.diff(planes, axis=axis).reshape(len(planes), -1) for axis in (1, 2)]
    return np.concatenate([*along, np.zeros((len(planes), 1), np.float32)], axis=1)


def octaves_above(planes: NDArray[np.floating], device: torch.device) -> Tensor:
    """Return the power of two next above the deviation of each plane, (planes,); planes are (planes, ...)."""
    deviations = planes.reshape(len(planes), math.prod(planes.shape[1:])).std(axis=1)
    octaves = np.clip(np.ceil(np.log2(np.maximum(deviations, 1e-3))), -8, 30)
    return torch.tensor(octaves, dtype=torch.float32, device=device)

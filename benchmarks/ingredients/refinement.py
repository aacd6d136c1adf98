"""Latents and the sinusoidal networks moved together by gradient, on squared error plus lambda times rate.

Latents are real numbers here, rounded softly by an odd function that is annealed towards rounding, with noise that
keeps the code lengths honest (Agustsson and Theis, 'Universally Quantized Neural Compression', arXiv 2006.09952; C3,
Kim et al., arXiv 2312.02753, has such a schedule). The context network stays as it is: what it says of rounded latents
is what they will cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from xr_inr.core.latent.latents import LatentSide
from xr_inr.core.latent.quantise import Rounder, side_of, whole
from xr_inr.core.latent.soft import SoftCoder, bordered, code_lengths, soft_magnitudes
from xr_inr.core.latent.soft_features import Visit
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.steps import Steps
from xr_inr.core.siren.optimiser import Soap

ITERATIONS = 300
"""Steps downhill after the sweeps."""

CORRECTIONS = 60
"""Steps in place of each sweep that brings a payload nearer to its target."""

_LEARNING_RATE = 0.1
_SYNTHESIS_RATE = 4e-3
_TEMPERATURES = (0.35, 0.1)
_NOISE = (1.0, 0.4)
_ANNEALED = 0.9
"""Share of the way after which rounding is as hard as it gets."""

_PULL = 0.8
_REFRESHES = 10
"""How often what is stored beside the latents is fitted anew."""

_STEERED = 0.5
"""Share of the way after which lambda follows the target; until then the size falls by itself."""

_CORRECTED = 0.6
"""Share of the way that a correction begins at: partly annealed."""

_EAGERNESS = 3.0
"""Octaves of lambda for an octave of rate that the target is missed by."""

_LARGEST_TURN = 0.5
"""Octaves by which lambda changes at once."""

Latents = list[Tensor]
"""One tensor a subband, (rank, height, width)."""

Steer = Callable[[Latents, float], float]
"""Takes whole latents and lambda, and returns the lambda to go on with."""


def after_sweeps(sweeps: Callable[[Any], Steps[None]]) -> Callable[[Any], Steps[None]]:
    """Return what sweeps and then refines; from then on the target is met by refining, not by sweeps.

    Parameters
    ----------
    sweeps
        ``model.Fitting._round``, which takes the fit.
    """

    def rounded(self: Any) -> Steps[None]:
        def steer(latents: Latents, weight: float) -> float:
            turn: float = _EAGERNESS * self._aim.missed(self._sections(latents))
            return weight * math.exp2(min(max(turn, -_LARGEST_TURN), _LARGEST_TURN))

        def refined(iterations: int, start: float, steer: Steer) -> None:
            self._latents, self._weight = refine(
                self._latents,
                self._scene,
                self._rounder,
                self._weight,
                schedule=Schedule(iterations, start),
                seed=self._seed,
                steer=steer,
            )
            self._done += 1

        def corrected(_weight: float, _share: float) -> Steps[None]:
            refined(CORRECTIONS, _CORRECTED, lambda _, weight: weight)
            yield from ()

        yield from sweeps(self)
        refined(ITERATIONS, 0.0, steer)
        self._sweep = corrected

    return rounded


@dataclass(frozen=True)
class Schedule:
    """How hard latents are rounded, and how far they move, on the way."""

    iterations: int
    """Steps downhill."""

    start: float = 0.0
    """Share of the way that is left out; from 0 on rounding is soft."""

    def shares(self) -> Iterator[tuple[int, float]]:
        """Yield the number of each step and the share of the way behind it."""
        for iteration in range(self.iterations):
            yield iteration, self.start + (1.0 - self.start) * iteration / self.iterations

    @staticmethod
    def rate(share: float) -> float:
        """Return by what learning rates are multiplied."""
        return 0.5 * (1.0 + math.cos(math.pi * share))

    @staticmethod
    def temperature(share: float) -> float:
        """Return the temperature of `soft_round`."""
        return _between(_TEMPERATURES, min(1.0, share / _ANNEALED))

    @staticmethod
    def noise(share: float) -> float:
        """Return the width of the noise, in steps."""
        return _between(_NOISE, share)


def refine(
    latents: Latents,
    scene: SoftScene,
    rounder: Rounder,
    weight: float,
    *,
    schedule: Schedule,
    seed: int,
    steer: Steer,
) -> tuple[Latents, float]:
    """Move latents, and the scene's sinusoidal networks, downhill.

    Parameters
    ----------
    latents
        Whole numbers to start from.
    scene
        What they should give; its networks' weights are moved in place.
    rounder
        Tells code lengths, under its offsets of components as they are.
    weight
        Squared quantiser steps that a bit is worth (lambda).
    schedule
        Steps, and how hard they round.
    seed
        Of the noise.
    steer
        Called a few times in the second half.

    Returns
    -------
    latents, weight
        Whole numbers, and the last lambda.
    """
    moved = [
        (start + _offset(slope) * (1.0 - schedule.start)).requires_grad_()
        for start, slope in zip(latents, scene.missed(latents).slopes, strict=True)
    ]
    optimiser = torch.optim.Adam(moved, lr=_LEARNING_RATE, betas=(0.9, 0.99))
    weights = [part for network in scene.cascade for part in network.parameters]
    networks = Soap(weights) if weights else None
    random = torch.Generator().manual_seed(seed)
    every = max(1, schedule.iterations // _REFRESHES)
    soft, offsets = rounder.soft, rounder.offsets
    side = side_of(whole(latents), scene.pyramid, offsets)
    visits = soft.visits(side.scales > 0)
    if not visits:
        return latents, weight
    biases, live = soft.biases(visits), _live(visits, moved)
    for iteration, share in schedule.shares():
        if iteration and iteration % every == 0:
            rounded = _rounded(moved, live)
            side = side_of(whole(rounded), scene.pyramid, offsets)
            if share >= _STEERED:
                weight = steer(rounded, weight)
            # Components that happen to be all zero now may still wake up.
            side = replace(side, scales=side.scales.clip(min=1))
        temperature, noise = schedule.temperature(share), schedule.noise(share)
        softened = []
        for part, alive in zip(moved, live, strict=True):
            drawn = noise * (torch.rand(part.shape, generator=random).to(part.device) - 0.5)
            softened.append(soft_round(soft_round(part, temperature) + drawn, temperature) * alive)
        loss = scene.error(softened) + weight * _bits(softened, soft, side, visits, biases)
        optimiser.zero_grad()
        if networks is not None:
            networks.zero_grad()
        torch.autograd.backward(loss)
        optimiser.param_groups[0]["lr"] = _LEARNING_RATE * schedule.rate(share)
        optimiser.step()
        if networks is not None:
            networks.step(_SYNTHESIS_RATE * schedule.rate(share))
    return _rounded(moved, live), weight


def soft_round(values: Tensor, temperature: float) -> Tensor:
    """Round softly: the identity for high temperatures, rounding for low ones."""
    middle = torch.floor(values) + 0.5
    return middle + torch.tanh((values - middle) / temperature) / (2.0 * math.tanh(0.5 / temperature))


def _bits(latents: Latents, soft: SoftCoder, side: LatentSide, visits: list[Visit], biases: Tensor) -> Tensor:
    features = soft.features(bordered([soft_magnitudes(part) for part in latents]), side, visits)
    means = soft.means(bordered(latents), side, visits)
    offsets = torch.from_numpy(side.offsets).to(biases)[soft.components(visits)]
    return code_lengths(soft.gather(latents, visits), means, soft.indices(features, biases, offsets)).sum()


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _offset(slope: Tensor) -> Tensor:
    """Return how far to begin from whole numbers: towards lower error, and still nearest to them."""
    return _PULL * (-0.5 * slope).clamp(-0.49, 0.49)


def _live(visits: list[Visit], latents: Latents) -> Latents:
    """Return 1 for components that are coded in a subband and 0 for others, (rank, 1, 1) a subband."""
    found = [torch.zeros(len(part), 1, 1, device=part.device) for part in latents]
    for visit in visits:
        found[visit.subband][visit.active] = 1.0
    return found


def _rounded(latents: Latents, live: Latents) -> Latents:
    return [part.detach().round() * alive for part, alive in zip(latents, live, strict=True)]

"""Fitting a context network to examples: fewest bits, every scene and every rate counting alike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.pretraining import STEPS
from benchmarks.pretraining.contexts import Contexts
from benchmarks.pretraining.trainable import TrainableContext
from xr_inr.core.latent.network import ContextNetwork
from xr_inr.core.latent.soft import code_lengths
from xr_inr.core.latent.wavelet import APPROXIMATION

_REPORT_EVERY = 1000


@dataclass(frozen=True)
class FitSettings:
    """How to fit."""

    steps: int = STEPS
    """Steps of the optimiser."""

    seed: int = 0
    """Of the initial parameters and of the latents that are drawn."""

    batch: int = 8192
    """About how many latents each step sees."""

    learning_rate: float = 3e-2
    """The largest learning rate."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1:
            raise ValueError(f"steps and batch must be at least 1. Got {self.steps} and {self.batch}.")


@dataclass(frozen=True)
class Lesson:
    """An example as the fit sees it."""

    scene: str
    """Name of the scene; each scene counts alike."""

    contexts: Contexts
    """Its latents."""

    bits: int
    """What it takes under a known network: its loss is relative to that, so that rates count alike."""


def fit_network(
    lessons: Sequence[Lesson], settings: FitSettings, say: Callable[[str], None] = lambda _: None
) -> ContextNetwork:
    """Fit a network.

    Parameters
    ----------
    lessons
        At least one.
    settings
        How to fit.
    say
        Takes a line now and then: the loss, 1 being what the known network takes.

    Returns
    -------
    ContextNetwork
        The same bytes for the same arguments, on one thread.

    Raises
    ------
    ValueError
        When there is no lesson.
    """
    if not lessons:
        raise ValueError("a context network must be fitted to at least one example. Got none.")
    drawing = _Drawing(lessons, settings)
    trainable = TrainableContext(drawing.levels, settings.seed)
    optimiser = torch.optim.Adam(trainable.parameters(), settings.learning_rate)
    for step in range(settings.steps):
        rate = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        features, places, values, means, offsets, shares = drawing.batch()
        loss = (code_lengths(values, means, trainable(features, places, offsets)) * shares).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        trainable.confine()
        if (step + 1) % _REPORT_EVERY == 0:
            say(f"step {step + 1}: loss {float(loss.detach()):.4f}")
    return trainable.network()


class _Drawing:
    """Draws as many latents of every example, whatever its size."""

    def __init__(self, lessons: Sequence[Lesson], settings: FitSettings) -> None:
        parts = [lesson.contexts for lesson in lessons]
        self._features = torch.cat([part.features for part in parts])
        self._places = torch.cat([part.places for part in parts])
        self._values = torch.cat([part.values for part in parts])
        self._means = torch.cat([part.means for part in parts])
        self._offsets = torch.cat([part.offsets for part in parts])
        counts = torch.tensor([len(part) for part in parts])
        self._counts = counts[:, None]
        self._starts = (counts.cumsum(0) - counts)[:, None]
        self._each = -(-settings.batch // len(lessons))
        of_scene = Counter(lesson.scene for lesson in lessons)
        shares = [
            len(lesson.contexts) / max(lesson.bits, 8) / of_scene[lesson.scene] / len(of_scene) / self._each
            for lesson in lessons
        ]
        self._shares = torch.tensor(shares).repeat_interleave(self._each)
        self._random = torch.Generator().manual_seed(settings.seed)

    @property
    def levels(self) -> int:
        """How many levels of details the latents have; at least 1."""
        details = self._places[:, 1] != APPROXIMATION
        return 1 + int((self._places[:, 2] * details).max())

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return features, places, values, means, offsets and what each latent counts in the loss."""
        drawn = torch.rand(len(self._counts), self._each, generator=self._random, dtype=torch.float64)
        index = (self._starts + (drawn * self._counts).long()).flatten()
        return (
            self._features[index].float(),
            self._places[index].long(),
            self._values[index],
            self._means[index],
            self._offsets[index],
            self._shares,
        )

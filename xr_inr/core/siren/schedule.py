"""How a fit goes on: learning rate, rounding, batches of positions, and when it must slow down."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from xr_inr.core.siren.presets import SirenPreset

_CHECKS = 60
"""How often a fit on batches looks at all positions, at most."""

_CHECK_POINTS = 1.7
"""Positions looked at in checks for each one fitted, at most: looking costs a third, so a fifth of the time."""

_SPARSE = 16

_PATIENCE = 0.12
"""Share of the iterations without any gain after which a fit goes back to its best parameters."""


@dataclass(frozen=True)
class Schedule:
    """What a fit does in each of its iterations."""

    preset: SirenPreset
    """How to fit."""

    width: int
    """Units of a hidden layer."""

    points: int
    """Positions that count."""

    weight_bits: int
    """In which form the parameters will be stored."""

    @property
    def batch(self) -> int | None:
        """Positions in one iteration; None for all."""
        batch = self.preset.batch_points
        return batch if batch is not None and batch < self.points else None

    @property
    def check_every(self) -> int:
        """Iterations from one look at all positions to the next, of a fit on batches."""
        rarest = 1 if self.batch is None else int(_CHECK_POINTS * self.points / self.batch)
        return max(1, self.preset.iterations // _CHECKS, rarest)

    @property
    def share_of_rate(self) -> float:
        """The share of the learning rate that a network of this width bears.

        A step moves what reaches a unit by the learning rate times its inputs: beyond some width a fit breaks down.
        """
        widest = self.preset.widest_at_full_rate
        return 1.0 if widest is None else min(1.0, widest / self.width)

    def learning_rate(self, iteration: int, slower: float) -> float:
        """Return the learning rate of an iteration; `slower` is the share of it that is taken."""
        preset = self.preset
        rate = preset.learning_rate * slower * min(1.0, (iteration + 1) / max(1, preset.warmup))
        if preset.schedule == "cosine":
            rate *= 0.5 * (1.0 + math.cos(math.pi * iteration / preset.iterations))
        return rate

    def rounds(self, iteration: int) -> bool:
        """Whether an iteration evaluates the parameters as they will be stored."""
        return self.weight_bits < 16 and iteration >= self.preset.quantise_from * self.preset.iterations

    def stalls(self, iterations_without_gain: int) -> bool:
        """Whether nothing has become better for so long that the learning rate must be beyond what the scene bears."""
        return self.preset.schedule != "constant" and iterations_without_gain > _PATIENCE * self.preset.iterations

    def draw(self, generator: torch.Generator) -> Tensor | None:
        """Draw the positions of one iteration: ascending indices, (batch,) int64 on the CPU; None for all."""
        if self.batch is None:
            return None
        if self.points > _SPARSE * self.batch:
            # Few positions are drawn twice, and shuffling all of them would cost more than the iteration.
            drawn = torch.randint(self.points, (self.batch,), generator=generator)
        else:
            drawn = torch.randperm(self.points, generator=generator)[: self.batch]
        return drawn.sort().values

"""What a running fit tells, and how it asks whether an interrupted fit should be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a fit stands."""

    stage: str
    """What is being done: `search` for an architecture, in all its rounds, or `fit`."""

    iteration: int
    """Iterations done of this stage."""

    iterations: int
    """Iterations planned for this stage."""

    psnr: float
    """Best so far of the current stage, in dB."""


@dataclass(frozen=True)
class Monitor:
    """Who listens to a fit."""

    report: Callable[[Progress], None] = lambda _: None
    """Called after every iteration; must be quick."""

    keep_best: Callable[[Progress], bool] = lambda _: False
    """Called on KeyboardInterrupt: True ends the fit with the best so far, False lets the interrupt go on."""

    note: Callable[[str], None] = lambda _: None
    """Called with a line worth reading, such as a candidate's PSNR."""

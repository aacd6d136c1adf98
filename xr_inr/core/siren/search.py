"""Which of the networks within a budget fits the scene best (the paper's step 1 and its Figure 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit_stack import LoneTrainer
from xr_inr.core.siren.plan import Size


@dataclass(frozen=True)
class CandidateResult:
    """One point of the paper's Figure 4."""

    architecture: Architecture
    """The network."""

    payload_bytes: int
    """What a payload with it takes."""

    iterations: int
    """How long it was fitted."""

    psnr: float
    """The best PSNR it reached, in dB."""

    def __str__(self) -> str:
        return (
            f"{self.architecture!s:>16}  {self.payload_bytes:>9,} bytes  "
            f"{self.iterations:>6,} iterations  {self.psnr:6.2f} dB"
        )


Start = Callable[[Architecture, int], LoneTrainer]
"""Begins the fit of an architecture over a number of iterations."""


def successive_halving(
    start: Start,
    architectures: Sequence[Architecture],
    rungs: Iterable[int],
    *,
    size: Size,
    results: list[CandidateResult],
    monitor: Monitor,
) -> Architecture:
    """Fit all candidates for a while, drop the worse half, fit the rest for longer, until one is left.

    Every rung is a whole fit with a schedule of its own: halfway through a longer one, at a high learning rate, the
    ranks say little.

    Parameters
    ----------
    start
        Begins a fit.
    architectures
        The candidates, at least one.
    rungs
        Iterations of a fit in each round.
    size
        The payload's size.
    results
        Where every candidate's result goes as soon as it is known; none where there is but one candidate.
    monitor
        Who listens.

    Returns
    -------
    Architecture
        The best candidate.
    """
    remaining = list(architectures)
    for rung in rungs:
        if len(remaining) == 1:
            break
        tried = []
        for architecture in remaining:
            tried.append(_try(start(architecture, rung), size, monitor))
            results.append(tried[-1])
        remaining = better_half(tried)
    return remaining[0]


def better_half(tried: Sequence[CandidateResult]) -> list[Architecture]:
    """Return the better half of the candidates of a round, best first; the larger one of an odd number."""
    ranked = sorted(tried, key=lambda result: result.psnr, reverse=True)
    return [result.architecture for result in ranked[: (len(ranked) + 1) // 2]]


def _try(trainer: LoneTrainer, size: Size, monitor: Monitor) -> CandidateResult:
    while not trainer.finished:
        trainer.advance()
        monitor.report(
            Progress(f"search {trainer.architecture}", trainer.iteration, trainer.iterations, trainer.best.psnr)
        )
    result = CandidateResult(trainer.architecture, size(trainer.architecture), trainer.iteration, trainer.best.psnr)
    monitor.note(str(result))
    return result

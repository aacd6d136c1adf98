"""Which of the networks within a budget fits the scene best (the paper's step 1 and its Figure 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Trainer
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


def successive_halving(
    trainers: list[Trainer], rungs: Iterable[int], size: Size, monitor: Monitor
) -> tuple[Trainer, list[CandidateResult]]:
    """Fit all candidates for a while, drop the worse half, go on with the rest, until one is left.

    Parameters
    ----------
    trainers
        One for each candidate, at least one.
    rungs
        The iterations each remaining candidate has done when the worse half is dropped.
    size
        The payload's size.
    monitor
        Who listens.

    Returns
    -------
    trainer, results
        The best candidate, fitted so far as the search went, and every candidate's result at each rung.
    """
    results: list[CandidateResult] = []
    for rung in rungs:
        if len(trainers) == 1:
            break
        for trainer in trainers:
            while trainer.iteration < rung:
                trainer.advance()
                monitor.report(Progress(f"search {trainer.architecture}", trainer.iteration, rung, trainer.best.psnr))
            result = CandidateResult(
                trainer.architecture, size(trainer.architecture), trainer.iteration, trainer.best.psnr
            )
            monitor.note(str(result))
            results.append(result)
        trainers = sorted(trainers, key=lambda trainer: trainer.best.psnr, reverse=True)[: (len(trainers) + 1) // 2]
    return max(trainers, key=lambda trainer: trainer.best.psnr), results

"""Which networks fit a budget, and which of them fits the scene best (the paper's step 1 and its Figure 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Trainer

Size = Callable[[Architecture], int]
"""The bytes of the whole payload with a network of that architecture."""

_WIDEST = 65_535
_WIDEST_TABLE_I = 255


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


def candidates(
    hidden_layers: Iterable[int], outputs: int, size: Size, budget: int, *, table_i: bool
) -> list[Architecture]:
    """Return the widest network of each depth whose payload fits the budget.

    Parameters
    ----------
    hidden_layers
        The depths n_h to consider.
    outputs
        Values the network gives.
    size
        The payload's size, growing with the width.
    budget
        Bytes that the payload may take.
    table_i
        Whether the network is stored as Table I says, which ends at a width of 255.

    Returns
    -------
    list of Architecture
        Without the depths of which no network fits; those that leave more than 3 % of the budget unused only where
        none uses more.
    """
    found = []
    for depth in hidden_layers:
        low, high = 0, _WIDEST_TABLE_I if table_i else _WIDEST
        while low < high:
            middle = (low + high + 1) // 2
            if size(Architecture(depth, middle, outputs)) <= budget:
                low = middle
            else:
                high = middle - 1
        if low:
            found.append(Architecture(depth, low, outputs))
    full = [architecture for architecture in found if size(architecture) >= 0.97 * budget]
    return full or sorted(found, key=size)[-1:]


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

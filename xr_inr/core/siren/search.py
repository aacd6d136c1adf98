"""Which of the networks within a budget fits the scene best (the paper's step 1 and its Figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xr_inr.core.siren.architecture import Architecture


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


def better_half(tried: Sequence[CandidateResult]) -> list[Architecture]:
    """Return the better half of the candidates of a round, best first; the larger one of an odd number."""
    ranked = sorted(tried, key=lambda result: result.psnr, reverse=True)
    return [result.architecture for result in ranked[: (len(ranked) + 1) // 2]]


def iterations_of(candidates: int, rungs: Sequence[int]) -> int:
    """Return how many iterations a search among so many candidates takes, by the iterations of a fit in each round."""
    total = 0
    for rung in rungs:
        if candidates > 1:
            total += candidates * rung
        candidates = (candidates + 1) // 2
    return total

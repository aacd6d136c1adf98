"""The settings a SIREN can be fitted with, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class SirenPreset:
    """How to search for an architecture and how to fit it."""

    name: str
    """What to ask for."""

    hidden_layers: tuple[int, ...]
    """n_h of the candidates; each takes the widest w_h that fits the budget."""

    rungs: tuple[int, ...]
    """Iterations of a candidate in each round of the search, after which the worse half is dropped."""

    iterations: int
    """Iterations of the network that is kept."""

    optimiser: Literal["adam", "soap"]
    """What moves the parameters."""

    learning_rate: float
    """The largest learning rate."""

    widest_at_full_rate: int | None
    """Hidden width from which on the learning rate falls with 1 / width; None for the same at every width."""

    schedule: Literal["constant", "cosine"]
    """How the learning rate changes after the warm-up."""

    warmup: int
    """Iterations over which the learning rate rises linearly."""

    spectral: bool
    """Whether the network gives components of a spectral basis instead of bands."""

    weight_bits: int
    """32 or 16 (floats, stored as the paper's Table I says) or 4 to 8 (integers with scales, quantisation-aware)."""

    quantise_from: float
    """Share of the iterations after which integer weights are rounded in the forward pass."""

    batch_points: int | None
    """Positions in one iteration; all if None."""


DEFAULT_PRESET = "balanced"

_BALANCED = SirenPreset(
    name="balanced",
    hidden_layers=(4, 6, 8),
    rungs=(250,),
    iterations=2400,
    optimiser="soap",
    learning_rate=1.2e-3,
    widest_at_full_rate=48,
    schedule="cosine",
    warmup=40,
    spectral=True,
    weight_bits=8,
    quantise_from=0.0,
    batch_points=4096,
)

PRESETS = {
    preset.name: preset
    for preset in (
        replace(
            _BALANCED, name="fast", hidden_layers=(4, 6), rungs=(120,), iterations=700, learning_rate=2e-3, warmup=20
        ),
        _BALANCED,
        replace(
            _BALANCED,
            name="best",
            hidden_layers=(4, 5, 6, 8, 10),
            rungs=(250, 800),
            iterations=5_000,
            learning_rate=1e-3,
        ),
        SirenPreset(
            name="paper",
            hidden_layers=(2, 3, 5, 8, 10, 15),
            rungs=(300, 600, 1200),
            iterations=15_000,
            optimiser="adam",
            learning_rate=2e-4,
            widest_at_full_rate=None,
            schedule="constant",
            warmup=0,
            spectral=False,
            weight_bits=16,
            quantise_from=1.0,
            batch_points=None,
        ),
    )
}
"""What `preset=` can name, from the quickest to the paper's own settings."""

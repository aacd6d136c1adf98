"""The settings a latent model can be fitted with, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class LatentPreset:
    """How thoroughly to fit."""

    name: str
    """What to ask for."""

    sweeps: int
    """Rounds of rate-distortion optimised rounding."""

    synthesis_widths: tuple[int, ...]
    """Hidden widths of the last sinusoidal network to try, of those before it the first alone; the one that saves most
    is kept, none if none saves."""

    restoration_widths: tuple[int, ...]
    """Hidden widths of the restoring network to try; the one that saves most is kept, none if none saves."""

    synthesis_iterations: int
    """Iterations of each sinusoidal network."""

    learning_rate: float
    """The largest learning rate of the sinusoidal network."""

    toll: float
    """What the bits of weights count for in fits of sinusoidal networks, over what they cost in a payload."""

    turn_iterations: int
    """Steps of the descent that turns directions once more, by local energies."""

    trellis_rounds: int
    """How often latents of wide laws go through a trellis, once sweeps are done."""

    tries: int
    """Fits to do, each but the first on what the one before decodes to, with networks as wide as those of the best so
    far; the best payload is kept."""

    slack: float
    """How far payloads may be from their target, over how far they always may: 3 % of a size, 0.3 dB of a quality."""


_BALANCED = LatentPreset(
    name="balanced",
    sweeps=20,
    synthesis_widths=(8, 24),
    restoration_widths=(8, 24),
    synthesis_iterations=250,
    learning_rate=2e-2,
    toll=1.0,
    turn_iterations=80,
    trellis_rounds=3,
    tries=1,
    slack=1.0,
)

LATENT_PRESETS = {
    preset.name: preset
    for preset in (
        replace(
            _BALANCED,
            name="fast",
            sweeps=10,
            synthesis_widths=(12,),
            restoration_widths=(),
            synthesis_iterations=80,
            learning_rate=3e-2,
            turn_iterations=40,
            trellis_rounds=2,
        ),
        _BALANCED,
        replace(
            _BALANCED,
            name="best",
            sweeps=32,
            synthesis_widths=(8, 24, 48),
            restoration_widths=(8, 24, 48),
            synthesis_iterations=600,
            trellis_rounds=4,
            tries=3,
            slack=0.4,
        ),
    )
}
"""What `preset=` can name for `model="latent"`."""

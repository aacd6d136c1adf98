"""What a latent fit is given, what it asks for on its way, and what comes of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from xr_inr.core.bitstream import Section
from xr_inr.core.latent.aim import Aim, Sections
from xr_inr.core.latent.descent import Descent
from xr_inr.core.latent.local_turn import LocalTurn
from xr_inr.core.latent.presets import LatentPreset
from xr_inr.core.latent.quantise import Sweep
from xr_inr.core.latent.requantise import Trellis
from xr_inr.core.latent.rotation import Turn
from xr_inr.core.latent.smallest import mean_only
from xr_inr.core.monitor import Monitor
from xr_inr.core.scene import Scene


@dataclass(frozen=True)
class LatentResult:
    """A fitted model, ready to be put into a payload."""

    sections: Sections
    """The sections that hold it."""

    rank: int
    """Components."""

    widths: tuple[int, ...]
    """Hidden width of each sinusoidal network."""

    sweeps: int
    """Sweeps done."""

    interrupted: bool = False
    """Whether it was cut short and kept on a person's word."""

    @classmethod
    def mean_only(cls, scene: Scene) -> LatentResult:
        """Return the model that is no more than a mean spectrum."""
        return cls({Section.LATENT_BASIS: mean_only(scene).to_bytes()}, 0, (), 0)


@dataclass(frozen=True)
class Task:
    """What is to be fitted."""

    aim: Aim
    """The scene, of which at least one band must be fitted, and the target."""

    preset: LatentPreset
    """How thoroughly to fit."""

    device: torch.device
    """Where to fit."""

    seed: int
    """Of everything drawn at random."""

    monitor: Monitor
    """Who is told what is worth a line."""

    streamed: bool = False
    """Whether planes and latents shall lie in the memory of the CPU, and parts of them be sent to the device; they do
    in any case where the device lacks memory for them.
    """


@dataclass(frozen=True)
class Widths:
    """Hidden widths of networks, to try."""

    synthesis: Sequence[int]
    """Of the last one that foretells."""

    restoration: Sequence[int]
    """Of the one that restores."""


Ask = Sweep | Trellis | Turn | LocalTurn | Descent
"""What a fit asks for: it is sent latents, or directions, or nothing, once a network is fitted."""

Found = TypeVar("Found")
Steps = Generator[Ask, Any, Found]
"""Part of a fit, and what it finds."""

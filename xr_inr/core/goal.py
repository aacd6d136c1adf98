"""What a fit is to reach, and what it comes to. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xr_inr.core.bitstream import Section
from xr_inr.core.metrics import Figures
from xr_inr.core.quality import Quality
from xr_inr.core.scene import Scene

Sections = dict[Section, bytes]
Measure = Callable[[Sections], Figures]
"""Returns the figures of the samples that the sections of a model decode to."""


@dataclass(frozen=True)
class Goal:
    """A scene and what its payload is to reach: a size or a quality."""

    scene: Scene
    """The scene; at least one band must be fitted."""

    budget: int | None
    """Bytes of the whole payload, never exceeded; None where the target is a quality."""

    quality: Quality | None
    """The quality to reach; None where the target is a size."""

    smallest: int
    """Bytes of the smallest payload of the scene."""

    measure: Measure
    """Returns the figures of the samples that sections decode to."""


@dataclass(frozen=True)
class FittedModel:
    """A model that meets a target, ready to be put into a payload."""

    sections: Sections
    """The sections that hold it."""

    iterations: int
    """Iterations, or sweeps of a latent model, done."""

    search: list[str] = field(default_factory=list)
    """The architecture search of a siren, a line for each candidate and rung."""

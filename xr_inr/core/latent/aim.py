"""What a latent fit aims at, and how far a payload is from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from xr_inr.core.bitstream import Section, container_bytes
from xr_inr.core.metrics import Figures
from xr_inr.core.quality import Quality
from xr_inr.core.scene import Scene

FULL = 0.97
"""Share of a budget that a payload shall fill."""

QUALITY_SLACK = 0.3
"""dB by which a payload may be better than asked for."""

_AIM = 0.013
"""Share of a budget by which a fit aims below it."""

_DB_PER_OCTAVE = 2.8
"""A quality over the logarithm of the rate, to turn what it misses into what a rate would."""

Sections = dict[Section, bytes]


@dataclass(frozen=True)
class Verdict:
    """How a payload stands to the target."""

    missed: float
    """By how many octaves of rate it is too large or too good; negative for too small or too bad."""

    met: bool
    """Whether it is no larger, or no worse, than asked for."""

    tight: bool
    """Whether, if so, it wastes little."""

    reached: float
    """How good it is, in dB as `Quality.wanted`; NaN where the target is a size."""


@dataclass(frozen=True)
class Aim:
    """Exactly one of a size and a quality."""

    scene: Scene
    """The scene."""

    budget: int | None
    """Bytes of the whole payload."""

    quality: Quality | None
    """What decoded samples shall reach."""

    measure: Callable[[Sections], Figures]
    """Returns the figures of the samples that sections decode to."""

    slack: float = 1.0
    """How far from the target a payload may be and waste little, over what `FULL` and `QUALITY_SLACK` allow."""

    def size(self, sections: Sections) -> int:
        """Return the bytes of the payload with these sections of the model."""
        lengths = {tag: len(part) for tag, part in (self.scene.layout.to_sections() | sections).items()}
        return container_bytes(lengths)

    def judge(self, sections: Sections) -> Verdict:
        """Return how a payload stands to the target; where that is a quality, it is decoded once."""
        if self.budget is not None:
            size = self.size(sections)
            return Verdict(
                missed=math.log2(size / ((1.0 - self.slack * _AIM) * self.budget)),
                met=size <= self.budget,
                tight=size >= (1.0 - self.slack * (1.0 - FULL)) * self.budget,
                reached=math.nan,
            )
        reached, wanted = self._quality.reached(self.measure(sections)), self._quality.wanted
        return Verdict(
            missed=(reached - wanted - self.slack * QUALITY_SLACK / 3) / _DB_PER_OCTAVE,
            met=reached >= wanted,
            tight=reached <= wanted + self.slack * QUALITY_SLACK,
            reached=reached,
        )

    def worth(self, sections: Sections) -> float:
        """Return what tells the best of payloads that meet the target: PSNR in a size, else how small they are."""
        return self.measure(sections).psnr if self.budget is not None else -float(self.size(sections))

    def missed(self, sections: Sections) -> float:
        """Return `Verdict.missed` of a payload."""
        return self.judge(sections).missed

    def error(self) -> float:
        """Return the mean squared error of the fitted samples, on the [0, 1] scale, that about gives the quality."""
        low, high = float(self.scene.layout.low), float(self.scene.layout.high)
        squares: float = self.scene.peak**2 * 10.0 ** (-self._psnr / 10.0) * self.scene.valid_samples
        return squares / (high - low) ** 2 / max(self.scene.size, 1)

    def psnr_of(self, error: float) -> float:
        """Return the PSNR that a mean squared error of the fitted samples gives, on the [0, 1] scale."""
        low, high = float(self.scene.layout.low), float(self.scene.layout.high)
        squares = error * self.scene.size * (high - low) ** 2 / self.scene.valid_samples
        return math.inf if squares <= 0 else 10.0 * math.log10(self.scene.peak**2 / squares)

    def shortfall(self, sections: Sections, verdict: Verdict) -> str:
        """Return in words what was asked for, and what the last of some payloads tried came to."""
        quality = self._quality
        return (
            f"{quality.name}={quality.asked} was not reached: the last of the payloads tried takes "
            f"{self.size(sections):,} bytes and gives {quality.said(verdict.reached)}"
        )

    @cached_property
    def _psnr(self) -> float:
        return self._quality.psnr_of(self.scene)

    @property
    def _quality(self) -> Quality:
        if self.quality is None:
            raise TypeError("a target must be given")
        return self.quality

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

_AIM = 0.987
_DB_PER_OCTAVE = 2.8
"""A quality over the logarithm of the rate, to turn what it misses into what a rate would."""

_REMEMBERED = 3
"""Payloads that are compared with one another: the best, the last and the new one."""

Sections = dict[Section, bytes]


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

    def size(self, sections: Sections) -> int:
        """Return the bytes of the payload with these sections of the model."""
        lengths = {tag: len(part) for tag, part in (self.scene.layout.to_sections() | sections).items()}
        return container_bytes(lengths)

    def missed(self, sections: Sections) -> float:
        """Return by how many octaves of rate a payload is too large or too good; negative for too small or too bad."""
        if self.budget is not None:
            return math.log2(self.size(sections) / (_AIM * self.budget))
        return (self.reached(sections) - self._quality.wanted - QUALITY_SLACK / 3) / _DB_PER_OCTAVE

    def met(self, sections: Sections) -> bool:
        """Return whether a payload is no larger, or no worse, than asked for."""
        if self.budget is not None:
            return self.size(sections) <= self.budget
        return self.reached(sections) >= self._quality.wanted

    def tight(self, sections: Sections) -> bool:
        """Return whether a payload that meets the target wastes little."""
        if self.budget is not None:
            return self.size(sections) >= FULL * self.budget
        return self.reached(sections) <= self._quality.wanted + QUALITY_SLACK

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

    def reached(self, sections: Sections) -> float:
        """Return how good a payload is, in dB as `Quality.wanted`; the last few are not decoded again."""
        known = next((entry for entry in self._measured if entry[0] is sections), None)
        if known is None:
            known = (sections, self._quality.reached(self.measure(sections)))
        self._measured[:] = [known, *(entry for entry in self._measured if entry is not known)][:_REMEMBERED]
        return known[1]

    def shortfall(self, sections: Sections) -> str:
        """Return in words what was asked for, and what the last of some payloads tried came to."""
        quality = self._quality
        return (
            f"{quality.name}={quality.asked} was not reached: the last of the payloads tried takes "
            f"{self.size(sections):,} bytes and gives {quality.said(self.reached(sections))}"
        )

    @cached_property
    def _psnr(self) -> float:
        return self._quality.psnr_of(self.scene)

    @cached_property
    def _measured(self) -> list[tuple[Sections, float]]:
        """The sections that were asked about last, newest first, and how good they are."""
        return []

    @property
    def _quality(self) -> Quality:
        if self.quality is None:
            raise TypeError("a target must be given")
        return self.quality

"""What was measured, ready for tables and pictures: rows of the results by scene, codec and rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks import results
from benchmarks.bd import Delta, delta
from benchmarks.codecs.registry import CODECS
from benchmarks.results import Row
from benchmarks.scenes import SCENES

ANCHOR = "klt + jpeg 2000"
"""The codec that Bjontegaard deltas are against unless another is named."""

RATE = 0.1
"""Bits per pixel per band at which codecs are put side by side."""


@dataclass(frozen=True)
class Measured:
    """One codec on one scene at one rate."""

    row: Row

    @property
    def scene(self) -> str:
        """Key of the scene."""
        return self.row["scene"]

    @property
    def codec(self) -> str:
        """Name of the codec."""
        return self.row["codec"]

    @property
    def asked(self) -> float | None:
        """Bits per pixel per band it was asked for, None of a lossless codec."""
        return float(self.row["asked_bpppb"]) if self.row["asked_bpppb"] else None

    @property
    def stored(self) -> bool:
        """Whether there is a stream, and with it figures."""
        return self.row["status"] == "ok"

    @property
    def timed(self) -> bool:
        """Whether its times compare with those of others."""
        return self.codec not in CODECS or not CODECS[self.codec].in_a_sandbox

    def figure(self, column: str) -> float:
        """Return a column as a number, NaN where there is none."""
        return results.number(self.row, column) if self.stored else math.nan

    @property
    def encode_s(self) -> float:
        """Seconds of encoding: of the processor, or of the clock where a GPU did the work."""
        return self.figure("encode_cpu_s" if self.row["device"] == "cpu" else "encode_s")

    def throughput(self, seconds: float) -> float:
        """Return million samples a second of what takes so many seconds."""
        samples = self.figure("bytes") * 8 / self.figure("bpppb")
        return samples / seconds / 1e6


def measured() -> list[Measured]:
    """Return all that was measured, scene by scene in the order of `SCENES`."""
    found = [Measured(row) for row in results.read(results.GRID)]
    order = list(SCENES)
    return sorted(found, key=lambda one: order.index(one.scene) if one.scene in SCENES else len(order))


def by_scene(found: Iterable[Measured]) -> dict[str, list[Measured]]:
    """Return what was measured on each scene."""
    parts: dict[str, list[Measured]] = {}
    for one in found:
        parts.setdefault(one.scene, []).append(one)
    return parts


def by_codec(found: Iterable[Measured]) -> dict[str, list[Measured]]:
    """Return what was measured with each codec on one scene, by rising rate, lossless codecs left out."""
    parts: dict[str, list[Measured]] = {}
    for one in found:
        if one.asked is not None:
            parts.setdefault(one.codec, []).append(one)
    return {codec: sorted(ones, key=lambda one: one.asked or 0) for codec, ones in parts.items()}


def at(found: Iterable[Measured], rate: float) -> list[Measured]:
    """Return what was asked for at a rate, the highest PSNR first, what was not stored last."""
    asked = [one for one in found if one.asked == rate]
    return sorted(asked, key=lambda one: -one.figure("psnr_db") if one.stored else math.inf)


def deltas(found: Iterable[Measured], anchor: str, *, rates: tuple[float, float] | None = None) -> dict[str, Delta]:
    """Return the Bjontegaard deltas of every lossy codec on one scene against `anchor`, the highest PSNR first.

    Rates are the bits per pixel per band of the streams, not those asked for. Those of the anchor that count may be
    bounded. Codecs without a delta in PSNR are last.
    """
    points = {
        codec: [(one.figure("bpppb"), one.figure("psnr_db")) for one in ones if one.stored]
        for codec, ones in by_codec(found).items()
    }
    reference = points.get(anchor, [])
    compared = {codec: delta(reference, curve, rates=rates) for codec, curve in points.items()}
    return dict(sorted(compared.items(), key=lambda item: math.inf if item[1].psnr_db is None else -item[1].psnr_db))


def title(scene: str) -> str:
    """Return how a reader knows a scene."""
    return SCENES[scene].title if scene in SCENES else scene

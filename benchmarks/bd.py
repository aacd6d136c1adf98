"""Bjontegaard deltas: what one codec saves of another's rate, and gains over its quality, where their curves overlap.

The measure is that of Bjontegaard, *Calculation of average PSNR differences between RD-curves*, ITU-T VCEG-M33 (2001):
the mean distance of two curves of PSNR over the logarithm of the rate. The curves are interpolated by piecewise cubics
as in VCEG-AL22 (2009) and the JCT-VC common test conditions, here monotone ones (Fritsch and Carlson 1980, as scipy's
PCHIP), which pass through every point and do not swing between points far apart as the one cubic of 2001 does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Interval = tuple[float, float]
"""The lower end and the upper end."""


@dataclass(frozen=True)
class Delta:
    """How a curve lies to its anchor. A figure is None where it does not exist, and `reason` says why."""

    rate_percent: float | None
    """Mean difference in rate at equal PSNR, over `psnr_overlap`; negative is less rate than the anchor."""

    psnr_db: float | None
    """Mean difference in PSNR at equal rate, over `rate_overlap`; positive is better than the anchor."""

    psnr_overlap: Interval | None
    """PSNR in dB that both curves reach."""

    rate_overlap: Interval | None
    """Rates that both curves span, in the unit of the points."""

    reason: str = ""
    """Why there is no figure; empty where both exist."""


def delta(
    anchor: Iterable[tuple[float, float]], tested: Iterable[tuple[float, float]], *, rates: Interval | None = None
) -> Delta:
    """Compare two rate-distortion curves.

    Parameters
    ----------
    anchor, tested
        Points (rate, PSNR in dB) in any order; rates in any unit, the same for both. Only the points of `front` count.
    rates
        The anchor's rates that count, the lowest and the highest; all if None.

    Returns
    -------
    The deltas of `tested` against `anchor`, each over the interval that both curves cover and no further. One of them
    may exist without the other: a curve above all of the anchor's PSNR at the same rates has only a `psnr_db`.
    """
    curves = _within(front(anchor), rates), front(tested)
    for name, points in zip(("the anchor", "the tested curve"), curves, strict=True):
        if len(points) < 2:
            return Delta(None, None, None, None, f"{name} has {len(points)} of the 2 points that a curve takes")
    (anchor_rates, anchor_psnr), (tested_rates, tested_psnr) = (np.array(points).T for points in curves)
    psnr_overlap = _overlap(anchor_psnr, tested_psnr)
    rate_overlap = _overlap(anchor_rates, tested_rates)
    rate_percent = psnr_db = None
    if psnr_overlap is not None:
        log_ratio = _mean(tested_psnr, np.log(tested_rates), psnr_overlap)
        log_ratio -= _mean(anchor_psnr, np.log(anchor_rates), psnr_overlap)
        rate_percent = 100 * math.expm1(log_ratio)
    if rate_overlap is not None:
        log_rates = math.log(rate_overlap[0]), math.log(rate_overlap[1])
        psnr_db = _mean(np.log(tested_rates), tested_psnr, log_rates)
        psnr_db -= _mean(np.log(anchor_rates), anchor_psnr, log_rates)
    lacking = [
        f"no {quantity} in common"
        for quantity, overlap in (("PSNR", psnr_overlap), ("rate", rate_overlap))
        if overlap is None
    ]
    return Delta(rate_percent, psnr_db, psnr_overlap, rate_overlap, ", ".join(lacking))


def front(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other dominates, by rising rate and, with it, rising PSNR.

    A point is dropped where another has no more rate and no less PSNR, and where its PSNR is not a finite number: a
    codec does not get worse with more bytes, it may leave them unused.
    """
    kept: list[tuple[float, float]] = []
    for rate, psnr in sorted(points, key=lambda point: (point[0], -point[1])):
        if math.isfinite(psnr) and (not kept or psnr > kept[-1][1]):
            kept.append((float(rate), float(psnr)))
    return kept


def _within(points: list[tuple[float, float]], rates: Interval | None) -> list[tuple[float, float]]:
    """Return the part of a curve between two rates, with the points where it is cut."""
    if rates is None or len(points) < 2:
        return points
    known, psnr = (np.array(part) for part in zip(*points, strict=True))
    low, high = max(rates[0], known[0]), min(rates[1], known[-1])
    if low >= high:
        return []
    curve = PchipInterpolator(np.log(known), psnr)
    ends = [(rate, float(curve(math.log(rate)))) for rate in (low, high)]
    return [ends[0], *((rate, value) for rate, value in points if low < rate < high), ends[1]]


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> Interval | None:
    """Return the interval that two rising sequences cover both, None where it has no length."""
    low, high = max(first[0], second[0]), min(first[-1], second[-1])
    return (float(low), float(high)) if low < high else None


def _mean(x: NDArray[np.float64], y: NDArray[np.float64], interval: Interval) -> float:
    """Return the mean of the curve through (x, y), x rising, over an interval within its range."""
    low, high = interval
    return float(PchipInterpolator(x, y).integrate(low, high)) / (high - low)

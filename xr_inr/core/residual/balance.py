"""How good a model is to be so that it and its residual layer are smallest together, foretold from those tried.

A model grows by about a power of its error, and a layer with the entropy of what it rounds. Both are known where a
model was fitted; between and beside such points they are foretold, without a fit, from sizes and from some errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GROWTH = 1.6
"""How a model grows where its error shrinks, as an exponent, while one model alone is known."""

_STEEPEST, _FLATTEST = 4.0, 0.5
_CONTEXTS = 0.65
"""Exponent of the entropy in the size of the layer: contexts tell the more, the more there is to tell."""

_LEAST_ENTROPY = 1e-4
_FARTHEST = math.log(1.6)
"""How far beside what was tried a forecast is believed, in logarithms of the share."""

_NEAREST = math.log(1.07)
_POINTS = 25
_WORTH, _WORTH_AT_FIRST = 0.993, 0.97
"""A model is fitted where it promises so much of the best size or less; the second, while none has paid yet."""

_USUAL_SHARE = 0.6
_SMALLEST_SHARE, _LARGEST_SHARE = 0.2, 1.0


@dataclass(frozen=True)
class Tried:
    """A model that was fitted, and its layer."""

    share: float
    """The root mean square error asked of it, in parts of the bound."""

    model: int
    """Bytes of the model."""

    layer: int
    """Bytes of the layer."""

    errors: NDArray[np.float64]
    """(some,) errors, in steps of the layer."""

    @property
    def size(self) -> int:
        """Bytes of both."""
        return self.model + self.layer

    def layer_at(self, share: float) -> float:
        """Return the bytes of the layer if all errors were larger or smaller alike."""
        before, after = (_entropy(self.errors * scale) for scale in (1.0, share / self.share))
        return self.layer * float((after / before) ** _CONTEXTS)


def first_share(layer: int, samples: int) -> float:
    """Return the share to begin with: the wider the bound, the fewer errors are to be left to the layer.

    Parameters
    ----------
    layer
        Bytes of the layer of a mean spectrum.
    samples
        Samples that are coded.
    """
    return min(max(_USUAL_SHARE * math.sqrt(8.0 * layer / samples), _SMALLEST_SHARE), _LARGEST_SHARE)


def next_share(tried: Sequence[Tried], most: int) -> float | None:
    """Return the share of the model that promises most, None where none promises enough.

    Parameters
    ----------
    tried
        The models so far, one at least.
    most
        Bytes of the smallest payload so far, which may have no model to speak of; no layer is larger than that.
    """
    known = sorted(tried, key=lambda one: one.share)
    logs = np.log([one.share for one in known])
    points = np.linspace(logs[0] - _FARTHEST, logs[-1] + _FARTHEST, _POINTS * (len(known) + 1))
    points = points[np.abs(points[:, None] - logs).min(axis=1) > _NEAREST]
    sizes = [_model_at(point, logs, known) + min(_layer_at(point, logs, known), most) for point in points.tolist()]
    best = int(np.argmin(sizes))
    worth = _WORTH if min(one.size for one in known) <= most else _WORTH_AT_FIRST
    return math.exp(points[best]) if sizes[best] < worth * most else None


def _model_at(point: float, logs: NDArray[np.float64], known: Sequence[Tried]) -> float:
    sizes = np.log([one.model for one in known])
    growth = _GROWTH
    if len(known) > 1:
        right = int(np.clip(np.searchsorted(logs, point), 1, len(known) - 1))
        growth = (sizes[right - 1] - sizes[right]) / (logs[right] - logs[right - 1])
    nearest = int(np.abs(logs - point).argmin())
    return math.exp(sizes[nearest] + min(max(growth, _FLATTEST), _STEEPEST) * (logs[nearest] - point))


def _layer_at(point: float, logs: NDArray[np.float64], known: Sequence[Tried]) -> float:
    """Return what the models on either side foretell, the nearer one counting more."""
    right = int(np.searchsorted(logs, point))
    if right in {0, len(known)}:
        return known[min(right, len(known) - 1)].layer_at(math.exp(point))
    towards = (point - logs[right - 1]) / (logs[right] - logs[right - 1])
    left_layer, right_layer = (one.layer_at(math.exp(point)) for one in known[right - 1 : right + 1])
    return float(left_layer ** (1.0 - towards) * right_layer**towards)


def _entropy(errors: NDArray[np.float64]) -> float:
    """Return the bits of an error rounded to whole steps."""
    counts = np.unique(np.rint(errors), return_counts=True)[1] / len(errors)
    return max(float(-(counts * np.log2(counts)).sum()), _LEAST_ENTROPY)

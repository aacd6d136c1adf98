"""Details foretold from the coarser plane of the same level: what they hold that its shape tells.

A detail is foretold from the 5 x 5 samples of the low-pass plane about it, unrounded, less the one in the middle.
Every third stripe of columns is held out: what is foretold is like what was learnt from, and yet not next to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.wavelet import Pyramid, analyse

LEVELS = 2
"""Levels that are looked at, from the finest."""

_COMPONENTS = 3
"""Leading components that are looked at."""

_REACH = 2
_HELD_OUT = 3
_STRIPE = 8
"""One in so many stripes, of so many columns, is held out."""

_RIDGE = 1.0
_LEAST_SPREAD = 1e-9
_LARGEST = 3.0
"""Times its mean magnitude at which a value is cut: a seam of the scene shall not stand for all of it."""


Floats = NDArray[np.floating]
Foretell = Callable[[Floats, Floats, Floats], Floats]
"""Takes inputs and details to learn from, (samples, inputs) and (samples, orientations), all in units of their mean
magnitudes, and other inputs; returns the details of those."""


def from_coarser(planes: StudyPlanes) -> Mapping[str, float]:
    """Return how many percent of the energy of details are explained where nothing was learnt, by way and level."""
    found = {}
    for name, foretell in (("linear", ridge), ("network", small_network)):
        for level in range(min(LEVELS, planes.pyramid.levels)):
            pyramid = Pyramid(planes.pyramid.size, level + 1)
            low, *details = analyse(planes.planes[:_COMPONENTS], pyramid, torch)[:4]
            share = explained(low.numpy(), [part.numpy() for part in details], foretell)
            found[f"{name}, level {level + 1}"] = 100.0 * share
    return found


def explained(low: Floats, details: list[Floats], foretell: Foretell) -> float:
    """Return the share of the energy of held-out details that foretelling them takes away.

    Components and orientations count alike: each is taken in units of its mean magnitude.

    Parameters
    ----------
    low
        (components, height, width) the low-pass plane, wide enough for three stripes.
    details
        The details of its level, each about as large.
    foretell
        How; it learns anew for every component.
    """
    height, width = (min(part.shape[axis] for part in details) for axis in (1, 2))
    held_out = np.arange(width) // _STRIPE % _HELD_OUT == _HELD_OUT - 1
    left = energy = 0.0
    for component, around in enumerate(patches(low)[:, :height, :width]):
        inputs = _in_units(around)
        wanted = _in_units(np.stack([part[component, :height, :width] for part in details], -1))
        given, asked = (inputs[:, columns].reshape(-1, inputs.shape[-1]) for columns in (~held_out, held_out))
        taught, missed = (wanted[:, columns].reshape(-1, len(details)) for columns in (~held_out, held_out))
        left += float(np.square(missed - foretell(given, taught, asked)).sum())
        energy += float(np.square(missed).sum())
    return 1.0 - left / energy


def _in_units(values: Floats) -> Floats:
    """Divide each column of a last axis by its mean magnitude, and cut what is many times that."""
    unit = np.abs(values).mean(axis=(0, 1), keepdims=True) + _LEAST_SPREAD
    found: Floats = np.clip(values / unit, -_LARGEST, _LARGEST)
    return found


def patches(low: Floats) -> Floats:
    """Return the 5 x 5 samples about each of (components, height, width), less the middle one, along a last axis."""
    side = 2 * _REACH + 1
    padded = np.pad(low, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    found: Floats = around.reshape(*low.shape, side * side) - low[..., None]
    return found


def ridge(inputs: Floats, wanted: Floats, others: Floats) -> Floats:
    """Foretell by ridge regression; a `Foretell`."""
    gram = inputs.T @ inputs + _RIDGE * np.eye(inputs.shape[1])
    found: Floats = others @ np.linalg.solve(gram, inputs.T @ wanted)
    return found


def small_network(inputs: Floats, wanted: Floats, others: Floats) -> Floats:
    """Foretell by a network with one hidden layer; a `Foretell`."""
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415 - slow to import

    network = MLPRegressor(hidden_layer_sizes=(24,), alpha=1e-2, max_iter=300, early_stopping=True, random_state=0)
    found: Floats = network.fit(inputs, wanted).predict(others)
    return found

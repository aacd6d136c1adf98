"""Context networks that know less than the shipped one."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.ingredients.variant import Maker
from xr_inr.core.latent.network import SHAPES, VALUE_UNIT, WEIGHT_UNIT, ContextNetwork, shipped

COLUMNS: Mapping[str, tuple[int, ...]] = {
    "neighbours": (0, 1, 2),
    "coarser subband": (3, 4),
    "next component": (5, 6),
    "siblings": (7,),
    "stored scale": (8,),
    "coarser scale": (9,),
    "component number": (10,),
    "earlier groups": (11, 12),
}
"""Which of the network's inputs tell of what: decoded neighbours, the coarser subband of the same orientation,
components before and after, other orientations of the level, the scale stored for the component and level and that
for the next coarser level, which component it is, all components of earlier groups."""

_SCALE_STEPS = 2
"""Units of its input that one step of a stored scale is."""

_COPIES = 4
"""Units of the second layer that carry the scale: one weight alone could not be large enough."""

_NARROWER = 2
"""Steps of a scale by which laws are narrower than the mean magnitude that is stored; most latents are smaller."""


def networks(network: Callable[[], ContextNetwork]) -> Mapping[str, Maker]:
    """Return what replaces the shipped network, for fit and decoder."""
    once = functools.cache(network)
    return {"model.shipped": lambda _original: once, "network.shipped": lambda _original: once}


def without(group: str) -> ContextNetwork:
    """Return the shipped network with the inputs of one of `COLUMNS` taken for 0."""
    first = shipped().first.copy()
    first[:, list(COLUMNS[group])] = 0
    return dataclasses.replace(shipped(), first=first)


def scale_alone() -> ContextNetwork:
    """Return a network that gives every latent of a component and level the law its stored scale asks for."""
    found = {name: np.zeros(shape, np.int32) for name, shape in SHAPES.items()}
    (column,) = COLUMNS["stored scale"]
    found["first"][0, column] = WEIGHT_UNIT
    found["second"][:_COPIES, 0] = WEIGHT_UNIT
    found["third"][0, :_COPIES] = WEIGHT_UNIT * VALUE_UNIT // (_SCALE_STEPS * _COPIES)
    found["third_bias"][:] = -_NARROWER * WEIGHT_UNIT * VALUE_UNIT
    return ContextNetwork(**found)

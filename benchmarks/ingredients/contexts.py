"""Context networks that know less than the shipped one."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

from benchmarks.ingredients.variant import Maker
from benchmarks.pretraining.start import STORED_SCALE
from xr_inr.core.latent.network import ContextNetwork, shipped

COLUMNS: Mapping[str, tuple[int, ...]] = {
    "neighbours": (0, 1, 2),
    "coarser subband": (3, 4),
    "next component": (5, 6),
    "siblings": (7,),
    "stored scale": (STORED_SCALE,),
    "coarser scale": (9,),
    "component number": (10,),
    "earlier groups": (11, 12),
}
"""Which of the network's inputs tell of what: decoded neighbours, the coarser subband of the same orientation,
components before and after, other orientations of the level, the scale stored for the component and level and that
for the next coarser level, which component it is, all components of earlier groups."""


def networks(network: Callable[[], ContextNetwork]) -> Mapping[str, Maker]:
    """Return what replaces the shipped network, for fit and decoder."""
    once = functools.cache(network)
    return {"rounding.shipped": lambda _original: once, "network.shipped": lambda _original: once}


def without(group: str) -> ContextNetwork:
    """Return the shipped network with the inputs of one of `COLUMNS` taken for 0."""
    first = shipped().first.copy()
    first[:, list(COLUMNS[group])] = 0
    return dataclasses.replace(shipped(), first=first)

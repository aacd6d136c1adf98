"""Wavelet packets: the finest details along x, and those along y, halved once more.

After Coifman and Wickerhauser, 'Entropy-based algorithms for best basis selection', IEEE Trans. Inf. Theory 38 (2),
1992, with CDF 9/7 for the halves.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.tradeoff import coding_bits
from xr_inr.core.latent.wavelet import GAIN, split

_ROWS, _COLUMNS = -2, -1

AXES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "along details": ((_COLUMNS,), (_ROWS,)),
    "across details": ((_ROWS,), (_COLUMNS,)),
    "both ways": ((_COLUMNS, _ROWS), (_COLUMNS, _ROWS)),
}
"""The axes that the finest details along x, and those along y, are halved on."""


def packets(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent packets change what all subbands cost, bits and error in one, for each of `AXES`."""
    *others, along_x, along_y, both = planes.subbands
    before = float(coding_bits(planes.subbands))
    found = {}
    for name, (of_x, of_y) in AXES.items():
        after = float(coding_bits([*others, *halved_on(along_x, of_x), *halved_on(along_y, of_y), both]))
        found[name] = 100.0 * (after / before - 1.0)
    return found


def halved_on(part: Tensor, axes: tuple[int, ...]) -> list[Tensor]:
    """Return the low-pass and high-pass halves of a tensor along one axis, or those of those along the next."""
    parts = [part]
    for axis in axes:
        parts = [half.movedim(-1, axis) for one in parts for half in halves(one.movedim(axis, -1))]
    return parts


def halves(values: Tensor) -> tuple[Tensor, Tensor]:
    """Part values along their last axis into low-pass and high-pass of CDF 9/7, mirrored at both ends.

    Parameters
    ----------
    values
        Two at least along the last axis.
    """
    low, high = split(values, torch)
    return low * GAIN, high / GAIN

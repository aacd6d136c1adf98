"""The colour maps of a page; each rises evenly in lightness and can be told apart by the colour-blind.

Magma and viridis by van der Walt and Smith, cividis by Nuñez, Anderton and Renslow (2018), at eleven places each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOUR_MAPS = {
    "magma": "000004 140e36 3b0f70 641a80 8c2981 b73779 de4968 f7705c fe9f6d fecf92 fcfdbf",
    "viridis": "440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725",
    "cividis": "00224e 083370 35456c 4f576c 666970 7d7c78 948e77 aea371 c8b866 e5cf52 fee838",
}
"""Colours as hexadecimal red, green and blue, from low to high."""

LEVELS = 254
"""The highest index of a colour; the one after it is transparent."""


def palette(name: str) -> NDArray[np.uint8]:
    """Return a colour map as (256, 4) red, green, blue and opacity, the last one transparent."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in COLOUR_MAPS[name].split()], np.float64)
    places = np.linspace(0, len(anchors) - 1, LEVELS + 1)
    found = np.zeros((LEVELS + 2, 4), np.uint8)
    for channel in range(3):
        found[:-1, channel] = np.rint(np.interp(places, np.arange(len(anchors)), anchors[:, channel]))
    found[:-1, 3] = 255
    return found


def indices(values: NDArray[np.float64], top: float) -> NDArray[np.uint8]:
    """Return which colour stands for each value from 0 to `top`, the transparent one for NaN."""
    levels = np.rint(np.clip(np.nan_to_num(values) / (top or 1.0), 0, 1) * LEVELS)
    return np.asarray(np.where(np.isnan(values), LEVELS + 1, levels), np.uint8)


def gradient(name: str) -> str:
    """Return a colour map as a CSS gradient from left to right."""
    return f"linear-gradient(90deg, {', '.join('#' + colour for colour in COLOUR_MAPS[name].split())})"

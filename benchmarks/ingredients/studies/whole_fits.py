"""Whole fits of a study, to one size: what they leave of the error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.decode import decode
from xr_inr.core.encode import encode_array
from xr_inr.core.request import FitRequest


def squared_error(cube: NDArray[Any], preset: str, bpppb: float) -> float:
    """Return the sum of squared errors of a payload of a scene, (bands, height, width)."""
    payload = encode_array(cube, FitRequest(bpppb=bpppb, preset=preset, device="cpu")).payload
    return float(np.square(decode(payload) - cube.astype(np.float64)).sum())

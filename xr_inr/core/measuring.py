"""Decoding a payload and comparing it with the array it was made of."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence

import numpy as np

from xr_inr.core.decode import Payload
from xr_inr.core.mask import VALID
from xr_inr.core.metrics import Figures, compare
from xr_inr.core.sample_rules import good_bands
from xr_inr.core.source import Samples, source_of

_SAMPLES_AT_ONCE = 2**19


def measure(payload: bytes, array: Samples, bad_bands: Sequence[int] = ()) -> Figures:
    """Decode `payload` row by row and compare it with the array it was made of, bad bands left out."""
    decoder, source = Payload(payload, max_samples=math.prod(array.shape)), source_of(array)
    bands, height, width = decoder.shape
    good = good_bands(bad_bands, bands)[:, None, None]
    step = max(1, _SAMPLES_AT_ONCE // (bands * width))
    parts = []
    for start in range(0, height, step):
        rows = (start, min(start + step, height))
        decoded = decoder.read((rows, (0, width)))
        index = np.arange(rows[0] * width, rows[1] * width)
        classes = decoder.layout.mask.classes(np.arange(bands), index // width, index % width)
        parts.append(compare(source.read(rows), decoded, good & (classes == VALID).reshape(decoded.shape)))
    return functools.reduce(operator.add, parts)

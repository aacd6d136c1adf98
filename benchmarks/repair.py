"""The repair of scenes whose byte 13 was turned into 10, as where a file of samples is moved as if it were text.

Carriage returns became line feeds. A high byte of 13 that stands as 10 makes a sample 768 too low: values from 3,328 to
3,583 lie folded upon those from 2,560 to 2,815. Which of these are folded, the other bands tell. A low byte of 13 that
stands as 10 makes a sample 3 too low, which nothing tells from noise: low bytes stay as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOST, FOUND = 0x0D, 0x0A
"""The byte that is nowhere, a carriage return, and the one in its place, a line feed."""

FOLD = (_LOST - FOUND) << 8
"""What a folded sample lacks."""

_RANKS = (3, 6, 10)
"""Components that foretell doubtful samples at first; the strongest alone, so that folds bend them little."""

_FILLINGS = 10
"""How often doubtful samples are foretold anew from components of one number."""

_FLOOR = 25.0
"""Variance that is added to every band, so that a regression on all others exists; about that of noise."""

_ROUNDS = 30
"""Decisions after which one that still changes is given up."""

Samples = NDArray[np.float64]
"""(bands, pixels)."""


def damaged(samples: NDArray[Any]) -> bool:
    """Return whether whole numbers look as if byte 13 was turned into 10: none has it, some have what it became.

    Parameters
    ----------
    samples
        Integers of 16 bits, of any shape.

    Raises
    ------
    ValueError
        When they are of another type.
    """
    if samples.dtype.kind not in "iu" or samples.dtype.itemsize != 2:
        raise ValueError(f"samples must be integers of 16 bits. Got {samples.dtype}.")
    low, high = samples & 0xFF, (samples >> 8) & 0xFF
    return not np.any((low == _LOST) | (high == _LOST)) and bool(np.any(high == FOUND))


def repaired(samples: NDArray[Any]) -> NDArray[Any]:
    """Return a damaged cube with its folded samples where they were.

    Of the two values that a doubtful sample may have had, it gets the one that is nearer to what the other bands of its
    pixel foretell. They do so by the leading components at first, in which doubtful samples are filled in by what is
    foretold, and then by a linear regression on all other bands, until no decision changes.

    Parameters
    ----------
    samples
        Integers of 16 bits, (bands, height, width), more pixels than bands.

    Raises
    ------
    ValueError
        When they are not damaged, of another type or shape, or decisions do not settle.
    """
    if samples.ndim != 3:
        raise ValueError(f"a cube must be (bands, height, width). Got the shape {samples.shape}.")
    if not damaged(samples):
        count = int(np.sum((samples & 0xFF == _LOST) | ((samples >> 8) & 0xFF == _LOST)))
        raise ValueError(
            f"a cube to repair must lack byte 13 and have high bytes 10. Got {count:,} samples with byte 13."
        )
    values = samples.reshape(len(samples), -1).astype(np.float64)
    doubtful = (samples >> 8 == FOUND).reshape(values.shape)
    folded = _at_first(values, doubtful)
    for _ in range(_ROUNDS):
        again = doubtful & (_by_other_bands(values + FOLD * folded) - values > FOLD / 2)
        if np.array_equal(again, folded):
            found: NDArray[Any] = samples + (FOLD * folded).astype(samples.dtype).reshape(samples.shape)
            return found
        folded = again
    raise ValueError(f"which samples are folded must settle within {_ROUNDS} rounds, and did not")


def _at_first(values: Samples, doubtful: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Decide by components of everything that is not in doubt."""
    filled = values + FOLD / 2 * doubtful
    for rank in _RANKS:
        for _ in range(_FILLINGS):
            filled = np.where(doubtful, _by_components(filled, rank), values)
    return doubtful & (filled - values > FOLD / 2)


def _by_components(values: Samples, rank: int) -> Samples:
    mean = values.mean(1, keepdims=True)
    left = values - mean
    leading = np.linalg.eigh(left @ left.T)[1][:, -rank:]
    found: Samples = mean + leading @ (leading.T @ left)
    return found


def _by_other_bands(values: Samples) -> Samples:
    """Return each band as the linear regression on all others foretells it, from the inverse of the covariance."""
    left = values - values.mean(1, keepdims=True)
    covariance = left @ left.T / left.shape[1]
    precision = np.linalg.inv(covariance + _FLOOR * np.eye(len(values)))
    found: Samples = values - (precision @ left) / np.diag(precision)[:, None]
    return found

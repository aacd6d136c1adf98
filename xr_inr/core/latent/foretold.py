"""Components without latents: directions beyond the rank, of which a network foretells enough to pay for them.

Such directions hold too little for latents of their own. What the network says of them costs no latent, but an output
of the network and a column of the basis; so those directions are taken in which it saves more error than that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.rotation import turned_planes
from xr_inr.core.latent.tradeoff import WEIGHT, entry_bits

MOST_BEYOND = 40
"""Directions beyond the rank that are looked at."""

_OUTPUT_WEIGHT_BITS = 4.0
"""About what a weight of the network's last layer takes."""

_PIXELS_AT_ONCE = 2**16

_BESIDE_BITS = 16.0
"""The octave of an output, and the bits after the point of a direction."""


def beyond(planes: NDArray[np.floating], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the planes of the strongest directions that a turn leaves out.

    Parameters
    ----------
    planes
        (components, height, width) planes of orthonormal directions.
    turn
        (components, rank) orthonormal directions among them that have latents.

    Returns
    -------
    ndarray
        (found, height, width) by falling energy, uncorrelated, at most `MOST_BEYOND`, in the unit of `planes`.
    """
    components, rank = turn.shape
    left_out = np.linalg.qr(turn, mode="complete")[0][:, rank:]
    flat = planes.reshape(components, -1)
    gram = np.zeros((components, components))
    for start in range(0, flat.shape[1], _PIXELS_AT_ONCE):
        few = flat[:, start : start + _PIXELS_AT_ONCE].astype(np.float64)
        gram += few @ few.T
    directions = np.linalg.eigh(left_out.T @ gram @ left_out)[1][:, ::-1]
    return turned_planes(planes, left_out @ directions[:, :MOST_BEYOND])


def worthwhile(
    foretold: NDArray[np.floating], wanted: NDArray[np.floating], *, bands: int, units: int
) -> NDArray[np.float32]:
    """Return the directions in which what is foretold saves more than it costs.

    The error that foretelling F of W saves in a direction v is v' (F W' + W F' - F F') v, so the candidates are the
    eigenvectors of that matrix.

    Parameters
    ----------
    foretold
        (candidates, pixels) what a network says of planes, in quantiser steps.
    wanted
        (candidates, pixels) the planes.
    bands
        Entries that a direction adds to the basis.
    units
        Weights that an output adds to the network, its bias among them.

    Returns
    -------
    ndarray
        (found, candidates) orthonormal rows, by falling saving.
    """
    foretold, wanted = foretold.astype(np.float64), wanted.astype(np.float64)
    products, gram = foretold @ wanted.T, foretold @ foretold.T
    saved, directions = np.linalg.eigh(products + products.T - gram)
    energies = ((gram @ directions) * directions).sum(0)
    spent = [column_bits(energy, bands) + units * _OUTPUT_WEIGHT_BITS for energy in energies]
    paying = np.flatnonzero(saved / WEIGHT > spent)
    found: NDArray[np.float64] = directions[:, paying[::-1]].T
    return found.astype(np.float32)


def column_bits(energy: float, bands: int) -> float:
    """Return about how many bits a component without latents adds to the basis.

    Parameters
    ----------
    energy
        Sum of squares of what is foretold of it, in squared steps.
    bands
        Entries of its direction.
    """
    return bands * entry_bits(energy, bands) + _BESIDE_BITS

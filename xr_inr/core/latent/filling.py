"""Values for samples and pixels where nothing was measured, so that spectra and planes go on smoothly there.

An error costs nothing there, whatever they are; but a plane that broke off where the measured part ends would have an
edge, and its subbands take bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 3
_SHARE = 1e-3
"""Of the strongest component's energy: what weaker ones say of masked samples is not heard."""


def fill(planes: NDArray[np.float32], void: NDArray[np.bool_]) -> None:
    """Fill pixels, in place, with means of those around them that were measured: the farther from them, the wider.

    Parameters
    ----------
    planes
        (components, height, width).
    void
        (height, width) pixels to fill; at least one is none of them.
    """
    shares = _halvings((~void).astype(np.float32))
    for plane in planes:
        plane[void] = 0.0
        sums = _halvings(plane)
        found = sums[-1] / shares[-1]
        for total, share in zip(sums[-2::-1], shares[-2::-1], strict=True):
            found = _doubled(found, total.shape)
            known = share > 0.0
            found[known] = total[known] / share[known]
        plane[void] = found[void]


def fill_spectra(
    centred: NDArray[np.float32],
    valid: NDArray[np.bool_],
    vectors: NDArray[np.float64],
    energies: NDArray[np.float64],
) -> None:
    """Fill masked samples, in place, with what the strong components of their pixels say.

    Parameters
    ----------
    centred
        (bands, pixels) samples less their mean.
    valid
        (bands, pixels) which of them were measured.
    vectors, energies
        (bands, components) KLT directions, and (components,) their energies, the strongest first.
    """
    rank = max(1, int((energies > _SHARE * energies[0]).sum()))
    leading = vectors[:, :rank].astype(np.float32)
    partly = np.flatnonzero(~valid.all(axis=0) & valid.any(axis=0))
    for _ in range(_ROUNDS):
        spectra = centred[:, partly]
        foretold = leading @ (leading.T @ spectra)
        centred[:, partly] = np.where(valid[:, partly], spectra, foretold)


def _halvings(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return values, (height, width), then sums over squares of 2 x 2 of those before, down to a single one."""
    found = [values]
    while found[-1].size > 1:
        height, width = found[-1].shape
        even = np.pad(found[-1], ((0, height % 2), (0, width % 2)))
        found.append(even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2])
    return found


def _doubled(values: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Return values, (height, width), at twice as many rows and columns, or one less, linear between them."""
    found = values
    for axis, length in enumerate(size):
        along = np.moveaxis(found, axis, 0)
        before, after = np.concatenate([along[:1], along[:-1]]), np.concatenate([along[1:], along[-1:]])
        between = np.stack([0.75 * along + 0.25 * before, 0.75 * along + 0.25 * after], axis=1)
        found = np.moveaxis(between.reshape(-1, along.shape[1])[:length], 0, axis).astype(np.float32)
    return found

"""Values for pixels that repeat others, at which their own finest latents vanish.

An error there costs nothing, since samples are those of another pixel. So what is filled in shall take no bits: the one
plane, among all that agree elsewhere, whose finest details are 0 where they belong to such a pixel. It is approached by
turns: details that should be 0 are set to 0, the plane is made of them, and what it was elsewhere is put back
(alternating projections; Youla and Webb, 'Image restoration by the method of convex projections', IEEE Trans. Medical
Imaging 1 (2), 1982).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.silent import lattice_of
from xr_inr.core.latent.wavelet import Pyramid, details_of, whole_of

_TURNS = 24
_PIXELS_AT_ONCE = 2**18


def settle(planes: NDArray[np.float32], repeated: NDArray[np.bool_]) -> None:
    """Change planes, in place, at pixels that repeat others, so that these pixels' own finest details vanish.

    Parameters
    ----------
    planes
        (components, height, width), with values that go on smoothly at those pixels.
    repeated
        (height, width) the pixels.
    """
    pyramid = Pyramid.of((repeated.shape[0], repeated.shape[1]))
    if not pyramid.levels:
        return
    lattices = [lattice for lattice in map(lattice_of, pyramid.subbands) if lattice is not None]
    loud = [~repeated[lattice] for lattice in lattices]
    step = max(1, _PIXELS_AT_ONCE // repeated.size)
    for start in range(0, len(planes), step):
        few = planes[start : start + step]
        for _ in range(_TURNS):
            low, *details = details_of(few, np)
            kept = [part * keep for part, keep in zip(details, loud, strict=True)]
            made = whole_of([low, *kept], np)
            np.copyto(few, made, where=repeated)

"""The smallest payload of a scene: no component, a mean spectrum alone. Needs no torch."""

from __future__ import annotations

import math

import numpy as np

from xr_inr.core.bitstream import Section, container_bytes
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.scene import Scene

_MEAN_STEP = 0.25
"""Step of the mean spectrum, in standard deviations of the samples about it: rounding costs 0.02 dB."""

_FINEST_STEP = 2.0**-20


def mean_only(scene: Scene) -> LatentBasis:
    """Return the basis of rank 0 that stands for a scene of which nothing but the mean spectrum is kept.

    Parameters
    ----------
    scene
        The scene; at least one band must be fitted.
    """
    means, squares, samples = np.zeros(len(scene.values)), 0.0, 0
    for band, values in enumerate(scene.values):
        inside = values if scene.valid is None else values[scene.valid[band]]
        means[band] = inside.mean(dtype=np.float64)
        squares += float(np.square(inside - np.float32(means[band]), dtype=np.float64).sum())
        samples += inside.size
    step = np.float32(max(_MEAN_STEP * math.sqrt(squares / samples), _FINEST_STEP))
    return LatentBasis(
        step=step,
        mean_levels=np.rint(means / float(step)).astype(np.int64),
        mean_bits=0,
        direction_levels=np.zeros((len(means), 0), np.int64),
        direction_bits=np.zeros(0, np.int64),
    )


def smallest_payload(scene: Scene) -> int:
    """Return the bytes of the smallest payload a scene can be stored in."""
    sections = {tag: len(content) for tag, content in scene.layout.to_sections().items()}
    if len(scene.values):
        sections[Section.LATENT_BASIS] = len(mean_only(scene).to_bytes())
    return container_bytes(sections)

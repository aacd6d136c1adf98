"""The network that a run starts from: it has learnt nothing."""

from __future__ import annotations

import numpy as np

from xr_inr.core.latent.network import SHAPES, VALUE_UNIT, WEIGHT_UNIT, ContextNetwork

STORED_SCALE = 8
"""The input that tells the scale stored for a component and level."""

_SCALE_STEPS = 2
"""Units of its input that one step of a stored scale is."""

_COPIES = 4
"""Units of the second layer that carry the scale: one weight alone could not be large enough."""

_NARROWER = 2
"""Steps of a scale by which laws are narrower than the mean magnitude that is stored; most latents are smaller."""


def scale_alone() -> ContextNetwork:
    """Return a network that gives every latent of a component and level the law its stored scale asks for."""
    found = {name: np.zeros(shape, np.int32) for name, shape in SHAPES.items()}
    found["first"][0, STORED_SCALE] = WEIGHT_UNIT
    found["second"][:_COPIES, 0] = WEIGHT_UNIT
    found["third"][0, :_COPIES] = WEIGHT_UNIT * VALUE_UNIT // (_SCALE_STEPS * _COPIES)
    found["third_bias"][:] = -_NARROWER * WEIGHT_UNIT * VALUE_UNIT
    return ContextNetwork(**found)

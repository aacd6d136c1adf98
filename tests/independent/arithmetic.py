"""Networks of sines in whole numbers, for both models: the section 'Evaluation' of docs/format.md."""

from __future__ import annotations

import math

import numpy as np

K = (
    0.9999999997791529,
    -19.739208547715332,
    64.93934647616803,
    -85.45356475943481,
    60.14388953533489,
    -24.98143432289362,
)


def sine(z, omega):
    t = z * ((omega / (2 * math.pi)) / 2.0**44)
    t = t - np.rint(t)
    s = np.abs(t) - 0.25
    s = s * s
    p = np.full_like(s, K[5])
    for k in K[4::-1]:
        p = p * s
        p = p + k
    return np.rint(np.copysign(p, t) * 2.0**20)


def evaluate(layers, inputs, omega):
    """Return the outputs, (outputs, points), of layers of whole (weights, biases) at (inputs, points)."""
    values = inputs
    for number, (weights, biases) in enumerate(layers, 1):
        z = weights @ values + (biases * 2.0**20)[:, None]
        values = sine(z, omega) if number < len(layers) else np.rint(z / 2.0**24)
    return values

"""The shape of a SIREN and what it costs to store."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

INPUTS = 2
"""x and y."""


@dataclass(frozen=True, order=True)
class Architecture:
    """n_h hidden layers of width w_h between a position and `outputs` values."""

    hidden_layers: int
    """n_h."""

    hidden_width: int
    """w_h."""

    outputs: int
    """c bands, or r components where the network feeds a spectral basis."""

    @property
    def layer_shapes(self) -> tuple[tuple[int, int], ...]:
        """(units, inputs) of each linear layer, first to last."""
        widths = [INPUTS, *[self.hidden_width] * self.hidden_layers, self.outputs]
        return tuple((after, before) for before, after in itertools.pairwise(widths))

    @property
    def weights(self) -> int:
        """The number of weights: the paper's eq. 5, ``2 w_h + w_h**2 (n_h - 1) + c w_h``."""
        return sum(units * inputs for units, inputs in self.layer_shapes)

    @property
    def biases(self) -> int:
        """The number of biases, which eq. 5 leaves out and a file cannot."""
        return sum(units for units, _ in self.layer_shapes)

    @property
    def parameters(self) -> int:
        """All numbers that are stored."""
        return self.weights + self.biases

    def __str__(self) -> str:
        return f"{self.hidden_layers} x {self.hidden_width} -> {self.outputs}"


def bpppb(parameters: int, bits: int, pixels: int, bands: int) -> float:
    """Return bits per pixel per band, the paper's eq. 4: parameters x bits / (pixels x bands)."""
    return parameters * bits / (pixels * bands)

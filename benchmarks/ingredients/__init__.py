"""What each ingredient of the latent model is worth: ``python -m benchmarks ingredients``.

A variant is the model with one ingredient taken away, changed or added, fitted to the scenes at a few rates. Its
payloads are real: they decode, under the same change, to the PSNR that stands beside their size.
"""

from __future__ import annotations

TABLE = "ingredients"
"""The table of what was measured."""

RATES = (0.03, 0.1, 0.25)
"""Bits per pixel per band that variants are asked for."""

PRESET = "fast"
"""The preset whose model is varied."""

UNCHANGED = "unchanged"
"""Name of the variant that is the model as it is."""

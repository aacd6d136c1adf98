"""What was tried outside the codec and not built: ``python -m benchmarks studies``.

A study is a small function of the planes of a scene, as a fit at `RATE` would code them, and gives percentages.
"""

from __future__ import annotations

TABLE = "ingredient_studies"
"""The table of what was measured."""

RATE = 0.1
"""Bits per pixel per band that the quantiser steps are chosen for."""

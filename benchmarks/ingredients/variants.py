"""All variants by their names."""

from __future__ import annotations

from benchmarks.ingredients import UNCHANGED
from benchmarks.ingredients.changed import CHANGED
from benchmarks.ingredients.taken_away import TAKEN_AWAY
from benchmarks.ingredients.variant import Variant

VARIANTS = {
    variant.name: variant for variant in (Variant(UNCHANGED, "The model as it is.", kept="yes"), *TAKEN_AWAY, *CHANGED)
}
"""The model as it is comes first: all others are held against it."""

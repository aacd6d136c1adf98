"""What the spectral basis has, taken away: least squares, steps of its own, foretelling, laws, feedback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.ingredients.variant import Variant, constant, replaced
from xr_inr.core.latent.aim import Sections
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.columns import ColumnLaws, Entries, choose_kinds, foretold, growth
from xr_inr.core.latent.laws import UNIT_SCALE
from xr_inr.core.latent.parameters import best_scale
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.core.latent.wavelet import PLANE_BITS

YES = "yes"

_PLAIN = -2
"""The kind, of `columns.KINDS`, of a column whose entries have a mean of 0."""

_EIGHTHS = 8

Floats = NDArray[np.float64]
Feedback = Callable[[Floats], tuple[Floats, Floats]]
"""`column_rounding.feedback`."""


class _AsTurned:
    """Remembers the planes that a fit aims at, and gives their directions as the basis."""

    def __init__(self) -> None:
        self._planes: Floats = np.zeros((0, 0))

    def remembering(self, sections: Callable[[Any, list[Tensor]], Sections]) -> Callable[..., Sections]:
        """Return what makes the sections of a fit and takes note of its planes."""

        def remembered(fitting: Any, latents: list[Tensor]) -> Sections:
            planes = vars(fitting)["_scene"].planes
            self._planes = planes.flatten(1).cpu().numpy().astype(np.float64)
            return sections(fitting, latents)

        return remembered

    def basis(self, planes: NDArray[np.float32], source: ScenePlanes, step: float) -> LatentBasis:
        """Return the directions of the planes that were aimed at, rounded as ever."""
        components = source.planes.reshape(len(source.planes), -1).astype(np.float64)
        # Planes are sums of components, so that least squares finds the very factors.
        turn = np.linalg.lstsq(components @ components.T, components @ self._planes.T * step)[0]
        decoded = np.concatenate([np.ones((1, planes.shape[1])), planes * 2.0**-PLANE_BITS])
        return LatentBasis.quantise(source.mean / step, source.vectors @ turn, decoded @ decoded.T, step)


_AS_TURNED = _AsTurned()


def _one_step(feedback: Feedback) -> Feedback:
    """Give all directions the mean of what their errors cost: the best step that all can share follows from it."""

    def shared(gram: Floats) -> tuple[Floats, Floats]:
        below, shares = feedback(gram)
        return below, np.concatenate([shares[:1], np.full(len(shares) - 1, shares[1:].mean())])

    return shared


def _alone(_: Feedback) -> Feedback:
    """Let no entry make up for others: an error costs the whole energy of its plane."""
    return lambda gram: (np.zeros_like(gram), np.maximum(np.diag(gram), 1.0))


def _all_plain(_: Callable[[Entries], Entries]) -> Callable[[Entries], Entries]:
    """Let the first column, the mean, be foretold alone: it has no choice."""
    return lambda levels: np.concatenate([[0], np.full(levels.shape[1] - 1, _PLAIN)])


class _FixedLaws(ColumnLaws):
    """Laws with one scale for each column, whatever was coded before.

    Parameters
    ----------
    scales
        (columns,) their indices.
    rows, kinds
        As `ColumnLaws` has them.
    """

    def __init__(self, scales: Entries, rows: int, kinds: Entries) -> None:
        super().__init__(rows, kinds)
        self._scales = scales

    def of(self, row: NDArray[np.intp], column: NDArray[np.intp]) -> tuple[Entries, Entries]:
        """Return the indices of the scales of a front's laws, and their means in eighths."""
        return self._scales[column], super().of(row, column)[1]


def _column_scales(levels: Entries) -> Entries:
    """Return the index of the scale under which each column's misses take fewest bits."""
    known = np.concatenate([np.zeros((2, levels.shape[1]), np.int64), levels])
    kinds = np.broadcast_to(choose_kinds(levels), levels.shape)
    means = foretold(known[1:-1], known[:-2], kinds, growth(known[2:, :1], known[1:-1, :1]))
    # The first entry of a column is all of it, not a change.
    misses = np.rint(levels - means / _EIGHTHS)[1:].astype(np.int64)
    return np.array([best_scale(column) for column in misses.T], np.int64)


def _written_under_fixed_laws(write: Callable[[SymbolEncoder, Entries], None]) -> object:
    def written(encoder: SymbolEncoder, levels: Entries) -> None:
        scales = _column_scales(levels)
        steps = np.diff(scales, prepend=UNIT_SCALE)
        encoder.put(steps.astype(np.int32), *_laws_of_steps(len(steps)))
        with replaced({"columns.ColumnLaws": constant(functools.partial(_FixedLaws, scales))}):
            write(encoder, levels)

    return written


def _read_under_fixed_laws(read: Callable[[SymbolDecoder, int, int], Entries]) -> object:
    def levels(decoder: SymbolDecoder, rows: int, columns: int) -> Entries:
        scales = UNIT_SCALE + np.cumsum(decoder.take(*_laws_of_steps(columns)).astype(np.int64))
        with replaced({"columns.ColumnLaws": constant(functools.partial(_FixedLaws, scales))}):
            return read(decoder, rows, columns)

    return levels


def _rounded_under_fixed_laws(round_columns: Callable[[Floats, Floats, Floats, float], Entries]) -> object:
    def rounded(targets: Floats, steps: Floats, gram: Floats, weight: float) -> Entries:
        scales = _column_scales(np.rint(targets / steps).astype(np.int64))
        with replaced({"column_rounding.ColumnLaws": constant(functools.partial(_FixedLaws, scales))}):
            return round_columns(targets, steps, gram, weight)

    return rounded


def _laws_of_steps(columns: int) -> tuple[Entries, Entries]:
    """Return the laws of the differences of scales: about one index from column to column."""
    return np.full(columns, UNIT_SCALE), np.zeros(columns, np.int64)


BASIS = (
    Variant(
        "no least squares",
        "The turned directions are the basis; it is not fitted to the decoded planes in the end.",
        kept=YES,
        replaces={"rounding.Rounding._sections": _AS_TURNED.remembering, "assembly._basis": constant(_AS_TURNED.basis)},
    ),
    Variant(
        "one basis step",
        "One step for the entries of all directions, the best that all can share, in place of one by each plane's "
        "energy.",
        kept=YES,
        replaces={"basis.feedback": _one_step},
    ),
    Variant(
        "no basis foretelling",
        "Entries of the directions are not foretold from those of the bands before: their laws have a mean of 0.",
        kept=YES,
        replaces={"columns.choose_kinds": _all_plain, "column_rounding.choose_kinds": _all_plain},
    ),
    Variant(
        "fixed basis laws",
        "The laws of a direction's entries have one scale, which is stored; it does not follow the misses of late.",
        kept=YES,
        replaces={
            "basis.write_columns": _written_under_fixed_laws,
            "basis.read_columns": _read_under_fixed_laws,
            "basis.round_columns": _rounded_under_fixed_laws,
        },
    ),
    Variant(
        "no basis feedback",
        "Every entry of the basis is rounded by itself; none makes up for what rounding did to others of its band.",
        kept=YES,
        replaces={"basis.feedback": _alone, "column_rounding.feedback": _alone},
    ),
    Variant(
        "nearest basis entries",
        "Entries of the basis are rounded to the nearest, whatever bits they take.",
        kept=YES,
        replaces={"basis._WEIGHT": constant(0.0)},
    ),
)
"""The ingredients of the basis in the order of their way through the model."""

"""Rounding of columns so that squared error plus lambda times bits is small.

Errors e of a row's entries cost e' G e, G being the Gram matrix of the planes that the columns are multiplied by. With
G = M' S M, M lower triangular with a diagonal of ones and S diagonal, that is a sum over entries, each hanging on
itself and those before it: an entry makes up for what rounding did to those. (The feedback of Frantar et al., 'GPTQ',
arXiv 2210.17323, here from the first column to the last.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.latent.columns import (
    LARGEST_LEVEL,
    ColumnLaws,
    Entries,
    choose_kinds,
    foretold,
    growth,
    weights_of,
)
from xr_inr.core.latent.parameters import bits_under, table_bits

_LEAST_ENERGY = 1.0
"""Energy that every combination of planes is taken to have, in squared steps: a Gram matrix of float32 sums may say
less than nothing, and empty planes shall not be asked to make up for others."""

_CANDIDATES = np.array([0, -1, 1])[:, None]

Floats = NDArray[np.float64]


def feedback(gram: Floats) -> tuple[Floats, Floats]:
    """Part a Gram matrix G into M' S M.

    Parameters
    ----------
    gram
        (columns, columns), positive semidefinite, in squared steps.

    Returns
    -------
    below, shares
        (columns, columns) M without its diagonal of ones; and (columns,) the diagonal of S: what a squared error of 1
        in a column's entry costs when those after it make up for what they can.
    """
    energies, turn = np.linalg.eigh(gram[::-1, ::-1])
    upper = np.linalg.cholesky((turn * np.maximum(energies, _LEAST_ENERGY)) @ turn.T)[::-1, ::-1]
    roots = np.diag(upper)
    return (upper / roots).T - np.eye(len(gram)), np.square(roots)


def round_columns(targets: Floats, steps: Floats, gram: Floats, weight: float | Floats) -> Entries:
    """Round columns.

    Parameters
    ----------
    targets
        (rows, columns).
    steps
        (columns,) what each column's entries are multiples of.
    gram
        (columns, columns) Gram matrix of the planes that the columns are multiplied by, in squared steps.
    weight
        Squared steps that a bit is worth (lambda), for all rows or (rows,).

    Returns
    -------
    ndarray
        (rows, columns) multiples of the steps, magnitudes up to `columns.LARGEST_LEVEL`.
    """
    below, shares = feedback(gram)
    worth = np.broadcast_to(weight, len(targets))
    plain = _limited(np.rint(targets / steps))
    kinds = choose_kinds(plain)
    grown = growth(plain[:, 0], np.concatenate([[0], plain[:-1, 0]]))
    if kernels.KERNELS is not None:
        floats = (np.ascontiguousarray(part, np.float64) for part in (targets, steps, below, shares, worth))
        levels = np.empty(targets.shape, np.int64)
        entries = (np.ascontiguousarray(part, np.int64) for part in (weights_of(kinds), plain, grown))
        kernels.KERNELS.round_columns(*floats, table_bits(), *entries, levels)
        return levels
    errors = np.zeros(targets.shape)
    laws = ColumnLaws(len(targets), kinds)
    for row, column in laws.fronts():
        scales, means = laws.of(row, column)
        wanted = targets[row, column] - np.einsum("ij,ij->i", errors[row], below[column])
        candidates = _limited(np.rint(wanted / steps[column]) + _CANDIDATES)
        # An entry foretells the one under it, too.
        under = np.minimum(row + 1, len(targets) - 1)
        then = foretold(candidates, laws.above(row, column), kinds[column], grown[under])
        coded = np.stack([candidates, np.broadcast_to(plain[under, column], then.shape)])
        bits, more = bits_under(coded, scales, np.stack([np.broadcast_to(means, then.shape), then]))
        costs = shares[column] * np.square(candidates * steps[column] - wanted)
        costs += worth[row] * (bits + np.where(under > row, more, 0.0))
        chosen = np.take_along_axis(candidates, costs.argmin(axis=0)[None], 0)[0]
        errors[row, column] = chosen * steps[column] - targets[row, column]
        laws.learn(row, column, chosen)
    return laws.levels


def _limited(values: Floats) -> Entries:
    return np.clip(values, -LARGEST_LEVEL, LARGEST_LEVEL).astype(np.int64)

"""How far Indian Pines is damaged, and what its repair changes: ``python -m benchmarks folds``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import results, scenes
from benchmarks.damage import DISTRIBUTED, REPAIRED
from benchmarks.repair import FOUND
from benchmarks.results import Row, number

TABLE = "folds"
_COMPONENTS = 10
_BESIDE = (9, 10, 11)
"""Low bytes that are counted: the one that stands for two, and its neighbours."""

_FIGURES = (
    "samples",
    *(f"low_{byte}" for byte in _BESIDE),
    "doubtful",
    "folded",
    "folded_bands",
    "rmse_distributed",
    "rmse_repaired",
)
COLUMNS = ("scene", *_FIGURES, *results.machine())
"""`doubtful` samples are those with a high byte of 10; RMSE is what the ten leading components leave."""


def run() -> None:
    """Count, and write ``results/folds.tsv``."""
    row = measured(scenes.load(DISTRIBUTED), scenes.load(REPAIRED))
    results.write(TABLE, [{"scene": DISTRIBUTED} | row | results.machine()], COLUMNS)


def measured(distributed: NDArray[Any], repaired: NDArray[Any]) -> Row:
    """Return the counts of two cubes of 16-bit integers, (bands, height, width), of which one is repaired."""
    low = np.bincount((distributed & 0xFF).ravel(), minlength=256)
    changed = distributed != repaired
    counts = {f"low_{byte}": low[byte] for byte in _BESIDE} | {
        "samples": distributed.size,
        "doubtful": np.sum(distributed >> 8 == FOUND),
        "folded": np.sum(changed),
        "folded_bands": np.sum(changed.any(axis=(1, 2))),
    }
    left = {"rmse_distributed": _left(distributed), "rmse_repaired": _left(repaired)}
    return {name: str(int(count)) for name, count in counts.items()} | {name: f"{of:.2f}" for name, of in left.items()}


def _left(cube: NDArray[Any]) -> float:
    """Return the root mean square error that the leading components leave."""
    values = cube.reshape(len(cube), -1).astype(np.float64)
    values -= values.mean(1, keepdims=True)
    energies = np.linalg.eigvalsh(values @ values.T)
    return float(np.sqrt(energies[:-_COMPONENTS].sum() / values.size))


def folds() -> str:
    """Return what was counted, as Markdown; a sentence where nothing was."""
    rows = results.read(TABLE)
    if not rows:
        return "not measured"
    (row,) = rows
    of = {name: number(row, name) for name in _FIGURES}
    return (
        f"Of its {of['samples']:,.0f} samples none has the byte 13, a carriage return, while 10, a line feed, is there "
        f"twice as often as its neighbours: {of['low_10']:,.0f} low bytes are 10, {of['low_9']:,.0f} are 9 and "
        f"{of['low_11']:,.0f} are 11. Of the {of['doubtful']:,.0f} samples that stand between 2,560 and 2,815, "
        f"{of['folded']:,.0f} are folded, {100 * of['folded'] / of['samples']:.1f} % of all samples, in "
        f"{of['folded_bands']:.0f} bands. {_COMPONENTS} components leave a root mean square error of "
        f"{of['rmse_distributed']:.1f} of the scene as distributed, of {of['rmse_repaired']:.1f} of the repaired one."
    )

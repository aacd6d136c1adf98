"""An experiment: fits of scenes, each of them a few rows of a table; what is measured already is not fitted again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from benchmarks import results, scenes
from benchmarks.codecs.base import Scene
from benchmarks.local import SUFFIXES
from benchmarks.paper.fits import Fit, OutOfTimeError, fit, forget
from benchmarks.results import Row
from xr_inr.core import device as devices
from xr_inr.exceptions import BudgetError

SCENES = ("jasper_ridge_224", "indian_pines_200", "pavia_university", "cuprite")
"""The paper's scenes; of Indian Pines the 200 bands without water absorption, where the paper has 220."""

HIDDEN_LAYERS = 5
"""n_h where an experiment does not vary it; 'search' shows what others reach."""

COLUMNS = (
    "scene",
    "fit",
    "status",
    "iterations",
    "asked_bpppb",
    "n_h",
    "w_h",
    "parameters",
    "weight_bits",
    "iteration",
    "fitted_psnr_db",
    *results.FIGURES,
    "fit_s",
    "decode_s",
    "cores",
    "threads",
    "device",
    "versions",
    "date",
)
"""What is recorded of a payload. `iterations` is how many its fit was given, `iteration` after how many the payload was
taken, `fitted_psnr_db` what its parameters reached as 32-bit floats, `psnr_db` what the payload decodes to, as in
`benchmarks.results.COLUMNS`; `fit_s` is the time of the iterations until then."""


@dataclass(frozen=True)
class Experiment:
    """One of the paper's experiments."""

    name: str
    """How the command line calls it."""

    iterations: int
    """Of each fit, chosen so that all experiments take about half an hour of one core."""

    fits: Callable[[str, int], list[Fit]]
    """Returns the fits of a scene with so many iterations."""

    scenes: tuple[str, ...] = SCENES
    """On what it runs unless asked otherwise."""

    @property
    def table(self) -> str:
        """Name of its file in the results."""
        return f"paper_{self.name.replace('-', '_')}"

    def rows(self, scene: str | None = None) -> list[Row]:
        """Return what was measured, on all scenes or on one: of each fit the run of the most iterations."""
        rows = [row for row in results.read(self.table) if row["status"] == "ok" and scene in (None, row["scene"])]
        longest: dict[tuple[str, str], int] = {}
        for row in rows:
            fit_of_scene = row["scene"], row["fit"]
            longest[fit_of_scene] = max(longest.get(fit_of_scene, 0), int(row["iterations"]))
        return [row for row in rows if int(row["iterations"]) == longest[row["scene"], row["fit"]]]


def run_experiment(
    experiment: Experiment,
    *,
    scenes: Iterable[str],
    iterations: int,
    deadline: float | None,
    device: str,
    say: Callable[[str], None],
) -> bool:
    """Fit what has no rows yet, at least one iteration of it; returns whether the deadline left time for all.

    Parameters are those of `benchmarks.paper.run`, `deadline` on the clock of `time.monotonic`.
    """
    for name in dict.fromkeys(scenes):
        left = [one for one in experiment.fits(name, iterations) if not _is_measured(experiment, one)]
        if not left:
            continue
        array = _load(name, say)
        for one in left:
            label = f"{experiment.name}: {name}, {one.label}, {one.iterations:,} iterations"
            try:
                rows = _measure(one, array, deadline, device)
            except OutOfTimeError as error:
                say(f"{label}: {error}")
                return False
            _record(experiment, one, rows)
            forget(one)
            if array is not None:
                say(f"{label}: {_summary(rows[-1])}")
    return True


def _load(name: str, say: Callable[[str], None]) -> Scene | None:
    try:
        return scenes.load(name)
    except scenes.MissingSceneError as error:
        say(f"skipped: {error}")
        return None


def _measure(wanted: Fit, array: Scene | None, deadline: float | None, device: str) -> list[Row]:
    row = {"scene": wanted.scene, "fit": wanted.label, "iterations": str(wanted.iterations)}
    if array is None:
        source = scenes.SCENES[wanted.scene]
        names = ", ".join(f"{source.stem}{suffix}" for suffix in SUFFIXES)
        return [row | {"status": f"missing: none of {names} in the folder of scenes"}]
    where = devices.resolve(device)
    named = torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu"
    row |= results.machine(("torch",), device=named)
    try:
        fitted = fit(wanted, array, deadline=deadline, device=device)
    except BudgetError as error:
        return [row | {"status": f"out of reach: {error}"}]
    return [row | {"status": "ok"} | one for one in fitted]


def _is_measured(experiment: Experiment, wanted: Fit) -> bool:
    return any(
        _belongs(row, wanted)
        and row["iterations"] == str(wanted.iterations)
        and not row["status"].startswith("missing")
        for row in results.read(experiment.table)
    )


def _record(experiment: Experiment, wanted: Fit, rows: Sequence[Row]) -> None:
    """Write the rows of a fit in place of those of as many iterations, and of those that only say why there are none.

    Fits of other numbers of iterations stay; what was measured is not given up for a missing scene.
    """
    known = results.read(experiment.table)
    measured = [row for row in known if _belongs(row, wanted) and row["status"] == "ok"]
    if rows[0]["status"].startswith("missing") and measured:
        return
    kept = [row for row in known if not _belongs(row, wanted)]
    kept += [row for row in measured if row["iterations"] != str(wanted.iterations)]
    kept += rows
    kept.sort(key=_place)
    results.write(experiment.table, kept, COLUMNS)


def _place(row: Row) -> tuple[int, ...]:
    columns = ("n_h", "w_h", "weight_bits", "iterations", "iteration")
    return list(scenes.SCENES).index(row["scene"]), *(int(row.get(column) or 0) for column in columns)


def _belongs(row: Row, wanted: Fit) -> bool:
    return (row["scene"], row["fit"]) == (wanted.scene, wanted.label)


def _summary(row: Row) -> str:
    if row["status"] != "ok":
        return row["status"]
    network = f"{row['n_h']} x {row['w_h']}, {row['weight_bits']} bits"
    return f"{network}: {row['bpppb']} bpppb, {row['psnr_db']} dB, {row['fit_s']} s"

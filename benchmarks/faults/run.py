"""Tries every scenario in processes of its own, and writes ``results/faults.tsv``."""

from __future__ import annotations

import itertools
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.faults import processes
from benchmarks.faults.scenarios import SCENARIOS, Scenario, in_place, left, make_source, write_from
from benchmarks.results import Row

TABLE = "faults"
COLUMNS = ("fault", "target", "before", "ended", "left", "beside", "next_write", "versions", "date")
"""Of a row: how the writing process `ended`, what is `left` at the target, how many files or folders the write left
`beside` it, and whether the `next_write` succeeds."""

TARGETS = {"folder": "target.zarr", "one file": "target.zarr.zip"}
_NAMES = {-signal.SIGKILL: "died", -signal.SIGTERM: "died"}


def run() -> None:
    """Write ``results/faults.tsv``."""
    results.write(TABLE, rows(), COLUMNS)


def rows(faults: Sequence[str] = (), targets: Sequence[str] = tuple(TARGETS)) -> Iterator[Row]:
    """Yield what came of scenarios, of folders and of stores in one file, with and without one to replace.

    Parameters
    ----------
    faults
        Which of `scenarios.SCENARIOS`; all, and stores that are no folder, if none is named.
    targets
        Which of `TARGETS`.
    """
    made = results.machine(("zarr", "xarray"))
    about = {"versions": made["versions"], "date": made["date"]}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.zarr"
        processes.in_child(lambda: make_source(source))
        for scenario in SCENARIOS:
            for kind, before in itertools.product(targets, (None, "before")):
                if not faults or scenario.what in faults:
                    row = _tried(scenario, kind, before, source)
                    if row is not None:
                        print(*row.values(), sep="\t", flush=True)
                        yield row | about
        if not faults:
            ended, remains, again = processes.in_child(lambda: in_place(source))[1]
            row = {"fault": "a file cannot be written", "target": "no folder", "before": "nothing", "ended": ended}
            yield row | {"left": remains, "beside": "0", "next_write": again or "wrote"} | about


def _tried(scenario: Scenario, kind: str, before: str | None, source: Path) -> Row | None:
    """Return what came of a scenario; None where it cannot be, or where this machine does not let us try it."""
    if (before is None and scenario.replacing) or (kind == "folder" and scenario.packing):
        return None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "place"
        place.mkdir()
        _, row = processes.in_child(lambda: _within(scenario, place / TARGETS[kind], before, source))
    if row is None:
        return None
    return {"fault": scenario.what, "target": kind, "before": "a store" if before else "nothing", **row}


def _within(scenario: Scenario, target: Path, before: str | None, source: Path) -> Row | None:
    """Try a scenario in this process, whose file systems it may change."""
    try:
        if before is None:
            scenario.surround(target.parent)
        elif scenario.covers:
            return None
        else:
            processes.in_child(lambda: write_from(source, target, before))
            scenario.surround(target.parent)
    except processes.MountError:
        return None

    def writes() -> str:
        scenario.arm(target)
        return write_from(source, target, "new")

    status, said = processes.in_child(writes)
    _, remains = processes.in_child(lambda: left(source, target, before))
    beside = sum(path != target for path in target.parent.iterdir())
    _, again = processes.in_child(lambda: write_from(source, target, "again"))
    ended = _NAMES.get(status, f"status {status}") if status else said or "wrote"
    return {"ended": ended, "left": remains, "beside": str(beside), "next_write": again or "wrote"}

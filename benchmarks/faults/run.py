"""Tries every scenario in processes of its own, and writes ``results/faults.tsv``."""

from __future__ import annotations

import importlib
import importlib.util
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import results
from benchmarks.faults import processes
from benchmarks.faults.scenarios import COMPLETE, SCENARIOS, Scenario, in_place, left, make_source, write_from
from benchmarks.faults.streamed import STREAMED, stream, stream_on_cluster
from benchmarks.results import Row

TABLE = "faults"
NOTHING = "nothing"
COLUMNS = ("fault", "target", "before", "ended", "left", "beside", "next_write", "versions", "date")
"""Of a row: how the writing process `ended`, what is `left` at the target, how many files or folders the write left
`beside` it, and whether the `next_write` succeeds."""

TARGETS = {"folder": "target.zarr", "one file": "target.zarr.zip"}
STREAMS = {f"{kind}, streamed": name for kind, name in TARGETS.items()}
WENT_ON = "went on, complete"
_NAMES = {-signal.SIGKILL: "died", -signal.SIGTERM: "died"}


@dataclass(frozen=True)
class _Kind:
    """How a store is written."""

    source: Path
    """A store of what is written."""

    write: Callable[[Path, str], str]
    """Writes a generation to a path; returns the error, or nothing."""

    again: Callable[[Path], str]
    """Returns what comes of the next write."""


def run() -> None:
    """Write ``results/faults.tsv``."""
    results.write(TABLE, rows(), COLUMNS)


def rows(faults: Sequence[str] = (), targets: Sequence[str] = (*TARGETS, *STREAMS)) -> Iterator[Row]:
    """Yield what came of scenarios, of folders and of stores in one file, with and without one to replace.

    Parameters
    ----------
    faults
        Which of `scenarios.SCENARIOS` and `streamed.STREAMED`; all, and stores that are no folder, if none is named.
    targets
        Which of `TARGETS` and `STREAMS`.
    """
    made = results.machine(("zarr", "xarray"))
    about = {"versions": made["versions"], "date": made["date"]}
    with tempfile.TemporaryDirectory() as folder:
        copied, streamed = _kinds(Path(folder))
        tried = [(scenario, kind, name, copied) for scenario in SCENARIOS for kind, name in TARGETS.items()]
        tried += [(scenario, kind, name, streamed) for scenario in STREAMED for kind, name in STREAMS.items()]
        for scenario, kind, name, how in tried:
            for before in (None, "before"):
                if kind in targets and (not faults or scenario.what in faults):
                    row = _tried(scenario, name, before, how)
                    if row is not None:
                        row = {"fault": scenario.what, "target": kind, "before": "a store" if before else NOTHING} | row
                        print(*row.values(), sep="\t", flush=True)
                        yield row | about
        if not faults:
            ended, remains, again = processes.in_child(lambda: in_place(copied.source))[1]
            row = {"fault": "a file cannot be written", "target": "no folder", "before": NOTHING, "ended": ended}
            yield row | {"left": remains, "beside": "0", "next_write": again or "wrote"} | about


def _kinds(folder: Path) -> tuple[_Kind, _Kind]:
    """Return the two ways of writing, each with a source of its own."""
    # Children that are forked find it imported.
    importlib.import_module("xr_inr.core.rate")
    plain, constant = folder / "source.zarr", folder / "constant.zarr"
    processes.in_child(lambda: make_source(plain))
    processes.in_child(lambda: stream(constant, "source"))

    def go_on(target: Path) -> str:
        said = stream(target, "again")
        return said or (WENT_ON if left(constant, target, None) == COMPLETE else "went on, not complete")

    return (
        _Kind(plain, partial(write_from, plain), lambda target: write_from(plain, target, "again") or "wrote"),
        _Kind(constant, stream, go_on),
    )


def _tried(scenario: Scenario, name: str, before: str | None, how: _Kind) -> Row | None:
    """Return what came of a scenario; None where it cannot be, or where this machine does not let us try it."""
    packed = name == TARGETS["one file"]
    if (before is None and scenario.replacing) or (not packed and scenario.packing):
        return None
    if scenario.workers_killed and importlib.util.find_spec("distributed") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "place"
        place.mkdir()
        row: Row | None
        _, row = processes.in_child(lambda: _within(scenario, place / name, before, how))
    return row


def _within(scenario: Scenario, target: Path, before: str | None, how: _Kind) -> Row | None:
    """Try a scenario in this process, whose file systems it may change."""
    try:
        if before is None:
            scenario.surround(target.parent)
        elif scenario.covers:
            return None
        else:
            processes.in_child(lambda: write_from(how.source, target, before))
            scenario.surround(target.parent)
    except processes.MountError:
        return None

    def writes() -> str:
        scenario.arm(target)
        if scenario.workers_killed:
            return stream_on_cluster(target, "new", scenario.workers_killed)
        return how.write(target, "new")

    status, said = processes.in_child(writes)
    _, remains = processes.in_child(lambda: left(how.source, target, before))
    beside = sum(path != target for path in target.parent.iterdir())
    scenario.amend(target.parent)
    _, again = processes.in_child(lambda: how.again(target))
    ended = _NAMES.get(status, f"status {status}") if status else said or "wrote"
    return {"ended": ended, "left": remains, "beside": str(beside), "next_write": again}

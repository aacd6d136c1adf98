"""A store that is being written when something goes wrong is as before, in real processes and on a real full disk."""

import csv
import io
import subprocess
import sys

import pytest

from benchmarks import results
from benchmarks.faults import run
from benchmarks.faults.scenarios import AS_BEFORE, ASIDE, COMPLETE, SCENARIOS
from benchmarks.faults.streamed import STREAMED

TRIED = ("nothing", "killed (SIGKILL) amid writing", "interrupted (SIGINT) amid writing", "the disk is full")
SCRIPT = f"from benchmarks.faults import run; list(run.rows({TRIED!r}, ('folder',)))"


@pytest.fixture(scope="module")
def found():
    """What came of some scenarios, each (fault, before) its row; in a process without threads, which may be forked."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=240)
    rows = csv.reader(io.StringIO(done.stdout), delimiter="\t")
    return {(row[0], row[2]): dict(zip(run.COLUMNS, row, strict=False)) for row in rows}


@pytest.mark.parametrize(
    ("fault", "before", "expected"),
    [
        ("nothing", "nothing", ("wrote", COMPLETE, "0")),
        ("nothing", "a store", ("wrote", COMPLETE, "0")),
        (TRIED[1], "nothing", ("died", AS_BEFORE, "1")),
        (TRIED[1], "a store", ("died", AS_BEFORE, "1")),
        (TRIED[2], "nothing", ("KeyboardInterrupt", AS_BEFORE, "0")),
        (TRIED[2], "a store", ("KeyboardInterrupt", AS_BEFORE, "0")),
        (TRIED[3], "nothing", ("OSError", AS_BEFORE, "0")),
    ],
)
def test_what_is_left_of_a_store(found, fault, before, expected):
    if (fault, before) not in found and "disk" in fault:
        pytest.skip("this machine does not let us mount a small disk")
    row = found[fault, before]
    assert (row["ended"], row["left"], row["beside"]) == expected


def test_what_a_dead_process_left_beside_does_not_keep_the_next_from_writing(found):
    assert {row["next_write"] for (fault, _), row in found.items() if "disk" not in fault} == {"wrote"}


def test_the_table_tells_of_every_scenario_and_of_none_that_leaves_a_store_in_part():
    rows = results.read(run.TABLE)
    assert {row["fault"] for row in rows} == {scenario.what for scenario in (*SCENARIOS, *STREAMED)}
    on_disk = {row["left"] for row in rows if row["target"] in {*run.TARGETS, *run.STREAMS}}
    assert on_disk == {COMPLETE, AS_BEFORE, ASIDE}


STREAMS = ("interrupted (SIGINT) amid fits", "the disk is full amid writing")


@pytest.fixture(scope="module")
def streamed():
    """What came of streamed writes, each (fault, before) its row."""
    script = f"from benchmarks.faults import run; list(run.rows({STREAMS!r}, ('folder, streamed',)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=240)
    rows = csv.reader(io.StringIO(done.stdout), delimiter="\t")
    return {(row[0], row[2]): dict(zip(run.COLUMNS, row, strict=False)) for row in rows}


@pytest.mark.parametrize(
    ("fault", "before", "ended"),
    [
        (STREAMS[0], "nothing", "KeyboardInterrupt"),
        (STREAMS[0], "a store", "KeyboardInterrupt"),
        (STREAMS[1], "nothing", "OSError"),
    ],
)
def test_a_streamed_write_leaves_the_store_as_before_and_is_gone_on_with(streamed, fault, before, ended):
    if (fault, before) not in streamed and "disk" in fault:
        pytest.skip("this machine does not let us mount a small disk")
    row = streamed[fault, before]
    assert (row["ended"], row["left"], row["beside"], row["next_write"]) == (ended, AS_BEFORE, "1", run.WENT_ON)


def test_the_table_tells_that_every_streamed_write_but_into_a_read_only_folder_is_gone_on_with():
    rows = [row for row in results.read(run.TABLE) if row["target"] in run.STREAMS]
    assert {row["next_write"] for row in rows if "read-only" not in row["fault"]} == {run.WENT_ON}


@pytest.mark.parametrize(
    ("fault", "ended", "left"),
    [("a worker is killed", "wrote", COMPLETE), ("all workers are killed", "ChunksError", AS_BEFORE)],
)
def test_the_table_tells_what_a_cluster_whose_workers_die_leaves_in_every_case(fault, ended, left):
    rows = [row for row in results.read(run.TABLE) if row["fault"] == fault]
    assert {(row["target"], row["before"]) for row in rows} == {
        (target, before) for target in run.STREAMS for before in (run.NOTHING, "a store")
    }
    assert {(row["ended"], row["left"]) for row in rows} == {(ended, left)}

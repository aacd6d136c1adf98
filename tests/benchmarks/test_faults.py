"""A store that is being written when something goes wrong is as before, in real processes and on a real full disk."""

import csv
import io
import subprocess
import sys

import pytest

from benchmarks import results
from benchmarks.faults import run
from benchmarks.faults.scenarios import AS_BEFORE, ASIDE, COMPLETE, SCENARIOS

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
    assert {row["fault"] for row in rows} == {scenario.what for scenario in SCENARIOS}
    on_disk = {row["left"] for row in rows if row["target"] in run.TARGETS}
    assert on_disk == {COMPLETE, AS_BEFORE, ASIDE}

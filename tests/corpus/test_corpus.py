"""What once ended in anything but a result or a refusal: every file is refused for the reason named, or is read."""

import csv
from pathlib import Path

import pytest

from benchmarks.fuzz.entries import ENTRIES

FOLDER = Path(__file__).parent
TABLE = FOLDER / "table.tsv"


def cases():
    """Return the rows of the table: file, reader, words of the error."""
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["file"])
def test_a_case_is_refused_for_the_reason_named_or_read_where_none_is(case):
    entry = ENTRIES[case["reader"]]
    if not case["error"]:
        entry.call((FOLDER / case["file"]).read_bytes())
        return
    with pytest.raises(entry.refusals, match=case["error"]):
        entry.call((FOLDER / case["file"]).read_bytes())


def test_the_table_names_every_file():
    kept = {path.name for path in FOLDER.iterdir() if path.suffix in (".bin", ".json")}
    assert {case["file"] for case in cases()} == kept


def test_cases_are_small():
    assert all((FOLDER / case["file"]).stat().st_size < 2**10 for case in cases())

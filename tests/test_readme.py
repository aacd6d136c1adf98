"""The documents say what the results say."""

import re
from pathlib import Path

import pytest

from benchmarks import tables

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", [path for path in tables.DOCUMENTS if path.exists()], ids=lambda path: path.name)
def test_tables_are_those_of_the_results(path):
    assert "<!-- table: " in path.read_text()
    assert path.read_text() == tables.expected(path), "python -m benchmarks table writes them anew"


def test_first_commands_are_the_two_of_the_makefile():
    readme, makefile = ((ROOT / name).read_text() for name in ("README.md", "Makefile"))
    commands = [line.split()[1:3] for line in readme.splitlines() if line.startswith("$ ")][:2]

    assert commands == [["make", "demo"], ["make", "test"]]
    assert all(f"\n{target}: " in makefile for _, target in commands)


@pytest.mark.parametrize("path", [path for path in tables.DOCUMENTS if path.exists()], ids=lambda path: path.name)
def test_pictures_are_there(path):
    names = [line.split("](")[1].rstrip(")") for line in path.read_text().splitlines() if line.startswith("![")]

    assert path != README or names
    assert all((path.parent / name).is_file() for name in names)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_row_of_a_table_has_the_cells_of_its_header(path):
    prose = re.sub(r"^( *)```.*?^\1```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n?)+", prose, re.MULTILINE):
        rows = re.sub(r"`[^`\n]*`|\\\|", "", table).splitlines()
        assert len({row.count("|") for row in rows}) == 1, rows[0]

"""The README says what the results say."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_results(tables):
    assert (ROOT / "README.md").read_text() == tables.readme(), "python -m benchmarks.tables writes them anew"


def test_first_commands_are_the_two_of_the_makefile():
    readme, makefile = ((ROOT / name).read_text() for name in ("README.md", "Makefile"))
    commands = [line.split()[1:3] for line in readme.splitlines() if line.startswith("$ ")][:2]

    assert commands == [["make", "demo"], ["make", "test"]]
    assert all(f"\n{target}: " in makefile for _, target in commands)


def test_pictures_are_there(tables):
    names = [line.split("](")[1].rstrip(")") for line in tables.readme().splitlines() if line.startswith("![")]

    assert names
    assert all((ROOT / name).is_file() for name in names)

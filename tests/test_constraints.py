"""The environments that tests are run in are those that pyproject.toml promises."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST, _, BESIDE_THE_FLOORS = (ROOT / "constraints-oldest.txt").read_text().partition("# Beside the floors")
USUAL = (ROOT / "constraints.txt").read_text()
EXTRAS_OF_A_STACK = ("fit", "demo", "dev")
STACK = (ROOT / ".ci/stack").read_text()
CHECKS = ROOT / ".github/workflows/checks.yml"
NAMED = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: Python :: 3\.\d", line)]
PYTHONS = sorted(NAMED, key=Version)
"""The versions of Python that pyproject.toml names, oldest first."""


def floors(*extras):
    """Return the lowest version of each requirement of the package and of the extras, as pyproject.toml writes it."""
    lines = [*PROJECT["dependencies"], *(line for name in extras for line in PROJECT["optional-dependencies"][name])]
    requirements = [Requirement(line) for line in lines]
    assert all([part.operator for part in one.specifier] == [">="] for one in requirements)
    return {canonicalize_name(one.name): next(iter(one.specifier)).version for one in requirements}


def pins(text):
    """Return the version of each package that a constraints file pins."""
    lines = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_oldest_stack_pins_every_floor_exactly():
    assert pins(OLDEST) == floors(*EXTRAS_OF_A_STACK)


def test_oldest_stack_pins_nothing_twice():
    assert not pins(OLDEST).keys() & pins(BESIDE_THE_FLOORS).keys()


def test_both_stacks_install_these_extras():
    assert f"'.[{','.join(EXTRAS_OF_A_STACK)}]'" in STACK


def test_oldest_python_is_the_one_required():
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


@pytest.mark.parametrize(("end", "python"), [("oldest", PYTHONS[0]), ("newest", PYTHONS[-1])])
def test_each_stack_is_one_end_of_the_pythons_that_are_named(end, python):
    assert re.search(rf"^{end}\)\n    version={re.escape(python)}$", STACK, re.MULTILINE)


@pytest.mark.skipif(not CHECKS.exists(), reason="the workflow of the repository is no part of an sdist")
def test_workflow_runs_each_stack_on_its_python():
    stacks = yaml.safe_load(CHECKS.read_text())["jobs"]["stacks"]["strategy"]["matrix"]["include"]
    assert stacks == [{"end": "oldest", "python": PYTHONS[0]}, {"end": "newest", "python": PYTHONS[-1]}]


@pytest.mark.parametrize(("name", "floor"), floors(*EXTRAS_OF_A_STACK, "bench", "docs", "cluster").items())
def test_usual_versions_are_no_older_than_the_floors(name, floor):
    assert Version(pins(USUAL)[name]) >= Version(floor)

"""The environments that tests are run in are those that pyproject.toml promises."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OLDEST, _, BESIDE_THE_FLOORS = (ROOT / "constraints-oldest.txt").read_text().partition("# Beside the floors")
USUAL = (ROOT / "constraints.txt").read_text()
EXTRAS_OF_A_STACK = ("fit", "demo", "dev")


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
    assert f"'.[{','.join(EXTRAS_OF_A_STACK)}]'" in (ROOT / ".ci/stack").read_text()


@pytest.mark.parametrize(("name", "floor"), floors(*EXTRAS_OF_A_STACK, "bench", "docs", "cluster").items())
def test_usual_versions_are_no_older_than_the_floors(name, floor):
    assert Version(pins(USUAL)[name]) >= Version(floor)

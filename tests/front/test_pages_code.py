"""Every block of code in the README and in the documents runs, page by page, on a small scene."""

import json

import pytest
from click.testing import CliRunner

from xr_inr.cli import main

from .pages import NOT_RUN, PAGES, PREPARED, RUN, blocks_of, commands_of, in_haste, name_of, python_of, write_scene

WITH_PYTHON = [page for page in PAGES if python_of(page)]
WITH_COMMANDS = [page for page in PAGES if commands_of(page)]


PROMISED = {
    "README.md": (
        "small.inr.report.bpppb <= 0.1",
        "bounded.inr.report.max_error <= 2",
        "(stranger == xr_inr.decode(payload)).all()",
        "ds['reflectance'].shape == (40, 64, 64)",
        "window.shape == (2, 8, 8)",
    ),
    "docs/tutorial.md": ("spectrum.shape == (40,)", "window.shape == (40, 10, 10)"),
}
"""What is true after the Python blocks of a page."""

LEFT = {
    "README.md": ("report.html", "scene.zarr", "scene_again.tif", "archive/scene.zarr"),
    "docs/howto/command-line.md": ("scene.zarr", "scene_again.tif", "good.zarr", "report.html", "compared.html"),
    "docs/gdal.md": ("scene.vrt",),
}
"""What is there after the commands of a page."""


@pytest.fixture(scope="module", autouse=True)
def hasty_fits(small_models):  # noqa: ARG001 - which are made smaller still
    """Fits that take the first payload that will do."""
    with in_haste():
        yield


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with a scene.tif, in which the code of a page runs."""
    write_scene(tmp_path / "scene.tif")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_python(page):
    """Run the blocks of a page one after the other; return the names they leave."""
    names = {}
    for number, block in enumerate(python_of(page), 1):
        exec(compile(block, f"{name_of(page)}, block {number}", "exec"), names)  # noqa: S102 - the pages are ours
    return names


def run_commands(page):
    """Run the commands of a page one after the other."""
    for command in commands_of(page):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, f"xr-inr {' '.join(command)}: {result.output}"


@pytest.mark.filterwarnings("ignore:The codec `vlen-utf8`")
@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_python_blocks_run_in_order(page, workplace):  # noqa: ARG001 - where they run
    names = run_python(page)
    for promise in PROMISED.get(name_of(page), ()):
        assert eval(promise, names), promise  # noqa: S307 - written here


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_commands_run_in_order(page, workplace):
    run_commands(page)
    for name in LEFT.get(name_of(page), ()):
        assert (workplace / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_of_a_kind_that_is_run_or_that_is_no_code(page):
    assert {block.language for block in blocks_of(page)} <= {"python", "console", "json", ""}
    for block in blocks_of(page):
        if block.language == "json":
            json.loads(block.text)
        if block.language == "console":
            assert block.commands
            unknown = [line for line in block.commands if not line.startswith((RUN, *NOT_RUN))]
            assert not unknown, "give it a test, or a reason in NOT_RUN"


def test_no_page_has_a_fence_that_blocks_are_not_found_by():
    for page in PAGES:
        fences = [line for line in page.read_text().splitlines() if line.lstrip().startswith(("```", "~~~"))]
        assert len(fences) == 2 * len(blocks_of(page)), name_of(page)


def test_pages_of_the_tables_are_there():
    assert set(PREPARED) | set(LEFT) <= {name_of(page) for page in WITH_COMMANDS}
    assert set(PROMISED) <= {name_of(page) for page in WITH_PYTHON}

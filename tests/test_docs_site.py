"""The site has every page of the documents, and its reference every public name."""

import re
from pathlib import Path

import pytest
import yaml

import xr_inr

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
REFERENCE = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))


def pages_of(nav):
    """Return the pages that a part of the navigation names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_of(part)]


def test_navigation_names_every_page_once():
    pages = [str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")]
    assert sorted(pages_of(SITE["nav"])) == sorted(pages)


def test_nothing_is_loaded_from_elsewhere():
    assert SITE["theme"]["font"] is False
    assert not {"extra_javascript", "repo_url"} & SITE.keys()
    assert "http" not in (DOCS / "site.css").read_text()


@pytest.mark.parametrize("name", sorted(set(xr_inr.__all__) - {"__version__", "GDAL_SETTINGS"}))
def test_reference_has_every_public_name(name):
    whole = "::: xr_inr.exceptions\n" in REFERENCE and name in vars(xr_inr.exceptions)
    assert whole or re.search(rf"^::: xr_inr\.[\w.]+\.{name}$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"^::: ([\w.]+)$", REFERENCE, re.MULTILINE))
def test_what_the_reference_names_is_there(path):
    module, _, name = path.rpartition(".")
    found = __import__(module, fromlist=[name])
    assert getattr(found, name).__doc__


def test_commands_are_those_of_the_command_line():
    namespace = {}
    exec((DOCS / "site_hooks.py").read_text(), namespace)  # noqa: S102 - ours
    page = namespace["on_page_markdown"]((DOCS / "reference" / "command-line.md").read_text())

    from xr_inr.cli import main

    assert all(f"\n## {name}\n" in page for name in main.commands)
    assert "<!-- commands -->" not in page
    assert max(map(len, page.splitlines())) <= 120

"""Writing a page to a file."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from xr_inr.exceptions import RequestError


def check_path(path: str | PathLike[str]) -> None:
    """Refuse, before any work, a path to which no page can be written.

    Only what is called .html is written to, so that no slip replaces a scene.

    Raises
    ------
    RequestError
        When the suffix is not .html, or the folder does not exist.
    """
    target = Path(path)
    if target.suffix.lower() != ".html" or target.is_dir():
        raise RequestError(f"a report must be written to a file with the suffix .html. Got {target}.")
    if not target.resolve().parent.is_dir():
        raise RequestError(f"the folder of the report must exist. Got {target.resolve().parent}.")


def write_page(path: str | PathLike[str], text: str) -> None:
    """Write a page; a file at `path` is replaced."""
    check_path(path)
    Path(path).write_text(text, encoding="utf-8")

"""What the site is made with beside its pages: the help of every command, in the place of ``<!-- commands -->``."""

from __future__ import annotations

from typing import Any

import click

PLACE = "<!-- commands -->"
_WIDTH = 78
"""Of the help, in characters: what a page shows without scrolling."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with the help of every command; called by mkdocs."""
    return markdown.replace(PLACE, commands()) if PLACE in markdown else markdown


def commands() -> str:
    """Return the help of ``xr-inr`` and of each of its commands, as Markdown."""
    from xr_inr.cli import main  # noqa: PLC0415 - only this page needs it

    parts = [_help("xr-inr", main, None)]
    with click.Context(main, info_name="xr-inr", **main.context_settings) as above:
        for name in main.list_commands(above):
            command = main.get_command(above, name)
            if command is not None:
                parts.append(f"## {name}\n\n{_help(name, command, above)}")
    return "\n\n".join(parts)


def _help(name: str, command: click.Command, above: click.Context | None) -> str:
    settings = {**command.context_settings, "terminal_width": _WIDTH}
    with click.Context(command, info_name=name, parent=above, **settings) as context:
        return f"```text\n{command.get_help(context)}\n```"

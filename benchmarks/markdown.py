"""Tables as Markdown, and what stands in their cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTHING = "-"
"""What stands where there is no figure."""


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Return a table, its first columns to the left, so many of them, and all others to the right."""
    rule = "|".join(["", *["---"] * left, *["--:"] * (len(header) - left), ""])
    first, *others = (f"| {' | '.join(cells)} |" for cells in (header, *rows))
    return "\n".join([first, rule, *others])


def percent(value: float | None) -> str:
    """Return a change in percent as text, `NOTHING` for None."""
    return NOTHING if value is None else f"{value:+.1f} %"

"""Where and when figures were measured, in a sentence, from the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.curves import Measured


def provenance(found: Iterable[Measured]) -> str:
    """Return a sentence on cores, threads, devices, dates and versions; an empty one where nothing was stored."""
    stored = [one for one in found if one.stored]
    if not stored:
        return ""
    machines: dict[str, list[str]] = {}
    for one in stored:
        machines.setdefault(_machine(one), []).append(one.codec)
    usual, *others = sorted(machines, key=lambda machine: -len(machines[machine]))
    exceptions = "".join(f"; `{'`, `'.join(dict.fromkeys(machines[other]))}` on {other}" for other in others)
    dates = sorted({one.row["date"] for one in stored})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    versions = {version: None for one in stored for version in one.row["versions"].split(", ") if version}
    return f"Measured on {usual}{exceptions}; {when}; {', '.join(sorted(versions))}."


def _machine(one: Measured) -> str:
    cores, threads = one.row["cores"], one.row["threads"]
    counts = f"{cores} core{'s' * (cores != '1')}, {threads} thread{'s' * (threads != '1')} a codec"
    return f"{counts}, {one.row['device']}"

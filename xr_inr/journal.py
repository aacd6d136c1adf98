"""The journal of a streamed write: what is being fitted, and what became of every batch, one line each.

A line is the CRC32C of its text, as eight hexadecimal digits, a space, and the text, JSON. The first says what the
journal is of. A line that was not written to its end, or whose CRC is another, ends the journal: it and all after it
are cut off when writing goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c

from xr_inr._version import __version__
from xr_inr.core.bitstream import FORMAT_VERSION
from xr_inr.durable import flush, flush_folder, write_whole

_JOURNAL_VERSION = 1

Entry = dict[str, Any]


class Journal:
    """Reads and writes the file of a journal.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, variables: Mapping[str, Any]) -> None:
        """Write the first line.

        Parameters
        ----------
        variables
            By name, what the payloads of each depend on, as JSON values.
        """
        write_whole(self._path, _line(_header(variables)))
        flush_folder(self._path.parent)

    def read(self) -> tuple[Entry | None, list[Entry]]:
        """Return the first line, None where there is no whole one, and all others; cut off what is damaged."""
        if not self._path.is_file():
            return None, []
        whole = 0
        lines = []
        with self._path.open("rb") as file:
            for line in file:
                entry = _entry(line)
                if entry is None:
                    break
                lines.append(entry)
                whole += len(line)
        if not lines:
            return None, []
        if whole < self._path.stat().st_size:
            with self._path.open("rb+") as file:
                file.truncate(whole)
                flush(file)
        return lines[0], lines[1:]

    def add(self, entry: Entry) -> None:
        """Write one more line, on the disk when this returns."""
        with self._path.open("ab") as file:
            file.write(_line(entry))
            flush(file)

    def drop(self) -> None:
        """Remove the file: what lies beside it is then of no use."""
        self._path.unlink(missing_ok=True)


def differences(header: Entry, variables: Mapping[str, Any]) -> list[str]:
    """Return what a journal is of, where that is not what it should be of: a line each, empty if there is nothing."""
    found, wanted = _flat(header), _flat(_header(variables))
    names = list(dict.fromkeys([*found, *wanted]))
    return [
        f"{name}: {found.get(name)} there, {wanted.get(name)} now"
        for name in names
        if found.get(name) != wanted.get(name)
    ]


def _header(variables: Mapping[str, Any]) -> Entry:
    return {
        "journal": _JOURNAL_VERSION,
        "version": __version__,
        "payload_format": FORMAT_VERSION,
        "variables": dict(variables),
    }


def _line(entry: Entry) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %s\n" % (google_crc32c.value(text), text)


def _entry(line: bytes) -> Entry | None:
    crc, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or crc != b"%08x" % google_crc32c.value(text):
        return None
    entry: Entry = json.loads(text)
    return entry


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return nested dictionaries as one, with names such as 'variables.scene.shape'."""
    return dict(_leaves(value, name))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{name}.{key}" if name else str(key))

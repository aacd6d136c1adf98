"""Zarr stores in one file: what zarr's ZipStore reads, named ``.zarr.zip``."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path

from zarr.storage import ZipStore

from xr_inr.exceptions import RequestError

SUFFIX = ".zarr.zip"


def is_zip_name(source: str | PathLike[str]) -> bool:
    """Whether a path or URL is that of a Zarr store in one file."""
    return str(source).lower().endswith(SUFFIX)


def holds_store(path: Path, files: tuple[str, ...]) -> bool:
    """Whether a file is a zip archive with one of some files at its root."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return not set(files).isdisjoint(archive.namelist())


def pack(folder: Path, path: Path) -> None:
    """Put a Zarr store in a folder into one file.

    Nothing is compressed, since payloads are entropy coded already; the same store makes the same bytes.
    """
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                # Without a time of its own, an entry has that of the format's epoch.
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, file.read_bytes())


def open_zip(source: str | PathLike[str]) -> ZipStore:
    """Open a Zarr store in one file for reading.

    Raises
    ------
    RequestError
        When it is not on a local disk, does not exist or is no zip archive.
    """
    if "://" in str(source):
        raise RequestError(f"a store in one file must be on a local disk; copy it there first. Got {source}.")
    if not Path(source).is_file():
        raise RequestError(f"the store must exist. Got {source}.")
    if not zipfile.is_zipfile(source):
        raise RequestError(f"a file named {SUFFIX} must be a zip archive. {source} is not, or is cut short.")
    return ZipStore(Path(source), mode="r")

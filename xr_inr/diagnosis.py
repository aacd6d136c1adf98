"""What is installed here, and whether it works: behind ``xr-inr doctor`` and `xr_inr.show_versions`."""

from __future__ import annotations

import csv
import hashlib
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata, resources
from typing import TextIO

from xr_inr._version import __version__
from xr_inr.core.kernels import TOLD

DISTRIBUTION = "xr-inr"
REQUIRED = ("numpy", "xarray", "zarr", "numcodecs", "dask", "rasterio", "rioxarray", "constriction", "google-crc32c")
OPTIONAL = ("torch", "tqdm", "matplotlib")
ENTRY_POINTS = {"zarr.codecs": "InrCodec", "numcodecs.codecs": "InrCodec"}
"""The groups by which other packages find this one, and what they must find."""

PLUGINS = "rasterio.rio_plugins"
"""A group in which there may be something."""

MISSING = "not installed"
BUILT_IN = resources.files("xr_inr") / "built_in"
"""A payload of each model, and the SHA-256 of the samples that they must decode to."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    what: str
    """What was looked at."""

    said: str
    """What was found, or the reason why it is broken."""

    works: bool
    """Whether it is as it should be."""


def show_versions(file: TextIO | None = None) -> None:
    """Print the versions of xr_inr and of what it stands on, as a report of a problem should have them.

    Parameters
    ----------
    file
        Where to; standard output if None.
    """
    found = versions()
    width = max(map(len, found))
    print(*(f"{name:<{width}}  {version}" for name, version in found.items()), sep="\n", file=file or sys.stdout)


def versions() -> dict[str, str]:
    """Return versions by name: xr_inr, Python, the machine, what it stands on, the C kernels, torch and its devices."""
    found = {"xr_inr": __version__, "python": platform.python_version(), "machine": platform.platform()}
    found |= {name: _version(name) for name in REQUIRED}
    found["GDAL"] = _gdal()
    found["kernels"] = TOLD
    found |= {name: _version(name) for name in OPTIONAL}
    return found | {"devices": devices()}


def devices() -> str:
    """Return which devices fits can run on, or why there is none."""
    if _version("torch") == MISSING:
        return "none: fits need torch (pip install 'xr-inr[fit]'); reading does not"
    try:
        import torch  # noqa: PLC0415 - slow, and may not be there

        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    except Exception as error:  # noqa: BLE001 - a broken installation fails in many ways
        return f"none: torch is installed but does not work: {_one_line(error)}"
    return ", ".join(["cpu", *(f"cuda:{index} ({name})" for index, name in enumerate(names))])


def diagnose() -> Iterator[Finding]:
    """Look at all that has to work here, one thing after the other."""
    for name in REQUIRED:
        if _version(name) == MISSING:
            yield Finding(name, f"is needed and {MISSING}: pip install --force-reinstall {DISTRIBUTION}", works=False)
    if "does not work" in (told := devices()):
        yield Finding("torch", told, works=False)
    for group, expected in ENTRY_POINTS.items():
        yield _checked(f"entry point {group}", partial(_entry_point, group, expected))
    for plugin in metadata.entry_points(group=PLUGINS):
        if plugin.value.startswith("xr_inr."):
            yield _checked(f"entry point {PLUGINS}", partial(_loaded, plugin))
    for row in built_in():
        yield _checked(f"payload {row['name']}", partial(_decoded, row))
    yield _checked("store", _read_by_name)


def built_in() -> list[dict[str, str]]:
    """Return what is known of the payloads in the package: name, bytes, shape, dtype and SHA-256 of the samples."""
    return list(csv.DictReader((BUILT_IN / "manifest.tsv").read_text().splitlines(), delimiter="\t"))


def _checked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look(), works=True)
    except Exception as error:  # noqa: BLE001 - whatever is broken is what was looked for
        return Finding(what, _one_line(error), works=False)


def _entry_point(group: str, expected: str) -> str:
    found = [entry for entry in metadata.entry_points(group=group) if entry.name == "xr_inr"]
    if not found:
        raise LookupError(f"not found: the package must be installed, not only imported; pip install {DISTRIBUTION}")
    name = found[0].load().__name__
    if name != expected:
        raise LookupError(f"is {name} rather than {expected}; another package has taken the name xr_inr")
    return f"found: {found[0].value}"


def _loaded(plugin: metadata.EntryPoint) -> str:
    plugin.load()
    return f"found: {plugin.name}, {plugin.value}"


def _decoded(row: dict[str, str]) -> str:
    from xr_inr.core.decode import decode  # noqa: PLC0415 - what does not import is a finding too

    samples = decode((BUILT_IN / f"{row['name']}.bin").read_bytes())
    found = hashlib.sha256(samples.astype(samples.dtype.newbyteorder("<")).tobytes()).hexdigest()
    if found != row["sha256"]:
        raise ArithmeticError(f"its samples must have the SHA-256 {row['sha256']}. Got {found}.")
    return f"decodes to the right {row['shape']} samples"


def _read_by_name() -> str:
    """Read a payload through zarr, which has to find the codec by its name."""
    import numpy as np  # noqa: PLC0415
    import zarr  # noqa: PLC0415
    from zarr.core.buffer import default_buffer_prototype  # noqa: PLC0415
    from zarr.core.sync import sync  # noqa: PLC0415
    from zarr.storage import MemoryStore  # noqa: PLC0415

    from xr_inr.core.decode import decode  # noqa: PLC0415

    data = (BUILT_IN / f"{built_in()[0]['name']}.bin").read_bytes()
    samples = decode(data)
    array = zarr.create_array(
        MemoryStore(),
        shape=samples.shape,
        chunks=samples.shape,
        dtype=samples.dtype,
        serializer={"name": "xr_inr", "configuration": {"bpppb": 1.0}},
        filters=None,
        compressors=None,
    )
    sync((array.store_path / "c/0/0/0").set(default_buffer_prototype().buffer.from_bytes(data)))
    if not np.array_equal(array[...], samples) or not np.array_equal(array[1, 2:5, 3], samples[1, 2:5, 3]):
        raise ArithmeticError("zarr reads other samples from an array than its payload has")
    return "zarr finds the codec by its name and reads an array whole and in part"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING


def _gdal() -> str:
    try:
        import rasterio  # noqa: PLC0415
    except ImportError as error:
        return _one_line(error)
    return str(rasterio.__gdal_version__)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

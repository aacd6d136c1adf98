"""What GDAL's own programs say of a compressed EnMAP scene: a session of commands, kept in ``results/gdal.txt``."""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path

from benchmarks import results
from benchmarks.paper.length import UNMEASURED
from benchmarks.scenes import FOLDER, MissingSceneError
from xr_inr import GDAL_SETTINGS
from xr_inr._version import __version__

ROOT = Path(__file__).parents[1]
SCENE = "geo/enmap_potsdam_A.tif"
"""Where in the folder of the scenes the EnMAP scene lies: 224 bands of 64 x 96 pixels."""

DESCRIBE = "gdalinfo enmap.vrt"
SESSION: dict[str, tuple[int, ...] | None] = {
    "xr-inr compress enmap.tif enmap.zarr --bpppb 0.5 --preset fast": None,
    "xr-inr vrt enmap.zarr --quiet": None,
    DESCRIBE: (1, 48, 224),
    "gdal_translate -q -srcwin 16 24 32 16 -b 48 -b 30 -b 16 enmap.vrt window.tif": None,
    "gdalinfo -nomd -mm window.tif": (1, 2, 3),
}
"""The commands, and of what describes a raster the bands that are shown, counted from 1."""

LEFT_OUT = "[...]"
"""Stands for lines that are not shown."""

_INSIDE_THE_CRS = re.compile(r'Data axis| {4}(?!ID\["EPSG")')
"""Lines above the bands that are not shown."""


_WALL_TIME = re.compile("^  encoded in .*$", re.MULTILINE)
"""The line of a report that says how busy the machine was."""


class GdalError(Exception):
    """A program of GDAL is missing or failed."""


def run() -> None:
    """Write ``results/gdal.txt``.

    Raises
    ------
    MissingSceneError
        When the EnMAP scene is not here.
    GdalError
        When a program of GDAL is missing, or a command fails.
    """
    source = scene_file()
    missing = [name for name in ("gdalinfo", "gdal_translate") if shutil.which(name) is None]
    if missing:
        raise GdalError(
            f"gdalinfo and gdal_translate must be installed, as by the package gdal-bin. Missing: {missing}."
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(source, folder / "enmap.tif")
        said = [f"$ {command}\n{shortened(call(command, folder), command)}" for command in SESSION]
        version = call("gdalinfo --version", folder).split(",")[0]
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    made = f"Made on {today} with {version}, xr-inr {__version__}."
    results.FOLDER.mkdir(exist_ok=True)
    _file().write_text("\n".join([f"{made}\n", *said]), encoding="utf-8")


def scene_file() -> Path:
    """Return the file of the EnMAP scene.

    Raises
    ------
    MissingSceneError
        When it is not there.
    """
    folder = os.environ.get(FOLDER, "")
    source = Path(folder, SCENE)
    if not folder or not source.is_file():
        raise MissingSceneError(f"{FOLDER} must name a folder with {SCENE}. Got {FOLDER}={folder!r}.")
    return source


def call(command: str, folder: Path) -> str:
    """Return what a command prints in a folder, with GDAL told to trust this package and where it lies.

    Raises
    ------
    GdalError
        When it ends with another status than 0.
    """
    program, *arguments = shlex.split(command)
    known = [sys.executable, "-m", "xr_inr.cli"] if program == "xr-inr" else [program]
    paths = sysconfig.get_paths()
    packages = os.pathsep.join([str(ROOT), paths["purelib"], paths["platlib"]])
    environment = os.environ | {"PYTHONPATH": packages} | GDAL_SETTINGS
    done = subprocess.run(  # noqa: S603 - commands of this module and its test
        [*known, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise GdalError(f"{command!r} must end with status 0. Got {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def shortened(text: str, command: str) -> str:
    """Return what a command of `SESSION` printed, `LEFT_OUT` in place of the less telling lines about a raster."""
    bands = SESSION[command]
    if bands is None:
        return _WALL_TIME.sub(LEFT_OUT, text)
    lines = list(_described(text, bands))
    again = [line == before == LEFT_OUT for before, line in pairwise(["", *lines])]
    return "".join(f"{line}\n" for line, repeated in zip(lines, again, strict=True) if not repeated)


def shown() -> str:
    """Return the session as Markdown."""
    if not _file().exists():
        return UNMEASURED
    made, _, session = _file().read_text(encoding="utf-8").partition("\n\n")
    return f"{made} `{LEFT_OUT}` stands for lines that are not shown.\n\n```\n{session.rstrip()}\n```"


def _described(text: str, bands: Collection[int]) -> Iterator[str]:
    """Yield the lines that gdalinfo prints of a raster, `LEFT_OUT` for each that is not shown."""
    inside = 0
    for line in text.splitlines():
        band = re.match(r"Band (\d+) ", line)
        inside = int(band[1]) if band else inside
        told = inside in bands if inside else not _INSIDE_THE_CRS.match(line)
        yield line if told else LEFT_OUT


def _file() -> Path:
    return results.FOLDER / "gdal.txt"

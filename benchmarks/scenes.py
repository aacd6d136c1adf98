"""The scenes that are measured on: where they come from, and what is said where one is missing.

Files lie in the folder that ``XR_INR_SCENES`` names, as .npy, .mat, ENVI or GeoTIFF; Indian Pines comes with tensorly
too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.local import SUFFIXES, read_cube
from benchmarks.repair import repaired

FOLDER = "XR_INR_SCENES"


class MissingSceneError(Exception):
    """The scene's file is not here; the message says which files would do."""


@dataclass(frozen=True)
class Source:
    """Where a scene comes from."""

    title: str
    """How the tables call it."""

    stem: str
    """Name of its file in the folder, less the suffix."""

    shape: tuple[int, int, int]
    """(bands, height, width) of the file."""

    select: Callable[[NDArray[Any]], NDArray[Any]] = lambda cube: cube
    """What makes the scene of the file's cube: some of its bands, or all of them, repaired."""


def _without_water(cube: NDArray[Any]) -> NDArray[Any]:
    """Return the usual 198 bands of Jasper Ridge: without 1-3, 108-112, 154-166, 220-224 (counted from 1)."""
    left_out = [*range(1, 4), *range(108, 113), *range(154, 167), *range(220, 225)]
    return np.delete(cube, np.array(left_out) - 1, axis=0)


def _measured(cube: NDArray[Any]) -> NDArray[Any]:
    """Return the bands of EnMAP Potsdam that were measured: without 130-135 (counted from 1), which lack all pixels."""
    return np.delete(cube, np.arange(129, 135), axis=0)


SCENES = {
    "jasper_ridge_198": Source("Jasper Ridge, 198 bands", "jasper_ridge_224", (224, 100, 100), _without_water),
    "indian_pines_200": Source("Indian Pines, 200 bands", "indian_pines_200", (200, 145, 145)),
    "pavia_centre_crop": Source("Pavia Centre crop, 102 bands", "pavia_centre_crop", (102, 105, 120)),
    "jasper_ridge_224": Source("Jasper Ridge, 224 bands", "jasper_ridge_224", (224, 100, 100)),
    "indian_pines_repaired": Source("Indian Pines, 200 bands, repaired", "indian_pines_200", (200, 145, 145), repaired),
    "abu_airport_1": Source("Los Angeles airport, 205 bands", "abu_airport_1", (205, 100, 100)),
    "abu_beach_1": Source("ABU beach, 188 bands", "abu_beach_1", (188, 150, 150)),
    "enmap_potsdam": Source("EnMAP Potsdam, 218 bands", "geo/enmap_potsdam_A", (224, 64, 96), _measured),
    "pavia_university": Source("Pavia University, 103 bands", "pavia_university", (103, 610, 340)),
    "cuprite": Source("Cuprite, 224 bands", "cuprite", (224, 512, 614)),
}
"""The scenes by the names the command line takes."""

MAIN = ("jasper_ridge_198", "indian_pines_200", "pavia_centre_crop")
"""The scenes on which every codec is measured at every rate."""

EVERY = (*MAIN, "abu_airport_1", "abu_beach_1", "enmap_potsdam")
"""The scenes at hand, each once and as it is distributed."""


def load(name: str) -> NDArray[Any]:
    """Return a scene, (bands, height, width), in its original integers.

    Raises
    ------
    MissingSceneError
        When no file of that scene is in the folder.
    ValueError
        When the file holds a cube of another shape.
    """
    source = SCENES[name]
    folder = os.environ.get(FOLDER)
    candidates = [Path(folder) / f"{source.stem}{suffix}" for suffix in SUFFIXES] if folder else []
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is not None:
        cube = read_cube(file, source.shape)
    elif source.stem == "indian_pines_200":
        cube = _indian_pines()
    else:
        names = ", ".join(f"{source.stem}{suffix}" for suffix in SUFFIXES)
        raise MissingSceneError(
            f"{source.title}: {FOLDER} must name a folder with one of {names}, a cube of "
            f"{' x '.join(map(str, source.shape))} (bands x height x width). Got {FOLDER}={folder!r}."
        )
    return np.ascontiguousarray(source.select(cube))


def _indian_pines() -> NDArray[Any]:
    from tensorly.datasets import load_indian_pines  # noqa: PLC0415 - slow to import

    cube: NDArray[Any] = np.asarray(load_indian_pines()["tensor"]).transpose(2, 0, 1).astype(np.uint16)
    return cube

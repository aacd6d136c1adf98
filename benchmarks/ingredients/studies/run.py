"""The run of the studies: each on every scene, and its rows recorded as soon as they are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from benchmarks import results, scenes
from benchmarks.ingredients.studies import RATE, TABLE
from benchmarks.ingredients.studies.planes import StudyPlanes
from benchmarks.ingredients.studies.studies import STUDIES
from benchmarks.results import Row

COLUMNS = (
    "study",
    "case",
    "scene",
    "asked_bpppb",
    "percent",
    "study_cpu_s",
    "cores",
    "threads",
    "device",
    "versions",
    "date",
)
"""What is recorded of a case. `study_cpu_s` is processor time of all cases of the study on the scene."""


def run(
    scene_names: Iterable[str] = scenes.MAIN,
    names: Iterable[str] = tuple(STUDIES),
    *,
    say: Callable[[str], None] = print,
) -> None:
    """Measure studies into ``results/ingredient_studies.tsv``; rows of the same study and scene give way.

    Parameters
    ----------
    scene_names
        Names in `benchmarks.scenes.SCENES`.
    names
        Names in `STUDIES`.
    say
        Takes a line for each study of a scene.

    Raises
    ------
    KeyError
        When there is no such study.
    MissingSceneError
        When no file of a scene is in the folder.
    JobError
        When a scene has no components at `RATE`.
    """
    studies = [STUDIES[name] for name in names]
    cubes = {name: scenes.load(name) for name in scene_names}
    for scene, cube in cubes.items():
        planes = StudyPlanes.of(cube, RATE)
        for study in studies:
            started = time.process_time()
            found = study.measure(planes)
            seconds = time.process_time() - started
            record([_row(study.name, case, scene, percent, seconds) for case, percent in found.items()])
            listed = ", ".join(f"{case} {percent:+.1f} %" for case, percent in found.items())
            say(f"{scene}, {study.name}: {listed}")


def record(rows: list[Row]) -> None:
    """Write the rows of a study and scene into the file in place of those it has of them."""
    with results.locked():
        known = [row for row in results.read(TABLE) if not any(_of_one(row) == _of_one(other) for other in rows)]
        results.write(TABLE, sorted([*known, *rows], key=_place), COLUMNS)


def _row(study: str, case: str, scene: str, percent: float, seconds: float) -> Row:
    return {
        "study": study,
        "case": case,
        "scene": scene,
        "asked_bpppb": f"{RATE:g}",
        "percent": f"{percent:.3f}",
        "study_cpu_s": f"{seconds:.1f}",
        **results.machine(("torch", "scikit-learn")),
    }


def _of_one(row: Row) -> tuple[str, str]:
    return row["study"], row["scene"]


def _place(row: Mapping[str, str]) -> tuple[int, ...]:
    """Studies and scenes in their order; cases stay as they came."""
    return results.place(row, {"study": tuple(STUDIES), "scene": tuple(scenes.SCENES)})

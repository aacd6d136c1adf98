"""The run: every variant, scene and rate without a row of the present model is fitted, and its row recorded at once."""

from __future__ import annotations

import ast
import functools
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np

from benchmarks import results, scenes
from benchmarks.ingredients import PRESET, RATES, TABLE, UNCHANGED
from benchmarks.ingredients.variant import PACKAGE, Task, VanishedNameError
from benchmarks.ingredients.variants import VARIANTS
from benchmarks.measure import quality
from benchmarks.results import Row
from benchmarks.runner import JobError
from xr_inr.core import device as devices
from xr_inr.core.decode import Payload
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import BudgetError

COLUMNS = (
    "variant",
    "preset",
    "scene",
    "asked_bpppb",
    "settings",
    "bytes",
    "bpppb",
    "psnr_db",
    "encode_s",
    "encode_cpu_s",
    "model",
    "cores",
    "threads",
    "device",
    "versions",
    "date",
)
"""What is recorded of a payload. `psnr_db` is over all samples with the scene's largest value as peak, `encode_s` wall
time, `encode_cpu_s` processor time, `model` what `model_state` says of the code."""

KEY = COLUMNS[:4]
"""The columns that say what was asked for."""


@dataclass(frozen=True)
class Case:
    """One payload to be measured."""

    variant: str
    """Name in `VARIANTS`."""

    scene: str
    """Name in `benchmarks.scenes.SCENES`."""

    request: FitRequest
    """Rate, preset and seed."""

    @property
    def key(self) -> tuple[str, ...]:
        """Its values of `KEY`."""
        return self.variant, self.request.preset, self.scene, f"{self.request.target:g}"


def run(
    scene_names: Iterable[str] = scenes.MAIN,
    rates: Iterable[float] = RATES,
    variants: Iterable[str] = tuple(VARIANTS),
    *,
    preset: str = PRESET,
    again: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Measure variants and the unchanged model, each row into ``results/ingredients.tsv`` as soon as it is there.

    Parameters
    ----------
    scene_names
        Names in `benchmarks.scenes.SCENES`.
    rates
        Bits per pixel per band.
    variants
        Names in `VARIANTS`; the unchanged model is measured in any case.
    preset
        Of the model that is varied.
    again
        Measure also what has a row of the present model.
    say
        Takes a line for each row.

    Raises
    ------
    KeyError
        When there is no such variant.
    MissingSceneError
        When no file of a scene is in the folder.
    RequestError
        When a rate or the preset cannot be asked for.
    VanishedNameError
        When the model has no more what a variant replaces.
    JobError
        At the end, when payloads could not be made; the others are recorded.
    """
    todo = cases(scene_names, rates, variants, preset)
    for name in dict.fromkeys(case.variant for case in todo):
        VARIANTS[name].check()
    cubes = {name: scenes.load(name) for name in dict.fromkeys(case.scene for case in todo)}
    known = {(*key_of(row), row["model"]) for row in results.read(TABLE)}
    left = [case for case in todo if again or (*case.key, model_state()) not in known]
    failed = 0
    if left:
        _warm_up()
    for count, case in enumerate(left, start=1):
        try:
            row = measure(case, Task(cubes[case.scene], case.request))
        except (BudgetError, VanishedNameError, JobError) as error:
            failed += 1
            say(f"{count}/{len(left)}: {', '.join(case.key)} failed: {error}")
            continue
        record(row)
        say(f"{count}/{len(left)}: {', '.join(case.key)}: {row['bpppb']} bpppb, {row['psnr_db']} dB")
    if failed:
        raise JobError(f"{failed} of {len(left)} payloads could not be made; the others are recorded")


def cases(scene_names: Iterable[str], rates: Iterable[float], variants: Iterable[str], preset: str) -> list[Case]:
    """Return what there is to measure: scene by scene, the unchanged model first; arguments as for `run`."""
    named = dict.fromkeys([UNCHANGED, *variants])
    asked = list(rates)
    return [
        Case(name, scene, FitRequest(bpppb=rate, model="latent", preset=preset, seed=VARIANTS[name].seed))
        for scene in scene_names
        for name in named
        for rate in asked
    ]


def measure(case: Case, task: Task) -> Row:
    """Return the row of a payload that was made and decoded while its variant was in force.

    Raises
    ------
    BudgetError
        When no payload is that small.
    JobError
        When nothing but a mean spectrum was stored: that says nothing of an ingredient.
    """
    started, worked = time.perf_counter(), time.process_time()
    with VARIANTS[case.variant].in_force(task):
        payload = task.encode().payload
        encode_s, encode_cpu_s = time.perf_counter() - started, time.process_time() - worked
        reader = Payload(payload)
        decoded = reader.read()
    if reader.architecture is None:
        raise JobError(f"a payload of {len(payload):,} bytes holds a mean spectrum and no latents")
    return {
        **dict(zip(KEY, case.key, strict=True)),
        "settings": reader.architecture,
        "bytes": str(len(payload)),
        "bpppb": f"{len(payload) * 8 / task.cube.size:.5f}",
        "psnr_db": quality(task.cube, decoded)["psnr_db"],
        "encode_s": f"{encode_s:.3f}",
        "encode_cpu_s": f"{encode_cpu_s:.3f}",
        "model": model_state(),
        **results.machine(("constriction", "torch"), device=devices.resolve(case.request.device).type),
    }


def record(row: Row) -> None:
    """Write a row into the file as it is now, to which other runs add too.

    A row gives way to one of a later model. Those of the unchanged model stay as long as a variant of the same model
    is held against them.
    """
    with results.locked():
        rows = [known for known in results.read(TABLE) if not _gives_way(known, row)]
        compared = {_anchor_of(known) for known in [*rows, row] if known["variant"] != UNCHANGED}
        kept = [
            known
            for known in rows
            if known["variant"] != UNCHANGED or known["model"] == row["model"] or _anchor_of(known) in compared
        ]
        results.write(TABLE, sorted([*kept, row], key=_place), COLUMNS)


def key_of(row: Row) -> tuple[str, ...]:
    """Return what tells a row from others of the same model."""
    return tuple(row[column] for column in KEY)


@functools.cache
def model_state() -> str:
    """Return what names the code of the latent model: the same for the same code, whatever its comments say."""
    digest = hashlib.sha256()
    for file in sorted(resources.files(PACKAGE).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            tree = _WithoutStrings().visit(ast.parse(file.read_text()))
            digest.update(f"{file.name}\n{ast.unparse(tree)}\n".encode())
        elif file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


class _WithoutStrings(ast.NodeTransformer):
    """Drops docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node


def _warm_up() -> None:
    """Fit something, so that no row's time holds what the first fit of a process loads."""
    fields = np.add.outer(np.arange(4) ** 2, np.arange(24 * 24).reshape(24, 24) % 37)
    Task(fields.astype(np.uint16), FitRequest(bpppb=2.0, model="latent", preset="fast")).encode()


def _gives_way(known: Row, row: Row) -> bool:
    return key_of(known) == key_of(row) and (known["variant"] != UNCHANGED or known["model"] == row["model"])


def _anchor_of(row: Row) -> tuple[str, ...]:
    """Return what a row shares with those of the unchanged model that it is held against."""
    return row["preset"], row["scene"], row["model"]


def _place(row: Mapping[str, str]) -> tuple[float, ...]:
    """Scenes and variants in their order, then rates."""
    known = results.place(row, {"scene": tuple(scenes.SCENES), "variant": tuple(VARIANTS)})
    return (*known, float(row["asked_bpppb"]))

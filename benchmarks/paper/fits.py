"""One network of the paper fitted to one scene, snapshot by snapshot; a fit that is cut short goes on where it was."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import xr_inr
from benchmarks.codecs.base import Scene
from benchmarks.measure import quality
from benchmarks.results import Row
from xr_inr.core import device as devices
from xr_inr.core.bitstream import Model, write_container
from xr_inr.core.request import budget_bytes
from xr_inr.core.scene import Scene as PreparedScene
from xr_inr.core.scene import prepare_scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Trainer
from xr_inr.core.siren.network import OMEGA_0
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.plan import make_plan
from xr_inr.core.siren.presets import PRESETS
from xr_inr.core.siren.quantisation import to_float_layers
from xr_inr.core.siren.storage import network_section, write_table_i

CHECKPOINTS = Path(__file__).parents[1] / ".checkpoints"
"""Where unfinished fits wait."""

_SECONDS_BETWEEN_CHECKPOINTS = 30.0
_SEED = 0


class OutOfTimeError(Exception):
    """The time is up; the fit is kept and goes on in the next run."""


@dataclass(frozen=True)
class Fit:
    """A network to be fitted with the preset `paper`, and how it is stored."""

    scene: str
    """Name of the scene."""

    label: str
    """What tells it from the scene's other fits of the experiment."""

    iterations: int
    """How long."""

    hidden_layers: int
    """n_h."""

    hidden_width: int | None = None
    """w_h; the widest within `bpppb` if None."""

    bpppb: float | None = None
    """Bits per pixel per band that the payload may take, its weights stored in the first of `bits`."""

    bits: tuple[int, ...] = (16,)
    """Bits of a stored weight; fitted are 32-bit floats, which are rounded when they are stored."""

    every: int | None = None
    """Iterations from one snapshot to the next; only the end if None."""

    def asked(self, bits: int) -> str:
        """Return the bits per pixel per band asked for, as a column."""
        return "" if self.bpppb is None else f"{self.bpppb * bits / self.bits[0]:g}"


@dataclass
class _Course:
    """What is known of a fit so far."""

    rows: list[Row] = field(default_factory=list)
    """A row for each snapshot and each form of storage."""

    seconds: float = 0.0
    """Time spent in iterations: of the processor, or of the clock where a GPU works."""


def fit(wanted: Fit, array: Scene, *, deadline: float | None, device: str) -> list[Row]:
    """Fit a network, or go on with it, and return the rows of its snapshots.

    Parameters
    ----------
    wanted
        What to fit.
    array
        The scene's samples, (bands, height, width).
    deadline
        When to stop, on the clock of `time.monotonic`; at least one iteration is done.
    device
        Where to fit.

    Returns
    -------
    list of Row
        One for each snapshot and each form of storage, each of a payload that was decoded and compared.

    Raises
    ------
    OutOfTimeError
        When the deadline has passed; the fit is kept.
    BudgetError
        When no network fits.
    """
    prepared = prepare_scene(array)
    architecture = _architecture(wanted, prepared, array.size)
    where = devices.resolve(device)
    trainer = Trainer(
        Objective(prepared, None, where),
        architecture,
        replace(PRESETS["paper"], iterations=wanted.iterations),
        weight_bits=32,
        seed=_SEED,
        device=where,
    )
    keep = _checkpoint(wanted, architecture, array)
    course = _restore(keep, trainer) or _Course()
    clock = time.process_time if where.type == "cpu" else time.perf_counter
    saved = time.monotonic()
    finished = trainer.finished
    while not finished:
        started = clock()
        trainer.advance()
        course.seconds += clock() - started
        finished = trainer.finished
        if finished or (wanted.every and trainer.iteration % wanted.every == 0):
            spent = {"fit_s": f"{course.seconds:.1f}"}
            course.rows += [
                spent | _snapshot(trainer, prepared, array, bits=bits, wanted=wanted) for bits in wanted.bits
            ]
        out_of_time = deadline is not None and time.monotonic() >= deadline
        if finished or out_of_time or time.monotonic() >= saved + _SECONDS_BETWEEN_CHECKPOINTS:
            _save(keep, trainer, course)
            saved = time.monotonic()
        if out_of_time and not finished:
            raise OutOfTimeError(
                f"{architecture} stopped after {trainer.iteration:,} of {trainer.iterations:,} iterations"
            )
    return course.rows


def forget(wanted: Fit) -> None:
    """Remove what is kept of a fit whose rows are written."""
    for file in CHECKPOINTS.glob(f"{_stem(wanted)}__*.pt"):
        file.unlink()


def _architecture(wanted: Fit, scene: PreparedScene, samples: int) -> Architecture:
    if wanted.hidden_width is not None:
        return Architecture(wanted.hidden_layers, wanted.hidden_width, len(scene.layout.fitted_bands))
    if wanted.bpppb is None:
        raise ValueError(f"a fit must have a width or a budget. Got {wanted}.")
    preset = replace(PRESETS["paper"], hidden_layers=(wanted.hidden_layers,))
    return make_plan(scene, preset, budget_bytes(wanted.bpppb, samples), wanted.bits[0]).architectures[0]


def _snapshot(trainer: Trainer, scene: PreparedScene, array: Scene, *, bits: int, wanted: Fit) -> Row:
    """Store the best parameters so far, decode them, and return their row."""
    size = (scene.layout.shape[1], scene.layout.shape[2])
    network = write_table_i(to_float_layers(trainer.best.layers), trainer.architecture, OMEGA_0, size, bits)
    payload = write_container(Model.SIREN, scene.layout.to_sections() | {network_section(bits): network})
    started = time.perf_counter()
    decoded: Scene = xr_inr.decode(payload)
    decode_s = time.perf_counter() - started
    return {
        "asked_bpppb": wanted.asked(bits),
        "n_h": str(trainer.architecture.hidden_layers),
        "w_h": str(trainer.architecture.hidden_width),
        "parameters": str(trainer.architecture.parameters),
        "weight_bits": str(bits),
        "iteration": str(trainer.iteration),
        "fitted_psnr_db": f"{trainer.best.psnr:.4f}",
        "bytes": str(len(payload)),
        "bpppb": f"{len(payload) * 8 / array.size:.5f}",
        **quality(array, decoded),
        "decode_s": f"{decode_s:.4f}",
    }


def _stem(wanted: Fit) -> str:
    settings = hashlib.sha256(repr((wanted, PRESETS["paper"])).encode()).hexdigest()[:12]
    return f"{wanted.scene}__{settings}"


def _checkpoint(wanted: Fit, architecture: Architecture, array: Scene) -> Path:
    """Return where a fit is kept: a name for its settings, its network and the samples themselves."""
    samples = hashlib.sha256(array.tobytes()).hexdigest()[:12]
    return CHECKPOINTS / f"{_stem(wanted)}__{architecture.hidden_layers}x{architecture.hidden_width}__{samples}.pt"


def _save(file: Path, trainer: Trainer, course: _Course) -> None:
    """Keep a fit: either the whole state is there or the one before it."""
    file.parent.mkdir(exist_ok=True)
    partial = file.with_suffix(".partial")
    torch.save({"trainer": trainer.state_dict(), "rows": course.rows, "seconds": course.seconds}, partial)
    partial.replace(file)


def _restore(file: Path, trainer: Trainer) -> _Course | None:
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
    trainer.load_state_dict(state["trainer"])
    return _Course(state["rows"], state["seconds"])

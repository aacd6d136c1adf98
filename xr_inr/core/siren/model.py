"""The siren model whole: budget in, sections of a payload out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch

from xr_inr.core import device as devices
from xr_inr.core.bitstream import Section
from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.scene import Scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Best
from xr_inr.core.siren.fit_stack import LoneTrainer
from xr_inr.core.siren.network import OMEGA_0
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.plan import Plan, make_plan
from xr_inr.core.siren.presets import SirenPreset
from xr_inr.core.siren.quantisation import to_float_layers, to_integer_layers
from xr_inr.core.siren.search import CandidateResult, Start, successive_halving
from xr_inr.core.siren.storage import FLOAT_BITS, network_section, write_quantised, write_table_i


@dataclass(frozen=True)
class SirenFit:
    """A fitted network, ready to be put into a payload."""

    sections: dict[Section, bytes]
    """The sections that hold it."""

    architecture: Architecture | None
    """Its shape; None where a mean spectrum is all that fits the budget."""

    iterations: int = 0
    """Iterations done."""

    interrupted: bool = False
    """Whether it was cut short and kept on a person's word."""

    search: list[CandidateResult] = field(default_factory=list)
    """What the architecture search saw."""


def fit_siren(
    scene: Scene,
    preset: SirenPreset,
    *,
    budget: int,
    weight_bits: int,
    device: torch.device,
    seed: int,
    monitor: Monitor,
    stop_at: float | None = None,
) -> SirenFit:
    """Search for an architecture and fit it.

    Parameters
    ----------
    scene
        The scene; at least one band must be fitted.
    preset
        How to search and fit.
    budget
        Bytes of the whole payload, never exceeded.
    weight_bits
        32 or 16 for floats, 4 to 8 for integers.
    device
        Where to fit; locked while the fit runs.
    seed
        Of everything drawn at random.
    monitor
        Who listens; may keep the best so far of an interrupted fit.
    stop_at
        End the fit as soon as the stored parameters reach this PSNR, in dB.

    Returns
    -------
    SirenFit
        The fitted network.

    Raises
    ------
    BudgetError
        When no payload is that small; the message says how small one can be.
    """
    plan = make_plan(scene, preset, budget, weight_bits)
    if plan.basis is not None and plan.basis.rank == 0:
        return SirenFit({Section.SPECTRAL: plan.basis.to_bytes()}, None)
    with devices.lock(device):
        objective = Objective(scene, plan.basis, device)

        def start(architecture: Architecture, iterations: int) -> LoneTrainer:
            schedule = replace(preset, iterations=iterations)
            return LoneTrainer(objective, architecture, schedule, weight_bits=weight_bits, seed=seed, device=device)

        trainer, search, interrupted = _run(start, preset, plan, monitor, math.inf if stop_at is None else stop_at)
    return SirenFit(
        sections_of(scene, plan, trainer.architecture, trainer.best),
        trainer.architecture,
        trainer.iteration,
        interrupted=interrupted,
        search=search,
    )


def sections_of(scene: Scene, plan: Plan, architecture: Architecture, best: Best) -> dict[Section, bytes]:
    """Return the sections of a payload that hold a fitted network and the basis it feeds."""
    sections = {} if plan.basis is None else {Section.SPECTRAL: plan.basis.to_bytes()}
    bits = plan.weight_bits
    if bits in FLOAT_BITS:
        network = write_table_i(to_float_layers(best.layers), architecture, OMEGA_0, scene.layout.shape[1:], bits)
    else:
        first = to_float_layers(best.layers[:1])[0]
        network = write_quantised(first, to_integer_layers(best.layers, bits), architecture, OMEGA_0, bits)
    return sections | {network_section(bits): network}


def _run(
    start: Start, preset: SirenPreset, plan: Plan, monitor: Monitor, stop_at: float
) -> tuple[LoneTrainer, list[CandidateResult], bool]:
    """Search, then fit the winner; on KeyboardInterrupt ask whether the best network so far shall be kept."""
    begun: list[LoneTrainer] = []
    search: list[CandidateResult] = []
    interrupted = False

    def begin(architecture: Architecture, iterations: int) -> LoneTrainer:
        begun.append(start(architecture, iterations))
        return begun[-1]

    try:
        architecture = successive_halving(
            begin, plan.architectures, preset.rungs, size=plan.size, results=search, monitor=monitor
        )
        trainer = begin(architecture, preset.iterations)
        while not trainer.finished and not trainer.reaches(stop_at):
            trainer.advance()
            monitor.report(Progress("fit", trainer.iteration, trainer.iterations, trainer.best.psnr))
    except KeyboardInterrupt:
        tried = [candidate for candidate in begun if candidate.best.layers]
        if not tried:
            raise
        trainer = max(tried, key=lambda candidate: candidate.best.psnr)
        trainer.settle()
        if not monitor.keep_best(Progress("fit", trainer.iteration, trainer.iterations, trainer.best.psnr)):
            raise
        interrupted = True
    monitor.note(f"{trainer.architecture} kept: {trainer.best.psnr:.2f} dB after {trainer.iteration:,} iterations")
    return trainer, search, interrupted

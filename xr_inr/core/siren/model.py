"""The siren model whole: budget in, sections of a payload out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from xr_inr.core import device as devices
from xr_inr.core.bitstream import Section, container_bytes
from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.scene import Scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Trainer
from xr_inr.core.siren.network import OMEGA_0
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.presets import SirenPreset
from xr_inr.core.siren.quantisation import to_float_layers, to_integer_layers
from xr_inr.core.siren.search import CandidateResult, candidates, successive_halving
from xr_inr.core.siren.storage import FLOAT_BITS, network_bytes, network_section, write_quantised, write_table_i
from xr_inr.core.spectral import Analysis, SpectralBasis, analyse
from xr_inr.exceptions import BudgetError


@dataclass(frozen=True)
class SirenFit:
    """A fitted network, ready to be put into a payload."""

    sections: dict[Section, bytes]
    """The sections that hold it."""

    architecture: Architecture | None
    """Its shape; None where a mean spectrum is all that fits the budget."""

    weight_bits: int
    """Bits of a weight."""

    iterations: int = 0
    """Iterations done."""

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
    plan = _plan(scene, preset, budget, weight_bits)
    if plan.basis is not None and plan.basis.rank == 0:
        return SirenFit({Section.SPECTRAL: plan.basis.to_bytes()}, None, weight_bits)
    with devices.lock(device):
        objective = Objective(scene, plan.basis, device)
        trainers = [
            Trainer(objective, architecture, preset, weight_bits=weight_bits, seed=seed, device=device)
            for architecture in plan.architectures
        ]
        trainer, search = _run(trainers, preset, plan, monitor, math.inf if stop_at is None else stop_at)
    best, architecture = trainer.best, trainer.architecture
    sections = {} if plan.basis is None else {Section.SPECTRAL: plan.basis.to_bytes()}
    if weight_bits in FLOAT_BITS:
        network = write_table_i(
            to_float_layers(best.layers), architecture, OMEGA_0, scene.layout.shape[1:], weight_bits
        )
    else:
        network = write_quantised(to_integer_layers(best.layers, weight_bits), architecture, OMEGA_0, weight_bits)
    sections[network_section(weight_bits)] = network
    return SirenFit(sections, architecture, weight_bits, trainer.iteration, search)


@dataclass(frozen=True)
class _Plan:
    """What can be fitted within a budget."""

    basis: SpectralBasis | None
    architectures: list[Architecture]
    fixed: dict[Section, int]
    weight_bits: int

    def size(self, architecture: Architecture) -> int:
        network = {network_section(self.weight_bits): network_bytes(architecture, self.weight_bits)}
        return container_bytes(self.fixed | network)


def smallest_payload(scene: Scene, preset: SirenPreset, weight_bits: int) -> int:
    """Return the bytes of the smallest payload `fit_siren` can make of a scene."""
    bands = len(scene.layout.fitted_bands)
    fixed = {tag: len(content) for tag, content in scene.layout.to_sections().items()}
    if preset.spectral:
        return container_bytes(fixed | {Section.SPECTRAL: SpectralBasis.stored_bytes(bands, 0)})
    return _Plan(None, [], fixed, weight_bits).size(Architecture(min(preset.hidden_layers), 1, bands))


def _plan(scene: Scene, preset: SirenPreset, budget: int, weight_bits: int) -> _Plan:
    smallest = smallest_payload(scene, preset, weight_bits)
    if smallest > budget:
        samples = scene.layout.samples
        raise BudgetError(
            f"a budget of {budget:,} bytes ({budget * 8 / samples:.4g} bpppb) is too small: "
            f"the smallest payload of this scene takes {smallest:,} bytes ({smallest * 8 / samples:.4g} bpppb)"
        )
    bands = len(scene.layout.fitted_bands)
    fixed = {tag: len(content) for tag, content in scene.layout.to_sections().items()}
    table_i = weight_bits in FLOAT_BITS

    def found(plan: _Plan, outputs: int) -> list[Architecture]:
        return candidates(preset.hidden_layers, outputs, plan.size, budget, table_i=table_i)

    if not preset.spectral:
        plan = _Plan(None, [], fixed, weight_bits)
        return _Plan(None, found(plan, bands), fixed, weight_bits)
    analysis = analyse(scene)
    for rank in range(_wanted_rank(analysis, budget), 0, -1):
        basis = SpectralBasis.quantise(analysis, rank)
        plan = _Plan(basis, [], fixed | {Section.SPECTRAL: SpectralBasis.stored_bytes(bands, rank)}, weight_bits)
        architectures = found(plan, rank)
        if architectures:
            return _Plan(basis, architectures, plan.fixed, weight_bits)
    return _Plan(SpectralBasis.quantise(analysis, 0), [], fixed, weight_bits)


def _wanted_rank(analysis: Analysis, budget: int) -> int:
    per_direction = len(analysis.mean) + 2
    return max(1, min(len(analysis.mean), int(0.08 * budget / per_direction)))


def _run(
    trainers: list[Trainer], preset: SirenPreset, plan: _Plan, monitor: Monitor, stop_at: float
) -> tuple[Trainer, list[CandidateResult]]:
    search: list[CandidateResult] = []
    try:
        trainer, search = successive_halving(trainers, preset.rungs, plan.size, monitor)
        while not trainer.finished:
            trainer.advance()
            monitor.report(Progress("fit", trainer.iteration, preset.iterations, trainer.best.psnr))
            if trainer.best.psnr >= stop_at:
                trainer.settle()
                if trainer.best.psnr >= stop_at:
                    break
    except KeyboardInterrupt:
        trainer = max(trainers, key=lambda tried: tried.best.psnr)
        if not trainer.best.layers:
            raise
        trainer.settle()
        if not monitor.keep_best(Progress("fit", trainer.iteration, preset.iterations, trainer.best.psnr)):
            raise
    monitor.note(f"{trainer.architecture} kept: {trainer.best.psnr:.2f} dB after {trainer.iteration:,} iterations")
    return trainer, search

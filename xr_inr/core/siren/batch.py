"""Many chunks fitted at once: those whose networks are of one architecture share a tensor program."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch

from xr_inr.core import device as devices
from xr_inr.core.bitstream import Section
from xr_inr.core.memory import CPU, free_memory, kept_on, lacks_memory
from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.scene import Scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Best
from xr_inr.core.siren.fit_stack import StackTrainer
from xr_inr.core.siren.model import SirenFit, sections_of
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.plan import Plan, make_plan
from xr_inr.core.siren.presets import SirenPreset
from xr_inr.core.siren.search import CandidateResult, better_half, iterations_of
from xr_inr.exceptions import BudgetError

_POINTS_AT_ONCE = {"cpu": 2**18, "cuda": 2**22}
"""Positions of all networks in one iteration, at most: more gains nothing. A network with more goes alone."""

_SHARE = 0.5
"""Part of the free memory that the activations may take; parameters and targets need the rest."""

_BYTES_OF_A_VALUE = 16
"""What an iteration holds for each unit and position: sums, sines, and the gradients of both, as float32."""

_FEWEST_POINTS = 2**10
"""Positions at a time; whatever lacks memory for so few fails."""

_SHARE_OF_TARGETS = 0.25
"""Part of the free memory of a device that positions and targets of one scene may take; else they lie on the CPU."""


@dataclass(frozen=True)
class SirenAim:
    """A scene and what its payload is to reach."""

    scene: Scene
    """The scene; at least one band must be fitted."""

    budget: int
    """Bytes of the whole payload, never exceeded."""

    stop_at: float = math.inf
    """PSNR in dB of the stored parameters at which the fit ends."""


@dataclass
class _Chunk:
    """A scene on its way to a network."""

    aim: SirenAim
    plan: Plan
    objective: Objective
    remaining: list[Architecture]
    tried: list[CandidateResult] = field(default_factory=list)
    best: tuple[Architecture, Best, int] | None = None
    """The last network fitted, or the best one where an interrupt cut the fits short, and its iterations."""


@dataclass(frozen=True)
class _Job:
    """One network that is to be fitted."""

    chunk: _Chunk
    architecture: Architecture
    stop_at: float


@dataclass
class _Stage:
    """The search or the fit, as it is told to who listens."""

    name: str
    planned: int
    """Iterations of all networks."""

    done: int = 0
    """Those of networks that are through."""

    told: int = 0

    def progress(self, running: int, psnr: float) -> Progress:
        """Return where the stage stands with so many iterations of the networks that are fitted now."""
        # Networks that begin again, for want of memory, do not go back.
        self.told = max(self.told, self.done + running)
        return Progress(self.name, self.told, self.planned, psnr)


@dataclass(frozen=True)
class _Fitted:
    """What came of a job."""

    best: Best
    iterations: int


def fit_sirens(
    aims: Sequence[SirenAim],
    preset: SirenPreset,
    *,
    weight_bits: int,
    device: torch.device,
    seed: int,
    monitor: Monitor,
) -> list[SirenFit | BudgetError]:
    """Search for an architecture for each scene and fit it, those of all scenes at once.

    What a scene is fitted to does not depend on the others, but for the rounding of floats.

    Parameters
    ----------
    aims
        The scenes and the target of each.
    preset
        How to search and fit, the same for every scene.
    weight_bits
        32 or 16 for floats, 4 to 8 for integers.
    device
        Where to fit; locked while the fits run.
    seed
        Of everything drawn at random for a scene.
    monitor
        Who listens. Iterations are those of all scenes together, the PSNR is that of the worst.

    Returns
    -------
    list
        For each scene the fitted network, or why no payload is that small.
    """
    found: dict[int, SirenFit | BudgetError] = {}
    means: dict[int, SirenFit] = {}
    chunks: dict[int, _Chunk] = {}
    with devices.lock(device):
        for number, aim in enumerate(aims):
            try:
                plan = make_plan(aim.scene, preset, aim.budget, weight_bits)
            except BudgetError as error:
                # Its traceback would hold the scenes for as long as somebody holds the error.
                found[number] = error.with_traceback(None)
                continue
            if plan.basis is not None and plan.basis.rank == 0:
                means[number] = SirenFit({Section.SPECTRAL: plan.basis.to_bytes()}, None)
                continue
            objective = _objective_of(aim.scene, plan, device)
            chunks[number] = _Chunk(aim, plan, objective, list(plan.architectures))
        batch = _Batch(list(chunks.values()), preset, device, seed, monitor)
        interrupted = batch.run()
    # Nobody shall ask for a larger one of these either.
    found |= {number: replace(one, interrupted=interrupted) for number, one in means.items()}
    for number, chunk in chunks.items():
        if chunk.best is None:
            raise RuntimeError("every chunk of a batch must have a network")
        architecture, best, iterations = chunk.best
        sections = sections_of(chunk.aim.scene, chunk.plan, architecture, best)
        found[number] = SirenFit(sections, architecture, iterations, interrupted=interrupted, search=chunk.tried)
    return [found[number] for number in range(len(aims))]


class _Batch:
    """The search and the fits of several chunks, round by round."""

    def __init__(
        self, chunks: list[_Chunk], preset: SirenPreset, device: torch.device, seed: int, monitor: Monitor
    ) -> None:
        self._chunks = chunks
        self._preset = preset
        self._device = device
        self._seed = seed
        self._monitor = monitor
        self._points_at_once = _POINTS_AT_ONCE[device.type]
        self._running: tuple[StackTrainer, Sequence[_Job]] | None = None

    def run(self) -> bool:
        """Fit everything; return whether a person cut it short and keeps what there is."""
        interrupted = False
        search = _Stage(
            "search", sum(iterations_of(len(chunk.remaining), self._preset.rungs) for chunk in self._chunks)
        )
        fit = _Stage("fit", len(self._chunks) * self._preset.iterations)
        try:
            for rung in self._preset.rungs:
                self._search([chunk for chunk in self._chunks if len(chunk.remaining) > 1], rung, search)
            jobs = [_Job(chunk, chunk.remaining[0], chunk.aim.stop_at) for chunk in self._chunks]
            for job, fitted in zip(jobs, self._fit(fit, jobs, self._preset.iterations), strict=True):
                job.chunk.best = (job.architecture, fitted.best, fitted.iterations)
        except KeyboardInterrupt:
            if not self._may_keep():
                raise
            interrupted = True
        for architecture, best, iterations in (chunk.best for chunk in self._chunks if chunk.best is not None):
            self._monitor.note(f"{architecture} kept: {best.psnr:.2f} dB after {iterations:,} iterations")
        return interrupted

    def _search(self, chunks: Sequence[_Chunk], rung: int, stage: _Stage) -> None:
        """Fit the candidates of chunks for a while, and drop the worse half of each."""
        jobs = [_Job(chunk, architecture, math.inf) for chunk in chunks for architecture in chunk.remaining]
        self._fit(stage, jobs, rung)
        for chunk in chunks:
            chunk.remaining = better_half(chunk.tried[-len(chunk.remaining) :])

    def _note_candidates(self, jobs: Sequence[_Job], fitted: Sequence[_Fitted]) -> None:
        for job, one in zip(jobs, fitted, strict=True):
            size = job.chunk.plan.size(job.architecture)
            result = CandidateResult(job.architecture, size, one.iterations, one.best.psnr)
            self._monitor.note(str(result))
            job.chunk.tried.append(result)

    def _fit(self, stage: _Stage, jobs: Sequence[_Job], iterations: int) -> list[_Fitted]:
        """Fit a network for each job, those of one architecture at once."""
        kinds: dict[tuple[Architecture, bool], list[int]] = defaultdict(list)
        batch = self._preset.batch_points
        for place, job in enumerate(jobs):
            kinds[job.architecture, batch is not None and batch < job.chunk.objective.points].append(place)
        found: dict[int, _Fitted] = {}
        waiting = [part for places in kinds.values() for part in self._parts(jobs, places)][::-1]
        while waiting:
            part = waiting.pop()
            own = [jobs[place] for place in part]
            if len({job.chunk.objective.home for job in own}) > 1:
                waiting += [[place] for place in part]
                continue
            fitted = self._together(own, iterations, stage)
            if fitted is None:
                half = len(part) // 2
                waiting += [part[half:], part[:half]] if half else [part]
                continue
            stage.done += len(own) * iterations
            if stage.name == "search":
                self._note_candidates(own, fitted)
            found |= dict(zip(part, fitted, strict=True))
        return [found[place] for place in range(len(jobs))]

    def _together(self, jobs: Sequence[_Job], iterations: int, stage: _Stage) -> list[_Fitted] | None:
        """Fit networks of one architecture at once; None where memory does not suffice, and the next try takes less."""
        # On a CPU a fit is to come to the same bits whatever else takes memory.
        room = self._points_at_once if self._device == CPU else self._room_for(jobs[0].architecture)
        at_once = max(room, _FEWEST_POINTS)
        try:
            trainer = StackTrainer(
                [job.chunk.objective for job in jobs],
                jobs[0].architecture,
                replace(self._preset, iterations=iterations),
                weight_bits=jobs[0].chunk.plan.weight_bits,
                seed=self._seed,
                device=self._device,
                stop_at=[job.stop_at for job in jobs],
                points_at_once=at_once,
            )
            self._running = trainer, jobs
            while not trainer.finished:
                trainer.advance()
                self._monitor.report(stage.progress(sum(trainer.iterations), min(trainer.psnrs)))
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error) or (len(jobs) == 1 and not self._spare(jobs[0], at_once)):
                raise
            trainer = None
        self._running = None
        if trainer is None:
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            return None
        fitted = [_Fitted(*trainer.found[number]) for number in range(len(jobs))]
        self._remember(jobs, fitted)
        return fitted

    def _parts(self, jobs: Sequence[_Job], places: Sequence[int]) -> Iterable[list[int]]:
        """Part jobs of one architecture so that no iteration needs more memory than there is."""
        architecture = jobs[places[0]].architecture
        points = max(jobs[place].chunk.objective.points for place in places)
        points = min(points, self._preset.batch_points or points)
        most = max(1, self._room_for(architecture) // points)
        return [list(places[start : start + most]) for start in range(0, len(places), most)]

    def _room_for(self, architecture: Architecture) -> int:
        """Return how many positions there is memory for at once."""
        values = architecture.hidden_layers * architecture.hidden_width + architecture.outputs
        free = free_memory(self._device)
        if free is None:
            return self._points_at_once
        return min(self._points_at_once, int(_SHARE * free) // (_BYTES_OF_A_VALUE * values))

    def _spare(self, job: _Job, at_once: int) -> bool:
        """Let the next fit of a chunk, for which alone memory did not suffice, take less; return whether it can."""
        chunk = job.chunk
        points = min(at_once, chunk.objective.points, self._preset.batch_points or at_once)
        if chunk.objective.home != CPU:
            pixels = chunk.objective.points
            self._monitor.note(f"{self._device} lacks memory for a scene of {pixels:,} pixels: parts are sent to it")
            chunk.objective = Objective(chunk.aim.scene, chunk.plan.basis, self._device, CPU)
        elif points > _FEWEST_POINTS:
            self._points_at_once = max(points // 2, _FEWEST_POINTS)
        else:
            return False
        return True

    def _remember(self, jobs: Sequence[_Job], fitted: Sequence[_Fitted]) -> None:
        """Note the best network of each chunk so far, for an interrupt."""
        for job, one in zip(jobs, fitted, strict=True):
            known = job.chunk.best
            if one.best.layers and (known is None or one.best.psnr > known[1].psnr):
                job.chunk.best = (job.architecture, one.best, one.iterations)

    def _may_keep(self) -> bool:
        """Whether every chunk has some network, and a person wants to keep them."""
        if self._running is not None:
            trainer, jobs = self._running
            if min(trainer.psnrs) > -math.inf:
                trainer.end()
                self._remember(jobs, [_Fitted(*trainer.found[number]) for number in range(len(jobs))])
        known = [chunk.best for chunk in self._chunks if chunk.best is not None]
        if not known or len(known) < len(self._chunks):
            return False
        worst = min(best.psnr for _, best, _ in known)
        done = sum(iterations for _, _, iterations in known)
        return self._monitor.keep_best(Progress("fit", done, len(known) * self._preset.iterations, worst))


def _objective_of(scene: Scene, plan: Plan, device: torch.device) -> Objective:
    """Return what a network of a scene is to minimise, its targets where there is memory for them."""
    home = _home_of(scene, plan, device)
    try:
        return Objective(scene, plan.basis, device, home)
    except (MemoryError, RuntimeError) as error:
        if home == CPU or not lacks_memory(error):
            raise
    return Objective(scene, plan.basis, device, CPU)


def _home_of(scene: Scene, plan: Plan, device: torch.device) -> torch.device:
    """Return where positions and targets of a scene shall lie: on the device, or where it lacks memory, on the CPU."""
    bands, pixels = scene.values.shape
    outputs = bands if plan.basis is None else plan.basis.rank
    partial = 0 if scene.valid is None else int((scene.valid.any(axis=0) & ~scene.valid.all(axis=0)).sum())
    return kept_on(device, 4 * ((outputs + 2) * pixels + 2 * bands * partial) / _SHARE_OF_TARGETS)

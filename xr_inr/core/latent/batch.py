"""Many chunks fitted at once: their fits go on side by side, and what they ask for is done together."""

from __future__ import annotations

import inspect
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch

from xr_inr.core import device as devices
from xr_inr.core.latent.aim import Aim
from xr_inr.core.latent.descent import Descent, descend
from xr_inr.core.latent.local_turn import LocalTurn, turn_locally
from xr_inr.core.latent.memory import latents_at_once
from xr_inr.core.latent.presets import LatentPreset
from xr_inr.core.latent.quantise import Sweep, Swept, sweep_together
from xr_inr.core.latent.requantise import Trellis, requantise
from xr_inr.core.latent.rotation import Turn, rotate_together
from xr_inr.core.latent.steps import Ask, LatentResult, Steps, Task
from xr_inr.core.latent.tries import LatentFit
from xr_inr.core.memory import CPU, lacks_memory
from xr_inr.core.monitor import Monitor, Progress
from xr_inr.exceptions import BudgetError

_LATENTS_AT_ONCE = {"cpu": 2**19, "cuda": 2**23}
"""Latents in one sweep, at most; a larger chunk is swept alone."""


def fit_latents(
    aims: Sequence[Aim], preset: LatentPreset, *, device: torch.device, seed: int, monitor: Monitor
) -> list[LatentResult | BudgetError]:
    """Fit the model to several scenes at once.

    Scenes of equal height and width share one tensor program; what one is fitted to does not depend on the others, but
    for the rounding of floats.

    Parameters
    ----------
    aims
        Scenes, at least one band of each to be fitted, and the target of each.
    preset
        How thoroughly to fit.
    device
        Where to fit; locked while the fits run.
    seed
        Of everything drawn at random for a scene.
    monitor
        Who listens. Iterations are those of all scenes together, the PSNR is that of the worst.

    Returns
    -------
    list
        For each scene the fitted model, or why no payload can be that small or that good.
    """
    fits = [LatentFit(Task(aim, preset, device, seed, monitor)) for aim in aims]
    with devices.lock(device):
        return _Batch(fits, monitor, latents_at_once(device, _LATENTS_AT_ONCE[device.type])).run()


class _Batch:
    """Fits under way, and what each asks for."""

    def __init__(self, fits: Sequence[LatentFit], monitor: Monitor, latents_at_once: int) -> None:
        self._fits = list(fits)
        self._device = fits[0].task.device
        self._locks = ExitStack()
        self._monitor = monitor
        self._latents_at_once = latents_at_once
        self._steps: dict[int, Steps[LatentResult]] = {number: fit.steps() for number, fit in enumerate(fits)}
        self._asks: dict[int, Ask | None] = dict.fromkeys(self._steps)
        self._found: dict[int, LatentResult | BudgetError] = {}
        self._progress = {number: fit.progress(0.0) for number, fit in enumerate(fits)}

    def run(self) -> list[LatentResult | BudgetError]:
        """Fit to the end."""
        with self._locks:
            while self._asks:
                try:
                    self._go_on()
                except KeyboardInterrupt:
                    if not (self._can_be_cut_short() and self._monitor.keep_best(self._whole_progress())):
                        raise
                    self._cut_short()
        return [self._found[number] for number in sorted(self._found)]

    def _go_on(self) -> None:
        """Give some fits what they ask for, and let each go on until it asks again."""
        for number in [number for number, ask in self._asks.items() if ask is None]:
            self._send(number, None)
        kinds = defaultdict(list)
        open_asks = [(number, ask) for number, ask in self._asks.items() if ask is not None]
        # Networks wait until all fits have come to theirs, so that as many as can be descend together.
        waiting = any(not isinstance(ask, Descent) for _, ask in open_asks)
        for number, ask in open_asks:
            if not (waiting and isinstance(ask, Descent)):
                kinds[self._fits[number].task.device, _kind(ask)].append(number)
        for numbers in kinds.values():
            for part in self._parts(numbers):
                self._serve(part)

    def _serve(self, numbers: Sequence[int]) -> None:
        """Give fits what they ask for, which is of one kind."""
        asks = [self._asks[number] for number in numbers]
        sweeps = [ask for ask in asks if isinstance(ask, Sweep)]
        last = len(numbers) == 1 and self._fits[numbers[0]].task.device == CPU
        found = self._swept(sweeps, last=last) if sweeps else self._answers(asks, last=last)
        if found is None:
            # Whoever begins anew shall not be held by this call.
            del asks, sweeps
            self._serve_less(numbers)
            return
        for number, answer in zip(numbers, found, strict=True):
            if isinstance(answer, Swept):
                now = self._fits[number].progress(answer.error)
                # A fit that begins again does not go back.
                self._progress[number] = replace(now, iteration=max(now.iteration, self._progress[number].iteration))
        for number, answer in zip(numbers, found, strict=True):
            self._send(number, answer)
        if any(isinstance(answer, Swept) for answer in found):
            self._monitor.report(self._whole_progress())

    def _answers(self, asks: Sequence[Ask | None], *, last: bool) -> Sequence[Any] | None:
        """Return what is sent to fits that ask for no sweep; None where memory does not suffice for all at once."""
        found: list[Any] = []
        descents = [ask for ask in asks if isinstance(ask, Descent)]
        local_turns = [ask for ask in asks if isinstance(ask, LocalTurn)]
        trellises = [ask for ask in asks if isinstance(ask, Trellis)]
        if not descents and not local_turns and not trellises:
            return rotate_together([ask for ask in asks if isinstance(ask, Turn)])

        def do() -> None:
            if descents:
                descend(descents)
                found.extend([None] * len(descents))
            elif trellises:
                found.extend(requantise(ask) for ask in trellises)
            else:
                found.extend(turn_locally(local_turns))

        size = sum(ask.size for some in (descents, local_turns, trellises) for ask in some)
        return found if self._done_together(do, size, last=last) else None

    def _serve_less(self, numbers: Sequence[int]) -> None:
        """Give fits what they ask for, for all of which together memory does not suffice."""
        if len(numbers) == 1:
            self._begin_smaller(numbers[0])
            return
        for half in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]):
            self._serve(half)

    def _swept(self, sweeps: Sequence[Sweep], *, last: bool) -> list[Swept] | None:
        """Return what came of sweeps of several chunks; None where memory does not suffice for all at once."""
        states = [sweep.rounder.state for sweep in sweeps]
        found: list[Swept] = []
        if self._done_together(
            lambda: found.extend(sweep_together(sweeps)), sum(sweep.size for sweep in sweeps), last=last
        ):
            return found
        for sweep, state in zip(sweeps, states, strict=True):
            sweep.rounder.state = state
        return None

    def _done_together(self, do: Callable[[], None], size: int, *, last: bool) -> bool:
        """Do something for several fits at once; return whether memory sufficed. Where not, later parts are smaller."""
        if self._sufficed(do, last=last):
            return True
        self._latents_at_once = max(1, size // 2)
        return False

    def _sufficed(self, do: Callable[[], None], *, last: bool) -> bool:
        """Do something; return whether memory sufficed, or raise what it lacked where there is nothing else to try."""
        try:
            do()
        except (MemoryError, RuntimeError) as error:
            if last or not lacks_memory(error):
                raise
        else:
            return True
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return False

    def _begin_smaller(self, number: int) -> None:
        """Begin a fit anew that needs more memory than its device has: its latents are streamed, or it leaves."""
        task, streamed = self._fits[number].task, self._fits[number].streamed
        self._steps[number].close()
        samples = math.prod(task.aim.scene.layout.shape)
        if not streamed:
            self._monitor.note(f"{task.device} lacks memory for a chunk of {samples:,} samples: parts are sent to it")
            self._begin(number, replace(task, streamed=True))
            return
        warnings.warn(
            f"{task.device} lacks memory for a chunk of {samples:,} samples, which is fitted on the CPU; "
            "smaller chunks are not",
            RuntimeWarning,
            stacklevel=2,
        )
        if not any(fit.task.device == CPU for fit in self._fits):
            self._locks.enter_context(devices.lock(CPU))
        self._begin(number, replace(task, device=CPU, streamed=False))

    def _begin(self, number: int, task: Task) -> None:
        """Begin a fit, in place of the one that has its number, and that may have been told to hurry."""
        hurried = self._fits[number].hurried
        fit = self._fits[number] = LatentFit(task)
        fit.hurried = hurried
        self._steps[number], self._asks[number] = fit.steps(), None

    def _send(self, number: int, found: Any) -> None:
        """Let a fit go on with what it asked for, and keep what it asks for next, or what came of it."""

        def go_on() -> None:
            try:
                self._asks[number] = self._steps[number].send(found)
            except StopIteration as end:
                self._end(number, end.value)
            except BudgetError as error:
                # Its traceback would hold the fit for as long as somebody holds the error.
                self._end(number, error.with_traceback(None))

        if not self._sufficed(go_on, last=self._fits[number].task.device == CPU):
            self._begin_smaller(number)

    def _end(self, number: int, found: LatentResult | BudgetError) -> None:
        self._found[number] = found
        self._fits[number].let_go()
        self._progress[number] = replace(self._progress[number], iteration=self._fits[number].planned)
        del self._asks[number]

    def _parts(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """Part fits that ask for the same so that no sweep has too many latents."""
        part: list[int] = []
        size = 0
        for number in numbers:
            ask = self._asks[number]
            own = 0 if ask is None or isinstance(ask, Turn) else ask.size
            if part and size + own > self._latents_at_once:
                yield part
                part, size = [], 0
            part.append(number)
            size += own
        yield part

    def _whole_progress(self) -> Progress:
        """Return where all fits together stand."""
        known = self._progress.values()
        done, planned = (
            sum(counts) for counts in zip(*((one.iteration, one.iterations) for one in known), strict=True)
        )
        begun = [one.psnr for one in known if one.psnr > -math.inf]
        return Progress("fit", done, planned, min(begun, default=-math.inf))

    def _can_be_cut_short(self) -> bool:
        """Return whether some fit has latents worth keeping, and none was hit where it cannot go on."""
        open_fits = [(self._fits[number], self._steps[number]) for number in self._asks]
        return any(fit.rounding for fit, _ in open_fits) and all(
            fit.rounding or inspect.getgeneratorstate(steps) != inspect.GEN_CLOSED for fit, steps in open_fits
        )

    def _cut_short(self) -> None:
        """Leave out the sweeps that are not done."""
        for number in self._asks:
            fit = self._fits[number]
            if fit.rounding:
                self._steps[number] = fit.cut_short()
                self._asks[number] = None
            fit.hurried = True


def _kind(ask: Ask) -> tuple[type[Ask], Any]:
    """Return what tells asks that can be served together from others."""
    if isinstance(ask, Sweep):
        return Sweep, (ask.scene.pyramid, ask.rounder.soft.home)
    if isinstance(ask, Trellis):
        return Trellis, None
    return type(ask), ask.counts if isinstance(ask, Turn) else ask.kind

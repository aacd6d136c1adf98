"""The fit of one chunk: the step and the rank that its target asks for, and one try after another, the best kept.

A fit is a generator. It asks for what many chunks can be given at once, sweeps, turns of the basis and descents of
networks, and is sent what came of it; so one tensor program serves all chunks of a batch, each of which goes its own
way (`batch` drives them).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from xr_inr.core.latent.aim import Aim
from xr_inr.core.latent.basis import MOST_COMPONENTS
from xr_inr.core.latent.model import Fitting
from xr_inr.core.latent.outlier_choice import choices, level_bits_for, told_apart
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.latent.rotation import Turn, components_for
from xr_inr.core.latent.rounding import OCTAVES_OF_STEP, PROBE_SWEEPS, Haste
from xr_inr.core.latent.steps import LatentResult, Steps, Task, Widths
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.monitor import Progress
from xr_inr.exceptions import BudgetError

_HEADER_BYTES = 60
_PROBES = 8
_CLOSE = 0.12
"""Octaves of rate by which a probe may miss."""

_FINER_FITS = 3

_WORTHWHILE = 0.97
"""What outliers that are told of must leave at most of the error, or of the bits, by an estimate that may miss."""


@dataclass(frozen=True)
class _Kept:
    """The best of some tries."""

    result: LatentResult
    """What came of it."""

    widths: tuple[int, int]
    """As `Fitting.widths`."""


class LatentFit:
    """The fit of one chunk.

    Parameters
    ----------
    task
        What is to be fitted.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.planned = task.preset.tries * (task.preset.sweeps + task.preset.trellis_rounds) + PROBE_SWEEPS
        """Sweeps that a fit without corrections takes."""

        self._haste = Haste()
        self._fitting: Fitting | None = None
        self._kept: _Kept | None = None
        self._before = 0
        """Sweeps that are planned for the tries before."""

    def steps(self) -> Steps[LatentResult]:
        """Fit the model.

        Raises
        ------
        BudgetError
            When no payload can be that small or that good; the message says what was reached.
        """
        aim = self.task.aim
        source, step = _planned(aim)
        for _ in range(_PROBES):
            rank = min(source.rank(step, WEIGHT)[0], MOST_COMPONENTS)
            if rank == 0 and (aim.budget is not None or aim.judge(LatentResult.mean_only(aim.scene).sections).met):
                return LatentResult.mean_only(aim.scene)
            yield from self._begin(source, max(rank, 1), step)
            missed = yield from self._begun.probe()
            if abs(missed) < _CLOSE:
                break
            step = max(step * 2.0 ** float(np.clip(OCTAVES_OF_STEP * missed, -1.0, 1.0)), source.finest_step)
        for _ in range(_FINER_FITS):
            try:
                return (yield from self._best())
            except BudgetError:
                if aim.budget is not None or step <= source.finest_step:
                    raise
            # Not while the error is handled, whose traceback holds the fit that came to it. What is missing lies in
            # components that seemed not worth their bytes.
            step = max(step / 2.0, source.finest_step)
            rank = min(max(source.rank(step, WEIGHT)[0], rank + 1), MOST_COMPONENTS, source.count)
            yield from self._begin(source, rank, step)
        return (yield from self._best())

    @property
    def hurried(self) -> bool:
        """Whether what is left of the sweeps and tries shall be left out."""
        return self._haste.hurried

    @hurried.setter
    def hurried(self, hurried: bool) -> None:
        self._haste.hurried = hurried

    @property
    def streamed(self) -> bool:
        """Whether latents lie elsewhere than where they are decided on, or shall."""
        return self.task.streamed or (self._fitting is not None and self._fitting.streamed)

    @property
    def rounding(self) -> bool:
        """Whether there is something worth keeping: a try that is done, or one whose sweeps are under way."""
        return self._kept is not None or (self._fitting is not None and self._fitting.rounding)

    def cut_short(self) -> Steps[LatentResult]:
        """Keep the best try of a fit that is `rounding`; the first one goes on to its target from where it is."""
        begun = self._begun
        self.hurried = True
        if self._kept is None:
            return (yield from begun.finished())
        return replace(self._kept.result, interrupted=True)

    def let_go(self) -> None:
        """Forget the tensors of a fit that has come to its end."""
        self._fitting = None

    def progress(self, error: float) -> Progress:
        """Return where the fit stands; the PSNR is that of unrounded samples, before the sweep that was done last.

        Parameters
        ----------
        error
            Sum of squared errors of the planes, in squared steps.
        """
        done, psnr = (0, -np.inf) if self._fitting is None else self._fitting.reached(error)
        done = min(done, self.task.preset.sweeps + self.task.preset.trellis_rounds + PROBE_SWEEPS)
        return Progress("fit", self._before + done, self.planned, psnr)

    @property
    def _begun(self) -> Fitting:
        """The fit that has begun; who keeps it would hold its tensors while the next one begins."""
        if self._fitting is None:
            raise TypeError("a fit must have begun")
        return self._fitting

    def _begin(self, source: ScenePlanes, rank: int, step: float) -> Steps[None]:
        # Nothing of the fit before is worth keeping, and how much memory is free decides where this one's latents lie.
        self._fitting = None
        count = min(components_for(rank, len(source.mean)), source.count)
        turn = yield Turn(source.covariances(count) / step**2, source.counts, rank, WEIGHT)
        self._fitting = Fitting(self.task, self._haste, source, turn, step)

    def _best(self) -> Steps[LatentResult]:
        """Do one try after another, and return the best; the first one must meet the target."""
        preset, fitting = self.task.preset, self._begun
        kept = self._kept = _Kept((yield from fitting.run()), fitting.widths)
        for number in range(1, preset.tries):
            if self.hurried:
                break
            self._before = number * (preset.sweeps + preset.trellis_rounds)
            widths = Widths(
                _as_wide(preset.synthesis_widths, kept.widths[0]), _as_wide(preset.restoration_widths, kept.widths[1])
            )
            try:
                found = _Kept((yield from fitting.again(number, widths)), fitting.widths)
            except BudgetError:
                # It is one of several: another one has met the target.
                continue
            if self.task.aim.worth(found.result.sections) > self.task.aim.worth(kept.result.sections):
                kept = self._kept = found
        return replace(kept.result, interrupted=self.hurried)


def _as_wide(tried: Sequence[int], kept: int) -> tuple[int, ...]:
    """Return the one of some widths that the best network so far has; the first one where there is none."""
    return tuple(width for width in tried if width == kept) or tuple(tried[:1])


def _planned(aim: Aim) -> tuple[ScenePlanes, float]:
    """Return the scene as planes, and about the step that the target asks for.

    Pixels that repeat others are told of where what that saves is likely to be more than what it takes.
    """
    plain, step = _without_outliers(aim)
    if aim.scene.repeats is None:
        return plain, step
    telling = copy(plain)
    telling.free(aim.scene.repeats)
    finer = _first_step(telling, aim)
    if aim.budget is not None:
        return (telling, finer) if finer < step else (plain, step)
    return (telling, finer) if _bits(telling, finer) < _bits(plain, step) else (plain, step)


def _without_outliers(aim: Aim) -> tuple[ScenePlanes, float]:
    """Return the scene as planes, and about the step that the target asks for.

    Outliers are told of where that is likely to spare a few percent of the error, or of the bits, at least.
    """
    plain = ScenePlanes(aim.scene)
    step = _first_step(plain, aim)
    most = _WORTHWHILE * _takes(plain, step, aim)
    for seen in choices(plain.standing_out, plain.size, step):
        scene, outliers = told_apart(aim.scene, seen, level_bits_for(step))
        telling = ScenePlanes(scene, outliers)
        other = _first_step(telling, aim)
        if _takes(telling, other, aim) < most:
            return telling, other
    return plain, step


def _takes(source: ScenePlanes, step: float, aim: Aim) -> float:
    """Return about what a step leaves of the error where the target is a size, else what bits it takes."""
    return _bits(source, step) if aim.budget is None else source.left(step, WEIGHT)


def _bits(source: ScenePlanes, step: float) -> float:
    return source.rank(step, WEIGHT)[1] + 8.0 * _listed(source)


def _listed(source: ScenePlanes) -> int:
    """Return the bytes of the sections that tell of repeated pixels and of outliers."""
    return len(source.stored_repeats) + len(source.stored_outliers)


def _first_step(source: ScenePlanes, aim: Aim) -> float:
    if aim.budget is None:
        return source.step_for_error(aim.error())
    outside = aim.size({}) + _HEADER_BYTES + _listed(source)
    return source.step_for_bits(8.0 * max(aim.budget - outside, 8), WEIGHT)

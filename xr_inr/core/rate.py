"""Meeting a target with either model. A siren meets a size in one fit, a quality in a few; a latent model both in one.

Loads torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence

import torch

from xr_inr.core.goal import FittedModel, Goal
from xr_inr.core.latent.aim import Aim
from xr_inr.core.latent.batch import fit_latents
from xr_inr.core.metrics import Figures
from xr_inr.core.monitor import Monitor
from xr_inr.core.quality import Quality
from xr_inr.core.request import FitRequest, budget_bytes
from xr_inr.core.siren.batch import SirenAim, fit_sirens
from xr_inr.core.siren.model import SirenFit
from xr_inr.exceptions import BudgetError

_FIRST_BPPPB = 0.1
_LARGEST_BPPPB = 8.0
_FITS = 9
_CLOSE_ENOUGH = 1.1
_MARGIN = 0.01
"""dB by which a fit goes past a PSNR target, so that rounding to the stored form does not undo it."""

_ANGLE_MARGIN, _ANGLE_SLACK = 0.2, 0.44
"""dB by which a fit is aimed past a spectral angle, and may go past it: 5 % are 0.446 dB."""

_ENDED = 0.2
"""dB by which the decoded samples of a fit that ended at a PSNR may be worse than that."""

_CORRECTIONS = 4
"""Fits that may be done again for having ended at a PSNR that was not that of the angle."""

Course = Generator[tuple[int, float], SirenFit, SirenFit]
"""Asks for fits, by bytes and by the PSNR (dB) at which one ends, until one meets a target."""


def fit_model(goal: Goal, request: FitRequest, *, device: torch.device, monitor: Monitor) -> FittedModel:
    """Fit the model that is asked for.

    Parameters
    ----------
    goal
        The scene and its target.
    request
        What is asked for.
    device
        Where to fit.
    monitor
        Who listens.

    Raises
    ------
    BudgetError
        When no payload can be that small or that good.
    """
    (found,) = fit_models([goal], request, device=device, monitor=monitor)
    if isinstance(found, BudgetError):
        try:
            raise found
        finally:
            # Its traceback has this frame: under a name here it would hold itself, and the scene.
            del found
    return found


def fit_models(
    goals: Sequence[Goal], request: FitRequest, *, device: torch.device, monitor: Monitor
) -> list[FittedModel | BudgetError]:
    """Fit the model that is asked for to several scenes at once.

    Of sirens that are to reach a PSNR, the first fits of all scenes run at once, then the second ones, and so on.

    Parameters
    ----------
    goals
        The scenes and their targets.
    request, device, monitor
        As for `fit_model`; iterations are those of all together.

    Returns
    -------
    list
        For each scene the model, or why no payload can be that small or that good.
    """
    if request.model == "latent":
        aims = [_aim(goal, request) for goal in goals]
        latents = fit_latents(aims, request.latent_preset, device=device, seed=request.seed, monitor=monitor)
        return [
            latent if isinstance(latent, BudgetError) else FittedModel(latent.sections, latent.sweeps)
            for latent in latents
        ]
    courses = {number: _siren_course(goal, monitor) for number, goal in enumerate(goals)}
    asks = {number: next(course) for number, course in courses.items()}
    found: dict[int, FittedModel | BudgetError] = {}
    while asks:
        siren_aims = [SirenAim(goals[number].scene, budget, stop_at) for number, (budget, stop_at) in asks.items()]
        sirens = fit_sirens(
            siren_aims,
            request.siren_preset,
            weight_bits=request.stored_bits,
            device=device,
            seed=request.seed,
            monitor=monitor,
        )
        for number, siren in zip(list(asks), sirens, strict=True):
            try:
                # A course that is told of a failure ends with it.
                course = courses[number]
                asks[number] = course.throw(siren) if isinstance(siren, BudgetError) else course.send(siren)
            except StopIteration as end:
                found[number] = _fitted(end.value)
                del asks[number]
            except BudgetError as error:
                # Its traceback would hold the scenes for as long as somebody holds the error.
                found[number] = error.with_traceback(None)
                del asks[number]
    return [found[number] for number in range(len(goals))]


def _siren_course(goal: Goal, monitor: Monitor) -> Course:
    """Ask for the fits of a scene until its target is met."""
    if goal.budget is not None:
        return (yield goal.budget, math.inf)
    if goal.quality is None:
        raise TypeError("a target must be given")
    return (
        yield from rounds_to_quality(
            goal.quality,
            lambda tried: goal.measure(tried.sections),
            first_psnr=goal.quality.psnr_of(goal.scene),
            samples=goal.scene.layout.samples,
            smallest=goal.smallest,
            monitor=monitor,
        )
    )


def _fitted(siren: SirenFit) -> FittedModel:
    return FittedModel(siren.sections, siren.iterations, [str(result) for result in siren.search])


def _aim(goal: Goal, request: FitRequest) -> Aim:
    return Aim(goal.scene, goal.budget, goal.quality, goal.measure, request.latent_preset.slack)


def rounds_to_quality(
    quality: Quality,
    measure: Callable[[SirenFit], Figures],
    *,
    first_psnr: float,
    samples: int,
    smallest: int,
    monitor: Monitor,
) -> Course:
    """Ask for fits until a small one reaches a quality, and return that.

    Budgets are bracketed on a logarithmic scale; a fit ends as soon as it reaches the target, so that none overshoots
    by more than an iteration's gain. A fit knows its PSNR alone: where the quality is another figure, that PSNR is
    learnt from the fits before, and a fit that ended at a wrong one is done again.

    Parameters
    ----------
    quality
        What is to be reached.
    measure
        Returns the figures of the samples a fit decodes to.
    first_psnr
        About the PSNR, in dB, at which the quality is reached.
    samples
        Samples of the scene.
    smallest
        Bytes of the smallest payload of the scene.
    monitor
        Who listens.

    Returns
    -------
    SirenFit
        The smallest fit found that reaches the target; or the best so far, if a person chose to keep that.

    Raises
    ------
    BudgetError
        When no fit up to 8 bpppb reaches the target; the message says what was reached.
    """
    wanted = quality.wanted
    largest = max(budget_bytes(_LARGEST_BPPPB, samples), smallest)
    budget = min(max(budget_bytes(_FIRST_BPPPB, samples), smallest), largest)
    too_small, enough = smallest - 1, None
    found: SirenFit | None = None
    best, stop_at, again = -math.inf, first_psnr + _MARGIN, _CORRECTIONS
    for _ in range(_FITS + _CORRECTIONS):
        tried = yield budget, stop_at
        figures = measure(tried)
        reached = quality.reached(figures)
        monitor.note(f"{budget:,} bytes: {quality.said(reached)} of {quality.said(wanted)}")
        best = max(best, reached)
        if tried.interrupted:
            return tried if found is None else found
        if quality.name != "psnr" and math.isfinite(figures.psnr - reached):
            ended, stop_at = figures.psnr >= stop_at - _ENDED, figures.psnr - reached + wanted + _ANGLE_MARGIN
            if ended and again and not wanted <= reached <= wanted + _ANGLE_SLACK:
                again -= 1
                continue
        again = _CORRECTIONS
        if reached >= wanted:
            found, enough = tried, budget
            budget = max(math.isqrt(max(too_small, smallest) * enough), smallest)
            if too_small < smallest and enough > smallest:
                budget = max(enough // 2, smallest)
        else:
            too_small = budget
            # A SIREN gains about 6 dB when its parameters double.
            growth = 2.0 ** min(max((wanted - reached) / 6.0, 0.5), 3.0)
            budget = min(int(too_small * growth), largest) if enough is None else math.isqrt(too_small * enough)
        if (enough is not None and enough <= _CLOSE_ENOUGH * max(too_small, smallest)) or too_small >= largest:
            break
    if found is None:
        raise BudgetError(
            f"{quality.name}={quality.asked} was not reached: the best of the fits up to "
            f"{too_small * 8 / samples:.3g} bpppb gave {quality.said(best)}. "
            "Ask for less, or for a more thorough preset."
        )
    return found

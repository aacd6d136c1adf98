"""Meeting a target with either model. A siren meets a size in one fit, a quality in a few; a latent model both in one.

Loads torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from xr_inr.core.bitstream import Section
from xr_inr.core.latent.batch import fit_latent
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest, budget_bytes
from xr_inr.core.scene import Scene
from xr_inr.core.siren.model import SirenFit, fit_siren
from xr_inr.exceptions import BudgetError

_FIRST_BPPPB = 0.1
_LARGEST_BPPPB = 8.0
_FITS = 9
_CLOSE_ENOUGH = 1.1
_MARGIN = 0.01
"""dB by which a fit goes past a PSNR target, so that rounding to the stored form does not undo it."""

Sections = dict[Section, bytes]
MeasurePsnr = Callable[[Sections], float]
"""Returns the PSNR, in dB, of the samples that the sections of a model decode to."""

Fit = Callable[[int, float | None], SirenFit]
"""Fits a payload of at most so many bytes, ending early where a PSNR (dB) is given and reached."""


@dataclass(frozen=True)
class FittedModel:
    """A model that meets a target, ready to be put into a payload."""

    sections: Sections
    """The sections that hold it."""

    iterations: int
    """Iterations, or sweeps of a latent model, done."""

    search: list[str] = field(default_factory=list)
    """The architecture search, a line for each candidate and rung."""


def fit_model(
    scene: Scene,
    request: FitRequest,
    *,
    budget: int | None,
    smallest: int,
    measure_psnr: MeasurePsnr,
    device: torch.device,
    monitor: Monitor,
) -> FittedModel:
    """Fit the model that is asked for.

    Parameters
    ----------
    scene
        The scene; at least one band must be fitted.
    request
        What is asked for.
    budget
        Bytes of the whole payload, never exceeded; None where the target is a PSNR.
    smallest
        Bytes of the smallest payload of the scene.
    measure_psnr
        Returns the PSNR of the samples that sections decode to.
    device
        Where to fit.
    monitor
        Who listens.

    Raises
    ------
    BudgetError
        When no payload can be that small or that good.
    """
    if request.model == "latent":
        latent = fit_latent(
            scene,
            request.latent_preset,
            budget=budget,
            psnr=request.psnr if budget is None else None,
            measure_psnr=measure_psnr,
            device=device,
            seed=request.seed,
            monitor=monitor,
        )
        return FittedModel(latent.sections, latent.sweeps)
    fit = fit_within(scene, request, device, monitor)
    if budget is not None:
        siren = fit(budget, None)
    else:
        samples = scene.layout.samples
        siren = fit_to_psnr(
            fit,
            request.target,
            lambda tried: measure_psnr(tried.sections),
            samples=samples,
            smallest=smallest,
            monitor=monitor,
        )
    return FittedModel(siren.sections, siren.iterations, [str(result) for result in siren.search])


def fit_within(scene: Scene, request: FitRequest, device: torch.device, monitor: Monitor) -> Fit:
    """Return the function that fits `scene` to a budget, as `request` says."""

    def fit(budget: int, stop_at: float | None) -> SirenFit:
        return fit_siren(
            scene,
            request.siren_preset,
            budget=budget,
            weight_bits=request.stored_bits,
            device=device,
            seed=request.seed,
            monitor=monitor,
            stop_at=stop_at,
        )

    return fit


def fit_to_psnr(
    fit: Fit, target: float, measure_psnr: Callable[[SirenFit], float], *, samples: int, smallest: int, monitor: Monitor
) -> SirenFit:
    """Return a small fit that reaches a PSNR.

    Budgets are bracketed on a logarithmic scale; a fit ends as soon as it reaches the target, so that none overshoots
    by more than an iteration's gain.

    Parameters
    ----------
    fit
        Fits to a budget.
    target
        PSNR in dB over all valid samples.
    measure_psnr
        Returns the PSNR of the samples a fit decodes to, in dB.
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
    largest = max(budget_bytes(_LARGEST_BPPPB, samples), smallest)
    budget = min(max(budget_bytes(_FIRST_BPPPB, samples), smallest), largest)
    too_small, enough = smallest - 1, None
    found: SirenFit | None = None
    best = -math.inf
    for _ in range(_FITS):
        tried = fit(budget, target + _MARGIN)
        reached = measure_psnr(tried)
        monitor.note(f"{budget:,} bytes: {reached:.2f} dB of {target:.2f} dB")
        best = max(best, reached)
        if tried.interrupted:
            return tried if found is None else found
        if reached >= target:
            found, enough = tried, budget
            budget = max(math.isqrt(max(too_small, smallest) * enough), smallest)
            if too_small < smallest and enough > smallest:
                budget = max(enough // 2, smallest)
        else:
            too_small = budget
            # A SIREN gains about 6 dB when its parameters double.
            growth = 2.0 ** min(max((target - reached) / 6.0, 0.5), 3.0)
            budget = min(int(too_small * growth), largest) if enough is None else math.isqrt(too_small * enough)
        if (enough is not None and enough <= _CLOSE_ENOUGH * max(too_small, smallest)) or too_small >= largest:
            break
    if found is None:
        raise BudgetError(
            f"psnr={target} was not reached: the best of the fits up to {too_small * 8 / samples:.3g} bpppb "
            f"gave {best:.2f} dB. Ask for less, or for a more thorough preset."
        )
    return found

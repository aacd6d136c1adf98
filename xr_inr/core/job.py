"""One array to encode: checked, with what is asked for of it, and made a payload of what was fitted."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xr_inr.core.bitstream import Model, Section, write_container
from xr_inr.core.bounded import fit_bounded
from xr_inr.core.decode import Payload
from xr_inr.core.goal import FittedModel, Goal
from xr_inr.core.latent import smallest as latent
from xr_inr.core.measuring import measure
from xr_inr.core.metrics import Figures
from xr_inr.core.monitor import Monitor
from xr_inr.core.quality import Quality
from xr_inr.core.request import FitRequest, budget_bytes
from xr_inr.core.residual.grid import Grid
from xr_inr.core.sample_rules import unmasked
from xr_inr.core.scene import Scene, prepare_scene
from xr_inr.core.siren import plan as siren
from xr_inr.core.source import Samples, source_of
from xr_inr.core.weights import check_count, fitted_weights, weightless_bands
from xr_inr.exceptions import BoundError, BudgetError


@dataclass(frozen=True)
class Encoded:
    """A payload and what is known of it."""

    payload: bytes
    """The bytes to keep."""

    figures: Figures
    """How far the decoded samples are from the array, measured on the decoded payload."""

    architecture: str | None
    """What was fitted, in a few words; None where no more than a mean spectrum was."""

    iterations: int
    """Iterations done by the network that was kept, or sweeps of a latent model."""

    seconds: float
    """Wall time of the whole encoding; an even share of it where several arrays were encoded at once."""

    search: list[str] = field(default_factory=list)
    """The architecture search of a siren, a line for each candidate and rung."""

    @property
    def bpppb(self) -> float:
        """Bits per pixel per band of all bytes of the payload."""
        return len(self.payload) * 8 / Payload(self.payload, max_samples=sys.maxsize).layout.samples


@dataclass(frozen=True)
class Terms:
    """How samples are to be taken."""

    nodata: float | None
    """The value that marks samples without measurement."""

    allow_void: bool
    """Whether an array may be without a single valid sample."""

    bad_bands: tuple[int, ...]
    """Indices of the bands that are not to count."""


@dataclass(frozen=True)
class Job:
    """An array that has passed all checks, and what is asked for of it."""

    array: Samples
    """Its samples."""

    scene: Scene
    """The same, ready to fit."""

    request: FitRequest
    """What is asked for."""

    bad_bands: tuple[int, ...]
    """Indices of the bands that do not count."""

    budget: int | None
    """Bytes of the whole payload; None where the target is not a size."""

    smallest: int
    """Bytes of the smallest payload of the array."""

    @classmethod
    def of(cls, array: Samples, request: FitRequest, terms: Terms, budget: int | None) -> Job:
        """Check an array and what is asked for of it.

        Parameters
        ----------
        array
            Samples, shape (bands, height, width), or what gives their rows.
        request
            What is asked for.
        terms
            How samples are to be taken.
        budget
            Bytes the payload may take, in place of what the target ``bpppb`` says of this array.

        Raises
        ------
        RequestError
            When the array or the request breaks a rule.
        BudgetError
            When no payload can be that small.
        """
        array = unmasked(array)
        check_count(request.band_weights, array.shape[0])
        bad_bands = tuple(sorted({*terms.bad_bands, *weightless_bands(request.band_weights)}))
        scene = prepare_scene(array, nodata=terms.nodata, allow_void=terms.allow_void, bad_bands=bad_bands)
        scene = replace(scene, weights=fitted_weights(request.band_weights, scene.layout.fitted_bands))
        if budget is None and request.bpppb is not None:
            budget = budget_bytes(request.bpppb, scene.layout.samples)
        smallest = smallest_payload(scene, request)
        if request.max_error is not None and len(scene.layout.fitted_bands):
            Grid.for_bound(scene.layout, request.max_error)
        if budget is not None:
            _check_budget(budget, smallest, scene.layout.samples, asked=request.bpppb)
        return cls(array, scene, request, bad_bands, budget, smallest)

    @property
    def must_be_fitted(self) -> bool:
        """Whether there is a band that is neither constant nor void nor bad."""
        return len(self.scene.layout.fitted_bands) > 0

    @property
    def goal(self) -> Goal:
        """What a fit is to reach."""
        return Goal(
            self.scene,
            budget=self.budget,
            quality=self._quality if self.budget is None else None,
            smallest=self.smallest,
            measure=self._weighted_figures,
        )

    def _weighted_figures(self, sections: dict[Section, bytes]) -> Figures:
        """Return the figures of a payload, squared errors as the request weighs them; the angle is that of reports."""
        figures = measure(self.payload(sections), self.array, self.bad_bands)
        if self.scene.weights is None:
            return figures
        squares = figures.squared_errors.copy()
        squares[self.scene.layout.fitted_bands] *= np.square(self.scene.weights)
        return replace(figures, squared_errors=squares)

    @property
    def _quality(self) -> Quality | None:
        asked = {"psnr": self.request.psnr, "sam": self.request.sam}
        return next((Quality(name, value) for name, value in asked.items() if value is not None), None)

    def bounded(self, device: Any, monitor: Monitor) -> FittedModel:
        """Fit a model and a residual layer that keep the target ``max_error``."""

        def fit_to(psnr: float) -> FittedModel:
            from xr_inr.core.rate import fit_model  # noqa: PLC0415 - loads torch

            goal = replace(self.goal, budget=None, quality=Quality("psnr", psnr))
            return fit_model(goal, self.request, device=device, monitor=monitor)

        samples = source_of(self.array).read((0, self.array.shape[1]))
        return fit_bounded(self.scene, samples, self.request.target, fit_to)

    def payload(self, sections: dict[Section, bytes]) -> bytes:
        """Return the payload that sections of a model give."""
        return write_container(Model[self.request.model.upper()], self.scene.layout.to_sections() | sections)

    def encoded(self, fitted: FittedModel | None, seconds: float) -> Encoded:
        """Return the payload of a fitted model, decoded and measured; raises `BoundError`.

        Parameters
        ----------
        fitted
            None where nothing had to be fitted.
        seconds
            Wall time that it took.
        """
        payload = self.payload({} if fitted is None else fitted.sections)
        figures = measure(payload, self.array, self.bad_bands)
        bound = self.request.max_error
        if bound is not None and figures.max_error > bound:
            raise BoundError(f"no sample must err by more than max_error={bound:g}. One errs by {figures.max_error:g}.")
        return Encoded(
            payload=payload,
            figures=figures,
            architecture=Payload(payload, max_samples=math.prod(self.array.shape)).architecture,
            iterations=0 if fitted is None else fitted.iterations,
            seconds=seconds,
            search=[] if fitted is None else fitted.search,
        )


def smallest_payload(scene: Scene, request: FitRequest) -> int:
    """Return the bytes of the smallest payload that the model asked for can store a scene in."""
    if request.model == "latent":
        return latent.smallest_payload(scene)
    return siren.smallest_payload(scene, request.siren_preset, request.stored_bits)


def _check_budget(budget: int, smallest: int, samples: int, *, asked: float | None) -> None:
    """Raise `BudgetError` when no payload of at most `budget` bytes is possible; it says how small one can be.

    `asked` is the size in bpppb that the message names; what `budget` amounts to if None.
    """
    if smallest > budget:
        bpppb = budget * 8 / samples if asked is None else asked
        raise BudgetError(
            f"a budget of {budget:,} bytes ({bpppb:.4g} bpppb) is too small: "
            f"the smallest payload of this scene takes {smallest:,} bytes ({smallest * 8 / samples:.4g} bpppb)"
        )

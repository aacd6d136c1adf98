"""An array and a request in, a payload and its figures out."""

from __future__ import annotations

import functools
import math
import operator
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import device as devices
from xr_inr.core.bitstream import Model, Section, write_container
from xr_inr.core.bounded import fit_bounded
from xr_inr.core.decode import Payload
from xr_inr.core.goal import FittedModel, Goal
from xr_inr.core.latent import smallest as latent
from xr_inr.core.mask import VALID
from xr_inr.core.metrics import Figures, compare
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest, budget_bytes
from xr_inr.core.residual.grid import Grid
from xr_inr.core.sample_rules import good_bands
from xr_inr.core.scene import Scene, prepare_scene
from xr_inr.core.siren import plan as siren
from xr_inr.core.source import Samples, source_of
from xr_inr.exceptions import BatchError, BoundError, BudgetError, RequestError, XrInrError

_SAMPLES_AT_ONCE = 2**19


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


def encode_array(
    array: Samples,
    request: FitRequest,
    *,
    nodata: float | None = None,
    budget: int | None = None,
    allow_void: bool = False,
    bad_bands: Sequence[int] = (),
    monitor: Monitor | None = None,
) -> Encoded:
    """Fit a payload to an array.

    Parameters
    ----------
    array
        Samples, shape (bands, height, width), integers or floats: an array, which may be mapped from a file, or what
        gives its rows. A latent model is fitted to a large one without all samples in memory at once.
    request
        What is asked for.
    nodata
        The value that marks samples without measurement.
    budget
        Bytes the payload may take, in place of what the target ``bpppb`` says of this array.
    allow_void
        Accept an array without a single valid sample.
    bad_bands
        Indices of the bands that are not to count: each is kept as one typical value, and no figure tells of it.
    monitor
        Who listens to the fit.

    Returns
    -------
    Encoded
        The payload and its figures.

    Raises
    ------
    RequestError
        When the array or the request breaks a rule, before any fitting.
    BudgetError
        When no payload can be that small or that good.
    BoundError
        When a decoded sample errs by more than the target ``max_error``.
    DependencyError
        When torch is needed and not installed.
    """
    started = time.perf_counter()
    device = devices.resolve(request.device)
    job = _Job.of(array, request, _Terms(nodata, allow_void, tuple(bad_bands)), budget)
    fitted = None
    if job.must_be_fitted and request.max_error is not None:
        fitted = job.bounded(device, monitor or Monitor())
    elif job.must_be_fitted:
        from xr_inr.core.rate import fit_model  # noqa: PLC0415 - loads torch

        fitted = fit_model(job.goal, request, device=device, monitor=monitor or Monitor())
    return job.encoded(fitted, time.perf_counter() - started)


def encode_arrays(
    arrays: Sequence[NDArray[Any]],
    request: FitRequest,
    *,
    nodata: float | None = None,
    budgets: Sequence[int] | None = None,
    allow_void: bool = False,
    bad_bands: Sequence[int] = (),
    monitor: Monitor | None = None,
) -> list[Encoded]:
    """Fit a payload to each of several arrays, those of a latent model at once.

    Arrays of equal height and width share one tensor program, the more to the point the smaller they are. What an
    array is fitted to does not depend on the others, but for the rounding of floats.

    Parameters
    ----------
    arrays
        Samples of each, shape (bands, height, width), integers or floats.
    request
        What is asked for of every array.
    nodata
        The value that marks samples without measurement.
    budgets
        Bytes each payload may take, in place of what the target ``bpppb`` says of its array.
    allow_void
        Accept arrays without a single valid sample.
    bad_bands
        Indices of the bands that are not to count, of all arrays.
    monitor
        Who listens. Of a latent model iterations are those of all arrays together and the PSNR is that of the worst;
        sirens are fitted one after the other.

    Returns
    -------
    list of Encoded
        The payload of each and its figures; all have the same share of the wall time.

    Raises
    ------
    BatchError
        When some arrays, or what is asked for of them, break a rule: then nothing is fitted. Or when the payloads of
        some cannot be that small or that good, or break the target ``max_error``: then the others are fitted, and come
        with the error.
    RequestError
        When there are no arrays, or not as many budgets.
    DependencyError
        When torch is needed and not installed.
    """
    started = time.perf_counter()
    device = devices.resolve(request.device)
    if not len(arrays):
        raise RequestError("arrays must hold at least one array. Got none.")
    if budgets is not None and len(budgets) != len(arrays):
        raise RequestError(f"budgets must be as many as arrays. Got {len(budgets)} for {len(arrays)} arrays.")
    terms = _Terms(nodata, allow_void, tuple(bad_bands))
    jobs: dict[int, _Job] = {}
    failures: dict[int, XrInrError] = {}
    for number, array in enumerate(arrays):
        budget = None if budgets is None else budgets[number]
        try:
            jobs[number] = _Job.of(array, request, terms, budget)
        except RequestError as error:
            failures[number] = error
    if failures:
        raise BatchError(failures, {})
    fitted: dict[int, FittedModel] = {}
    wanted = {number: job.goal for number, job in jobs.items() if job.must_be_fitted}
    if request.max_error is not None:
        fitted = {number: jobs[number].bounded(device, monitor or Monitor()) for number in wanted}
    elif wanted:
        fitted, failures = _fitted_together(wanted, request, device, monitor or Monitor())
    share = (time.perf_counter() - started) / len(arrays)
    encoded, broken = _checked({number: job for number, job in jobs.items() if number not in failures}, fitted, share)
    failures |= broken
    if failures:
        raise BatchError(failures, encoded)
    return list(encoded.values())


def _checked(
    jobs: Mapping[int, _Job], fitted: Mapping[int, FittedModel], seconds: float
) -> tuple[dict[int, Encoded], dict[int, XrInrError]]:
    """Return the payloads that keep their bounds, and why the others do not."""
    encoded: dict[int, Encoded] = {}
    broken: dict[int, XrInrError] = {}
    for number, job in jobs.items():
        try:
            encoded[number] = job.encoded(fitted.get(number), seconds)
        except BoundError as error:
            broken[number] = error
    return encoded, broken


def _fitted_together(
    goals: Mapping[int, Goal], request: FitRequest, device: Any, monitor: Monitor
) -> tuple[dict[int, FittedModel], dict[int, XrInrError]]:
    """Return the models that meet their goals, and why the others do not."""
    from xr_inr.core.rate import fit_models  # noqa: PLC0415 - loads torch

    models = fit_models(list(goals.values()), request, device=device, monitor=monitor)
    found = dict(zip(goals, models, strict=True))
    failures: dict[int, XrInrError] = {
        number: model for number, model in found.items() if isinstance(model, BudgetError)
    }
    return {number: model for number, model in found.items() if isinstance(model, FittedModel)}, failures


@dataclass(frozen=True)
class _Terms:
    """How samples are to be taken."""

    nodata: float | None
    allow_void: bool
    bad_bands: tuple[int, ...]


@dataclass(frozen=True)
class _Job:
    """An array that has passed all checks, and what is asked for of it."""

    array: Samples
    scene: Scene
    request: FitRequest
    bad_bands: tuple[int, ...]
    budget: int | None
    smallest: int

    @classmethod
    def of(cls, array: Samples, request: FitRequest, terms: _Terms, budget: int | None) -> _Job:
        bad_bands = terms.bad_bands
        scene = prepare_scene(array, nodata=terms.nodata, allow_void=terms.allow_void, bad_bands=bad_bands)
        if budget is None and request.bpppb is not None:
            budget = budget_bytes(request.bpppb, scene.layout.samples)
        smallest = _smallest_payload(scene, request)
        if request.max_error is not None and len(scene.layout.fitted_bands):
            Grid.for_bound(scene.layout, request.max_error)
        if budget is not None:
            _check_budget(budget, smallest, scene.layout.samples, asked=request.bpppb)
        return cls(array, scene, request, bad_bands, budget, smallest)

    @property
    def must_be_fitted(self) -> bool:
        return len(self.scene.layout.fitted_bands) > 0

    @property
    def goal(self) -> Goal:
        return Goal(
            self.scene,
            budget=self.budget,
            psnr=self.request.psnr if self.budget is None else None,
            smallest=self.smallest,
            measure_psnr=lambda sections: measure(self.payload(sections), self.array, self.bad_bands).psnr,
        )

    def bounded(self, device: Any, monitor: Monitor) -> FittedModel:
        """Fit a model and a residual layer that keep the target ``max_error``."""

        def fit_to(psnr: float) -> FittedModel:
            from xr_inr.core.rate import fit_model  # noqa: PLC0415 - loads torch

            return fit_model(replace(self.goal, budget=None, psnr=psnr), self.request, device=device, monitor=monitor)

        samples = source_of(self.array).read((0, self.array.shape[1]))
        return fit_bounded(self.scene, samples, self.request.target, fit_to)

    def payload(self, sections: dict[Section, bytes]) -> bytes:
        return write_container(Model[self.request.model.upper()], self.scene.layout.to_sections() | sections)

    def encoded(self, fitted: FittedModel | None, seconds: float) -> Encoded:
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


@dataclass(frozen=True)
class Prospect:
    """What can be said of an array before it is fitted."""

    valid_samples: int
    """How many samples count."""

    smallest: int
    """Bytes of the smallest payload it can be stored in."""


def foresee(
    array: NDArray[Any], request: FitRequest, *, nodata: float | None = None, bad_bands: Sequence[int] = ()
) -> Prospect:
    """Check an array and a request as `encode_array` would, without fitting and without torch.

    Parameters
    ----------
    array, request, nodata, bad_bands
        As for `encode_array`; an array without a valid sample passes.

    Returns
    -------
    Prospect
        What is known of it.

    Raises
    ------
    RequestError
        When the array breaks a rule.
    """
    scene = prepare_scene(array, nodata=nodata, allow_void=True, bad_bands=bad_bands)
    return Prospect(scene.valid_samples, _smallest_payload(scene, request))


def measure(payload: bytes, array: Samples, bad_bands: Sequence[int] = ()) -> Figures:
    """Decode `payload` row by row and compare it with the array it was made of, bad bands left out."""
    decoder, source = Payload(payload, max_samples=math.prod(array.shape)), source_of(array)
    bands, height, width = decoder.shape
    good = good_bands(bad_bands, bands)[:, None, None]
    step = max(1, _SAMPLES_AT_ONCE // (bands * width))
    parts = []
    for start in range(0, height, step):
        rows = (start, min(start + step, height))
        decoded = decoder.read((rows, (0, width)))
        index = np.arange(rows[0] * width, rows[1] * width)
        classes = decoder.layout.mask.classes(np.arange(bands), index // width, index % width)
        parts.append(compare(source.read(rows), decoded, good & (classes == VALID).reshape(decoded.shape)))
    return functools.reduce(operator.add, parts)


def _smallest_payload(scene: Scene, request: FitRequest) -> int:
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

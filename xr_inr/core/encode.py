"""An array and a request in, a payload and its figures out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from xr_inr.core import device as devices
from xr_inr.core.goal import FittedModel, Goal
from xr_inr.core.job import Encoded, Job, Terms, smallest_payload
from xr_inr.core.measuring import measure
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene
from xr_inr.core.source import Samples
from xr_inr.core.weights import check_count, weightless_bands
from xr_inr.exceptions import BatchError, BoundError, BudgetError, RequestError, XrInrError

__all__ = ["Encoded", "Prospect", "encode_array", "encode_arrays", "foresee", "measure"]


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
    job = Job.of(array, request, Terms(nodata, allow_void, tuple(bad_bands)), budget)
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
    """Fit a payload to each of several arrays at once.

    Latent models of equal height and width share one tensor program, and so do sirens of one architecture: the more to
    the point the smaller the arrays are. What an
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
        Who listens. Iterations are those of all arrays together, and the PSNR is that of the worst.

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
    terms = Terms(nodata, allow_void, tuple(bad_bands))
    jobs: dict[int, Job] = {}
    failures: dict[int, XrInrError] = {}
    for number, array in enumerate(arrays):
        budget = None if budgets is None else budgets[number]
        try:
            jobs[number] = Job.of(array, request, terms, budget)
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
    jobs: Mapping[int, Job], fitted: Mapping[int, FittedModel], seconds: float
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
    check_count(request.band_weights, array.shape[0])
    bad_bands = (*bad_bands, *weightless_bands(request.band_weights))
    scene = prepare_scene(array, nodata=nodata, allow_void=True, bad_bands=bad_bands)
    return Prospect(scene.valid_samples, smallest_payload(scene, request))

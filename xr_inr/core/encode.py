"""An array and a request in, a payload and its figures out."""

from __future__ import annotations

import functools
import operator
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import device as devices
from xr_inr.core.bitstream import Model, write_container
from xr_inr.core.decode import Payload
from xr_inr.core.mask import VALID
from xr_inr.core.metrics import Figures, compare
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest, budget_bytes
from xr_inr.core.scene import Scene, prepare_scene
from xr_inr.core.siren.plan import check_budget, smallest_payload

if TYPE_CHECKING:
    import torch

    from xr_inr.core.rate import Fit
    from xr_inr.core.siren.model import SirenFit

_SAMPLES_AT_ONCE = 2**24


@dataclass(frozen=True)
class Encoded:
    """A payload and what is known of it."""

    payload: bytes
    """The bytes to keep."""

    figures: Figures
    """How far the decoded samples are from the array, measured on the decoded payload."""

    architecture: str | None
    """The network's shape; None where no network was needed."""

    iterations: int
    """Iterations done by the network that was kept."""

    seconds: float
    """Wall time of the whole encoding."""

    search: list[str] = field(default_factory=list)
    """The architecture search, a line for each candidate and rung."""

    @property
    def bpppb(self) -> float:
        """Bits per pixel per band of all bytes of the payload."""
        return len(self.payload) * 8 / Payload(self.payload).layout.samples


def encode_array(
    array: NDArray[Any],
    request: FitRequest,
    *,
    nodata: float | None = None,
    budget: int | None = None,
    allow_void: bool = False,
    monitor: Monitor | None = None,
) -> Encoded:
    """Fit a payload to an array.

    Parameters
    ----------
    array
        Samples, shape (bands, height, width), integers or floats.
    request
        What is asked for.
    nodata
        The value that marks samples without measurement.
    budget
        Bytes the payload may take, in place of what the target ``bpppb`` says of this array.
    allow_void
        Accept an array without a single valid sample.
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
    DependencyError
        When torch is needed and not installed.
    """
    started = time.perf_counter()
    monitor = monitor or Monitor()
    device = devices.resolve(request.device)
    scene = prepare_scene(array, nodata=nodata, allow_void=allow_void)
    if budget is None and request.bpppb is not None:
        budget = budget_bytes(request.bpppb, scene.layout.samples)
    if budget is not None:
        check_budget(scene, request.siren_preset, budget, request.stored_bits, asked=request.bpppb)
    fit = None
    if len(scene.layout.fitted_bands):
        fitter = _fitter(scene, request, device, monitor)
        fit = fitter(budget, None) if budget is not None else _fit_to_psnr(fitter, scene, array, request, monitor)
    payload = _payload(scene, fit)
    return Encoded(
        payload=payload,
        figures=measure(payload, array),
        architecture=None if fit is None or fit.architecture is None else str(fit.architecture),
        iterations=0 if fit is None else fit.iterations,
        seconds=time.perf_counter() - started,
        search=[] if fit is None else [str(result) for result in fit.search],
    )


@dataclass(frozen=True)
class Prospect:
    """What can be said of an array before it is fitted."""

    valid_samples: int
    """How many samples count."""

    smallest: int
    """Bytes of the smallest payload it can be stored in."""


def foresee(array: NDArray[Any], request: FitRequest, *, nodata: float | None = None) -> Prospect:
    """Check an array and a request as `encode_array` would, without fitting and without torch.

    Parameters
    ----------
    array, request, nodata
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
    scene = prepare_scene(array, nodata=nodata, allow_void=True)
    return Prospect(scene.valid_samples, smallest_payload(scene, request.siren_preset, request.stored_bits))


def measure(payload: bytes, array: NDArray[Any]) -> Figures:
    """Decode `payload` row by row and compare it with the array it was made of."""
    decoder = Payload(payload)
    bands, height, width = decoder.shape
    step = max(1, _SAMPLES_AT_ONCE // (bands * width))
    parts = []
    for start in range(0, height, step):
        rows = (start, min(start + step, height))
        decoded = decoder.read((rows, (0, width)))
        index = np.arange(rows[0] * width, rows[1] * width)
        classes = decoder.layout.mask.classes(np.arange(bands), index // width, index % width)
        parts.append(compare(array[:, rows[0] : rows[1]], decoded, (classes == VALID).reshape(decoded.shape)))
    return functools.reduce(operator.add, parts)


def _payload(scene: Scene, fit: SirenFit | None) -> bytes:
    return write_container(Model.SIREN, scene.layout.to_sections() | ({} if fit is None else fit.sections))


def _fitter(scene: Scene, request: FitRequest, device: torch.device, monitor: Monitor) -> Fit:
    from xr_inr.core.rate import fit_within  # noqa: PLC0415 - loads torch

    return fit_within(scene, request, device, monitor)


def _fit_to_psnr(fitter: Fit, scene: Scene, array: NDArray[Any], request: FitRequest, monitor: Monitor) -> SirenFit:
    from xr_inr.core.rate import fit_to_psnr  # noqa: PLC0415 - loads torch

    return fit_to_psnr(
        fitter,
        request.target,
        lambda tried: measure(_payload(scene, tried), array).psnr,
        samples=scene.layout.samples,
        smallest=smallest_payload(scene, request.siren_preset, request.stored_bits),
        monitor=monitor,
    )

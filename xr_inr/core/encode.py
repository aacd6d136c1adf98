"""An array and a request in, a payload and its figures out."""

from __future__ import annotations

import functools
import operator
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import device as devices
from xr_inr.core.bitstream import Model, Section, write_container
from xr_inr.core.decode import Payload
from xr_inr.core.latent import smallest as latent
from xr_inr.core.mask import VALID
from xr_inr.core.metrics import Figures, compare
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest, budget_bytes
from xr_inr.core.scene import Scene, prepare_scene
from xr_inr.core.siren import plan as siren
from xr_inr.exceptions import BudgetError

_SAMPLES_AT_ONCE = 2**24


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
    """Wall time of the whole encoding."""

    search: list[str] = field(default_factory=list)
    """The architecture search of a siren, a line for each candidate and rung."""

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
    smallest = _smallest_payload(scene, request)
    if budget is not None:
        _check_budget(budget, smallest, scene.layout.samples, asked=request.bpppb)

    def payload_of(sections: dict[Section, bytes]) -> bytes:
        return write_container(Model[request.model.upper()], scene.layout.to_sections() | sections)

    payload, iterations, search = payload_of({}), 0, []
    if len(scene.layout.fitted_bands):
        from xr_inr.core.rate import fit_model  # noqa: PLC0415 - loads torch

        fitted = fit_model(
            scene,
            request,
            budget=budget,
            smallest=smallest,
            measure_psnr=lambda sections: measure(payload_of(sections), array).psnr,
            device=device,
            monitor=monitor,
        )
        payload, iterations, search = payload_of(fitted.sections), fitted.iterations, fitted.search
    return Encoded(
        payload=payload,
        figures=measure(payload, array),
        architecture=Payload(payload).architecture,
        iterations=iterations,
        seconds=time.perf_counter() - started,
        search=search,
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
    return Prospect(scene.valid_samples, _smallest_payload(scene, request))


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

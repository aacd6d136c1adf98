"""The place of a pixel, told to the restoring network: what it saves then, and what the same says without it.

Illumination and smile across a track, and the stripes of a pushbroom sensor, hang on the place alone. Column and row
stand beside the planes in the network's first layer; or there is no network, and cosines are added to each plane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.ingredients.studies import RATE
from benchmarks.ingredients.studies.planes import StudyPlanes
from benchmarks.ingredients.variant import Maker, constant, replaced
from benchmarks.runner import JobError
from xr_inr.core.encode import encode_array
from xr_inr.core.latent.descent import Descent, descend
from xr_inr.core.latent.parameters import write_parameters
from xr_inr.core.latent.patches import Part
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.restoration import write_restoration
from xr_inr.core.latent.restoration_fit import RestorationTask, fit_restoration
from xr_inr.core.latent.sine_fit import Layers, said_by
from xr_inr.core.latent.steps import Found, Steps
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import FitRequest

_PRESET = "balanced"
_NETWORKS = 4
"""Initial weights that a figure is the mean over."""

_COSINES = 8
"""Cosines along an axis, the constant among them."""

_COSINE_STEPS = (0.5, 1.0, 2.0, 4.0, 8.0)
_ROUNDED_UP = (0.5, 0.4, 0.3, 0.2, 0.1)
"""Steps of the cosines' coefficients to try, and from which part of a step on they are rounded up."""


@dataclass
class Told:
    """What a restoring network is told of places, beside planes."""

    axes: str
    """Of `xy`, which."""

    turns: float = 0.0
    """Radians that the first layer's initial weights make of half the scene, at most."""

    reach: float = 1.0
    """Coordinates go from minus this to this."""

    first_seed: int = 0
    """Of the initial weights, of the first of several networks."""

    part: Part = field(init=False)
    """Pixels that the network was fitted to."""

    seen: Tensor = field(init=False)
    """(pixels, coordinates) all that its first layer saw of them."""

    def seeing(self, seen_in: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Return what gives coordinates of planes, with those of places behind them."""

        def seen(part: Part, planes: NDArray[np.float32], *octaves: Tensor, curved: bool) -> Tensor:
            ends = (np.linspace(-self.reach, self.reach, size, dtype=np.float32) for size in planes.shape[1:])
            fields = dict(zip("yx", np.meshgrid(*ends, indexing="ij"), strict=True))
            places = part.cut(np.array([fields[axis] for axis in self.axes]).reshape(-1, *planes.shape[1:]))
            of_places = torch.tensor(places, dtype=torch.float32).flatten(1).T
            self.part, self.seen = part, torch.cat([seen_in(part, planes, *octaves, curved=curved), of_places], 1)
            return self.seen

        return seen

    def beginning(self, uniform_layers: Callable[..., Layers]) -> Callable[..., Layers]:
        """Return what gives initial weights, those of places drawn apart: all others are as without them."""

        def layers(seen: Any, width: int, outputs: int, seed: int, device: torch.device) -> Layers:
            (weights, biases), *others = uniform_layers(seen, width, outputs, seed, device)
            drawn = torch.rand((width, len(self.axes)), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1.0
            return [(torch.cat([weights, drawn * (self.turns / self.reach)], 1), biases), *others]

        return layers


_CASES = {
    "network, without place": Told(""),
    "network, without place, other weights": Told("", first_seed=4),
    "network, column and row, from weights of nearly 0": Told("xy", 0.1),
    "network, column and row, from a third of a cycle": Told("xy", 1.0),
    "network, column, from ten cycles": Told("x", 30.0, 4.0),
}


def place(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent each way changes the squared error, its bytes counted as the error they are worth."""
    task = unrestored(planes.cube)
    error = float((task.planes - task.decoded).double().square().sum())
    saved = {}
    for name, told in _CASES.items():
        seeds = range(told.first_seed, told.first_seed + _NETWORKS)
        saved[name] = float(np.mean([saved_bits(task, told, seed) for seed in seeds]))
    missing = (task.planes - task.decoded).numpy()
    saved["cosines of place, planes with latents"] = cosine_bits(missing[: task.inputs], task.weight)
    saved["cosines of place, planes without"] = cosine_bits(missing[task.inputs :], task.weight)
    # Taken from 0, so that nothing is no negative zero.
    return {name: 0.0 - 100.0 * bits * task.weight / error for name, bits in saved.items()}


def unrestored(cube: NDArray[Any]) -> RestorationTask:
    """Return what is left to restore in a fit to a scene.

    Raises
    ------
    JobError
        When the fit is done without asking for a restoring network.
    """
    tasks: list[RestorationTask] = []

    def kept(task: RestorationTask, *_: object, **__: object) -> Steps[None]:
        tasks.append(task)
        yield from ()

    with replaced({"model.fit_restoration": constant(kept)}):
        encode_array(cube, FitRequest(bpppb=RATE, model="latent", preset=_PRESET, device="cpu"))
    if not tasks:
        raise JobError(f"a study needs planes to restore; at {RATE:g} bpppb no component is worth any latents")
    return tasks[0]


def saved_bits(task: RestorationTask, told: Told, seed: int) -> float:
    """Return what the best restoring network saves, less its bytes; 0 where none saves anything."""
    replacing: dict[str, Maker] = {
        "restoration_fit.seen_in": told.seeing,
        "restoration_fit.uniform_layers": told.beginning,
    }
    with replaced(replacing), torch.no_grad():
        preset = LATENT_PRESETS[_PRESET]
        network = _alone(fit_restoration(task, preset, preset.restoration_widths, seed=seed, monitor=Monitor()))
        if network is None:
            return 0.0
        missing = torch.from_numpy(told.part.cut((task.planes - task.decoded).numpy())).flatten(1)
        left = missing - (said_by(network.layers, told.seen) * torch.exp2(network.output_octaves)).T
        gained = float(missing.square().sum() - left.square().sum())
        pixels = task.planes[0].numel() / missing.shape[1]
        return pixels * gained / task.weight - 8.0 * len(write_restoration(network.stored(network.step_bits)))


def cosine_bits(missing: NDArray[np.floating], weight: float) -> float:
    """Return what cosines over the scene save of planes, (count, height, width), less the bytes of their coefficients.

    One step and one rounding for all planes, the best that were tried; 0 where none saves anything.
    """
    down, across = (_cosines(size) for size in missing.shape[1:])
    coefficients = np.einsum("yi,kyx,xj->kij", down, missing.astype(np.float64), across).ravel()
    most = 0.0
    for step in _COSINE_STEPS if coefficients.size else ():
        for part in _ROUNDED_UP:
            levels = np.sign(coefficients) * np.floor(np.abs(coefficients) / step + part)
            gained = np.square(coefficients).sum() - np.square(coefficients - levels * step).sum()
            spent = 8.0 * len(write_parameters([levels.astype(np.int64)]))
            most = max(most, float(gained) / weight - spent)
    return most


def _cosines(size: int) -> NDArray[np.float64]:
    """Return orthonormal cosines of falling length, (size, count)."""
    count = min(_COSINES, size)
    waves: NDArray[np.float64] = np.cos(np.pi / size * (np.arange(size)[:, None] + 0.5) * np.arange(count))
    waves /= np.sqrt(np.square(waves).sum(0))
    return waves


def _alone(steps: Steps[Found]) -> Found:
    """Run a part of a fit that asks for nothing but descents of networks."""
    try:
        while True:
            asked = next(steps)
            if not isinstance(asked, Descent):
                raise TypeError(f"a study can do descents alone. Got {type(asked).__name__}.")
            descend([asked])
    except StopIteration as end:
        found: Found = end.value
        return found

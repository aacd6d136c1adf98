"""Fitting the restoring network: to what decoded planes lack, on the latents as they are by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.descent import Descent
from xr_inr.core.latent.patches import Drawn, Patches
from xr_inr.core.latent.presets import LatentPreset
from xr_inr.core.latent.restoration import write_restoration
from xr_inr.core.latent.sine_fit import Layers, best_stored, said_by, uniform_layers
from xr_inr.core.latent.soft_scene import SoftSynthesis
from xr_inr.core.latent.steps import Steps
from xr_inr.core.latent.synthesis_fit import octaves_above, seen_in
from xr_inr.core.memory import CPU
from xr_inr.core.monitor import Monitor

_STEP_BITS = (2, 3, 4, 5, 6)
"""Bits after the point that weights may have."""

_CURVATURES_SHARE = 0.5
"""Of the initial weights of curvatures to those of planes."""

_CURVATURES_WITHIN = 1.0
"""Octaves by which curvatures are kept below planes: theirs are the heavier tails."""


@dataclass(frozen=True)
class RestorationTask:
    """Planes to bring nearer to those of a scene."""

    planes: Tensor
    """(rank, height, width) planes of the scene, in quantiser steps."""

    decoded: Tensor
    """The same as latents and the networks before give them."""

    heard: Tensor | None
    """(height, width) 1 where an error counts, 0 where nothing was measured; None if all count."""

    inputs: int
    """Leading planes that the network looks at: those with latents."""

    weight: float
    """Squared steps that a bit is worth."""

    device: torch.device
    """Where networks are fitted; planes may lie elsewhere."""


def fit_restoration(
    task: RestorationTask, preset: LatentPreset, widths: Sequence[int], *, seed: int, monitor: Monitor
) -> Steps[SoftSynthesis | None]:
    """Fit networks, and return the one that saves most; None where none saves anything.

    Parameters
    ----------
    task
        What to restore.
    preset
        How many iterations, and the largest learning rate.
    widths
        Hidden widths to try.
    seed
        Of the initial weights.
    monitor
        Who is told what each width saves.
    """
    best, most = None, 0.0
    if not widths:
        return best
    problem = _Problem.of(task)
    for width in widths:
        network, saved = yield from problem.fitted(width, preset, seed)
        monitor.note(f"restoring network of width {width}: {max(saved, 0.0) / 8:,.0f} bytes saved")
        if saved > most:
            best, most = network, saved
    return best


@dataclass(frozen=True)
class _SquaredLoss:
    """Squared errors."""

    kind: str = "squares"

    def turn_to_slopes(self, _losses: Sequence[_SquaredLoss], left: Sequence[Tensor]) -> None:
        """Put in place of several sets of planes, (planes, pixels), how the squared errors a pixel of each change."""
        for planes in left:
            planes.mul_(2.0 / planes.shape[1])


@dataclass(frozen=True)
class _Problem:
    """A task on some pixels of its planes, one by one."""

    seen: Tensor
    """(pixels, coordinates) what the first layer sees."""

    missing: Tensor
    """(pixels, rank) what decoded planes lack."""

    input_octaves: Tensor
    curvature_octaves: Tensor
    output_octaves: Tensor

    worth: float
    """Bits of a squared step at one of these pixels, those of the scene that it stands for included."""

    @classmethod
    def of(cls, task: RestorationTask) -> _Problem:
        device = task.device
        part = (
            Patches.of((task.planes.shape[1], task.planes.shape[2]))
            if task.heard is None
            else Drawn.of(task.heard.cpu().numpy() > 0)
        )
        known = task.decoded[: task.inputs].cpu().numpy()
        octaves = octaves_above(known, device)
        curvature_octaves = octaves_above(_curvatures(known), device) + _CURVATURES_WITHIN
        seen = seen_in(part, known, octaves, curvature_octaves, curved=True)
        missing = torch.tensor(part.cut((task.planes - task.decoded).cpu().numpy()), device=device).flatten(1).T
        outputs = octaves_above(missing.T.cpu().numpy(), device)
        return cls(seen, missing, octaves, curvature_octaves, outputs, part.share / task.weight)

    def fitted(self, width: int, preset: LatentPreset, seed: int) -> Steps[tuple[SoftSynthesis, float]]:
        """Return the network of a width, its weights as stored, and about how many bits it saves."""
        inputs = len(self.input_octaves)
        layers = uniform_layers(
            [(inputs, 1.0), (inputs, _CURVATURES_SHARE)], width, len(self.output_octaves), seed, self.seen.device
        )
        scale = torch.exp2(self.output_octaves)

        @torch.no_grad()
        def left(layers: Layers) -> Tensor:
            return (self.missing - said_by(layers, self.seen) * scale).square().sum()

        toll = 1.0 / (self.worth * len(self.missing))
        yield Descent(layers, [self.seen], self.missing.T.contiguous(), scale, _SquaredLoss(), preset, toll)
        soft = SoftSynthesis(layers, self.input_octaves, self.curvature_octaves, self.output_octaves, 1.0, curved=True)
        # Weights are rounded there, over and over: each time a device would be waited for.
        soft = soft.confined().to(CPU)
        before = float(self.missing.square().sum())

        def stored(bits: tuple[int, ...]) -> tuple[SoftSynthesis, float]:
            network = soft.stored(bits)
            found = SoftSynthesis.of(network, self.seen.device)
            saved = (before - float(left(found.layers))) * self.worth - 8.0 * len(write_restoration(network))
            return found, saved

        return best_stored(stored, lambda found: found[1], len(layers), _STEP_BITS)


def _curvatures(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums of the differences of every pixel of planes from its neighbours."""
    seen = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around: NDArray[np.float32] = seen[:, 2:, 1:-1] + seen[:, :-2, 1:-1] + seen[:, 1:-1, 2:] + seen[:, 1:-1, :-2]
    return around - 4.0 * planes

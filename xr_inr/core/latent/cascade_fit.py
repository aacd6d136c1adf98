"""Fitting the sinusoidal networks of a scene, one for each stretch of planes that is foretold from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.by_components import analysed, synthesised
from xr_inr.core.latent.presets import LatentPreset
from xr_inr.core.latent.quantise import first_latents
from xr_inr.core.latent.soft_scene import SoftSynthesis
from xr_inr.core.latent.steps import Steps
from xr_inr.core.latent.synthesis_fit import SynthesisTask, fit_synthesis
from xr_inr.core.latent.wavelet import Pyramid
from xr_inr.core.monitor import Monitor

FORETOLD_FROM = (1, 2, 3, 5, 9)
"""Planes that the networks look at; each foretells those up to where the next begins, the last all others."""

_FORETOLD_SHARE = 0.6
"""Part of the planes with latents that the last network looks at, at most."""

STEPS_LIKEWISE = (0.87, 0.95, 1.05, 1.14)
"""Steps over the present one whose planes the networks are fitted to."""


@dataclass(frozen=True)
class CascadeTask:
    """The planes of a scene, and what is known of them."""

    planes: Tensor
    """(components, height, width) planes that have latents, in quantiser steps."""

    decoded: Tensor
    """The same as latents give them."""

    beyond: NDArray[np.floating]
    """(candidates, height, width) planes without latents, as `SynthesisTask.beyond`."""

    pyramid: Pyramid
    """The subbands."""

    bands: int
    """Entries that a component adds to the basis."""

    device: torch.device
    """Where networks are fitted; planes may lie elsewhere."""


def fit_cascade(
    task: CascadeTask, preset: LatentPreset, widths: Sequence[int], *, seed: int, monitor: Monitor
) -> Steps[tuple[list[SoftSynthesis], NDArray[np.float32]]]:
    """Fit the networks, each to the planes as they are decoded without any.

    Parameters
    ----------
    task
        The planes.
    preset
        The width of all networks but the last, its first one, and how many iterations.
    widths
        Hidden widths of the last network to try.
    seed
        Of the initial weights.
    monitor
        Who is told what each network saves.

    Returns
    -------
    networks
        Those that save anything, in the order they are evaluated.
    added
        (components, height, width) the planes without latents that the last one foretells.
    """
    wanted = task.planes.cpu().numpy()
    networks: list[SoftSynthesis] = []
    added = wanted[:0]
    starts = [count for count in FORETOLD_FROM if count < _FORETOLD_SHARE * len(wanted)] or [1]
    known = task.decoded[: starts[-1]].cpu().numpy()
    likewise = _likewise(task.planes[: starts[-1]], task.pyramid, task.device)
    for start, end in zip(starts, [*starts[1:], len(wanted)], strict=True):
        last = start == starts[-1]
        stretch = SynthesisTask(
            known[:start],
            likewise[:, :start],
            wanted[start:end],
            task.beyond if last else wanted[:0],
            task.pyramid,
            task.bands,
        )
        tried = widths if last else preset.synthesis_widths[:1]
        best = yield from fit_synthesis(stretch, preset, tried, device=task.device, seed=seed, monitor=monitor)
        if best is not None:
            networks.append(SoftSynthesis.of(best.network, task.device))
            added = best.added
    return networks, added


@torch.no_grad()
def _likewise(planes: Tensor, pyramid: Pyramid, device: torch.device) -> NDArray[np.float32]:
    """Return planes as other steps would leave them, (steps, components, height, width)."""
    subbands = analysed(planes, pyramid, device)
    found = []
    for factor in STEPS_LIKEWISE:
        rounded = first_latents([part / factor for part in subbands])
        found.append(synthesised([part * factor for part in rounded], pyramid, device).cpu().numpy())
    return np.stack(found)

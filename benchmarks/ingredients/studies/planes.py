"""What studies look at: the turned planes of a scene in quantiser steps, and latents that they are rounded to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.runner import JobError
from xr_inr.core.latent.latents import LatentSide
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.latent.quantise import Rounder, first_latents, side_of, whole
from xr_inr.core.latent.rotation import components_for, rotate
from xr_inr.core.latent.soft import SoftCoder
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.scene import prepare_scene

_LATENTS_SHARE = 0.95
"""Part of a payload's bits that goes to latents."""

_SWEEPS = 8
_SHARE = 0.4
"""Part of the latents that a sweep decides on."""


@dataclass(frozen=True)
class Rounded:
    """Latents after sweeps of rate-distortion optimised rounding, and what their laws follow from."""

    latents: list[Tensor]
    """Whole numbers, one tensor a subband, (rank, height, width)."""

    side: LatentSide
    """What is stored beside them."""

    soft: SoftCoder
    """Tells their laws."""


@dataclass(frozen=True)
class StudyPlanes:
    """The planes of a scene, without a sinusoidal network."""

    planes: Tensor
    """(rank, height, width) float32, in quantiser steps."""

    pyramid: Pyramid
    """The subbands of a plane."""

    cube: NDArray[Any]
    """(bands, height, width) the scene, for what needs all of a fit."""

    @classmethod
    def of(cls, cube: NDArray[Any], bpppb: float) -> StudyPlanes:
        """Turn the leading components of a scene as a fit does.

        Parameters
        ----------
        cube
            (bands, height, width).
        bpppb
            Bits per pixel per band that choose the quantiser step.

        Raises
        ------
        JobError
            When no component is worth its bits.
        """
        source = ScenePlanes(prepare_scene(cube))
        step = source.step_for_bits(_LATENTS_SHARE * bpppb * cube.size, WEIGHT)
        rank, _ = source.rank(step, WEIGHT)
        if not rank:
            raise JobError(f"a study needs components with latents; at {bpppb:g} bpppb no component is worth any")
        count = min(components_for(rank, len(source.mean)), len(source.planes))
        turn = rotate([part[:count].astype(np.float64) / step for part in source.subbands], rank, WEIGHT)
        planes = np.tensordot(turn.T, source.planes[:count].astype(np.float64), 1) / step
        return cls(torch.tensor(planes, dtype=torch.float32), source.pyramid, cube)

    @cached_property
    def subbands(self) -> list[Tensor]:
        """One tensor a subband, (rank, height, width), in the pyramid's order."""
        return analyse(self.planes, self.pyramid, torch)

    @cached_property
    def rounded(self) -> Rounded:
        """The latents that sweeps make of the planes."""
        scene = SoftScene(self.planes, None, self.pyramid)
        rounder = Rounder(self.pyramid, len(self.planes), shipped(), torch.device("cpu"), seed=0)
        latents = first_latents(self.subbands)
        for _ in range(_SWEEPS):
            latents = rounder.sweep(latents, scene, WEIGHT, _SHARE)
        return Rounded(latents, side_of(whole(latents), self.pyramid, rounder.offsets), rounder.soft)

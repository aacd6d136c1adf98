"""What the context network learns from: latents of known scenes, as fits make them, at many rates and sizes.

Each example is a fit without its sinusoidal network: the scene or a crop of it on turned KLT planes, and
latents rounded by rate-distortion. Crops are analysed on their own, as chunks of a store are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import scenes
from xr_inr.core.latent.latents import Latents, LatentSide, encode_latents, scale_row
from xr_inr.core.latent.network import ContextNetwork
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.latent.quantise import Rounder, first_latents, side_of, whole
from xr_inr.core.latent.rotation import components_for, rotate
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.scene import prepare_scene

SCENES = ("jasper_ridge_198", "indian_pines_200", "pavia_centre_crop", "abu_airport_1", "abu_beach_1")
"""The scenes that are learnt from, by their names in `benchmarks.scenes.SCENES`."""

_SWEEPS = 8
_WARM = 4
"""Sweeps until lambda has its full weight."""

_SHARE = 0.3
"""Part of the latents that a sweep decides on: in eight sweeps nearly all are decided on."""


@dataclass(frozen=True)
class View:
    """Which part of each scene to take, and at which rates."""

    rates: tuple[float, ...]
    """Bits per pixel per band that choose the quantiser steps."""

    side: int | None = None
    """Rows and columns of a square crop; the whole scene if None."""

    place: tuple[float, float] = (0.0, 0.0)
    """Where the crop lies: 0 is the first row or column that it can begin at, 1 the last."""

    def of(self, cube: NDArray[Any]) -> tuple[str, NDArray[Any]]:
        """Return what to call this part of a (bands, height, width) cube, and the part."""
        if self.side is None:
            return "whole", cube
        row, column = (
            round(share * (size - self.side)) for share, size in zip(self.place, cube.shape[1:], strict=True)
        )
        name = f"{self.side} x {self.side} at {row}, {column}"
        return name, cube[:, row : row + self.side, column : column + self.side]


VIEWS = (
    View((0.005, 0.015, 0.05, 0.15, 0.4, 0.6)),
    View((0.03, 0.3, 2.5), 64, (0.0, 0.0)),
    View((0.1, 1.0, 2.0), 64, (1.0, 0.5)),
    View((0.05, 0.5), 32, (0.0, 1.0)),
    View((0.2, 4.0), 32, (0.5, 0.5)),
    View((0.1, 1.5), 32, (1.0, 0.0)),
)
"""What is taken of every scene."""


@dataclass(frozen=True)
class Example:
    """The latents of one fit."""

    scene: str
    """Name of the scene."""

    view: str
    """Which part of it."""

    bpppb: float
    """The rate that chose the step."""

    step: float
    """Quantiser step, on the [0, 1] scale of the part."""

    pyramid: Pyramid
    """The subbands."""

    latents: Latents
    """One array a subband, (rank, height, width)."""

    side: LatentSide
    """What is stored beside them."""

    @property
    def rank(self) -> int:
        """How many components there are."""
        return len(self.latents[0])

    @cached_property
    def count(self) -> int:
        """How many latents are coded: those of components that are not all 0 on their level."""
        active = [self.side.scales[scale_row(index)] > 0 for index in range(len(self.latents))]
        return sum(int(chosen.sum()) * part[0].size for chosen, part in zip(active, self.latents, strict=True))

    def bits(self, network: ContextNetwork) -> int:
        """Return the length of the latents' stream under a network, in bits."""
        return 8 * len(encode_latents(self.latents, self.side, self.pyramid, network))


def examples_of(names: Iterable[str], network: ContextNetwork, views: Iterable[View] = VIEWS) -> Iterator[Example]:
    """Fit latents to every view of scenes.

    Parameters
    ----------
    names
        Names in `benchmarks.scenes.SCENES`.
    network
        The network whose bits the rounding weighs against errors.
    views
        What to take of each scene.

    Yields
    ------
    Example
        Those that hold any latent; a low rate may leave none.

    Raises
    ------
    MissingSceneError
        When no file of a scene is in the folder.
    """
    for name in names:
        cube = scenes.load(name)
        for view in views:
            title, part = view.of(cube)
            source = ScenePlanes(prepare_scene(part))
            for bpppb in view.rates:
                step = source.step_for_bits(bpppb * part.size, WEIGHT)
                latents = rounded_latents(source, step, network)
                if latents is not None:
                    yield Example(name, title, bpppb, step, source.pyramid, *latents)


def rounded_latents(source: ScenePlanes, step: float, network: ContextNetwork) -> tuple[Latents, LatentSide] | None:
    """Return the latents that a fit with that step would make, and what is stored beside them.

    Parameters
    ----------
    source
        The planes of a scene.
    step
        Quantiser step, on the [0, 1] scale of the scene.
    network
        The network whose bits the rounding weighs against errors.

    Returns
    -------
    latents, side
        None where no component is worth its bits, or all latents are 0.
    """
    rank, _ = source.rank(step, WEIGHT)
    if not rank:
        return None
    count = min(components_for(rank, len(source.mean)), len(source.planes))
    turn = rotate([part[:count].astype(np.float64) / step for part in source.subbands], rank, WEIGHT)
    planes = np.tensordot(turn.T, source.planes[:count].astype(np.float64), 1) / step
    scene = SoftScene(torch.tensor(planes, dtype=torch.float32), None, source.pyramid)
    rounder = Rounder(source.pyramid, rank, network, torch.device("cpu"), seed=0)
    latents = first_latents(analyse(scene.planes, source.pyramid, torch))
    for index in range(_SWEEPS):
        latents = rounder.sweep(latents, scene, WEIGHT * min(1.0, (index + 1) / _WARM), _SHARE)
    rounded = whole(latents)
    side = side_of(rounded, source.pyramid, rounder.offsets)
    return (rounded, side) if side.scales.any() else None

"""Our own models at each of their presets."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import numpy as np

import xr_inr
from benchmarks.codecs.base import Codec, OutOfReachError, Scene, Stream
from xr_inr.core import device as devices
from xr_inr.core.encode import Encoded, encode_array
from xr_inr.core.monitor import Monitor, Progress
from xr_inr.core.request import FitRequest
from xr_inr.core.siren.presets import PRESETS, SirenPreset
from xr_inr.exceptions import BudgetError


class Ours(Codec):
    """A model of xr_inr, fitted on a GPU where torch finds one, else on the CPU."""

    model: ClassVar[str]
    """What to ask for."""

    unit: ClassVar[str]
    """What its fit counts."""

    def __init__(self, preset: str) -> None:
        self.name = f"{self.model}, {preset}"
        self._preset = preset
        self._device = devices.resolve("auto")

    @property
    def device(self) -> str:
        """Where the fit runs."""
        return self._device.type

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Fit the model within the budget; its search for an architecture is part of it."""
        request = FitRequest(bpppb=budget * 8 / scene.size, model=self.model, preset=self._preset)
        encoded = _encode(scene, request, budget, Monitor())
        return Stream(encoded.payload, f"{_network(encoded)}, {encoded.iterations:,} {self.unit}")

    def decode(self, payload: bytes) -> Scene:
        """Decode every sample, without torch."""
        return np.asarray(xr_inr.decode(payload))


class Lossless(Codec):
    """The latent model's residual layer alone: every sample as it is."""

    name = "latent, max_error=0"
    libraries = ("constriction",)

    def encode(self, scene: Scene, budget: int) -> Stream:  # noqa: ARG002 - lossless
        """Store the very samples."""
        encoded = encode_array(scene, FitRequest(max_error=0))
        return Stream(encoded.payload, "residual layer alone")

    def decode(self, payload: bytes) -> Scene:
        """Decode every sample, without torch."""
        return np.asarray(xr_inr.decode(payload))


class Latent(Ours):
    """The latent model."""

    libraries = ("constriction", "torch")
    model = "latent"
    unit = "sweeps"


class Siren(Ours):
    """The siren model."""

    libraries = ("torch",)
    model = "siren"
    unit = "iterations"


class PaperSiren(Siren):
    """The paper's settings for a while: full batches, Adam at 2e-4, 16-bit weights, five hidden layers, no search.

    All 15,000 iterations of every scene and rate would take a day on two cores; `benchmarks.paper` runs them to the
    end where they matter. The parameters that are best when the time is up are stored.
    """

    seconds = 30.0
    """Processor time of a fit."""

    def __init__(self) -> None:
        super().__init__("paper")
        self.name = "siren, paper, 30 s"

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Fit the network that the budget allows until the time is up."""
        until = time.process_time() + self.seconds

        def stop(_: Progress) -> None:
            if time.process_time() > until:
                raise KeyboardInterrupt

        with _known(dataclasses.replace(PRESETS["paper"], name=self.name, hidden_layers=(5,), rungs=())) as preset:
            request = FitRequest(bpppb=budget * 8 / scene.size, model=self.model, preset=preset.name)
            encoded = _encode(scene, request, budget, Monitor(report=stop, keep_best=lambda _: True))
        settings = f"{_network(encoded)}, {encoded.iterations:,} of {preset.iterations:,} iterations"
        return Stream(encoded.payload, settings)


@contextmanager
def _known(preset: SirenPreset) -> Iterator[SirenPreset]:
    """Let requests name a preset until the block is left."""
    PRESETS[preset.name] = preset
    try:
        yield preset
    finally:
        del PRESETS[preset.name]


def _encode(scene: Scene, request: FitRequest, budget: int, monitor: Monitor) -> Encoded:
    try:
        encoded = encode_array(scene, request, budget=budget, monitor=monitor)
    except BudgetError as error:
        raise OutOfReachError(str(error)) from error
    return encoded


def _network(encoded: Encoded) -> str:
    return encoded.architecture or "no network"

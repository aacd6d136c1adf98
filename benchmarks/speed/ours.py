"""xr_inr as a program uses it: a scene to bytes, bytes to a scene, and bytes to the spectra of single pixels."""

from __future__ import annotations

import sys

import numpy as np

import xr_inr
from benchmarks.codecs.base import OutOfReachError, Scene
from xr_inr.core.decode import Payload
from xr_inr.exceptions import BudgetError

_STRIDE = 7919
"""Pixels between one that is read and the next: a prime, so that all of a scene's come in turn."""


def encode(scene: Scene, bpppb: float, *, model: str, preset: str) -> bytes:
    """Return the payload of a scene, (bands, height, width), fitted on the CPU.

    Raises
    ------
    OutOfReachError
        When no payload is that small.
    """
    try:
        return xr_inr.encode(scene, bpppb=bpppb, model=model, preset=preset, device="cpu")
    except BudgetError as error:
        raise OutOfReachError(str(error)) from error


def decode(payload: bytes) -> Scene:
    """Return the scene, (bands, height, width), that a payload stands for; raises `RuntimeError` with torch at hand."""
    scene = np.asarray(xr_inr.decode(payload))
    _check_torch()
    return scene


class Pixels:
    """Reads a payload pixel by pixel.

    Parameters
    ----------
    payload
        The bytes, in memory. They are not opened yet.
    """

    def __init__(self, payload: bytes) -> None:
        self._bytes = payload
        self._place = 0

    def open(self) -> None:
        """Open the payload anew, so that nothing of it is known from earlier reads."""
        self._payload = Payload(self._bytes)

    def read(self) -> None:
        """Read the spectrum of the next pixel from the opened payload; raises `RuntimeError` with torch at hand."""
        bands, height, width = self._payload.shape
        self._place = (self._place + _STRIDE) % (height * width)
        row, column = divmod(self._place, width)
        spectrum = self._payload.read(((row, row + 1), (column, column + 1)))
        if spectrum.shape != (bands, 1, 1):
            raise RuntimeError(f"the spectrum of a pixel must be of {bands} bands. Got shape {spectrum.shape}.")
        _check_torch()


def _check_torch() -> None:
    if "torch" in sys.modules:
        raise RuntimeError("our reading must do without torch.")

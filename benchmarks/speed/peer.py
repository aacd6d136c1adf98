"""KLT + JPEG 2000 with its search for the best settings, and once through with the settings that it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.codecs.base import OutOfReachError, Scene
from benchmarks.codecs.container import pack, unpack
from benchmarks.codecs.klt import KltJpeg2000, Planes
from benchmarks.codecs.transform import Klt


class _Recording(KltJpeg2000):
    """Remembers the settings behind each codestream."""

    def __init__(self) -> None:
        self.settings: dict[bytes, tuple[int, float, Any]] = {}

    def store(self, planes: Planes, error: float, variant: Any) -> bytes:
        stored = super().store(planes, error, variant)
        self.settings[stored] = (len(planes), error, variant)
        return stored


def search(scene: Scene, budget: int, settings_file: Path) -> bytes:
    """Return the best stream within `budget` bytes, and write the settings behind it.

    Raises
    ------
    OutOfReachError
        When no stream is that small.
    """
    codec = _Recording()
    payload = codec.encode(scene, budget).payload
    stored = unpack(payload)[2][1]
    settings_file.write_text(json.dumps(codec.settings[stored]))
    return payload


def one_pass(scene: Scene, settings_file: Path) -> bytes:
    """Return the stream of settings that `search` wrote: one transform, one JPEG 2000 encode, one regression.

    Raises
    ------
    OutOfReachError
        When it wrote none, because no stream is that small.
    """
    if not settings_file.exists():
        raise OutOfReachError("the search found no settings")
    rank, error, variant = json.loads(settings_file.read_text())
    codec, klt = KltJpeg2000(), Klt(scene)
    stored = codec.store(klt.planes(rank), error, tuple(variant))
    planes = codec.restore(stored, (scene.shape[1], scene.shape[2]))
    return pack(scene, [klt.regression(planes, error**2), stored])


def decode(payload: bytes) -> Scene:
    """Return the scene that a stream stands for."""
    return KltJpeg2000().decode(payload)

"""One encode or decode in a process of its own: what a user's program does, from the start of Python to the result.

    python -m benchmarks.speed.job encode METHOD BPPPB CALLS scene.npy stream.bin
    python -m benchmarks.speed.job decode METHOD BPPPB CALLS scene.npy stream.bin

Prints `Measured` as JSON. Our decode runs without torch, and fails here if torch was imported.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.codecs.base import OutOfReachError, Scene

PEER = "klt + jpeg 2000"
"""What ours is compared with, as `registry.CODECS` calls it."""

ONE_PASS = f"{PEER}, one pass"
"""Its encode without the search: with the settings that were found for the stream that lies there."""

PRESETS = {"siren, fast": "fast", "siren, balanced": "balanced"}
"""Ours, by the names of `registry.CODECS`, and what `xr_inr.encode` calls them."""

OUT_OF_REACH = 3
"""Exit status where the method cannot store the scene in so few bytes."""

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Measured:
    """What one process tells of itself."""

    seconds: list[float]
    """Of each call, imports and files left out."""

    peak_kib: int
    """Peak resident memory of the process, Python and libraries included."""

    call_kib: int | None
    """By how much the peak during the last call exceeds what was resident before it; None where nothing tells."""


def main() -> None:
    """Run the job of the command line."""
    operation, method, bpppb, calls, scene_file, stream_file = sys.argv[1:]
    call = (_encode if operation == "encode" else _decode)(method, float(bpppb), Path(scene_file), Path(stream_file))
    try:
        measured = _measure(call, int(calls))
    except OutOfReachError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(OUT_OF_REACH)
    sys.stdout.write(json.dumps(dataclasses.asdict(measured)) + "\n")


def _measure(call: Callable[[], None], calls: int) -> Measured:
    seconds = []
    highest, of_call = 0, None
    for _ in range(calls):
        highest = max(highest, _peak_kib())
        anew = _start_peak_anew()
        before = _peak_kib()
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
        peak = _peak_kib()
        highest = max(highest, peak)
        of_call = peak - before if anew else None
    return Measured(seconds, highest, of_call)


def _peak_kib() -> int:
    """Return the most memory this process has held, as `measure.peak_memory` does, whose imports belong to no codec.

    VmHWM of proc(5) starts anew with the program, ``ru_maxrss`` from the peak of the process that launched it.
    """
    if _STATUS.exists():
        return next(int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**10 if sys.platform == "darwin" else 1)


def _start_peak_anew() -> bool:
    """Let the peak start from what is resident now, see proc(5); return False where the system cannot."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _encode(method: str, bpppb: float, scene_file: Path, stream_file: Path) -> Callable[[], None]:
    scene: Scene = np.load(scene_file)
    settings_file = stream_file.with_suffix(".json")
    if method in PRESETS:
        import torch  # noqa: F401, PLC0415 - xr_inr imports it when it fits, which is no part of the call's time

        import xr_inr  # noqa: PLC0415 - the peer's process does without it

        def encode() -> bytes:
            return xr_inr.encode(scene, bpppb=bpppb, model="siren", preset=PRESETS[method], device="cpu")

    else:
        from benchmarks.speed import peer as speed_peer  # noqa: PLC0415 - our own process does without it

        def encode() -> bytes:
            if method == ONE_PASS:
                return speed_peer.one_pass(scene, settings_file)
            return speed_peer.search(scene, int(bpppb * scene.size / 8), settings_file)

    return lambda: _store(encode(), stream_file)


def _store(payload: bytes, stream_file: Path) -> None:
    stream_file.write_bytes(payload)


def _decode(method: str, _: float, scene_file: Path, stream_file: Path) -> Callable[[], None]:
    payload = stream_file.read_bytes()
    shape = np.load(scene_file, mmap_mode="r").shape
    decode: Callable[[bytes], Scene]
    if method in PRESETS:
        import xr_inr  # noqa: PLC0415 - the peer's process does without it

        decode = xr_inr.decode
    else:
        from benchmarks.speed import peer as speed_peer  # noqa: PLC0415 - our own process does without it

        decode = speed_peer.decode

    def call() -> None:
        if decode(payload).shape != shape:
            raise RuntimeError(f"{method} must give back a scene of shape {shape}.")
        if method in PRESETS and "torch" in sys.modules:
            raise RuntimeError("our decode must do without torch.")

    return call


if __name__ == "__main__":
    main()

"""One encode or decode in a process of its own: what a user's program does, from the start of Python to the result.

    python -m benchmarks.speed_job encode METHOD BPPPB CALLS scene.npy stream.bin
    python -m benchmarks.speed_job decode METHOD BPPPB CALLS scene.npy stream.bin

Prints `Measured` as JSON. Our decode runs without torch, and fails here if torch was imported. Linux only: the peak of
memory is VmHWM of proc(5), which starts anew with the program, while ``ru_maxrss`` starts from the peak of the process
that launched it.
"""

from __future__ import annotations

import dataclasses
import json
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


@dataclass(frozen=True)
class Measured:
    """What one process tells of itself."""

    seconds: list[float]
    """Of each call, imports and files left out."""

    peak_kib: int
    """Peak resident memory of the process, Python and libraries included."""

    call_kib: int
    """By how much the peak during the last call exceeds what was resident before it."""


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
    for _ in range(calls):
        peak_before = _resident_kib("VmHWM")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is resident, see proc(5)
        before = _resident_kib("VmRSS")
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
        peak = _resident_kib("VmHWM")
    return Measured(seconds, max(peak_before, peak), peak - before)


def _resident_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def _encode(method: str, bpppb: float, scene_file: Path, stream_file: Path) -> Callable[[], None]:
    scene: Scene = np.load(scene_file)
    settings_file = stream_file.with_suffix(".json")
    if method in PRESETS:
        import torch  # noqa: F401, PLC0415 - xr_inr imports it when it fits, which is no part of the call's time

        import xr_inr  # noqa: PLC0415 - the peer's process does without it

        def encode() -> bytes:
            return xr_inr.encode(scene, bpppb=bpppb, preset=PRESETS[method], device="cpu")

    else:
        from benchmarks import speed_peer  # noqa: PLC0415 - our own process does without it

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
        from benchmarks import speed_peer  # noqa: PLC0415 - our own process does without it

        decode = speed_peer.decode

    def call() -> None:
        if decode(payload).shape != shape:
            raise RuntimeError(f"{method} must give back a scene of shape {shape}.")
        if method in PRESETS and "torch" in sys.modules:
            raise RuntimeError("our decode must do without torch.")

    return call


if __name__ == "__main__":
    main()

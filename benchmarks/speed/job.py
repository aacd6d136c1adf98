"""One operation in a process of its own: what a user's program does, from the start of Python to the result.

    python -m benchmarks.speed.job OPERATION METHOD BPPPB CALLS scene.npy stream.bin

OPERATION is ``encode``, ``decode`` or one of `SPECTRA`. Prints `Measured` as JSON. Our reading runs without torch, and
fails here if torch was imported.
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

OURS = {
    f"{model}, {preset}": {"model": model, "preset": preset}
    for model in ("latent", "siren")
    for preset in ("fast", "balanced")
}
"""Ours, by the names of `registry.CODECS`, and what `xr_inr.encode` calls them."""

OPEN, FIRST, LATER = SPECTRA = ("open", "first spectrum", "later spectrum")
"""Reading pixels of ours: opening a payload, the first spectrum that is read of it, and one after that."""

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


@dataclass(frozen=True)
class Timed:
    """What a process does over and over."""

    call: Callable[[], object]
    """What is timed."""

    prepare: Callable[[], object] = lambda: None
    """What comes before each call, and is not timed."""


def main() -> None:
    """Run the job of the command line."""
    operation, method, bpppb, calls, scene_file, stream_file = sys.argv[1:]
    timed = _timed(operation, method, float(bpppb), Path(scene_file), Path(stream_file))
    try:
        measured = _measure(timed, int(calls))
    except OutOfReachError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(OUT_OF_REACH)
    sys.stdout.write(json.dumps(dataclasses.asdict(measured)) + "\n")


def _measure(timed: Timed, calls: int) -> Measured:
    seconds = []
    highest, of_call = 0, None
    for _ in range(calls):
        timed.prepare()
        highest = max(highest, peak_kib())
        anew = start_peak_anew()
        before = peak_kib()
        started = time.perf_counter()
        timed.call()
        seconds.append(time.perf_counter() - started)
        peak = peak_kib()
        highest = max(highest, peak)
        of_call = peak - before if anew else None
    return Measured(seconds, highest, of_call)


def peak_kib() -> int:
    """Return the most memory this process has held, as `measure.peak_memory` does, whose imports belong to no codec.

    VmHWM of proc(5) starts anew with the program, ``ru_maxrss`` from the peak of the process that launched it.
    """
    if _STATUS.exists():
        return next(int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**10 if sys.platform == "darwin" else 1)


def start_peak_anew() -> bool:
    """Let the peak start from what is resident now, see proc(5); return False where the system cannot."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _timed(operation: str, method: str, bpppb: float, scene_file: Path, stream_file: Path) -> Timed:
    if operation == "encode":
        return _encode(method, bpppb, scene_file, stream_file)
    if operation == "decode":
        return _decode(method, scene_file, stream_file)
    return _read_pixels(operation, stream_file)


def _encode(method: str, bpppb: float, scene_file: Path, stream_file: Path) -> Timed:
    scene: Scene = np.load(scene_file)
    settings_file = stream_file.with_suffix(".json")
    if method in OURS:
        import torch  # noqa: F401, PLC0415 - xr_inr imports it when it fits, which is no part of the call's time

        from benchmarks.speed import ours  # noqa: PLC0415 - the peer's process does without it

        def encode() -> bytes:
            return ours.encode(scene, bpppb, **OURS[method])

    else:
        from benchmarks.speed import peer as speed_peer  # noqa: PLC0415 - our own process does without it

        def encode() -> bytes:
            if method == ONE_PASS:
                return speed_peer.one_pass(scene, settings_file)
            return speed_peer.search(scene, int(bpppb * scene.size / 8), settings_file)

    return Timed(lambda: stream_file.write_bytes(encode()))


def _decode(method: str, scene_file: Path, stream_file: Path) -> Timed:
    payload = stream_file.read_bytes()
    shape = np.load(scene_file, mmap_mode="r").shape
    decode: Callable[[bytes], Scene]
    if method in OURS:
        from benchmarks.speed import ours  # noqa: PLC0415 - the peer's process does without it

        decode = ours.decode
    else:
        from benchmarks.speed import peer as speed_peer  # noqa: PLC0415 - our own process does without it

        decode = speed_peer.decode

    def call() -> None:
        if decode(payload).shape != shape:
            raise RuntimeError(f"{method} must give back a scene of shape {shape}.")

    return Timed(call)


def _read_pixels(operation: str, stream_file: Path) -> Timed:
    from benchmarks.speed.ours import Pixels  # noqa: PLC0415 - the peer's process does without it

    pixels = Pixels(stream_file.read_bytes())
    if operation == LATER:
        pixels.open()
        pixels.read()
    return {
        OPEN: Timed(pixels.open),
        FIRST: Timed(pixels.read, prepare=pixels.open),
        LATER: Timed(pixels.read),
    }[operation]


if __name__ == "__main__":
    main()

"""One stream: encoded, decoded from its bytes alone, compared with the scene, timed."""

from __future__ import annotations

import math
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import results, scenes
from benchmarks.codecs import registry
from benchmarks.codecs.base import Codec, OutOfReachError, Scene
from benchmarks.results import Row
from xr_inr.core.metrics import compare, spectral_angles
from xr_inr.core.request import budget_bytes

_DECODES = 5
"""How often a decode is timed, less often where they take more than this many seconds."""


def measure(scene_name: str, codec_name: str, bpppb: float | None) -> tuple[Row, bytes]:
    """Measure one codec on one scene at one rate.

    Parameters
    ----------
    scene_name, codec_name
        Names in `scenes.SCENES` and `registry.CODECS`.
    bpppb
        Bits per pixel per band the stream may take; None for lossless codecs.

    Returns
    -------
    The row of `results.COLUMNS` and the stream; figures are empty and the stream too where the status is not ``ok``.
    """
    row = dict.fromkeys(results.COLUMNS, "") | {
        "scene": scene_name,
        "codec": codec_name,
        "asked_bpppb": "" if bpppb is None else f"{bpppb:g}",
    }
    try:
        codec = registry.make(codec_name)
        lacking = codec.missing()
    except ModuleNotFoundError as error:
        lacking = f"the package {error.name} is not installed (pip install 'xr-inr[fit,bench]')"
    if lacking is not None:
        return row | results.machine() | {"status": f"{results.MISSING}{lacking}"}, b""
    row |= results.machine(codec.libraries, device=codec.device)
    scene = scenes.load(scene_name)
    budget = budget_bytes(math.inf if bpppb is None else bpppb, scene.size)
    started, worked = time.perf_counter(), time.process_time()
    try:
        stream = codec.encode(scene, budget)
    except OutOfReachError as error:
        return row | {"status": f"out of reach: {error}"}, b""
    encode_s, encode_cpu_s = time.perf_counter() - started, time.process_time() - worked
    if len(stream.payload) > budget:
        raise AssertionError(f"{codec_name} took {len(stream.payload):,} bytes of {budget:,}")
    decoded, decode_s = timed_decode(codec, stream.payload)
    return row | {
        "status": "ok",
        "settings": stream.settings,
        "bytes": str(len(stream.payload)),
        "bpppb": f"{len(stream.payload) * 8 / scene.size:.5f}",
        **quality(scene, decoded),
        "encode_s": f"{encode_s:.3f}",
        "encode_cpu_s": f"{encode_cpu_s:.3f}",
        "decode_s": f"{decode_s:.4f}",
        "peak_memory_mib": f"{peak_memory():.0f}",
    }, stream.payload


def timed_decode(codec: Codec, payload: bytes) -> tuple[Scene, float]:
    """Return the scene and the median seconds of a decode: of the processor, or of the clock where a GPU works."""
    clock = time.process_time if codec.device == "cpu" else time.perf_counter
    times: list[float] = []
    while len(times) < _DECODES and sum(times) < _DECODES:
        started = clock()
        decoded = codec.decode(payload)
        times.append(clock() - started)
    return decoded, statistics.median(times)


def quality(scene: Scene, decoded: Scene) -> Row:
    """Return the figures of a decoded scene, (bands, height, width), as columns.

    Raises
    ------
    AssertionError
        When it is not of the scene's shape and dtype.
    """
    if (decoded.shape, decoded.dtype) != (scene.shape, scene.dtype):
        raise AssertionError(f"decoded {decoded.dtype} {decoded.shape} of a scene {scene.dtype} {scene.shape}")
    figures = compare(scene, decoded)
    bands = figures.band_psnr
    finite = bands[np.isfinite(bands)]
    angles = spectral_angles(*(cube.reshape(len(cube), -1).astype(np.float64) for cube in (scene, decoded)))
    return {
        "psnr_db": f"{figures.psnr:.4f}",
        "peak": f"{figures.peak:g}",
        "mean_band_psnr_db": f"{finite.mean() if len(finite) else math.inf:.4f}",
        "sam_mean_degrees": f"{angles.mean():.5f}",
        "sam_p99_degrees": f"{np.percentile(angles, 99):.5f}",
        "max_error": f"{figures.max_error:g}",
    }


def peak_memory() -> float:
    """Return the most memory this process has held, in MiB.

    On Linux VmHWM of proc(5): ``ru_maxrss`` starts from the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

"""TTHRESH: Tucker's decomposition of the whole cube, its core coded by bit planes (Ballester-Ripoll et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.base import Codec, OutOfReachError, Scene, Stream, to_dtype
from benchmarks.codecs.container import pack, unpack

_STRIPS = (1, 2, 4, 8)
_ENCODINGS = 10
_CLOSE_ENOUGH = 0.015


class Tthresh(Codec):
    """TTHRESH through numcodecs' WebAssembly build, at the least error bound that fits.

    The build reads arrays in Fortran order, so cubes are handed over reversed in memory, as (height, width, bands). Its
    streams of large cubes at high rates cannot be decoded: where that happens, the scene is stored in strips of lines.
    """

    name = "tthresh"
    libraries = ("numcodecs-wasm-tthresh",)

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store the scene in as few strips as can be decoded again, at the least error that fits."""
        bound = max(float(scene.std()), 1.0) / 8
        for strips in _STRIPS:
            try:
                found = _finest_below(partial(_packed, scene, strips), self.decode, budget, start=bound)
            except _UndecodableError as error:
                bound = error.bound
                continue
            if found is None:
                raise OutOfReachError(f"no error bound tried gives a stream within {budget} bytes")
            payload, bound = found
            return Stream(payload, f"rmse bound {bound:.4g}" + (f", {strips} strips" if strips > 1 else ""))
        raise OutOfReachError(
            f"no stream near {budget} bytes that its own decoder reads, in up to {_STRIPS[-1]} strips"
        )

    def decode(self, payload: bytes) -> Scene:
        """Return the cube, rounded."""
        dtype, _, parts = unpack(payload)
        codec = _codec(1.0)
        strips = [_bands_first(np.asarray(codec.decode(np.frombuffer(part, np.uint8)))) for part in parts]
        return to_dtype(np.concatenate(strips, axis=1), dtype)


class _UndecodableError(Exception):
    """The decoder traps on a stream that the encoder wrote."""

    def __init__(self, bound: float) -> None:
        super().__init__(f"the stream at an rmse bound of {bound:.4g} cannot be decoded")
        self.bound = bound


def _codec(rmse: float) -> Any:
    from numcodecs_wasm_tthresh import Tthresh as Wasm  # noqa: PLC0415 - takes seconds to compile

    return Wasm(eb_mode="rmse", eb_rmse=rmse)  # type: ignore[no-untyped-call]


def _packed(scene: Scene, strips: int, rmse: float) -> bytes:
    codec = _codec(rmse)
    lines = np.array_split(np.asarray(scene, np.float32), min(strips, scene.shape[1]), axis=1)
    return pack(scene, [bytes(codec.encode(_fortran(strip))) for strip in lines])


def _fortran(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (height, width, bands), in memory with the first axis fastest."""
    bands, height, width = strip.shape
    return np.ascontiguousarray(strip.transpose(0, 2, 1)).reshape(height, width, bands)


def _bands_first(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo `_fortran`."""
    height, width, bands = strip.shape
    return strip.reshape(bands, width, height).transpose(0, 2, 1)


def _finest_below(
    encode: Callable[[float], bytes], decode: Callable[[bytes], Any], budget: int, *, start: float
) -> tuple[bytes, float] | None:
    """Find a small bound whose stream fits, by secants: the size is smooth where both are logarithms.

    Parameters
    ----------
    encode
        A function of the error bound that returns a stream, the larger the smaller the bound.
    decode
        Its inverse, which may fail.
    budget
        Bytes the stream may take.
    start
        The first bound tried.

    Returns
    -------
    The largest stream that fits and its bound, or None.

    Raises
    ------
    _UndecodableError
        When a stream that fits does not decode.
    """
    best: tuple[bytes, float] | None = None
    below: tuple[float, float] | None = None
    above: tuple[float, float] | None = None
    bound = math.log(start)
    for _ in range(_ENCODINGS):
        stream = encode(math.exp(bound))
        excess = math.log(len(stream) / budget)
        if excess <= 0:
            below = bound, excess
            if best is None or len(stream) > len(best[0]):
                best = stream, math.exp(bound)
                try:
                    decode(stream)
                except Exception as error:
                    # The sandbox raises nothing narrower than Exception.
                    raise _UndecodableError(best[1]) from error
            if excess > -_CLOSE_ENOUGH:
                break
        else:
            above = bound, excess
        if below is None or above is None:
            bound += 0.5 * excess + math.copysign(0.05, excess)
        else:
            part = (below[1] + _CLOSE_ENOUGH / 2) / (below[1] - above[1])
            bound = below[0] + min(max(part, 0.05), 0.95) * (above[0] - below[0])
    return best

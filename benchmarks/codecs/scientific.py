"""Compressors of floating-point fields, on the whole cube: SPERR, SZ3 and ZFP, all through imagecodecs.

None of them but SPERR can be asked for a number of bytes: SZ3 and ZFP run at many settings, and of the streams that
fit, the one nearest the scene is kept.
"""

from __future__ import annotations

import itertools
import struct
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.base import Codec, OutOfReachError, Scene, Stream, best_below, best_whole_below, to_dtype
from benchmarks.codecs.container import pack, unpack

_Cube = NDArray[np.float32]

_ORDERS = list(itertools.permutations((0, 1, 2)))
_AXES = "zyx"


class Sperr(Codec):
    """SPERR: wavelets on the cube, and bit planes coded until the rate is spent (Li, Lindstrom, Clyne 2023).

    At equal bytes its rate mode is 0.1 to 0.3 dB above its PSNR mode, the order of the axes makes no difference, and
    subtracting the bands' means costs about what it gains.
    """

    name = "sperr 3-d"
    libraries = ("imagecodecs",)

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store the cube at the highest rate that fits."""
        cube = np.ascontiguousarray(scene, np.float32)
        mode = imagecodecs.SPERR.MODE.BPP

        def at(rate: float) -> bytes:
            return pack(scene, [bytes(imagecodecs.sperr_encode(cube, rate, mode, chunks=cube.shape, numthreads=1))])

        asked = 8 * budget / cube.size
        found = best_below(at, budget, coarse=0.5 * asked, fine=1.05 * asked, steps=8)
        if found is None:
            raise OutOfReachError(f"no stream within {budget} bytes at half that rate")
        return Stream(found[0], f"{found[1]:.4f} bits a sample")

    def decode(self, payload: bytes) -> Scene:
        """Return the cube, rounded."""
        dtype, shape, (stream,) = unpack(payload)
        return to_dtype(imagecodecs.sperr_decode(stream, shape=shape, dtype=np.float32, numthreads=1), dtype)


@dataclass(frozen=True)
class _Layout:
    """How a cube is laid before a codec: its axes in some order, its bands' means taken off or not."""

    number: int

    @property
    def order(self) -> tuple[int, ...]:
        return _ORDERS[self.number // 2]

    @property
    def centred(self) -> bool:
        return self.number % 2 == 1

    def __str__(self) -> str:
        """Return the axes, the slowest first (z: bands), and whether means are taken off."""
        return "".join(_AXES[axis] for axis in self.order) + (", band means off" if self.centred else "")

    def apply(self, scene: Scene) -> tuple[_Cube, bytes]:
        """Return the cube to store, and the means that go with it."""
        means = to_dtype(scene.mean(axis=(1, 2)) * self.centred, scene.dtype)
        cube = scene.astype(np.float32) - means[:, None, None].astype(np.float32)
        return np.ascontiguousarray(cube.transpose(self.order)), means.tobytes() if self.centred else b""

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the shape of the cube as stored."""
        return tuple(shape[axis] for axis in self.order)

    def undo(self, cube: NDArray[Any], means: bytes, dtype: np.dtype[Any]) -> Scene:
        """Return the scene, (bands, height, width)."""
        upright = cube.transpose(np.argsort(self.order))
        if self.centred:
            upright = upright + np.frombuffer(means, dtype).astype(np.float32)[:, None, None]
        return to_dtype(upright, dtype)


_LAYOUTS = [_Layout(number) for number in range(2 * len(_ORDERS))]


class _Searched(Codec):
    """A codec of which many streams are tried, in every layout of the cube."""

    libraries = ("imagecodecs",)

    @abstractmethod
    def _streams(self, cube: _Cube, frame: Callable[[bytes], bytes], budget: int) -> Iterator[tuple[bytes, str]]:
        """Yield framed streams of a cube that fit, and their settings."""

    @abstractmethod
    def _restore(self, body: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the cube of a stream."""

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store the cube by the fitting stream of least squared error."""
        best: tuple[float, Stream] | None = None
        for layout in _LAYOUTS:
            cube, means = layout.apply(scene)

            def frame(body: bytes, head: bytes = bytes([layout.number]), means: bytes = means) -> bytes:
                return pack(scene, [head, means, body])

            for payload, settings in self._streams(cube, frame, budget):
                error = float(np.square(self.decode(payload).astype(np.float64) - scene).mean())
                if best is None or error < best[0]:
                    best = error, Stream(payload, f"{settings}, {layout}")
        if best is None:
            raise OutOfReachError(f"no setting gives a stream within {budget} bytes")
        return best[1]

    def decode(self, payload: bytes) -> Scene:
        """Return the cube, rounded."""
        dtype, shape, (head, means, body) = unpack(payload)
        layout = _Layout(head[0])
        return layout.undo(self._restore(body, layout.shape(shape)), means, dtype)


class Sz3(_Searched):
    """SZ3: prediction by interpolation, the residue quantised to an error bound (Liang et al. 2023).

    Its squared error is no steady function of its size, so several bounds just under the budget are compared.
    """

    name = "sz3"

    def _streams(self, cube: _Cube, frame: Callable[[bytes], bytes], budget: int) -> Iterator[tuple[bytes, str]]:
        def at(octave: float) -> bytes:
            return frame(bytes(imagecodecs.sz3_encode(cube, imagecodecs.SZ3.MODE.ABS, abs=2.0**octave)))

        top = float(np.log2(np.abs(cube).max() + 1))
        found = best_below(at, budget, coarse=top, fine=-1.0, steps=8)
        if found is None:
            return
        for octave in found[1] + np.arange(6) / 12:
            payload = at(octave)
            if len(payload) <= budget:
                yield payload, f"error bound {2.0**octave:.4g}"

    def _restore(self, body: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        cube: _Cube = imagecodecs.sz3_decode(body, shape=shape, dtype=np.float32)
        return cube


class Zfp(_Searched):
    """ZFP: a transform of 4 x 4 x 4 blocks, bit plane by bit plane (Lindstrom 2014).

    Three modes are tried: a bound on the error of floats, and a number of bit planes or a rate for integers that fill
    30 bits, which have no exponents to store. The first knows only powers of two, hence the scale.
    """

    name = "zfp"

    def _streams(self, cube: _Cube, frame: Callable[[bytes], bytes], budget: int) -> Iterator[tuple[bytes, str]]:
        mode = imagecodecs.ZFP.MODE
        top = float(np.abs(cube).max()) or 1.0
        whole_scale = float(np.float32(2.0**29 / top))
        whole = np.rint(cube.astype(np.float64) * whole_scale).astype(np.int32)

        def compress(values: NDArray[Any], scale: float, level: Any, mode: Any) -> bytes:
            return frame(struct.pack("<f", scale) + imagecodecs.zfp_encode(values, level, mode=mode))

        def bounded(octave: float) -> bytes:
            ceiling = np.ceil(octave)
            scale = float(np.float32(2.0 ** (ceiling - octave)))
            return compress(cube * np.float32(scale), scale, 2.0**ceiling, mode.FIXED_ACCURACY)

        def planes(precision: int) -> bytes:
            return compress(whole, whole_scale, precision, mode.FIXED_PRECISION)

        def rated(rate: float) -> bytes:
            return compress(whole, whole_scale, rate, mode.FIXED_RATE)

        # A block of the transform gains up to 2 (3 + 1) bits over its largest sample, which the bound allows for.
        found = best_below(bounded, budget, coarse=float(np.log2(top)) + 9, fine=-1.0, steps=10)
        if found is not None:
            yield found[0], f"error bound {2.0 ** found[1]:.4g}"
        by_planes = best_whole_below(planes, budget, coarse=1, fine=30)
        if by_planes is not None:
            yield by_planes[0], f"{by_planes[1]} bit planes"
        asked = 8 * budget / cube.size
        by_rate = best_below(rated, budget, coarse=0.5 * asked, fine=1.1 * asked, steps=6)
        if by_rate is not None:
            yield by_rate[0], f"{by_rate[1]:.3f} bits a sample"

    def _restore(self, body: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        (scale,) = struct.unpack("<f", body[:4])
        cube: NDArray[Any] = imagecodecs.zfp_decode(body[4:]).reshape(shape) / np.float64(scale)
        return cube

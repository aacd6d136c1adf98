"""Spectral KLT and HEVC intra frames (x265), all components in one 12-bit grey picture at one quantiser."""

from __future__ import annotations

import io
import math
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.codecs.container import read_varint, varint
from benchmarks.codecs.klt import KltImages, Planes
from benchmarks.codecs.pictures import between_extremes, from_picture, restore_header, shorten_header, to_picture

_PARAMETERS = (
    "keyint=1:ipratio=1:aq-mode=0:cutree=0:psy-rd=0:psy-rdoq=0:rd=6:rdoq-level=2:sao=0:"
    "info=0:pools=1:frame-threads=1:wpp=0:log-level=none"
)
_TOP = 4095
_COARSEST = 51
_FINEST = 0
"""The quantiser's range in x265, which leaves a mean square error of about 8 in 12-bit samples at the finest."""

_OFFSET = 24
"""By how much the quantiser of 12-bit samples lies above that of 8-bit ones at the same step."""
_HEADER = bytes.fromhex(
    "0000000140010c01ffff04080000030099e800000300005aba02400000000142010104080000030099e800000300005ac0d2005b114a5ba924"
    "6d2e68080000030008000003000840000000014401c1718112"
)
_PICTURE = b"\0\0\1"
"""What the picture begins with after three parameter sets that begin so too."""


class KltHevc(KltImages):
    """Tuned for PSNR, without perceptual tools; between two whole quantisers, the samples are scaled."""

    name = "klt + hevc intra"
    libraries = ("av", "constriction")

    def store(self, planes: Planes, error: float, variant: Any) -> bytes:
        """Return planes as one intra frame."""
        del variant
        centred, span = between_extremes(planes)
        # A step at quantiser q is 2^((q - 4) / 6) of an 8-bit sample (H.265, 8.6.4.2), and its error a third of that.
        wanted = 6 * math.log2(max(3 * error * _TOP / span, 1e-9)) + 4 - _OFFSET
        quantiser = min(max(math.floor(wanted), _FINEST), _COARSEST)
        scale = _TOP / span * min(2.0 ** ((quantiser - wanted) / 6), 1.0)
        samples = np.rint(centred * scale + _TOP / 2).clip(0, _TOP).astype(np.uint16)
        stream = _encode(to_picture(samples), quantiser)
        end = 0
        for _ in range(4):
            end = stream.index(_PICTURE, end + 1)
        return varint(len(planes)) + shorten_header(stream, end, _HEADER)

    def restore(self, stored: bytes, size: tuple[int, int]) -> Planes:
        """Return the planes of the frame, in 12-bit samples."""
        rank, start = read_varint(stored, 0)
        return from_picture(_decode(restore_header(stored[start:], _HEADER)), rank, size)


def _encode(picture: NDArray[np.uint16], quantiser: int) -> bytes:
    """Return one intra frame, (height, width) of multiples of 8, as an HEVC byte stream."""
    file = io.BytesIO()
    with av.open(file, "w", format="hevc") as container:
        stream = container.add_stream("libx265", rate=1)
        stream.height, stream.width = picture.shape
        stream.pix_fmt = "gray12le"
        stream.thread_count = 1
        stream.options = {"preset": "veryslow", "tune": "psnr", "x265-params": f"{_PARAMETERS}:qp={quantiser}"}
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray12le")))
        container.mux(stream.encode(None))
    return file.getvalue()


def _decode(stream: bytes) -> NDArray[Any]:
    with av.open(io.BytesIO(stream), "r", format="hevc") as container:
        return next(container.decode(video=0)).to_ndarray()

"""Where the samples that a codec is asked to encode come from.

Whatever was decoded from a store carries the store's codec along in its encoding, and xarray's own ``to_zarr`` hands
it to the new store. A second fit to samples that a first one gave loses quality again, and nobody asked for it. So a
codec that was read from a store remembers which payloads it has decoded, and encodes their samples by copying them;
once it has decoded, it refuses to be fitted to anything else. So no stored chunk is filled up in part either.
"""

from __future__ import annotations

import threading
import uuid
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.codecs.chunks import kept_payload, without_padding
from xr_inr.exceptions import PayloadError, RequestError

_MOST_BYTES = 2**27
"""Of the payloads that are remembered."""

_MOST_ORIGINS = 4096

_Key = tuple[int, tuple[int, ...], str]

SECOND_FIT = (
    "the samples of this chunk are not what was decoded from the store that their codec comes from: they are a "
    "selection, or changed, or a part of a chunk. Fitting them again would lose quality a second time. "
    "ds.drop_encoding() lets to_zarr store them as they are; ds.inr.compress(...), or encoding=ds.inr.encoding(...), "
    "fits them on purpose; ds.inr.to_zarr(...) copies what was opened whole."
)


@dataclass
class _History:
    """What codecs of one origin have done."""

    reads: bool | None = None
    """Whether the first thing was to decode; None before."""

    shape: tuple[int, ...] | None = None
    """Of the array it was read from."""


class Provenance:
    """The payloads that were decoded lately, by their samples, and what each codec read from a store has done.

    Codecs know themselves by an origin, a name that travels with their copies, also into other processes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._payloads: OrderedDict[_Key, bytes] = OrderedDict()
        self._bytes = 0
        self._histories: OrderedDict[str, _History] = OrderedDict()

    @staticmethod
    def new_origin() -> str:
        """Return the name for a codec that has just been read from a store."""
        return uuid.uuid4().hex

    def reading(self, origin: str | None) -> None:
        """Note that a codec decodes."""
        if origin is not None:
            with self._lock:
                history = self._history(origin)
                history.reads = history.reads is not False

    def decoded(self, origin: str | None, payload: bytes, scene: NDArray[Any], fill: Any) -> None:
        """Remember a payload by all of its samples.

        Parameters
        ----------
        origin
            Of the codec; one that was not read from a store has none, and nothing is remembered.
        payload
            What was decoded.
        scene
            All its samples, (bands, height, width), with or without padding.
        fill
            The value of the padding.
        """
        if origin is None or len(payload) > _MOST_BYTES:
            return
        key = _key(without_padding(scene, fill))
        with self._lock:
            self._bytes += len(payload) - len(self._payloads.pop(key, b""))
            self._payloads[key] = payload
            while self._bytes > _MOST_BYTES:
                self._bytes -= len(self._payloads.popitem(last=False)[1])

    def payload_of(self, origin: str | None, scene: NDArray[Any], fill: Any) -> bytes | None:
        """Return the payload that these samples were decoded from; None where they may be fitted.

        Parameters
        ----------
        origin
            Of the codec that is to encode them; without one, there is nothing to know.
        scene
            (bands, height, width), with or without padding.
        fill
            The value that decoding pads with.

        Raises
        ------
        RequestError
            When they were not decoded from any payload at hand, but the codec has decoded others.
        """
        if origin is None:
            return None
        with self._lock:
            payload = self._payloads.get(_key(without_padding(scene, fill)))
        if payload is not None and _holds(payload, scene, fill):
            return payload
        with self._lock:
            history = self._history(origin)
            if history.reads:
                raise RequestError(SECOND_FIT)
            history.reads = False
        return None

    def check_growth(self, origin: str | None, shape: tuple[int, ...], chunk_shape: tuple[int, ...]) -> None:
        """Refuse to let an array grow where that would fill up a chunk that is stored; raises `RequestError`.

        Parameters
        ----------
        origin
            Of the array's codec.
        shape
            What the array has, when this is asked first; later, what it shall have.
        chunk_shape
            Shape of its chunks.
        """
        if origin is None:
            return
        with self._lock:
            history = self._history(origin)
            before = history.shape = history.shape or shape
        if len(before) != len(shape):
            return
        for axis, (old, new, step) in enumerate(zip(before, shape, chunk_shape, strict=True)):
            if new > old and old % step:
                raise RequestError(
                    f"an array must grow by whole chunks: its last one along axis {axis} holds {old % step} of {step}, "
                    f"and would have to be fitted again. Got a shape of {shape} after {before}. "
                    f"Decode what is there, concatenate, and compress it into a new store."
                )

    def _history(self, origin: str) -> _History:
        """Return the history of an origin; the lock must be held."""
        found = self._histories.setdefault(origin, _History())
        self._histories.move_to_end(origin)
        if len(self._histories) > _MOST_ORIGINS:
            self._histories.popitem(last=False)
        return found


PROVENANCE = Provenance()
"""Of this process."""


def _key(scene: NDArray[Any]) -> _Key:
    return zlib.crc32(np.ascontiguousarray(scene).data), scene.shape, scene.dtype.str


def _holds(data: bytes, scene: NDArray[Any], fill: Any) -> bool:
    """Whether a payload decodes to these samples, padded with `fill`."""
    try:
        payload = kept_payload(data, scene.size)
    except PayloadError:  # of more samples
        return False
    _, height, width = payload.shape
    if payload.shape[0] != len(scene) or height > scene.shape[1] or width > scene.shape[2]:
        return False
    floats = scene.dtype.kind == "f"
    outside = np.concatenate([scene[:, height:].ravel(), scene[:, :height, width:].ravel()])
    return bool(
        np.array_equal(outside, np.full_like(outside, fill), equal_nan=floats)
        and np.array_equal(payload.read(), scene[:, :height, :width], equal_nan=floats)
    )

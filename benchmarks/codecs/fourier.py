"""The Fourier network of numcodecs-wasm: a small network fitted to one array, its weights stored as plain floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.codecs.base import Codec, OutOfReachError, Scene, Stream, best_whole_below, to_dtype
from benchmarks.codecs.container import pack, unpack

_BLOCKS = 2
_MOST_FEATURES = 64
_SHAPE_BYTES = 16
_LEARNING_RATE = 1e-2
_MINI_BATCH = 1024
_EFFORT = 3e8
"""Weights times samples times epochs of a fit: some twenty seconds."""


class FourierNetwork(Codec):
    """Random Fourier features before a residual network (Tancik et al. 2020; Huang and Hoefler 2023).

    Parameters
    ----------
    effort
        Weights times samples times epochs that a fit may cost. Where one epoch of the largest network in the budget
        costs more, a smaller network is fitted, and the settings say so.
    """

    name = "fourier network"
    libraries = ("numcodecs-wasm-fourier-network",)

    def __init__(self, effort: float = _EFFORT) -> None:
        self.effort = effort

    def encode(self, scene: Scene, budget: int) -> Stream:
        """Store the largest network that fits into both the budget and the effort."""
        found = best_whole_below(_untrained, budget - _SHAPE_BYTES, coarse=1, fine=_MOST_FEATURES)
        if found is None:
            raise OutOfReachError(f"the smallest network takes {len(_untrained(1)) + _SHAPE_BYTES} bytes, not {budget}")
        affordable = best_whole_below(_untrained, int(4 * self.effort / scene.size), coarse=1, fine=found[1])
        network, features = affordable or (_untrained(1), 1)
        epochs = max(1, round(self.effort / (len(network) / 4 * scene.size)))
        codec = _codec(features, epochs)
        payload = pack(scene, [bytes(codec.encode(np.ascontiguousarray(scene, np.float32)))])
        if len(payload) > budget:
            raise OutOfReachError(f"a network of {features} features takes {len(payload)} bytes, not {budget}")
        settings = (
            f"{features} features, {_BLOCKS} blocks, {epochs} epochs of batches of {_MINI_BATCH}, "
            f"learning rate {_LEARNING_RATE:g}"
        )
        return Stream(payload, settings + (", size limited by the effort" if features < found[1] else ""))

    def decode(self, payload: bytes) -> Scene:
        """Return the network's prediction, rounded."""
        dtype, shape, (weights,) = unpack(payload)
        predicted = np.empty(shape, np.float32)
        _codec(1, 0).decode(np.frombuffer(weights, np.uint8), out=predicted)
        return to_dtype(predicted, dtype)


def _codec(features: int, epochs: int) -> Any:
    from numcodecs_wasm_fourier_network import FourierNetwork as Wasm  # noqa: PLC0415 - takes seconds to compile

    return Wasm(  # type: ignore[no-untyped-call]
        fourier_features=features,
        fourier_scale=1.0,
        num_blocks=_BLOCKS,
        learning_rate=_LEARNING_RATE,
        num_epochs=epochs,
        mini_batch_size=_MINI_BATCH,
        seed=0,
    )


def _untrained(features: int) -> bytes:
    """Return a network as it is before any epoch, of the size it has after."""
    ramp = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    return bytes(_codec(features, 0).encode(ramp))

"""A context network fitted to the scene itself, stored in the payload as its differences to the shipped one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.ingredients.variant import Task, constant, replaced
from benchmarks.pretraining import fit
from benchmarks.pretraining.contexts import contexts_of
from benchmarks.pretraining.examples import Example
from benchmarks.pretraining.fit import FitSettings, Lesson, fit_network
from benchmarks.pretraining.trainable import TrainableContext
from xr_inr.core.bitstream import ByteReader, ByteWriter, Section, read_container
from xr_inr.core.latent import reading
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.latents import LatentSide, decode_latents
from xr_inr.core.latent.network import (
    LARGEST_BIAS,
    LARGEST_WEIGHT,
    SHAPES,
    VALUE_UNIT,
    WEIGHT_UNIT,
    ContextNetwork,
    shipped,
)
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.wavelet import Pyramid
from xr_inr.core.scene_layout import SceneLayout

SETTINGS = FitSettings(steps=1000, learning_rate=2e-3)
"""Steps few and small: the nearer the network stays to the shipped one, the fewer bytes it takes."""

_COARSENESS = (1, 2, 4, 8, 16)
"""Steps of the differences that are tried, in units of a weight."""

_MATRICES = ("first", "second", "third")


@contextmanager
def own_network(task: Task) -> Iterator[None]:
    """Let a fit use the network that suits its scene, and store it, until the block is left.

    Parameters
    ----------
    task
        The scene, which is fitted once with the shipped network and without a trellis: the latents that the own one is
        fitted to.
    """
    whole = {name: replace(preset, trellis_rounds=0) for name, preset in LATENT_PRESETS.items()}
    with mock.patch.dict(LATENT_PRESETS, whole):
        latents = _example(task.encode().payload)
    network, differences = _network_for(latents)

    def write_side(original: Callable[[LatentSide, ContextNetwork], bytes]) -> object:
        def written(side: LatentSide, network: ContextNetwork) -> bytes:
            writer = ByteWriter()
            writer.varint(len(differences))
            writer.raw(differences)
            writer.raw(original(side, network))
            return writer.getvalue()

        return written

    def read_side(original: Callable[..., tuple[LatentSide, ContextNetwork]]) -> object:
        def read(data: bytes, rank: int, pyramid: Pyramid) -> tuple[LatentSide, ContextNetwork]:
            reader = ByteReader(data, "side information with a network")
            stored = _from_differences(reader.raw(reader.varint("length of the differences")))
            with mock.patch.object(reading, "network_of", return_value=stored):
                return original(reader.rest(), rank, pyramid)

        return read

    with replaced(
        {
            "rounding.shipped": constant(lambda: network),
            "assembly.write_side": write_side,
            "reading.read_side": read_side,
        }
    ):
        yield


def _example(payload: bytes) -> Example:
    """Return the latents of a payload as an example to learn from."""
    sections = read_container(payload)[1]
    layout = SceneLayout.from_sections(sections)
    pyramid = Pyramid.of(layout.shape[1:])
    basis = LatentBasis.from_bytes(sections[Section.LATENT_BASIS], len(layout.fitted_bands))
    side, network = reading.read_side(sections[Section.LATENT_SIDE], basis.rank, pyramid)
    latents = decode_latents(sections[Section.LATENT_STREAM], side, pyramid, network)
    return Example("", "whole", 0.0, float(basis.step), pyramid, latents, side)


def _network_for(example: Example) -> tuple[ContextNetwork, bytes]:
    """Return the network under which an example and the network itself take fewest bytes, and its stored form."""
    lesson = Lesson(example.scene, contexts_of(example, shipped()), example.bits(shipped()))
    with mock.patch.object(fit, "TrainableContext", _Started):
        fitted = fit_network([lesson], SETTINGS)
    levels = example.pyramid.levels
    tried = [_differences(fitted, coarseness, levels) for coarseness in _COARSENESS]
    tried.append(_differences(shipped(), 1, levels))
    best = min(tried, key=lambda stored: 8 * len(stored) + example.bits(_from_differences(stored)))
    return _from_differences(best), best


class _Started(TrainableContext):
    """A network in training that begins as the shipped one."""

    def __init__(self, levels: int, seed: int) -> None:
        super().__init__(levels, seed)
        self.load_state_dict(
            {key: torch.from_numpy(_real(key.rpartition(".")[2])).float() for key in self.state_dict()}
        )


def _real(name: str) -> NDArray[np.float64]:
    """Return a parameter of the shipped network as a real number."""
    stored: NDArray[np.float64] = getattr(shipped(), name) / (WEIGHT_UNIT * _units(name))
    return stored


def _units(name: str) -> int:
    """Return how many units of a parameter are one of a weight."""
    return 1 if name in _MATRICES else VALUE_UNIT


def _differences(network: ContextNetwork, coarseness: int, levels: int) -> bytes:
    """Return the stored form of a network: its differences to the shipped one, in steps of `coarseness`."""
    found = []
    for name in SHAPES:
        steps = np.rint((getattr(network, name) - getattr(shipped(), name)) / (coarseness * _units(name)))
        if name == "of_level":
            # No subband of the scene is that coarse.
            steps[levels + 1 :] = 0
        found.append(steps.ravel().astype(np.int64))
    return bytes([coarseness]) + write_parameters(found)


def _from_differences(stored: bytes) -> ContextNetwork:
    coarseness = stored[0]
    counts = [int(np.prod(shape)) for shape in SHAPES.values()]
    changed = {}
    for (name, shape), steps in zip(SHAPES.items(), read_parameters(stored[1:], counts, LARGEST_BIAS), strict=True):
        limit = LARGEST_WEIGHT if name in _MATRICES else LARGEST_BIAS
        moved = getattr(shipped(), name) + coarseness * _units(name) * steps.reshape(shape)
        changed[name] = np.clip(moved, -limit, limit).astype(np.int32)
    return ContextNetwork(**changed)

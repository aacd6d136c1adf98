"""Latents of wide laws quantised anew by a trellis, call by call in the order they are coded.

Rounded one by one, large latents waste a quarter of a bit each beside what theory allows; a trellis, which lets latents
of a component take turns between two grids half a step apart, saves most of it (Marcellin and Fischer, 'Trellis coded
quantization of memoryless and Gauss-Markov sources', IEEE Trans. Communications 38 (1), 1990). The search knows the
laws, since all that goes before a call is decided; targets follow what was changed before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent.context import PASSES, Place
from xr_inr.core.latent.fine import FINE_UNIT
from xr_inr.core.latent.latents import Chosen, Latents, LatentSide, walk
from xr_inr.core.latent.level_changes import LevelChanges
from xr_inr.core.latent.network_changes import NetworkChanges
from xr_inr.core.latent.quantise import Rounder, Swept, side_of, whole
from xr_inr.core.latent.soft import SoftCoder, bordered, soft_magnitudes
from xr_inr.core.latent.soft_parts import looked_at
from xr_inr.core.latent.soft_scene import Missed, SoftScene
from xr_inr.core.latent.symbols import Integers
from xr_inr.core.latent.trellis import Chains, search
from xr_inr.core.latent.wavelet import squared_norms

FINE_FROM = 6
"""Index of the scale from which on latents are fine: narrower laws gain nothing by a trellis."""

_CAUTION = 1.15
"""How much more than its own a squared error is charged in later calls: what changes together adds up."""

_FEWEST = 256
"""Fine latents below which a trellis is not worth the bytes that say that there is one."""


@dataclass(frozen=True)
class Trellis:
    """What latents are to be decided anew."""

    rounder: Rounder
    """Tells what others pay for a latent, and the offsets of components."""

    latents: list[Tensor]
    """Those that sweeps or a call before left, one tensor a subband, (rank, height, width), in steps."""

    scene: SoftScene
    """What they should give."""

    weight: float
    """Squared steps that a bit is worth (lambda)."""

    side: LatentSide | None
    """That of a call before, to which latents are held: then they change only where it pays. None for a first call."""

    @property
    def size(self) -> int:
        """How many latents there are."""
        return sum(part.numel() for part in self.latents)


@dataclass(frozen=True)
class Requantised(Swept):
    """What came of it; latents are sixteenths of a step, as floats in steps, and whole where `side` is None."""

    side: LatentSide | None
    """What their laws follow from: it must be stored with them. None where so few are wide that all were left whole."""


def requantise(asked: Trellis) -> Requantised:
    """Return latents decided anew."""
    latents, scene, side = asked.latents, asked.scene, asked.side
    now, soft = whole(latents, FINE_UNIT), asked.rounder.soft
    if side is None:
        side = side_of(now, scene.pyramid, asked.rounder.offsets, fine_from=FINE_FROM, repeated=scene.repeated)
    missed = scene.missed(latents)
    error = float(missed.squares.sum())
    calls = _Calls(asked, now, side, missed)
    found = walk(None, side, scene.pyramid, soft.network, calls.decide) if (side.scales > 0).any() else []
    if calls.fine < _FEWEST:
        return Requantised([torch.round(part) for part in latents], error, None)
    home = latents[0].device
    return Requantised([torch.from_numpy(part.astype(np.float32) / FINE_UNIT).to(home) for part in found], error, side)


@torch.no_grad()
def _charged(latents: list[Tensor], side: LatentSide, soft: SoftCoder) -> list[Tensor]:
    """Return by how many bits the code lengths of others grow with the magnitude of each latent."""
    sizes = bordered([soft_magnitudes(part) for part in latents])
    others = soft.slopes(sizes)
    for _ in looked_at(soft.visits(side.scales > 0), latents, sizes, side, soft=soft, others=others):
        pass
    return others.of_magnitudes()


class _Calls:
    """Decides on the latents of one call after the other."""

    def __init__(self, asked: Trellis, now: Latents, side: LatentSide, missed: Missed) -> None:
        pyramid = asked.scene.pyramid
        self._now, self._slopes = now, [part.cpu().numpy() for part in missed.slopes]
        self._charged = [part.cpu().numpy() for part in _charged(asked.latents, side, asked.rounder.soft)]
        self._fine_from, self._weight = side.fine_from, asked.weight
        self._norms = [(1.0 if asked.side is None else _CAUTION) * norm for norm in squared_norms(pyramid)]
        self._changes = LevelChanges(pyramid, len(now[0]))
        self._networks = NetworkChanges(asked.scene, asked.latents, self._changes)
        self._states = np.zeros(len(now[0]), np.int32)
        self.fine = 0
        """How many latents so far were fine."""

    def decide(
        self, place: Place, chosen: Chosen, _known: Integers | None, halves: Integers, means: Integers
    ) -> Integers:
        """Return the latents of a call, (components, positions), in sixteenths, under laws as `Chains` has them."""
        components = np.arange(len(self._states))[chosen]
        row, column = PASSES[place.number]
        lattice = slice(row, None, 2), slice(column, None, 2)
        there = (chosen, *lattice)
        now = self._now[place.subband][there]
        norms = np.broadcast_to(self._norms[place.subband][lattice], now.shape).astype(np.float64)
        slopes = 0.5 * self._slopes[place.subband][there] + self._changes.felt(place, components)
        slopes += self._networks.felt(place, components)
        chains = Chains(
            targets=(now / FINE_UNIT - slopes / norms).reshape(len(components), -1),
            norms=norms.reshape(len(components), -1),
            slopes=self._charged[place.subband][there].astype(np.float64).reshape(len(components), -1),
            halves=halves,
            means=means,
            now=now.reshape(len(components), -1),
        )
        states = self._states[components]
        found = search(chains, states, self._fine_from, self._weight)
        self._states[components] = states
        self.fine += int(np.count_nonzero(halves >= 2 * self._fine_from))
        self._changes.add(place, components, ((found.reshape(now.shape) - now) / FINE_UNIT).astype(np.float32))
        return found

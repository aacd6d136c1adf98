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
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.context import PASSES, Place
from xr_inr.core.latent.fine import FINE_UNIT
from xr_inr.core.latent.latents import Chosen, LatentSide, walk
from xr_inr.core.latent.level_changes import LevelChanges
from xr_inr.core.latent.network_changes import NetworkChanges
from xr_inr.core.latent.quantise import Rounder, side_of, whole
from xr_inr.core.latent.soft import SoftCoder, bordered, soft_magnitudes
from xr_inr.core.latent.soft_scene import SoftScene
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
class Requantised:
    """Latents of which the wide ones went through a trellis."""

    latents: list[Tensor]
    """One tensor a subband, (rank, height, width), sixteenths of a step as floats in steps."""

    side: LatentSide
    """What their laws follow from: it must be stored with them."""


def requantise(
    latents: list[Tensor], scene: SoftScene, rounder: Rounder, weight: float, side: LatentSide | None = None
) -> Requantised | None:
    """Return latents decided anew, or None where too few are wide for a trellis.

    Parameters
    ----------
    latents
        Those that sweeps or a call before left, one tensor a subband, in steps.
    scene
        What they should give.
    rounder
        Tells what others pay for a latent, and the offsets of components.
    weight
        Squared steps that a bit is worth (lambda).
    side
        That of a call before, to which latents are held: then they change only where it pays. None for a first call.
    """
    now, held = whole(latents, FINE_UNIT), side is not None
    if side is None:
        side = side_of(now, scene.pyramid, rounder.offsets, fine_from=FINE_FROM)
    if not (side.scales > 0).any():
        return None
    slopes = [part.cpu().numpy() for part in scene.missed(latents).slopes]
    charged = [part.cpu().numpy() for part in _charged(latents, side, rounder.soft)]
    calls = _Calls(now, slopes, charged, side, scene, weight=weight, latents=latents, held=held)
    found = walk(None, side, scene.pyramid, rounder.soft.network, calls.decide)
    if calls.fine < _FEWEST:
        return None
    home = latents[0].device
    return Requantised([torch.from_numpy(part.astype(np.float32) / FINE_UNIT).to(home) for part in found], side)


@torch.no_grad()
def _charged(latents: list[Tensor], side: LatentSide, soft: SoftCoder) -> list[Tensor]:
    """Return by how many bits the code lengths of others grow with the magnitude of each latent."""
    sizes, padded = bordered([soft_magnitudes(part) for part in latents]), bordered(latents)
    seen, found = soft.features_of(sizes, side), soft.slopes(sizes)
    offsets = torch.tensor(side.offsets, dtype=torch.float32, device=soft.device)
    for visits in soft.parts(soft.visits(side.scales > 0)):
        features = seen.of(visits)
        values, means = soft.gather(latents, visits), soft.means(padded, side, visits)
        laws = soft.laws(features, soft.biases(visits), offsets[soft.components(visits)], values, means)
        found.add(features, laws.gradient, visits)
    return found.of_magnitudes()


class _Calls:
    """Decides on the latents of one call after the other."""

    def __init__(
        self,
        now: list[NDArray[np.int32]],
        slopes: list[NDArray[np.float32]],
        charged: list[NDArray[np.float32]],
        side: LatentSide,
        scene: SoftScene,
        *,
        weight: float,
        latents: list[Tensor],
        held: bool,
    ) -> None:
        self._now, self._slopes, self._charged = now, slopes, charged
        self._side, self._weight = side, weight
        self._norms = [(_CAUTION if held else 1.0) * norm for norm in squared_norms(scene.pyramid)]
        self._changes = LevelChanges(scene.pyramid, len(now[0]))
        self._networks = NetworkChanges(scene, latents, self._changes)
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
        found = search(chains, states, self._side.fine_from, self._weight)
        self._states[components] = states
        self.fine += int(np.count_nonzero(halves >= 2 * self._side.fine_from))
        self._changes.add(place, components, ((found.reshape(now.shape) - now) / FINE_UNIT).astype(np.float32))
        return found

"""How changes of latents reach other planes through sinusoidal networks.

A network foretells later planes from the first as they are decoded: when latents of these are decided anew, what it
says of the others changes, and their latents, which are decided later, had better know of it. So networks are evaluated
again between calls, on planes with all changes so far.
"""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.by_components import synthesised
from xr_inr.core.latent.context import Place
from xr_inr.core.latent.level_changes import Changes, LevelChanges
from xr_inr.core.latent.soft_scene import SoftScene, SoftSynthesis

_COARSEST = 2
"""Level of the coarsest details whose latents hear of networks."""


class NetworkChanges:
    """Planes of how what networks say has changed.

    Parameters
    ----------
    scene
        Has the networks.
    latents
        One tensor a subband, (rank, height, width): all changes are from these.
    changes
        What is changed.
    """

    @torch.no_grad()
    def __init__(self, scene: SoftScene, latents: list[Tensor], changes: LevelChanges) -> None:
        self._changes, self._cascade, self._restoring = changes, scene.cascade, scene.restoring
        self._levels = [subband.level for subband in scene.pyramid.subbands]
        self._place: Place | None = None
        self._complete = 0
        """How many networks were evaluated, at the present pass, on all that it changes of their planes."""

        self._before: list[Tensor] = []
        if not scene.networks:
            return
        self._planes = synthesised(latents, scene.pyramid, scene.worked_on).cpu()
        for network in self._cascade:
            self._before.append(network(self._planes[: network.inputs]))
            self._planes[_spoken_of(network)] += self._before[-1]
        if self._restoring is not None:
            self._restored = self._restoring(self._planes[: self._restoring.inputs])
        self._foretold, self._corrected = torch.zeros_like(self._planes), torch.zeros_like(self._planes)

    @torch.no_grad()
    def felt(self, place: Place, components: NDArray[np.intp]) -> Changes | float:
        """Return the half slope of the squared error that networks give latents of a pass, as `LevelChanges.felt`."""
        level = self._levels[place.subband]
        if not self._cascade or level > _COARSEST or place.subband == 0:
            return 0.0
        if place != self._place:
            self._place, self._complete = place, 0
            if self._restoring is not None:
                self._corrected = self._restoring(self._now(place, self._restoring.inputs)) - self._restored
        for network, before in islice(zip(self._cascade, self._before, strict=True), self._complete, None):
            if network.inputs > components[-1]:
                break
            self._foretold[_spoken_of(network)] = network(self._now(place, network.inputs)) - before
            self._complete += int(network.inputs <= components[0])
        return self._changes.felt_of(place, (self._foretold[components] + self._corrected[components]).numpy())

    def _now(self, place: Place, count: int) -> Tensor:
        """Return the first planes with all changes so far."""
        changed = torch.from_numpy(self._changes.whole(place, count))
        return self._planes[:count] + self._foretold[:count] + changed


def _spoken_of(network: SoftSynthesis) -> slice:
    return slice(network.inputs, network.inputs + network.outputs)

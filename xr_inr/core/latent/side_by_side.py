"""Several chunks as one: their components side by side along the first axis, an empty one between two chunks.

All that is done to planes is done component by component; what looks at the component before or after meets the empty
one, so that no chunk hears of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.soft_scene import SoftScene


@dataclass(frozen=True)
class Layout:
    """Where the components of each chunk stand."""

    ranks: tuple[int, ...]
    """Components of each chunk."""

    @cached_property
    def parts(self) -> list[slice]:
        """The components of each chunk among all."""
        starts = np.cumsum([0, *(rank + 1 for rank in self.ranks[:-1])])
        return [slice(int(start), int(start) + rank) for start, rank in zip(starts, self.ranks, strict=True)]

    @property
    def rank(self) -> int:
        """How many components there are in all, empty ones included."""
        return sum(self.ranks) + len(self.ranks) - 1

    @cached_property
    def chunks(self) -> NDArray[np.int64]:
        """(rank,) which chunk each component is of; that of an empty one does not matter."""
        return np.repeat(np.arange(len(self.ranks)), [rank + 1 for rank in self.ranks])[: self.rank]

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Return the tensors of all chunks, (components, ...) each, as one with zeros between them."""
        if len(parts) == 1:
            return parts[0]
        between = torch.zeros_like(parts[0][:1])
        found = [parts[0]]
        for part in parts[1:]:
            found += [between, part]
        return torch.cat(found)

    def joined_array(self, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """Return the arrays of all chunks, (components,) each, as one with zeros between them."""
        found = np.zeros(self.rank, np.int32)
        for place, part in zip(self.parts, parts, strict=True):
            found[place] = part
        return found


class SoftScenes(SoftScene):
    """The planes that the latents of several chunks should give, side by side.

    Parameters
    ----------
    scenes
        One a chunk, of equal size.
    layout
        Where their components stand.
    """

    def __init__(self, scenes: Sequence[SoftScene], layout: Layout) -> None:
        first = scenes[0]
        super().__init__(layout.joined([scene.planes for scene in scenes]), None, first.pyramid, device=first.device)
        self._scenes, self._layout = scenes, layout
        if any(scene.heard is not None for scene in scenes):
            heard = [
                torch.ones_like(scene.planes) if scene.heard is None else scene.heard.expand_as(scene.planes)
                for scene in scenes
            ]
            self.heard = layout.joined(heard)
        repeated = [scene.repeated for scene in scenes]
        if any(part is not None for part in repeated):
            none = np.zeros((1, *first.pyramid.size), np.bool_)
            self.repeated = np.concatenate([none if part is None else part for part in repeated])

    def with_foretold(self, planes: Tensor, *, foretelling: bool) -> Tensor:
        """Return planes with what networks add to them; as `SoftScene.with_foretold`."""
        if not any(scene.networks for scene in self._scenes):
            return planes
        own = [planes[part] for part in self._layout.parts]
        told = [
            scene.with_foretold(part, foretelling=foretelling) for scene, part in zip(self._scenes, own, strict=True)
        ]
        return self._layout.joined(told)

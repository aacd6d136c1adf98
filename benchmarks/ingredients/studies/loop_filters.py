"""Wiener filters of decoded planes, as video codecs have them in their loops: how much error they would take away.

Taps are fitted to the scene itself, and each is charged a few bits; filters that do not save what theirs are worth in
squared error are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.latent.wavelet import synthesise_unrounded

_REACH = 2
"""Pixels that a filter sees on each side."""

_CLASSES = 15
"""Of a plane's pixels, by how busy it is around them; equally many each."""

_TAP_BITS = 6.0
_RIDGE = 1e-9


def loop_filters(planes: StudyPlanes) -> Mapping[str, float]:
    """Return by how many percent the squared error of the planes changes."""
    with torch.no_grad():
        decoded = synthesise_unrounded(planes.rounded.latents, planes.pyramid, torch).double()
        left = planes.planes.double() - decoded
        own = [Sums.of(plane, error, busy(plane)) for plane, error in zip(decoded, left, strict=True)]
    error = float(left.square().sum())
    of_all = sum((part.whole() for part in own[1:]), own[0].whole())
    gains = {
        "one filter": of_all.removed(),
        "one a plane": sum(part.whole().removed() for part in own),
        "one a class of pixels": sum(own[1:], own[0]).removed(),
        "one a plane and class": sum(part.removed() for part in own),
    }
    return {name: -100.0 * gain / error for name, gain in gains.items()}


def busy(plane: Tensor) -> Tensor:
    """Return the class of each pixel, (height, width), by the mean of second differences around it."""
    around = pad(plane[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    inner = around[1:-1, 1:-1]
    along = (around[1:-1, 2:] + around[1:-1, :-2] - 2 * inner).abs()
    across = (around[2:, 1:-1] + around[:-2, 1:-1] - 2 * inner).abs()
    size = 2 * _REACH + 1
    means = avg_pool2d((along + across)[None, None], size, 1, _REACH, count_include_pad=False)[0, 0]
    ranks = means.flatten().argsort().argsort()
    return (ranks * _CLASSES // ranks.numel()).reshape(plane.shape)


class Sums:
    """What filters of some classes of pixels follow from.

    Parameters
    ----------
    products
        (classes, taps, taps) sums of products of what a filter sees.
    targets
        (classes, taps) sums of products of that with the error.
    """

    def __init__(self, products: Tensor, targets: Tensor) -> None:
        self.products, self.targets = products, targets

    @classmethod
    def of(cls, plane: Tensor, error: Tensor, classes: Tensor) -> Sums:
        """Return those of a plane, (height, width), whose error and classes have the same shape."""
        size = 2 * _REACH + 1
        around = pad(plane[None, None], (_REACH,) * 4, mode="reflect")[0, 0]
        seen = around.unfold(0, size, 1).unfold(1, size, 1).reshape(-1, size * size)
        seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1)
        parts = [(seen[here], error.flatten()[here]) for here in (classes.flatten() == k for k in range(_CLASSES))]
        return cls(torch.stack([part.T @ part for part, _ in parts]), torch.stack([part.T @ e for part, e in parts]))

    def __add__(self, other: Sums) -> Sums:
        """Return those of filters that both share."""
        return Sums(self.products + other.products, self.targets + other.targets)

    def whole(self) -> Sums:
        """Return those of a filter that all classes share."""
        return Sums(self.products.sum(0, keepdim=True), self.targets.sum(0, keepdim=True))

    def removed(self) -> float:
        """Return the squared error that the best filters take away, less what their taps are worth."""
        ridge = _RIDGE * self.products.diagonal(dim1=1, dim2=2).sum(1)
        held = self.products + ridge[:, None, None] * torch.eye(self.products.shape[1], dtype=self.products.dtype)
        taps = torch.linalg.solve(held, self.targets)
        gains = (2 * taps * self.targets - taps * torch.einsum("kij,kj->ki", self.products, taps)).sum(1)
        return float((gains - WEIGHT * _TAP_BITS * taps.shape[1]).clamp_min(0.0).sum())

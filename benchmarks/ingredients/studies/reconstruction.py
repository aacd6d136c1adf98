"""Reconstruction points: how much error would go if a latent stood for something else than itself.

Latents are put into cells by what the decoder knows of them; the mean of what rounding left in a cell is what the best
reconstruction point of the cell would add. The means are those of the scene itself and cost nothing here, so that each
figure is an upper bound.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmarks.ingredients.studies.planes import StudyPlanes
from xr_inr.core.latent.soft import bordered, soft_magnitudes
from xr_inr.core.latent.wavelet import analyse, synthesise_unrounded

_MEANS = 8
"""Sixteenths of a step that cells of a mean reach to, each way."""

_LARGEST = 6
"""Magnitude from which on latents share a cell."""

_SCALES = 24
"""Indices of scales that have cells."""


def reconstruction(planes: StudyPlanes) -> Mapping[str, float]:
    """Return how many percent of the squared error other points take away: of zeros, of all others."""
    rounded = planes.rounded
    soft, side = rounded.soft, rounded.side
    visits = soft.visits(side.scales > 0)
    with torch.no_grad():
        decoded = synthesise_unrounded(rounded.latents, planes.pyramid, torch)
        left_over = analyse(planes.planes - decoded, planes.pyramid, torch)
        values, left = soft.gather(rounded.latents, visits), soft.gather(left_over, visits)
        means = soft.means(bordered(rounded.latents), side, visits)
        features = soft.features(bordered([soft_magnitudes(part) for part in rounded.latents]), side, visits)
        offsets = torch.from_numpy(side.offsets).float()[soft.components(visits)]
        indices = soft.indices(features, soft.biases(visits), offsets).round().clamp(max=_SCALES - 1).long()
    error = sum(float(part.double().square().sum()) for part in left_over)
    zero = values == 0
    of_zeros = torch.round(16.0 * means).clamp(-_MEANS, _MEANS).long() + _MEANS
    of_others = values.abs().clamp(max=_LARGEST).long()
    gains = {
        "zeros, by mean and scale of the law": removed(left[zero], (of_zeros * _SCALES + indices)[zero]),
        "others, by magnitude and scale of the law": removed(
            (left * values.sign())[~zero], (of_others * _SCALES + indices)[~zero]
        ),
    }
    return {name: -100.0 * gain / error for name, gain in gains.items()}


def removed(left: Tensor, cells: Tensor) -> float:
    """Return the squared error that goes when the mean of its cell is taken from each of the values that are left.

    Parameters
    ----------
    left
        (latents,) float.
    cells
        (latents,) int64, from 0.
    """
    counts = torch.bincount(cells).double()
    sums = torch.zeros_like(counts).index_add_(0, cells, left.double())
    return float((sums.square() / counts.clamp_min(1.0)).sum())

"""Latents and networks to the sections of a payload, with the basis that suits the planes they decode to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.bitstream import Section
from xr_inr.core.latent.aim import Sections
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.cascade import foretell, write_cascade
from xr_inr.core.latent.latents import LatentSide, encode_latents
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.network import ContextNetwork
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.latent.quantise import side_of, whole
from xr_inr.core.latent.reading import write_fine, write_side
from xr_inr.core.latent.restoration import restore, write_restoration
from xr_inr.core.latent.soft_scene import SoftSynthesis
from xr_inr.core.latent.wavelet import PLANE_BITS, synthesise

_RIDGE = 1e-6
_SILENT = 1e-6
"""Mean square, in squared steps, below which a plane is taken for empty."""


def assemble(
    latents: list[Tensor],
    cascade: Sequence[SoftSynthesis],
    restoring: SoftSynthesis | None = None,
    *,
    source: ScenePlanes,
    network: ContextNetwork,
    offsets: NDArray[np.int32],
    step: float,
    side: LatentSide | None = None,
) -> Sections:
    """Return the sections of a payload.

    Parameters
    ----------
    latents
        One tensor a subband, in steps: whole numbers, or sixteenths where `side` says so.
    cascade
        The sinusoidal networks that foretell.
    restoring
        The one that corrects all planes, if any.
    source
        The scene.
    network
        The context network.
    offsets
        (rank,) the `LatentSide.offsets`.
    step
        The quantiser step, on the [0, 1] scale.
    side
        What the laws of latents follow from, if they were decided under laws that are fixed; of whole ones that is what
        suits them best, and None.
    """
    pyramid = source.pyramid
    integers = whole(latents, 1 if side is None else side.unit)
    if side is None:
        side = side_of(integers, pyramid, offsets, repeated=source.repeated)
    stored = tuple(network.stored(network.step_bits) for network in cascade)
    last = None if restoring is None else restoring.stored(restoring.step_bits)
    planes = restore(foretell(synthesise(integers, pyramid, unit=side.unit), stored), last).reshape(
        len(integers[0]), -1
    )
    sections = {
        Section.LATENT_BASIS: _basis(planes, source, step).to_bytes(),
        Section.LATENT_SIDE: write_side(side, network),
        Section.LATENT_STREAM: encode_latents(integers, side, pyramid, network),
    }
    if side.fine_from < SCALES:
        sections[Section.LATENT_FINE] = write_fine(side)
    if source.repeats is not None:
        sections[Section.LATENT_REPEATS] = source.stored_repeats
    if source.stored_outliers:
        sections[Section.LATENT_OUTLIERS] = source.stored_outliers
    if stored:
        sections[Section.LATENT_SYNTHESIS] = write_cascade(stored)
    if last is not None:
        sections[Section.LATENT_RESTORATION] = write_restoration(last)
    return sections


def _basis(planes: NDArray[np.float32], source: ScenePlanes, step: float) -> LatentBasis:
    """Least squares: the mean and the directions that bring decoded planes nearest to the scene."""
    rank = len(planes)
    pixels, sums, gram = 0.0, np.zeros(rank), np.zeros((rank, rank))
    counted = None if source.counted is None else source.counted.ravel()
    own_sums: NDArray[np.float64] | float = 0.0
    products: NDArray[np.float64] | float = 0.0
    for part, own in source.parts():
        seen = planes[:, part] * np.float32(2.0**-PLANE_BITS)
        values = own
        if counted is not None:
            heard = counted[part] > 0
            seen, values = seen[:, heard], values[:, heard]
        weighted, own_weighted = seen, values
        if counted is not None and source.repeats is not None:
            often = counted[part][heard]
            weighted, own_weighted = seen * often, values * often
            pixels += float(often.sum(dtype=np.float64))
        else:
            pixels += seen.shape[1]
        sums += weighted.sum(axis=1, dtype=np.float64)
        own_sums = own_sums + own_weighted.sum(axis=1, dtype=np.float64)
        gram += weighted @ seen.T
        products = products + (own_weighted @ seen.T).astype(np.float64)
    products, shifts = source.of_bands(np.asarray(products), np.asarray(own_sums))
    centre, shift = sums / pixels, shifts / pixels / step
    gram -= pixels * np.outer(centre, centre)
    products = products / step - pixels * np.outer(shift, centre)
    ridge = _RIDGE * np.trace(gram) / len(gram) + 1e-9
    directions: NDArray[np.float64] = np.linalg.solve(gram + ridge * np.eye(len(gram)), products.T).T
    directions[:, np.diag(gram) < pixels * _SILENT] = 0.0
    mean = source.mean / step + shift - directions @ centre
    beside = np.concatenate([[1.0], centre])
    whole_gram = pixels * np.outer(beside, beside)
    whole_gram[1:, 1:] += gram
    return LatentBasis.quantise(mean, directions, whole_gram, step, source.weights)

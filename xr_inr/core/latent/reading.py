"""The sections of a latent payload, and samples from them with numpy alone."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import ByteReader, ByteWriter, Section
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.context import MEAN_CLASSES, MEAN_WEIGHTS
from xr_inr.core.latent.latents import LatentSide, decode_latents
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.network import IDENTITY_BYTES, LARGEST_OFFSET, ContextNetwork, network_of
from xr_inr.core.latent.parameters import read_parameters, write_parameters
from xr_inr.core.latent.synthesis import SineSynthesis
from xr_inr.core.latent.wavelet import Planes, Pyramid, synthesise
from xr_inr.exceptions import PayloadError

_LARGEST_MEAN_WEIGHT = 127


def write_side(side: LatentSide, network: ContextNetwork) -> bytes:
    """Return the stored form of what predicts the latents."""
    writer = ByteWriter()
    writer.raw(network.identity)
    weights, offsets = side.mean_weights.ravel().astype(np.int64), side.offsets.astype(np.int64)
    writer.raw(write_parameters([_steps(side.scales), weights, offsets]))
    return writer.getvalue()


def read_side(data: bytes, rank: int, pyramid: Pyramid) -> tuple[LatentSide, ContextNetwork]:
    """Read what `write_side` wrote; raises `PayloadError`."""
    reader = ByteReader(data, "side information of the latents")
    network = network_of(reader.raw(IDENTITY_BYTES))
    shape = (pyramid.levels + 1, rank)
    counts = [shape[0] * rank, MEAN_CLASSES * MEAN_WEIGHTS, rank]
    steps, weights, offsets = read_parameters(reader.rest(), counts, max(SCALES, _LARGEST_MEAN_WEIGHT))
    scales = np.cumsum(np.cumsum(steps.reshape(shape), axis=1), axis=0)
    if scales.size and not (scales.min() >= 0 and scales.max() < SCALES):
        raise PayloadError(f"the index of a subband's scale must be in [0, {SCALES})")
    if np.abs(weights).max() > _LARGEST_MEAN_WEIGHT:
        raise PayloadError(f"the weight of a neighbour must lie within +-{_LARGEST_MEAN_WEIGHT}")
    if np.abs(offsets).max(initial=0) > LARGEST_OFFSET:
        raise PayloadError(f"the offset of a component must lie within +-{LARGEST_OFFSET}")
    weights = weights.reshape(MEAN_CLASSES, MEAN_WEIGHTS)
    return LatentSide(scales.astype(np.int32), weights.astype(np.int32), offsets.astype(np.int32)), network


def _steps(scales: NDArray[np.int32]) -> NDArray[np.int64]:
    """Differences from the coarser level, and of those from the component before."""
    bordered = np.pad(scales.astype(np.int64), ((1, 0), (1, 0)))
    finer = bordered[1:] - bordered[:-1]
    return (finer[:, 1:] - finer[:, :-1]).ravel()


class LatentReader:
    """Gives samples of a latent payload. Latents are decoded when samples are first asked for, and planes kept.

    Parameters
    ----------
    sections
        Sections of the payload.
    bands
        How many bands are fitted.
    size
        (height, width) of the scene.

    Raises
    ------
    PayloadError
        When a section is missing or out of range.
    """

    def __init__(self, sections: dict[Section, bytes], bands: int, size: tuple[int, int]) -> None:
        if Section.LATENT_BASIS not in sections:
            raise PayloadError("the payload has no spectral basis")
        self.basis = LatentBasis.from_bytes(sections[Section.LATENT_BASIS], bands)
        self.synthesis: SineSynthesis | None = None
        self._pyramid = Pyramid.of(size)
        self._size = size
        self._planes: Planes | None = None
        self._lock = threading.Lock()
        if self.basis.rank:
            if Section.LATENT_SIDE not in sections or Section.LATENT_STREAM not in sections:
                raise PayloadError("the payload has no latents")
            self._side, self._network = read_side(sections[Section.LATENT_SIDE], self.basis.rank, self._pyramid)
            self._stream = sections[Section.LATENT_STREAM]
            if Section.LATENT_SYNTHESIS in sections:
                self.synthesis = SineSynthesis.from_bytes(sections[Section.LATENT_SYNTHESIS], self.basis.rank)

    def __call__(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return samples on the [0, 1] scale of the scene, (bands, points), at the points (rows[i], columns[i])."""
        if not self.basis.rank:
            return self.basis.spectra(np.zeros((0, len(rows)), np.float32), bands)
        return self.basis.spectra(with_synthesis(self.wavelet_planes()[:, rows, columns], self.synthesis), bands)

    def wavelet_planes(self) -> Planes:
        """Return what the latents alone give, (rank, height, width) in 2**-6 steps."""
        with self._lock:
            if self._planes is None:
                latents = decode_latents(self._stream, self._side, self._pyramid, self._network)
                self._planes = synthesise(latents, self._pyramid)
            return self._planes


def with_synthesis(points: NDArray[np.float32], synthesis: SineSynthesis | None) -> NDArray[np.float32]:
    """Add to the later components, (rank, points), what the network foretells of them from the first."""
    if synthesis is not None:
        points = points.copy()
        points[synthesis.inputs :] += synthesis(points[: synthesis.inputs])
    return points

"""What a latent fit starts from: planes of the scene, and which step and rank a target is likely to ask for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.energies import averaged, covariance
from xr_inr.core.latent.filling import fill, fill_spectra
from xr_inr.core.latent.outlier_list import write_outliers
from xr_inr.core.latent.repeat_filling import settle
from xr_inr.core.latent.repeat_map import write_repeats
from xr_inr.core.latent.silent import silent_in
from xr_inr.core.latent.tradeoff import CALIBRATION, NOISE, RATE_SCALE
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.outliers import Outliers
from xr_inr.core.repeats import Repeats
from xr_inr.core.scene import Scene, Tile
from xr_inr.core.source import WHOLE_SAMPLES, tiles
from xr_inr.core.spectral import analyse as analyse_spectra
from xr_inr.core.standing_out import StandingOut, standing_out_of

MOST_PLANES = 160
_LARGEST_PLANNED = 2.0**16
_BITS_OF_AN_ENTRY = 1.5
_STEPS = 40
_FIRST_PLANES = 24
"""Planes of a large scene that are held to begin with, and added when more are asked for."""


class ScenePlanes:
    """A scene as planes of its leading KLT components.

    The samples of a large scene are read tile by tile, once to begin with and once for each time that more planes are
    asked for than are held.

    Parameters
    ----------
    scene
        The scene; at least one band must be fitted.
    outliers
        Samples that are told of one by one, which the scene has no more; None if there are none.
    """

    def __init__(self, scene: Scene, outliers: Outliers | None = None) -> None:
        self._analysis = analyse_spectra(scene)
        self._scene = scene
        self.size = scene.size
        """Samples of the fitted bands."""

        self.weights = scene.weights
        """(bands,) what the samples are multiplied with; None for 1."""

        self.energy = 0.0
        """Sum of squares of the scene less its mean, on the [0, 1] scale."""

        self.void: NDArray[np.bool_] | None = None
        """(height, width) pixels without any valid sample; None if there are none. Planes go on smoothly there, and no
        energy counts."""

        height, width = scene.layout.shape[1:]
        self.repeats: Repeats | None = None
        """Which pixels repeat others, where that shall be stored: they take none of what planes take, then."""

        self.stored_repeats = b""
        """The section that says so."""

        self.stored_outliers = b"" if outliers is None else write_outliers(outliers, len(self.mean), height * width)
        """The section that tells of outliers."""

        self.pyramid = Pyramid.of((height, width))
        """The subbands of a plane."""

        self.count = min(len(self.mean), MOST_PLANES)
        """How many components there are."""

        self._kept: NDArray[np.float32] | None = None
        self._sums = np.zeros(len(self.mean))
        self._totals = np.zeros(self.count)
        first = self.count if self.size <= WHOLE_SAMPLES else min(self.count, _FIRST_PLANES)
        self._planes = np.empty((first, height * width), np.float32)
        void, standing_out = [], []
        for tile in scene.tiles():
            if tile.valid is not None:
                void.append(~tile.valid.any(axis=0))
            if outliers is None:
                standing_out.append(standing_out_of(scene, tile))
            centred = self._centred(tile)
            self.energy += float(np.square(centred, dtype=np.float64).sum())
            self._sums += centred.sum(axis=1, dtype=np.float64)
            planes = self.vectors.T.astype(np.float32) @ centred
            self._totals += np.square(planes, dtype=np.float64).sum(axis=1)
            self._planes[:, tile.pixels] = planes[:first]
            if tile.values.shape[1] == height * width:
                self._kept = centred
        if void and any(part.any() for part in void):
            self.void = np.concatenate(void).reshape(height, width)
        self.standing_out = StandingOut.joined(standing_out)
        """Samples that stand out among those around them, on the scale of the planes; none where some are told of."""

        self._analyse_planes(0)

    def free(self, repeats: Repeats) -> None:
        """Let planes be what takes least at pixels that repeat others; whatever holds the same ones keeps them."""
        self.repeats, self.stored_repeats = repeats, write_repeats(repeats)
        self._planes = self._planes.copy()
        self._analyse_planes(0)

    @property
    def counted(self) -> NDArray[np.float32] | None:
        """(height, width) for how many pixels each one stands; None if each stands for itself.

        That is 0 where nothing was measured, and where it repeats another.
        """
        measured = None if self.void is None else (~self.void).astype(np.float32)
        if self.repeats is None:
            return measured
        return self.repeats.counts if measured is None else self.repeats.counts * measured

    @property
    def repeated(self) -> NDArray[np.bool_] | None:
        """(1, height, width) the `LatentSide.repeated`."""
        return None if self.repeats is None else self.repeats.repeated[None]

    def settle(self, planes: NDArray[np.float32]) -> None:
        """Let planes, (components, height, width), be what takes least, in place, where that is free."""
        if self.repeats is not None:
            settle(planes, self.repeats.repeated)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(bands,) mean spectrum, on the [0, 1] scale of the scene."""
        return self._analysis.mean

    @property
    def vectors(self) -> NDArray[np.float64]:
        """(bands, components) KLT directions."""
        return self._analysis.vectors[:, : self.count]

    @property
    def planes(self) -> NDArray[np.float32]:
        """(components, height, width) all planes, on the [0, 1] scale."""
        return self.leading(self.count)

    @property
    def subbands(self) -> list[NDArray[np.floating]]:
        """The subbands of all planes."""
        found: list[NDArray[np.floating]] = analyse(self.planes, self.pyramid)
        return found

    @property
    def counts(self) -> tuple[int, ...]:
        """Latents of a component in each subband that is not empty."""
        sizes = (high * wide for high, wide in (subband.shape for subband in self.pyramid.subbands))
        return tuple(size for size in sizes if size)

    def leading(self, count: int) -> NDArray[np.float32]:
        """Return the planes of the leading components, (count, height, width), on the [0, 1] scale."""
        self._hold(count)
        return self._planes[:count].reshape(count, *self.pyramid.size)

    def covariances(self, count: int) -> NDArray[np.float64]:
        """Return those of the leading components in each subband that is not empty, (subbands, count, count)."""
        self._hold(count)
        return self._covariances[:, :count, :count]

    def centred(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield the pixels of each tile and their samples less the mean, (bands, pixels).

        Masked samples are filled with what the components say, those of pixels without a valid one with zero.
        """
        if self._kept is not None:
            yield slice(None), self._kept
            return
        for tile in self._scene.tiles():
            yield tile.pixels, self._centred(tile)

    def parts(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield pixels and what is compared with what latents decode to: `centred` samples, or planes that are held.

        The planes stand for the samples of a large scene, which would have to be read for each payload that is tried;
        `of_bands` turns sums over them into sums over samples.
        """
        if self._kept is not None:
            yield slice(None), self._kept
            return
        for rows in tiles(self._scene.layout.shape):
            pixels = slice(rows[0] * self.pyramid.size[1], rows[1] * self.pyramid.size[1])
            yield pixels, self._planes[:, pixels]

    def of_bands(
        self, products: NDArray[np.float64], sums: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return sums over `parts` as those over samples less their mean.

        Parameters
        ----------
        products
            (rows, values) of products of each row of `parts` with values of the same pixels. What the components that
            are not held have in common with such values is taken for nothing.
        sums
            (rows,) of each row of `parts`.

        Returns
        -------
        products, sums
            (bands, values) and (bands,).
        """
        if self._kept is not None:
            return products, sums
        return self.vectors[:, : len(products)] @ products, self._sums

    def _centred(self, tile: Tile) -> NDArray[np.float32]:
        centred: NDArray[np.float32] = tile.values - self.mean.astype(np.float32)[:, None]
        if tile.valid is not None:
            centred[~tile.valid] = 0.0
            fill_spectra(centred, tile.valid, self._analysis.vectors, self._analysis.energies)
        return centred

    def _hold(self, count: int) -> None:
        """Make the planes of more components, if need be."""
        held = len(self._planes)
        if count <= held:
            return
        more = min(max(count, held + _FIRST_PLANES), self.count)
        grown = np.empty((more, self._planes.shape[1]), np.float32)
        grown[:held] = self._planes
        self._planes = grown
        for pixels, centred in self.centred():
            grown[held:, pixels] = self.vectors[:, held:more].T.astype(np.float32) @ centred
        self._analyse_planes(held)

    def _analyse_planes(self, first: int) -> None:
        """Fill what is void of the planes from the first new one on, and note of all what is asked for later.

        That is local energies and covariances of subbands, and the largest magnitude.
        """
        added = self._planes[first:].reshape(-1, *self.pyramid.size)
        counted = self.counted
        if counted is not None:
            fill(added, counted == 0)
        self.settle(added)
        subbands = analyse(self._planes.reshape(-1, *self.pyramid.size), self.pyramid)
        silent = [silent_in(self.repeated, subband) for subband in self.pyramid.subbands]
        self._energies = [averaged(np.square(part), quiet) for part, quiet in zip(subbands, silent, strict=True)]
        self._covariances = np.stack([covariance(part) for part in subbands if part[0].size])
        self._largest = max(float(np.abs(part).max()) for part in subbands if part.size)

    def costs(self, step: float, components: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what the leading components take and leave, were they coded with that step.

        Returns
        -------
        bits, errors
            (components,) estimated bits, and squared error in squared steps.
        """
        self._hold(components)
        bits, errors = np.zeros(components), np.zeros(components)
        for part in self._energies:
            energy = part[:components] / np.float32(step * step)
            bits += 0.5 * np.log2(1.0 + RATE_SCALE * energy).sum((1, 2), dtype=np.float64)
            errors += (energy / (1.0 + NOISE * energy)).sum((1, 2), dtype=np.float64)
        return CALIBRATION * bits, self._measured * errors

    def rank(self, step: float, weight: float) -> tuple[int, float]:
        """Return how many components are worth their bits at that step, and how many bits those take in all.

        Parameters
        ----------
        step
            Quantiser step, on the [0, 1] scale.
        weight
            Squared steps that a bit is worth (lambda).
        """
        total = self._totals / step**2
        candidates = int((total > 0.05 * self._planes.shape[1]).sum())
        if not candidates:
            return 0, 0.0
        bits, errors = self.costs(step, candidates)
        # Entries of about 1 / sqrt(bands), rounded to steps of about 1 / sqrt(energy).
        entries = 0.5 * np.log2(total[:candidates] / len(self.mean)) + _BITS_OF_AN_ENTRY
        bits = bits + np.maximum(entries, 1.0) * len(self.mean)
        gains = total[:candidates] - errors - weight * bits
        rank = int(np.argmax(np.concatenate([[0.0], np.cumsum(gains)])))
        return rank, float(bits[:rank].sum())

    def step_for_bits(self, bits: float, weight: float) -> float:
        """Return the finest step whose components take about at most so many bits."""
        low, high = self.finest_step, self._coarsest
        for _ in range(_STEPS):
            middle = float(np.sqrt(low * high))
            if self.rank(middle, weight)[1] > bits:
                low = middle
            else:
                high = middle
            if high / low < 1.01:
                break
        return high

    def step_for_error(self, error: float) -> float:
        """Return about the step that leaves a mean squared error, on the [0, 1] scale."""
        low, high = self.finest_step, self._coarsest
        for _ in range(_STEPS):
            middle = float(np.sqrt(low * high))
            if self.left(middle, 0.13) / self.size > error:
                high = middle
            else:
                low = middle
            if high / low < 1.01:
                break
        return low

    def left(self, step: float, weight: float) -> float:
        """Return about the squared error that components leave at that step, on the [0, 1] scale."""
        rank = self.rank(step, weight)[0]
        of_planes = self._stands_for * float(self.costs(step, rank)[1].sum()) * step**2 if rank else 0.0
        return self.energy - float(self._totals[:rank].sum()) + of_planes

    @property
    def finest_step(self) -> float:
        """The smallest step at which every latent can be stored, on the [0, 1] scale."""
        # No latent of a plane that is not held is larger than the root of its energy, with about what filling adds.
        most = self._totals[len(self._planes) :].max(initial=0.0) / self._measured
        largest = max(self._largest, float(np.sqrt(most)))
        return max(largest / _LARGEST_PLANNED, 1e-12)

    @property
    def _measured(self) -> float:
        """The share of pixels with a valid sample."""
        return 1.0 if self.void is None else 1.0 - float(self.void.mean())

    @property
    def _stands_for(self) -> float:
        """For how many pixels one stands, on average, of those whose finest latents take and leave anything."""
        return 1.0 if self.repeats is None else 1.0 / (1.0 - float(self.repeats.repeated.mean()))

    @property
    def _coarsest(self) -> float:
        return self.finest_step * _LARGEST_PLANNED * 4.0

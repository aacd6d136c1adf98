"""The latent model whole: directions and a step in, sections of a payload out that meet a target, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from xr_inr.core.latent.by_components import synthesised
from xr_inr.core.latent.cascade_fit import CascadeTask, fit_cascade
from xr_inr.core.latent.foretold import beyond
from xr_inr.core.latent.local_turn import LocalTurn
from xr_inr.core.latent.restoration_fit import RestorationTask, fit_restoration
from xr_inr.core.latent.rounding import OCTAVES_OF_STEP, SHARES, Rounding
from xr_inr.core.latent.steps import LatentResult, Steps, Widths
from xr_inr.core.latent.tradeoff import WEIGHT

_RESTARTS = 3
_NEAR = 0.04
_SAVED_LATER = 0.14
"""Octaves of rate by which a restart may miss the target, and by which later sweeps lower the rate."""

_LATER_SHARE = 0.37
_RESTORED_BEFORE = 6
"""Sweeps that follow the fit of the restoring network."""

_SETTLING = 3
"""Last sweeps, at which the step stays as it is."""


class Fitting(Rounding):
    """One fit on its way: directions and networks, and latents beside them; parameters are those of `Rounding`."""

    def probe(self) -> Steps[float]:
        """Round roughly, and return by how many octaves of rate the target is missed."""
        yield from self._round_roughly()
        return self._judge(self._sections(self._latents)).missed

    def run(self) -> Steps[LatentResult]:
        """Fit to the end."""
        yield from self._turn_locally()
        with torch.no_grad():
            decoded = self._scene.decoded(self._latents)
        return (yield from self._fitted(decoded))

    def again(self, seed: int, widths: Widths) -> Steps[LatentResult]:
        """Fit to the end once more: new networks to the planes as they are decoded now, and latents from nothing.

        Parameters
        ----------
        seed
            Added to that of the task.
        widths
            Of networks, to try.
        """
        self._seed = self._first_seed + seed
        self._widths = widths
        self._done, self._weight = 0, WEIGHT
        with torch.no_grad():
            self._scene.restoring = None
            decoded = self._scene.decoded(self._latents)[: self._coded]
        self._scene = replace(self._scene, planes=self._scene.planes[: self._coded], cascade=[])
        self._begin_rounding()
        return (yield from self._fitted(decoded))

    def _fitted(self, decoded: Tensor) -> Steps[LatentResult]:
        """Fit networks to decoded planes, and latents beside them."""
        yield from self._fit_cascade(decoded)
        for _ in range(_RESTARTS):
            self._restart()
            missed = (yield from self.probe()) - _SAVED_LATER
            if abs(missed) < _NEAR:
                break
            self._rescale(2.0 ** float(np.clip(OCTAVES_OF_STEP * missed, -0.5, 0.5)))
        self.rounding = True
        yield from self._round()
        return (yield from self.finished())

    def finished(self) -> Steps[LatentResult]:
        """Meet the target with the latents as they are."""
        # Who interrupts what was cut short already wants it to end.
        self.rounding = not self._haste.hurried
        return replace((yield from self._settle()), interrupted=self._haste.hurried)

    def _round(self) -> Steps[None]:
        sweeps = self._preset.sweeps
        for index in range(sweeps):
            if self._haste.hurried:
                break
            yield from self._sweep(self._weight, SHARES[index] if index < len(SHARES) else _LATER_SHARE)
            if index == max(sweeps - _RESTORED_BEFORE, 0):
                yield from self._restore()
            if index >= sweeps - _SETTLING:
                self._reweigh(1.0)
        yield from self._round_by_trellis()

    def _restart(self) -> None:
        """Round what the networks leave of the planes, from nothing."""
        planes = self._scene.planes
        with torch.no_grad():
            left = planes.clone()
            for network in self._scene.cascade:
                inputs, end = network.inputs, network.inputs + network.outputs
                first = self._first_latents(left[:inputs])
                known = synthesised(first, self._source.pyramid, self._device) + planes[:inputs] - left[:inputs]
                left[inputs:end] -= network(known)
            self._latents = self._first_latents(left)
            for part in self._latents:
                # What is all zero stays so, and is not coded.
                part[self._coded :] = 0.0

    def _turn_locally(self) -> Steps[None]:
        """Turn the directions once more, and round roughly what they give then."""
        if not self._preset.turn_iterations:
            return
        turn = yield LocalTurn(self._scene.planes, self._preset.turn_iterations, self._device)
        with torch.no_grad():
            planes = (turn @ self._scene.planes.flatten(1)).reshape(self._scene.planes.shape)
            self._scene.planes = planes
            self._latents = self._first_latents(planes)
        self._turn = self._turn @ turn.T.cpu().double().numpy()
        yield from self._round_roughly()

    def _fit_cascade(self, decoded: Tensor) -> Steps[None]:
        """Fit the sinusoidal networks, and take in the components that are foretold beyond those with latents."""
        candidates = beyond(self._source.leading(len(self._turn)), self._turn)
        candidates /= np.float32(self._step)
        bands = len(self._source.mean)
        task = CascadeTask(self._scene.planes, decoded, candidates, self._source.pyramid, bands, self._device)
        found = fit_cascade(task, self._preset, self._widths.synthesis, seed=self._seed, monitor=self._monitor)
        self._scene.cascade, added = yield from found
        if not len(added):
            return
        self._scene.planes = torch.cat([self._scene.planes, torch.tensor(added, device=self._home)])
        self._begin_rounding()

    def _restore(self) -> Steps[None]:
        """Fit the network that corrects planes in the end."""
        widths = self._widths.restoration
        if not widths:
            return
        with torch.no_grad():
            decoded = self._scene.decoded(self._latents)
        scene = self._scene
        task = RestorationTask(scene.planes, decoded, scene.heard, self._coded, self._weight, self._device)
        self._assembled = None
        found = fit_restoration(task, self._preset, widths, seed=self._seed, monitor=self._monitor)
        self._scene.restoring = yield from found

    @property
    def widths(self) -> tuple[int, int]:
        """The widest network that foretells, and the one that restores; 0 for none."""
        restoring = self._scene.restoring
        units = (len(network.layers[0][1]) for network in self._scene.cascade)
        return max(units, default=0), 0 if restoring is None else len(restoring.layers[0][1])

"""The latent model whole: a target in, sections of a payload out, step by step.

A fit is a generator. It asks for what many chunks can be given at once, sweeps, turns of the basis and descents of
networks, and is sent what came of it; so one tensor program serves all chunks of a batch, each of which goes its own
way (`batch` drives them).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.aim import Aim, Sections, Verdict
from xr_inr.core.latent.assembly import assemble
from xr_inr.core.latent.basis import MOST_COMPONENTS
from xr_inr.core.latent.cascade_fit import CascadeTask, fit_cascade
from xr_inr.core.latent.foretold import beyond
from xr_inr.core.latent.local_turn import LocalTurn
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.latent.quantise import Rounder, Sweep, first_latents
from xr_inr.core.latent.restoration_fit import RestorationTask, fit_restoration
from xr_inr.core.latent.rotation import Turn, components_for, turned_planes
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.steps import LatentResult, Steps, Task
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.latent.wavelet import analyse, synthesise_unrounded
from xr_inr.core.monitor import Progress
from xr_inr.exceptions import BudgetError

_HEADER_BYTES = 60
_RESTARTS = 3
_NEAR = 0.04
_SAVED_LATER = 0.14
"""Octaves of rate by which a restart may miss the target, and by which later sweeps lower the rate."""

_SHARES = (0.6, 0.5, 0.5)
"""Part of the latents that the first sweeps decide on; too many at once overshoot, since the wavelet is not quite
orthonormal."""

_LATER_SHARE = 0.37
_PROBES, _PROBE_SWEEPS = 8, 3
_CLOSE, _FAR = 0.12, 0.25
"""Octaves of rate by which a probe may miss, and beyond which lambda alone will not do."""

_OCTAVES_OF_STEP = 0.45
"""Octaves of the step that change the rate by one."""

_HASTE = 1.12
_PUSH = 0.04
_FINER_FITS = 3
_RESTORED_BEFORE = 6
"""Sweeps that follow the fit of the restoring network."""

_SETTLING = 3
"""Last sweeps, at which the step stays as it is."""

_CORRECTIONS = 24
_CORRECTION_SHARE = 0.37
_FINEST_WEIGHT, _COARSEST_WEIGHT = 0.005, 100.0


class LatentFit:
    """The fit of one chunk.

    Parameters
    ----------
    task
        What is to be fitted.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.planned = task.preset.sweeps + _PROBE_SWEEPS
        """Sweeps that a fit without corrections takes."""

        self._haste = _Haste()
        self._fitting: _Fitting | None = None

    def steps(self) -> Steps[LatentResult]:
        """Fit the model.

        Raises
        ------
        BudgetError
            When no payload can be that small or that good; the message says what was reached.
        """
        aim, source = self.task.aim, ScenePlanes(self.task.aim.scene)
        step = _first_step(source, aim)
        for _ in range(_PROBES):
            rank = min(source.rank(step, WEIGHT)[0], MOST_COMPONENTS)
            if rank == 0 and (aim.budget is not None or aim.judge(LatentResult.mean_only(aim.scene).sections).met):
                return LatentResult.mean_only(aim.scene)
            fitting = yield from self._begun(source, max(rank, 1), step)
            missed = yield from fitting.probe()
            if abs(missed) < _CLOSE:
                break
            step = max(step * 2.0 ** float(np.clip(_OCTAVES_OF_STEP * missed, -1.0, 1.0)), source.finest_step)
        for _ in range(_FINER_FITS):
            try:
                return (yield from fitting.run())
            except BudgetError:
                if aim.budget is not None or step <= source.finest_step:
                    raise
                # What is missing lies in components that seemed not worth their bytes.
                step = max(step / 2.0, source.finest_step)
                rank = min(max(source.rank(step, WEIGHT)[0], rank + 1), MOST_COMPONENTS, source.count)
                fitting = yield from self._begun(source, rank, step)
        return (yield from fitting.run())

    @property
    def hurried(self) -> bool:
        """Whether what is left of the sweeps shall be left out."""
        return self._haste.hurried

    @hurried.setter
    def hurried(self, hurried: bool) -> None:
        self._haste.hurried = hurried

    @property
    def rounding(self) -> bool:
        """Whether the sweeps are under way, so that their latents are worth keeping."""
        return self._fitting is not None and self._fitting.rounding

    def cut_short(self) -> Steps[LatentResult]:
        """Keep the latents of a fit that is `rounding` as they are, and meet the target."""
        if self._fitting is None:
            raise TypeError("a fit must have begun to be cut short")
        self.hurried = True
        return self._fitting.finished()

    def progress(self, error: float) -> Progress:
        """Return where the fit stands; the PSNR is that of unrounded samples.

        Parameters
        ----------
        error
            Sum of squared errors of the planes, in squared steps.
        """
        done, psnr = (0, -np.inf) if self._fitting is None else self._fitting.reached(error)
        return Progress("fit", min(done, self.planned), self.planned, psnr)

    def _begun(self, source: ScenePlanes, rank: int, step: float) -> Steps[_Fitting]:
        count = min(components_for(rank, len(source.mean)), source.count)
        turn = yield Turn(source.covariances(count) / step**2, source.counts, rank, WEIGHT)
        self._fitting = _Fitting(self.task, self._haste, source, turn, step)
        return self._fitting


def _first_step(source: ScenePlanes, aim: Aim) -> float:
    if aim.budget is None:
        return source.step_for_error(aim.error())
    outside = aim.size({}) + _HEADER_BYTES
    return source.step_for_bits(8.0 * max(aim.budget - outside, 8), WEIGHT)


@dataclass
class _Haste:
    """Whether what is left of the sweeps of a fit shall be left out."""

    hurried: bool = False


class _Fitting:
    """One fit on its way: latents, their step, and the networks."""

    def __init__(self, task: Task, haste: _Haste, source: ScenePlanes, turn: NDArray[np.float64], step: float) -> None:
        # Not the fit itself: a cycle of references would keep tensors until Python looks for cycles.
        self._haste, self._source, self._preset, self._aim = haste, source, task.preset, task.aim
        self._device, self._seed, self._monitor = task.device, task.seed, task.monitor
        device = task.device
        self._network = shipped()
        self._step = step
        self._weight = WEIGHT
        self._done = 0
        self._judged: tuple[Sections, Verdict] | None = None
        self.rounding = False
        count, rank = turn.shape
        self._turn, self._coded = turn, rank
        planes = turned_planes(source.leading(count), turn / step)
        heard = None
        if source.void is not None:
            heard = torch.tensor(~source.void, dtype=torch.float32, device=device)
        tensor = torch.tensor(planes, dtype=torch.float32, device=device)
        self._scene = SoftScene(tensor, heard, source.pyramid)
        self._left_out = self._energy_left_out()
        self._rounder = Rounder(source.pyramid, rank, self._network, device, task.seed)
        self._latents = first_latents(analyse(tensor, source.pyramid, torch))

    def probe(self) -> Steps[float]:
        """Round roughly, and return by how many octaves of rate the target is missed."""
        for _ in range(_PROBE_SWEEPS):
            yield from self._sweep(self._weight, _SHARES[0])
        return self._judge(self._sections(self._latents)).missed

    def run(self) -> Steps[LatentResult]:
        """Fit to the end."""
        yield from self._turn_locally()
        yield from self._fit_cascade()
        for _ in range(_RESTARTS):
            self._restart()
            missed = (yield from self.probe()) - _SAVED_LATER
            if abs(missed) < _NEAR:
                break
            self._rescale(2.0 ** float(np.clip(_OCTAVES_OF_STEP * missed, -0.5, 0.5)))
        self.rounding = True
        yield from self._round()
        return (yield from self.finished())

    def finished(self) -> Steps[LatentResult]:
        """Meet the target with the latents as they are."""
        self.rounding = False
        return replace((yield from self._settle()), interrupted=self._haste.hurried)

    def reached(self, error: float) -> tuple[int, float]:
        """Return how many sweeps are done, and the PSNR of unrounded samples, from the error in squared steps."""
        return self._done, self._aim.psnr_of((error * self._step**2 + self._left_out) / self._source.size)

    def _round(self) -> Steps[None]:
        sweeps = self._preset.sweeps
        for index in range(sweeps):
            if self._haste.hurried:
                break
            yield from self._sweep(self._weight, _SHARES[index] if index < len(_SHARES) else _LATER_SHARE)
            if index == max(sweeps - _RESTORED_BEFORE, 0):
                yield from self._restore()
            if index >= sweeps - _SETTLING:
                self._reweigh(1.0)

    def _restart(self) -> None:
        """Round what the networks leave of the planes, from nothing."""
        pyramid, planes = self._source.pyramid, self._scene.planes
        with torch.no_grad():
            left = planes.clone()
            for network in self._scene.cascade:
                inputs, end = network.inputs, network.inputs + network.outputs
                first = first_latents(analyse(left[:inputs], pyramid, torch))
                known = synthesise_unrounded(first, pyramid, torch) + planes[:inputs] - left[:inputs]
                left[inputs:end] -= network(known)
            self._latents = first_latents(analyse(left, pyramid, torch))
            for part in self._latents:
                # What is all zero stays so, and is not coded.
                part[self._coded :] = 0.0

    def _turn_locally(self) -> Steps[None]:
        """Turn the directions once more, and round roughly what they give then."""
        if not self._preset.turn_iterations:
            return
        turn = yield LocalTurn(self._scene.planes, self._preset.turn_iterations)
        with torch.no_grad():
            planes = (turn @ self._scene.planes.flatten(1)).reshape(self._scene.planes.shape)
            self._scene.planes = planes
            self._latents = first_latents(analyse(planes, self._source.pyramid, torch))
        self._turn = self._turn @ turn.T.cpu().double().numpy()
        for _ in range(_PROBE_SWEEPS):
            yield from self._sweep(self._weight, _SHARES[0])

    def _fit_cascade(self) -> Steps[None]:
        """Fit the sinusoidal networks, and take in the components that are foretold beyond those with latents."""
        with torch.no_grad():
            decoded = self._scene.decoded(self._latents)
            candidates = beyond(self._source.leading(len(self._turn)), self._turn)
        candidates /= np.float32(self._step)
        task = CascadeTask(self._scene.planes, decoded, candidates, self._source.pyramid, len(self._source.mean))
        found = fit_cascade(task, self._preset, seed=self._seed, monitor=self._monitor)
        self._scene.cascade, added = yield from found
        if not len(added):
            return
        self._scene.planes = torch.cat([self._scene.planes, torch.tensor(added, device=self._device)])
        rank = len(self._scene.planes)
        self._rounder = Rounder(self._source.pyramid, rank, self._network, self._device, self._seed)
        self._left_out = self._energy_left_out()

    def _restore(self) -> Steps[None]:
        """Fit the network that corrects planes in the end."""
        widths = self._preset.restoration_widths
        if not widths:
            return
        with torch.no_grad():
            decoded = self._scene.decoded(self._latents)
        task = RestorationTask(self._scene.planes, decoded, self._scene.heard, self._coded, self._weight)
        found = fit_restoration(task, self._preset, widths, seed=self._seed, monitor=self._monitor)
        self._scene.restoring = yield from found

    def _energy_left_out(self) -> float:
        """Return the squared error that planes without any error leave, on the [0, 1] scale."""
        heard = self._scene.heard
        squares = (plane.double().square() for plane in self._scene.planes)
        held = sum(float((part if heard is None else part * heard).sum()) for part in squares)
        return max(self._source.energy - held * self._step**2, 0.0)

    def _sweep(self, weight: float, share: float) -> Steps[None]:
        self._done += 1
        self._latents = yield Sweep(self._rounder, self._latents, self._scene, weight, share)

    def _rescale(self, factor: float) -> None:
        factor = max(factor, self._source.finest_step / self._step)
        self._step *= factor
        self._scene.rescale(factor)
        self._latents = [torch.round(part / factor) for part in self._latents]

    def _reweigh(self, pace: float) -> None:
        """Change lambda so that the next sweep comes nearer to the target."""
        missed = self._judge(self._sections(self._latents)).missed
        turn = 2.0 ** float(np.clip(pace * missed, -1.0, 1.0))
        self._weight = float(np.clip(self._weight * turn, _FINEST_WEIGHT, _COARSEST_WEIGHT))

    def _settle(self) -> Steps[LatentResult]:
        """Change lambda, and where need be the step, until the target is met; keep the best that meets it."""
        kept: tuple[Sections, Verdict] | None = None
        pace = 1.0
        for attempt in range(_CORRECTIONS):
            sections = self._sections(self._latents)
            verdict = self._judge(sections)
            missed = verdict.missed
            if attempt >= _CORRECTIONS // 2:
                # Whatever wavers about the target is pushed over it.
                push = _PUSH * (attempt - _CORRECTIONS // 2)
                missed += push if self._aim.budget is not None else -push
            if verdict.met:
                if kept is None or abs(verdict.missed) < abs(kept[1].missed):
                    kept = sections, verdict
                if verdict.tight:
                    break
            if kept is not None and attempt >= _CORRECTIONS // 2:
                break
            turn = 2.0 ** float(np.clip(pace * missed, -1.0, 1.0))
            self._weight = float(np.clip(self._weight * turn, _FINEST_WEIGHT, _COARSEST_WEIGHT))
            if abs(missed) > _FAR or self._weight in (_FINEST_WEIGHT, _COARSEST_WEIGHT):
                self._rescale(2.0 ** float(np.clip(_OCTAVES_OF_STEP * pace * missed, -1.0, 1.0)))
                self._weight = WEIGHT
            pace *= _HASTE
            yield from self._sweep(self._weight, _CORRECTION_SHARE)
        if kept is None:
            if self._aim.budget is not None:
                return LatentResult.mean_only(self._aim.scene)
            raise BudgetError(self._aim.shortfall(sections, verdict))
        widths = tuple(len(network.layers[0][1]) for network in self._scene.networks)
        return LatentResult(kept[0], len(self._scene.planes), widths, self._done)

    def _judge(self, sections: Sections) -> Verdict:
        """Return how a payload stands to the target; what was judged last is not decoded again."""
        if self._judged is None or self._judged[0] != sections:
            self._judged = sections, self._aim.judge(sections)
        return self._judged[1]

    def _sections(self, latents: list[Tensor]) -> Sections:
        return assemble(
            latents,
            self._scene.cascade,
            self._scene.restoring,
            source=self._source,
            network=self._network,
            offsets=self._rounder.offsets,
            step=self._step,
        )

"""Latents on their way to a target: sweeps and rounds of the trellis, the step, lambda, and what payloads come to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xr_inr.core.latent.aim import Sections, Verdict
from xr_inr.core.latent.assembly import assemble
from xr_inr.core.latent.by_components import analysed
from xr_inr.core.latent.latents import LatentSide
from xr_inr.core.latent.memory import home_of
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.latent.quantise import Rounder, Sweep, first_latents
from xr_inr.core.latent.requantise import Trellis
from xr_inr.core.latent.rotation import turned_planes
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.steps import LatentResult, Steps, Task, Widths
from xr_inr.core.latent.tradeoff import WEIGHT
from xr_inr.core.memory import CPU
from xr_inr.exceptions import BudgetError

_SAVED_BY_TRELLIS = 0.06
"""Octaves of rate that a trellis saves."""

_SAVED_BY_LAMBDA = 0.25
"""Octaves of rate that one of lambda saves, the step being as it is."""

_CLOSE = 0.06
"""Octaves of rate up to which lambda brings latents of a trellis to the target: at another step all would change."""

_TRELLIS_PACE = 3.0
"""Octaves of lambda for one of rate, then."""

PROBE_SWEEPS = 3

_FAR = 0.25
"""Octaves of rate beyond which lambda alone will not do."""

OCTAVES_OF_STEP = 0.45
"""Octaves of the step that change the rate by one."""

_HASTE = 1.12
_PUSH = 0.04
_CORRECTIONS = 24
_CORRECTION_SHARE = 0.37
_FINEST_WEIGHT, _COARSEST_WEIGHT = 0.005, 100.0

SHARES = (0.6, 0.5, 0.5)
"""Part of the latents that the first sweeps decide on; too many at once overshoot, since the wavelet is not quite
orthonormal."""


@dataclass
class Haste:
    """Whether what is left of the sweeps of a fit shall be left out."""

    hurried: bool = False


class Rounding:
    """Latents of a scene's planes, what they shall give, and a target that they shall meet.

    Parameters
    ----------
    task
        What is to be fitted.
    haste
        Says when to leave out sweeps.
    source
        The scene as planes.
    turn
        (components, rank) orthonormal directions of planes that shall have latents.
    step
        The quantiser step to begin with, on the [0, 1] scale.
    """

    def __init__(self, task: Task, haste: Haste, source: ScenePlanes, turn: NDArray[np.float64], step: float) -> None:
        # Not the fit itself: a cycle of references would keep tensors until Python looks for cycles.
        self._haste, self._source, self._preset, self._aim = haste, source, task.preset, task.aim
        self._device, self._first_seed, self._monitor = task.device, task.seed, task.monitor
        self._seed = task.seed
        self._widths = Widths(task.preset.synthesis_widths, task.preset.restoration_widths)
        self._network = shipped()
        self._step = step
        self._weight = WEIGHT
        self._done = 0
        self._judged: tuple[Sections, Verdict] | None = None
        self._assembled: tuple[list[Tensor], Sections] | None = None
        self.rounding = False
        """Whether the sweeps are under way, so that their latents are worth keeping."""

        count, rank = turn.shape
        self._turn, self._coded = turn, rank
        latents = rank * math.prod(source.pyramid.size)
        self._home = CPU if task.streamed else home_of(task.device, latents)
        planes = turned_planes(source.leading(count), turn / step)
        heard, counted = None, source.counted
        self._counted = 1.0
        """For how many pixels one stands on average."""
        if counted is not None:
            # Errors of pixels that stand for several count once, as the norms of latents have it.
            heard = torch.tensor(counted > 0, dtype=torch.float32, device=self._home)
            self._counted = float(counted.sum()) / max(float(heard.sum()), 1.0)
        tensor = torch.tensor(planes, dtype=torch.float32, device=self._home)
        self._scene = SoftScene(tensor, heard, source.pyramid, device=task.device, repeated=source.repeated)
        self._side: LatentSide | None = None
        self._fine = False
        self._begin_rounding()
        self._latents = self._first_latents(tensor)

    def reached(self, error: float) -> tuple[int, float]:
        """Return how many sweeps are done, and the PSNR of unrounded samples, from the error in squared steps."""
        squares = self._counted * error * self._step**2 + self._left_out
        return self._done, self._aim.psnr_of(squares / self._source.size)

    @property
    def streamed(self) -> bool:
        """Whether latents lie elsewhere than where they are decided on."""
        return self._home != self._device

    def _round_roughly(self) -> Steps[None]:
        for _ in range(PROBE_SWEEPS):
            yield from self._sweep(self._weight, SHARES[0])

    def _first_latents(self, planes: Tensor) -> list[Tensor]:
        if self._source.repeats is not None:
            settled = planes.cpu().numpy().copy()
            self._source.settle(settled)
            planes = torch.from_numpy(settled).to(planes.device)
        return first_latents(analysed(planes, self._source.pyramid, self._device))

    def _begin_rounding(self) -> None:
        """Begin anew to round latents of the planes that there are."""
        rank = len(self._scene.planes)
        pyramid = self._source.pyramid
        self._rounder = Rounder(pyramid, rank, self._network, self._device, self._seed, home=self._home)
        self._fine, self._side = False, None
        self._left_out = self._energy_left_out()

    def _energy_left_out(self) -> float:
        """Return the squared error that planes without any error leave, on the [0, 1] scale."""
        heard = self._scene.heard
        squares = (plane.double().square() for plane in self._scene.planes)
        each = torch.stack([(part if heard is None else part * heard).sum() for part in squares])
        return max(self._source.energy - self._counted * float(sum(each.tolist())) * self._step**2, 0.0)

    def _sweep(self, weight: float, share: float) -> Steps[None]:
        self._done += 1
        self._assembled = None
        swept = yield Sweep(self._rounder, self._latents, self._scene, weight, share)
        self._latents = swept.latents

    def _round_by_trellis(self) -> Steps[None]:
        """Let latents go through a trellis, the first time at the step that what it saves asks for."""
        self._fine = self._preset.trellis_rounds > 0
        saved = _SAVED_BY_LAMBDA * math.log2(WEIGHT / self._weight) + _SAVED_BY_TRELLIS
        for _ in range(self._preset.trellis_rounds):
            if self._haste.hurried or not self._fine:
                break
            yield from self._requantise(self._judge(self._sections(self._latents)).missed - saved)
            saved = 0.0

    def _requantise(self, missed: float) -> Steps[None]:
        """Let latents go through a trellis, at a step or a lambda that comes nearer to the target.

        Where few would, latents are whole from now on.
        """
        self._done += 1
        self._assembled = None
        octaves = max(OCTAVES_OF_STEP * missed, math.log2(self._source.finest_step / self._step))
        if self._side is None or (abs(missed) > _CLOSE and abs(octaves) > 0.0):
            self._rescale(2.0 ** min(octaves, 1.0), whole=False)
            self._weight = WEIGHT
        else:
            self._turn_weight(_TRELLIS_PACE * missed)
        found = yield Trellis(self._rounder, self._latents, self._scene, self._weight, self._side)
        self._latents, self._side = found.latents, found.side
        self._fine = found.side is not None

    def _rescale(self, factor: float, *, whole: bool = True) -> None:
        self._assembled, self._side = None, None
        factor = max(factor, self._source.finest_step / self._step)
        self._step *= factor
        self._scene.rescale(factor)
        self._latents = [torch.round(part / factor) if whole else part / factor for part in self._latents]

    def _reweigh(self, pace: float) -> None:
        """Change lambda so that the next sweep comes nearer to the target."""
        self._turn_weight(pace * self._judge(self._sections(self._latents)).missed)

    def _turn_weight(self, octaves: float) -> None:
        turn = 2.0 ** float(np.clip(octaves, -1.0, 1.0))
        self._weight = float(np.clip(self._weight * turn, _FINEST_WEIGHT, _COARSEST_WEIGHT))

    def _settle(self) -> Steps[LatentResult]:
        """Change lambda, and where need be the step, until the target is met; keep the best that meets it."""
        kept: tuple[Sections, Verdict] | None = None
        pace = 1.0 / _HASTE
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
            pace *= _HASTE
            yield from self._correct(missed, pace)
        if kept is None:
            if self._aim.budget is not None:
                return LatentResult.mean_only(self._aim.scene)
            raise BudgetError(self._aim.shortfall(sections, verdict))
        widths = tuple(len(network.layers[0][1]) for network in self._scene.networks)
        return LatentResult(kept[0], len(self._scene.planes), widths, self._done)

    def _correct(self, missed: float, pace: float) -> Steps[None]:
        """Decide anew so that the target is missed by less."""
        if self._fine:
            yield from self._requantise(missed)
            if self._fine:
                return
        self._turn_weight(pace * missed)
        if abs(missed) > _FAR or self._weight in (_FINEST_WEIGHT, _COARSEST_WEIGHT):
            self._rescale(2.0 ** float(np.clip(OCTAVES_OF_STEP * pace * missed, -1.0, 1.0)))
            self._weight = WEIGHT
        yield from self._sweep(self._weight, _CORRECTION_SHARE)

    def _judge(self, sections: Sections) -> Verdict:
        """Return how a payload stands to the target; what was judged last is not decoded again."""
        if self._judged is None or self._judged[0] != sections:
            self._judged = sections, self._aim.judge(sections)
        return self._judged[1]

    def _sections(self, latents: list[Tensor]) -> Sections:
        """Return the sections that latents make; those of the same ones are put together once."""
        if self._assembled is None or self._assembled[0] is not latents:
            sections = assemble(
                latents,
                self._scene.cascade,
                self._scene.restoring,
                source=self._source,
                network=self._network,
                offsets=self._rounder.offsets,
                step=self._step,
                side=self._side,
            )
            self._assembled = latents, sections
        return self._assembled[1]

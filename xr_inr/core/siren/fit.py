"""Fitting one network to one scene, resumable, keeping the best parameters so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.network import Parameters, evaluate, initialise
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.optimiser import Adam, Optimiser, Soap
from xr_inr.core.siren.presets import SirenPreset
from xr_inr.core.siren.quantisation import as_stored, is_decodable
from xr_inr.core.siren.schedule import Schedule
from xr_inr.exceptions import XrInrError

_POINTS_AT_ONCE = 65_536


@dataclass
class Best:
    """The best parameters so far."""

    psnr: float = -math.inf
    """PSNR in dB over the valid samples of the scene, of the parameters as they are stored."""

    iteration: int = 0
    """After how many iterations they were reached."""

    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    """The parameters before rounding."""


class Trainer:
    """One network being fitted.

    Parameters
    ----------
    objective
        What to minimise.
    architecture
        The shape of the network.
    preset
        How to fit.
    weight_bits
        In which form the parameters will be stored.
    seed
        Of the initialisation and of the batches.
    device
        Where to fit.
    """

    def __init__(
        self,
        objective: Objective,
        architecture: Architecture,
        preset: SirenPreset,
        *,
        weight_bits: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.architecture = architecture
        self.best = Best()
        self.iteration = 0
        self._objective = objective
        self._preset = preset
        self._bits = weight_bits
        self._generator = torch.Generator().manual_seed(seed)
        self._layers: Parameters = initialise(architecture, self._generator, device)
        self._optimiser = self._new_optimiser()
        self._slowed_at = 0
        self._schedule = Schedule(preset, architecture.hidden_width, objective.points, weight_bits)
        self._slower = self._schedule.share_of_rate
        self._check_every = self._schedule.check_every

    @property
    def iterations(self) -> int:
        """How many iterations the fit shall have."""
        return self._preset.iterations

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.iteration >= self.iterations

    def reaches(self, psnr: float) -> bool:
        """Whether the best parameters so far, as they are stored, have at least this PSNR, in dB."""
        if self.best.psnr < psnr:
            return False
        self.settle()
        return self.best.psnr >= psnr

    def advance(self) -> None:
        """Do one iteration.

        Raises
        ------
        XrInrError
            When the fit has diverged without any finite parameters to fall back on.
        """
        if self._stalls():
            self._slow_down()
        rounding = self._rounds()
        if rounding and not self._rounds(self.iteration - 1):
            self.best = Best()
        index = self._draw()
        stored = as_stored(self._layers, self._bits) if rounding else self._layers
        outputs = evaluate(stored, self._objective.positions(index))
        error = self._objective.squared_error(outputs, index)
        if index is None:
            self._keep(float(error.detach()))
        elif self.iteration % self._check_every == 0:
            self._keep(self._error_everywhere(stored))
        self._optimiser.zero_grad()
        (error / len(outputs)).backward()  # type: ignore[no-untyped-call]
        self._optimiser.step(self._learning_rate())
        self.iteration += 1
        if self.finished:
            self.settle()

    def settle(self) -> None:
        """Measure the parameters as they are now, in the form they are stored in, and keep the better ones.

        Parameters that were the best before any rounding are measured again as stored.
        """
        if not self._rounds(self.iteration - 1) and self.best.layers:
            before = self.best
            self.best = Best()
            self._keep(self._error_everywhere(as_stored(before.layers, self._bits)), before.layers, before.iteration)
        self._keep(self._error_everywhere(as_stored(self._layers, self._bits)))
        if not self.best.layers:
            raise XrInrError(f"the fit of a network {self.architecture} diverged: no finite error was ever reached")

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes during a fit: tensors, numbers, strings, lists and dicts, as `torch.save` takes them.

        The tensors are those of the running fit: save or copy them before it goes on.
        """
        return {
            "architecture": str(self.architecture),
            "iteration": self.iteration,
            "layers": [[part.detach() for part in layer] for layer in self._layers],
            "best": {"psnr": self.best.psnr, "iteration": self.best.iteration, "layers": self.best.layers},
            "optimiser": self._optimiser.state_dict(),
            "generator": self._generator.get_state(),
            "slower": self._slower,
            "slowed_at": self._slowed_at,
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the fit stood whose `state_dict` this is, to the same bits on the same machine.

        This fit must have been made with the same arguments; it takes the tensors over.

        Raises
        ------
        ValueError
            When the state is that of another architecture.
        """
        if state["architecture"] != str(self.architecture):
            raise ValueError(f"the state must be of a network {self.architecture}. Got {state['architecture']}.")
        self.iteration = state["iteration"]
        for layer, saved in zip(self._layers, state["layers"], strict=True):
            for parameter, value in zip(layer, saved, strict=True):
                parameter.copy_(value)
        best, device = state["best"], self._layers[0][0].device
        layers = [(weights.to(device), biases.to(device)) for weights, biases in best["layers"]]
        self.best = Best(best["psnr"], best["iteration"], layers)
        self._optimiser = self._new_optimiser()
        self._optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"])
        self._slower, self._slowed_at = state["slower"], state["slowed_at"]

    def _new_optimiser(self) -> Optimiser:
        flat = [parameter for layer in self._layers for parameter in layer]
        return Soap(flat) if self._preset.optimiser == "soap" else Adam(flat)

    def _stalls(self) -> bool:
        without_gain = self.iteration - max(self.best.iteration, self._slowed_at)
        return bool(self.best.layers) and self._schedule.stalls(without_gain)

    @torch.no_grad()
    def _slow_down(self) -> None:
        """Go back to the best parameters so far, and on from there at half the learning rate."""
        for layer, best in zip(self._layers, self.best.layers, strict=True):
            for parameter, value in zip(layer, best, strict=True):
                parameter.copy_(value)
        self._optimiser = self._new_optimiser()
        self._slower *= 0.5
        self._slowed_at = self.iteration

    def _rounds(self, iteration: int | None = None) -> bool:
        return self._schedule.rounds(self.iteration if iteration is None else iteration)

    def _draw(self) -> Tensor | None:
        drawn = self._schedule.draw(self._generator)
        return None if drawn is None else drawn.to(self._objective.home)

    def _learning_rate(self) -> float:
        return self._schedule.learning_rate(self.iteration, self._slower)

    @torch.no_grad()
    def _error_everywhere(self, layers: list[tuple[Tensor, Tensor]]) -> float:
        total = 0.0
        for start in range(0, self._objective.points, _POINTS_AT_ONCE):
            stop = min(start + _POINTS_AT_ONCE, self._objective.points)
            index = torch.arange(start, stop, device=self._objective.home)
            total += float(self._objective.squared_error(evaluate(layers, self._objective.positions(index)), index))
        return total

    @torch.no_grad()
    def _keep(
        self, error: float, layers: list[tuple[Tensor, Tensor]] | None = None, iteration: int | None = None
    ) -> None:
        if not math.isfinite(error):
            return
        psnr = self._objective.psnr(error)
        if psnr > self.best.psnr and is_decodable(layers or self._layers):
            copied = [(weights.clone(), biases.clone()) for weights, biases in layers or self._layers]
            self.best = Best(psnr, self.iteration if iteration is None else iteration, copied)

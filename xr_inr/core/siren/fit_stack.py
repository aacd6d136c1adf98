"""Fitting several networks of one architecture at once, each to its own scene and as it would be fitted alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Best
from xr_inr.core.siren.network import initialise
from xr_inr.core.siren.objective import Objective
from xr_inr.core.siren.presets import SirenPreset
from xr_inr.core.siren.schedule import Schedule
from xr_inr.core.siren.stack import Stack
from xr_inr.core.siren.stack_gradient import StackGradient
from xr_inr.core.siren.stack_objective import StackObjective
from xr_inr.core.siren.stack_optimiser import StackOptimiser
from xr_inr.exceptions import XrInrError


@dataclass
class _Course:
    """How the fit of one network goes."""

    number: int
    """Its place among all that were begun."""

    schedule: Schedule
    generator: torch.Generator
    slower: float
    stop_at: float
    slowed_at: int = 0
    psnr: float = -math.inf
    iteration: int = 0
    """After how many iterations its best parameters were reached."""


class StackTrainer:
    """Networks being fitted at once: learning rate, restarts and best parameters of each are its own.

    Parameters
    ----------
    objectives
        What each network is to minimise. Scenes are fitted on batches of positions all, or none.
    architecture
        The shape of every network.
    preset
        How to fit.
    weight_bits
        In which form the parameters will be stored.
    seed
        Of the initialisation and of the batches, the same of every network.
    device
        Where to fit.
    stop_at
        PSNR in dB of each at which its fit may end; never if None.
    points_at_once
        How many points of all networks together are evaluated at a time, with what their gradients need; all if None.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        architecture: Architecture,
        preset: SirenPreset,
        *,
        weight_bits: int,
        seed: int,
        device: torch.device,
        stop_at: Sequence[float] | None = None,
        points_at_once: int | None = None,
    ) -> None:
        self.architecture = architecture
        self.iteration = 0
        self.found: dict[int, tuple[Best, int]] = {}
        """Of each network that is done its best parameters, and the iterations it had."""
        self._preset = preset
        self._bits = weight_bits
        self._objective = StackObjective(objectives, points_at_once)
        self._at_once = len(objectives) * self._objective.points if points_at_once is None else points_at_once
        self._courses = []
        networks = []
        for number, objective in enumerate(objectives):
            schedule = Schedule(preset, architecture.hidden_width, objective.points, weight_bits)
            generator = torch.Generator().manual_seed(seed)
            networks.append(initialise(architecture, generator, device))
            stop = math.inf if stop_at is None else stop_at[number]
            self._courses.append(_Course(number, schedule, generator, schedule.share_of_rate, stop))
        self._stack = Stack.of(networks)
        self._best = self._stack.copy()
        self._found_by: StackGradient | None = None
        self._optimiser = StackOptimiser(self._stack.tensors, soap=preset.optimiser == "soap")

    @property
    def finished(self) -> bool:
        """Whether all networks are done."""
        return not self._courses

    @property
    def psnrs(self) -> list[float]:
        """Best PSNR so far of each network, in dB, those that are done too."""
        known = {number: best.psnr for number, (best, _) in self.found.items()}
        known |= {course.number: course.psnr for course in self._courses}
        return [known[number] for number in sorted(known)]

    @property
    def iterations(self) -> list[int]:
        """Iterations of each network, all planned ones where it is done."""
        open_ones = {course.number for course in self._courses}
        count = len(self.found) + len(open_ones)
        return [self.iteration if number in open_ones else self._preset.iterations for number in range(count)]

    def advance(self) -> None:
        """Do one iteration of all networks that are not done.

        Raises
        ------
        XrInrError
            When a fit has diverged without any finite parameters to fall back on.
        """
        self._end_those_that_reach()
        if self.finished:
            return
        self._slow_down()
        schedule = self._courses[0].schedule
        rounding = schedule.rounds(self.iteration)
        if rounding and not schedule.rounds(self.iteration - 1):
            for course in self._courses:
                course.psnr, course.iteration = -math.inf, 0
        drawn = [course.schedule.draw(course.generator) for course in self._courses]
        batches = [index for index in drawn if index is not None]
        errors = self._gradient(self._bits if rounding else None).find(torch.stack(batches) if batches else None)
        if batches:
            self._check(rounding=rounding)
        else:
            self._keep(errors.tolist())
        rates = [course.schedule.learning_rate(self.iteration, course.slower) for course in self._courses]
        self._optimiser.step(self._stack.tensors, rates)
        self.iteration += 1
        if self.iteration >= self._preset.iterations:
            self.end()

    def reaches(self, number: int, psnr: float) -> bool:
        """Whether the best parameters of a network so far, as they are stored, have at least this PSNR, in dB."""
        if number in self.found:
            return self.found[number][0].psnr >= psnr
        place = self._place(number)
        if self._courses[place].psnr >= psnr:
            self._settle([place])
        return self._courses[place].psnr >= psnr

    def best(self, number: int) -> Best:
        """Return the best parameters of a network so far."""
        if number in self.found:
            return self.found[number][0]
        place = self._place(number)
        course = self._courses[place]
        return Best(course.psnr, course.iteration, self._best.network(place) if math.isfinite(course.psnr) else [])

    def end(self) -> None:
        """End the fits of all networks with the better of their best and their present parameters."""
        everyone = range(len(self._courses))
        if everyone:
            self._settle(everyone)
            self._put_away(everyone)

    def _end_those_that_reach(self) -> None:
        """Put away the networks that are as good as they shall become."""
        reaching = [course.number for course in self._courses if self.reaches(course.number, course.stop_at)]
        if reaching:
            self._put_away([self._place(number) for number in reaching])

    def _place(self, number: int) -> int:
        """Return where a network that is not done stands in the stack."""
        return next(place for place, course in enumerate(self._courses) if course.number == number)

    def _settle(self, places: Sequence[int]) -> None:
        """Measure the best and the present parameters of some networks as stored, and keep the better ones."""
        if not self._courses[0].schedule.rounds(self.iteration - 1):
            known = [place for place in places if math.isfinite(self._courses[place].psnr)]
            errors = self._objective.errors_everywhere(self._best.as_stored(self._bits)).tolist()
            for place in known:
                measured = self._objective.psnr(place, errors[place])
                self._courses[place].psnr = measured if math.isfinite(measured) else -math.inf
        errors = self._objective.errors_everywhere(self._stack.as_stored(self._bits)).tolist()
        self._keep([error if place in places else math.nan for place, error in enumerate(errors)])
        if any(not math.isfinite(self._courses[place].psnr) for place in places):
            raise XrInrError(f"the fit of a network {self.architecture} diverged: no finite error was ever reached")

    def _put_away(self, places: Sequence[int]) -> None:
        """Take networks that are done out of the stack."""
        for place in places:
            course = self._courses[place]
            self.found[course.number] = (self.best(course.number), self.iteration)
        rest = [place for place in range(len(self._courses)) if place not in set(places)]
        self._courses = [self._courses[place] for place in rest]
        if places and rest:
            self._stack, self._best = self._stack.only(rest), self._best.only(rest)
            self._objective = self._objective.only(rest)
            self._optimiser.keep(rest)

    def _slow_down(self) -> None:
        """Send the networks that stall back to their best parameters, and on from there at half the learning rate."""
        stalling = []
        for place, course in enumerate(self._courses):
            without_gain = self.iteration - max(course.iteration, course.slowed_at)
            if math.isfinite(course.psnr) and course.schedule.stalls(without_gain):
                stalling.append(place)
                course.slower *= 0.5
                course.slowed_at = self.iteration
        if stalling:
            self._stack.take(self._best, stalling)
            self._optimiser.restart(stalling)

    def _gradient(self, weight_bits: int | None) -> StackGradient:
        """Return what finds the gradient of the networks that are not done."""
        if self._found_by is None or not self._found_by.is_of(self._stack, weight_bits):
            counts = [course.schedule.batch or course.schedule.points for course in self._courses]
            self._found_by = StackGradient(self._objective, self._stack, weight_bits, counts, self._at_once)
        return self._found_by

    def _check(self, *, rounding: bool) -> None:
        """Look at all positions of the networks whose turn it is."""
        due = [self.iteration % course.schedule.check_every == 0 for course in self._courses]
        if any(due):
            stored = self._stack.as_stored(self._bits) if rounding else self._stack
            errors = self._objective.errors_everywhere(stored).tolist()
            self._keep([error if now else math.nan for error, now in zip(errors, due, strict=True)])

    def _keep(self, errors: Sequence[float]) -> None:
        """Keep the present parameters of the networks that have become better; errors that are not finite count not."""
        better = []
        for place, (course, error) in enumerate(zip(self._courses, errors, strict=True)):
            if math.isfinite(error) and self._objective.psnr(place, error) > course.psnr:
                better.append(place)
        if not better:
            return
        decodable = self._stack.decodable()
        better = [place for place in better if decodable[place]]
        for place in better:
            self._courses[place].psnr = self._objective.psnr(place, errors[place])
            self._courses[place].iteration = self.iteration
        if better:
            self._best.take(self._stack, better)

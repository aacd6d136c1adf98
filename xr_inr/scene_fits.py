"""Fitting the scenes of one call: all are looked through before the first fit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import closing
from typing import Any

import xarray as xr

from xr_inr.chunk_record import ChunkIndex
from xr_inr.core import device as devices
from xr_inr.core.encode import Encoded
from xr_inr.exceptions import BudgetError, ChunksError, RequestError
from xr_inr.lazy import as_variable, wrapped
from xr_inr.local_fits import fit_here
from xr_inr.planned import Plan, PlannedArray
from xr_inr.progress import FitDisplay, ProgressOption
from xr_inr.store import ZarrFormat, array_encoding, check_format
from xr_inr.variable_fit import Budgets, FitOptions, VariableFit


def fit_scenes(
    scenes: Mapping[Hashable, xr.DataArray], options: FitOptions, progress: ProgressOption
) -> dict[Hashable, xr.Variable]:
    """Fit scenes, all looked through before the first fit; return variables that decode, by the same names."""
    jobs = _planned(scenes, options)
    spread_over = devices.spread(options.request.device)
    with FitDisplay(progress, sum(len(job.batches) for job in jobs.values())) as display:
        budgets = {name: job.check(keep=True).budgets for name, job in jobs.items()}
        if len(spread_over) > 1:
            _run_side_by_side(jobs, budgets, spread_over, display)
        else:
            for name, job in jobs.items():
                job.run(budgets[name], display)
    return {name: as_variable(job.fitted, scenes[name].variable) for name, job in jobs.items()}


def plan_scenes(
    scenes: Mapping[Hashable, xr.DataArray], options: FitOptions, progress: ProgressOption
) -> dict[Hashable, xr.Variable]:
    """Look scenes through and fit nothing; return variables that are fitted when they are written, by the same names.

    Whether the device is there is asked by whoever fits: that can be another machine.
    """
    FitDisplay(progress, 1).close()
    jobs = {name: VariableFit.plan(scene, name, options) for name, scene in scenes.items()}
    plans = {name: Plan(job, job.check(with_crc=True), progress) for name, job in jobs.items()}
    return {name: wrapped(PlannedArray(plan), scenes[name].variable) for name, plan in plans.items()}


def scene_encodings(
    scenes: Mapping[Hashable, xr.DataArray], options: FitOptions, zarr_format: ZarrFormat
) -> dict[Hashable, dict[str, Any]]:
    """Return the encodings with which xarray's ``to_zarr`` fits scenes, all looked through, by the same names."""
    check_format(zarr_format)
    jobs = _planned(scenes, options)
    for name, job in jobs.items():
        divides = all(size % step == 0 for size, step in zip(job.fitted.shape, job.fitted.chunk_shape, strict=True))
        if zarr_format == 2 and not divides:
            raise RequestError(
                f"chunks must divide the shape of {name!r}, since format 2 would have the padding at the edge fitted. "
                f"Got {job.fitted.chunk_shape} in {job.fitted.shape}; compress() and .inr.to_zarr() know no such limit."
            )
        job.check(each_alone=True)
    return {name: array_encoding(job.fitted, zarr_format) for name, job in jobs.items()}


def _run_side_by_side(
    jobs: Mapping[Hashable, VariableFit],
    budgets: Mapping[Hashable, Budgets | None],
    spread_over: Sequence[str],
    display: FitDisplay,
) -> None:
    """Fit the batches of all variables, as many at once as there are devices; raises what `VariableFit.run` raises.

    What keeps a chunk from being fitted but breaks no rule, such as a device that fails, is raised as a `ChunksError`.
    """
    names = list(jobs)
    batches = [(place, number) for place, name in enumerate(names) for number in range(len(jobs[name].batches))]
    found: dict[tuple[int, int], Mapping[ChunkIndex, Encoded]] = {}
    tasks = (
        ((str(place), number), jobs[names[place]].task(jobs[names[place]].batches[number], budgets[names[place]]))
        for place, number in batches
    )
    with closing(fit_here(tasks, spread_over, display, len(batches))) as results:
        for (told, number), result in results:
            name = names[int(told)]
            for index, failure in result.failures.items():
                if failure.may_pass:
                    raise ChunksError({(str(name), index): failure.reason}, "Nothing is kept.")
                kind = BudgetError if failure.out_of_reach else RequestError
                raise kind(f"variable {name!r}, chunk {index}: {failure.reason}")
            for index in result.encoded:
                jobs[name].kept.pop(index, None)
            found[int(told), number] = result.encoded
    for place, number in batches:
        jobs[names[place]].fitted.encoded.update(found[place, number])


def _planned(scenes: Mapping[Hashable, xr.DataArray], options: FitOptions) -> dict[Hashable, VariableFit]:
    devices.resolve(options.request.device)
    return {name: VariableFit.plan(scene, name, options) for name, scene in scenes.items()}

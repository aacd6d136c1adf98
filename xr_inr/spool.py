"""The samples of a large chunk that are in a file or made by dask, read once into a temporary file.

A fit looks at its samples again and again. From the temporary file, mapped into memory, it does so without holding
them, and without anything being read over a network or computed a second time.
"""

from __future__ import annotations

import itertools
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.codecs.chunks import ChunkAxes
from xr_inr.core.source import TILE_SAMPLES, WHOLE_SAMPLES
from xr_inr.exceptions import RequestError
from xr_inr.original import unwrapped


def spooled(part: xr.Variable, axes: ChunkAxes, scheduler: str | None = None) -> xr.Variable:
    """Return a chunk of which all samples can be looked at without holding them.

    Parameters
    ----------
    part
        The samples of a chunk, numpy- or dask-backed or in a file.
    axes
        Which of its axes are bands, y and x.
    scheduler
        As for `computed`.

    Returns
    -------
    xarray.Variable
        Of a large chunk that is not in memory one that is mapped from a temporary file, which is gone as soon as the
        variable is; `part` itself of any other.

    Raises
    ------
    RequestError
        When the folder for temporary files has too little room.
    """
    if part.size <= WHOLE_SAMPLES or isinstance(unwrapped(part), np.ndarray):
        return part
    axes.check_shape(part.shape)
    shape = tuple(part.shape[axis] for axis in axes.scene_axes)
    with tempfile.TemporaryFile() as file:
        _reserve(file, part.size * part.dtype.itemsize)
        samples = axes.from_scene(np.memmap(file, part.dtype, "r+", shape=shape))
    for block in blocks(part):
        samples[block] = computed(part[block], scheduler)
    return xr.Variable(part.dims, samples)


def computed(part: xr.Variable, scheduler: str | None) -> NDArray[Any]:
    """Return samples as an array, those that dask makes by one of its schedulers; by what it is set to if None."""
    # Not by a setting of dask: those are the whole process's, and threads would undo each other's.
    found: NDArray[Any] = part.compute(scheduler=scheduler).to_numpy()
    return found


def blocks(part: xr.Variable) -> Iterator[tuple[slice, ...]]:
    """Yield the parts to read one after the other, each sample once.

    Each is a block of dask or of the file, as far as these tell of any, or several small ones of about `TILE_SAMPLES`
    samples together.
    """
    lengths = _own_blocks(part)
    for axis in reversed(range(part.ndim)):
        across = math.prod(max(of_axis) for other, of_axis in enumerate(lengths) if other != axis)
        lengths[axis] = _joined(lengths[axis], TILE_SAMPLES // across)
    slices = []
    for of_axis in lengths:
        ends = list(itertools.accumulate(of_axis))
        slices.append([slice(end - length, end) for length, end in zip(of_axis, ends, strict=True)])
    yield from itertools.product(*slices)


def _own_blocks(part: xr.Variable) -> list[Sequence[int]]:
    """Return the lengths of the blocks along each axis in which samples are stored or made."""
    if part.chunks is not None:
        return list(part.chunks)
    preferred = part.encoding.get("preferred_chunks", {})
    found: list[Sequence[int]] = []
    for axis, (dim, length) in enumerate(zip(part.dims, part.shape, strict=True)):
        # Of a file that tells of no blocks whole rows are read.
        step = preferred.get(dim, length if preferred or axis != part.ndim - 2 else 1)
        step = step if isinstance(step, int) else max(step)
        found.append([min(step, length - start) for start in range(0, length, step)])
    return found


def _joined(lengths: Sequence[int], most: int) -> list[int]:
    """Return lengths with neighbours joined as long as they are together no more than `most`."""
    found = [lengths[0]]
    for length in lengths[1:]:
        if found[-1] + length <= most:
            found[-1] += length
        else:
            found.append(length)
    return found


def _reserve(file: BinaryIO, size: int) -> None:
    """Make a file that large; raises `RequestError` where there is no room for it.

    A mapped file that turns out to have no room while it is written to would end the process.
    """
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    except OSError as error:
        raise RequestError(
            f"the folder for temporary files, {tempfile.gettempdir()}, must have room for the samples of a chunk that "
            f"is too large for memory: {size:,} bytes ({error.strerror}). TMPDIR names another; smaller chunks need "
            "none."
        ) from error

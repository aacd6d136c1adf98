"""Variables that have been looked through and not yet fitted: what ``compress(..., compute=False)`` returns."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from xr_inr.batch_fit import BatchTask
from xr_inr.chunk_record import ChunkIndex
from xr_inr.codecs.config import CodecConfig
from xr_inr.exceptions import RequestError
from xr_inr.lazy import behind
from xr_inr.progress import ProgressOption
from xr_inr.variable_fit import Checked, VariableFit

NOT_FITTED = (
    "nothing has been fitted yet, since compress() was called with compute=False: write it with "
    ".inr.to_zarr(store), which fits, and open the store; or leave out compute=False"
)


@dataclass(frozen=True)
class Plan:
    """The fit of one variable, ready to begin."""

    fit: VariableFit
    """How."""

    checked: Checked
    """What is known of its samples."""

    progress: ProgressOption
    """What the caller wants to see of it."""

    @property
    def config(self) -> CodecConfig:
        """The codec's parameters."""
        return self.fit.fitted.config

    def task(self, chunks: Sequence[ChunkIndex]) -> BatchTask:
        """Return the fitting of some chunks at once."""
        return self.fit.task(chunks, self.checked.budgets)

    def identity(self) -> dict[str, Any]:
        """Return, as JSON values, all that a payload depends on but for the device: equal plans fit the same payloads.

        Samples, the budgets of chunks, and which chunks are fitted at once stand there as a CRC-32.
        """
        fitted, budgets = self.fit.fitted, self.checked.budgets
        return {
            "dims": [str(dim) for dim in self.fit.variable.dims],
            "shape": list(fitted.shape),
            "dtype": fitted.dtype.str,
            "chunks": list(fitted.chunk_shape),
            "request": self.config.to_dict(),
            "bytes": None if budgets is None else sum(budgets.values()),
            "budgets_crc32": None if budgets is None else _crc(sorted(budgets.items())),
            "batches_crc32": _crc(self.fit.batches),
            "samples_crc32": self.checked.samples_crc,
        }


class PlannedArray(BackendArray):
    """Stands for the samples of a variable that is fitted when it is written, and refuses to give any before."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.shape = plan.fit.fitted.shape
        self.dtype = plan.fit.fitted.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NoReturn:
        raise RequestError(NOT_FITTED)


def plan_of(variable: xr.DataArray) -> Plan | None:
    """Return the plan behind a variable; None if it has none, or is a selection."""
    data = behind(variable)
    return data.plan if isinstance(data, PlannedArray) else None


def _crc(value: object) -> int:
    return zlib.crc32(repr(value).encode())

"""The way back from a compressed variable to what was compressed, without keeping its samples in memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import xarray as xr
from xarray.core import indexing


class Original:
    """Finds the scene that was compressed for as long as it exists.

    Samples in memory, and dask graphs, which may hold some, are referred to weakly: a compressed variable, or a report,
    must not keep alive what it replaces. Samples that are still in a file take no memory: the way to them is kept.

    Parameters
    ----------
    scene
        What was compressed.
    """

    def __init__(self, scene: xr.DataArray) -> None:
        data = unwrapped(scene.variable)
        self._data: Callable[[], Any]
        if isinstance(data, indexing.ExplicitlyIndexed):
            # A copy has a cache of its own: loading the original later does not fill this one.
            kept = scene.variable.copy(deep=False)._data  # noqa: SLF001
            self._data = lambda: kept
        else:
            self._data = weakref.ref(data)
        self._rest = (scene.dims, scene.attrs, scene.encoding)
        self._coords = dict(scene.coords)
        self._name = scene.name

    @classmethod
    def kept(cls, scene: xr.DataArray) -> Self:
        """Return a way back that keeps the scene, samples in memory too."""
        found = cls(scene)
        data: Any = scene.variable._data  # noqa: SLF001
        found._data = lambda: data
        return found

    def get(self) -> xr.DataArray | None:
        """Return the scene; None if its samples are gone."""
        data = self._data()
        if data is None:
            return None
        dims, attrs, encoding = self._rest
        variable = xr.Variable(dims, data, attrs, fastpath=True)
        scene = xr.DataArray(variable, coords=self._coords, name=self._name)
        scene.encoding = encoding
        return scene

    def __reduce__(self) -> tuple[Callable[[], Gone], tuple[()]]:
        # Neither a reference to memory nor an open file travels to another process.
        return (Gone, ())


class Gone:
    """The way back to what is not there any more."""

    def get(self) -> None:
        """Return None."""


def unwrapped(variable: xr.Variable) -> Any:
    """Return what a variable really holds, without loading it: its samples where they are in memory."""
    outer: Any = variable._data  # noqa: SLF001
    data = outer
    while isinstance(data, indexing.MemoryCachedArray | indexing.CopyOnWriteArray | indexing.NumpyIndexingAdapter):
        data = data.array
    return data if isinstance(data, np.ndarray) else outer

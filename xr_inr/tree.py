"""Scenes in the groups of a DataTree, as missions deliver them: EMIT and others keep wavelengths in a group beside."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import xarray as xr

from xr_inr.known import reports_of, some
from xr_inr.progress import ProgressOption
from xr_inr.reports import Reports
from xr_inr.scene_fits import fit_scenes, plan_scenes, scene_encodings
from xr_inr.store import Mode, ZarrFormat
from xr_inr.stream import StreamOptions, write_datasets
from xr_inr.variable_fit import FitOptions
from xr_inr.variables import chosen_scenes, find_axes, is_scene

_BAND_COORDINATES = {
    "wavelength": ("wavelength", "wavelengths"),
    "fwhm": ("fwhm",),
    "good_bands": ("good_bands", "good_wavelengths", "bbl"),
}
"""The coordinates along bands that reports and rasters know, and what a group may call them."""


def compress(
    tree: xr.DataTree,
    options: FitOptions,
    *,
    variables: Sequence[str] | None,
    progress: ProgressOption,
    compute: bool = True,
) -> xr.DataTree:
    """Fit the scenes of all groups and return the tree with values that decode from the fitted payloads.

    Whatever is no scene (location, lookup tables, parameters of bands) is left as it is. Scenes get the coordinates
    ``wavelength``, ``fwhm`` and ``good_bands`` where another group has them.

    Parameters
    ----------
    tree
        With a variable in some group that has a band axis and two spatial axes.
    options
        How to fit.
    variables
        Paths of the variables to compress, such as ``"reflectance"`` or ``"swir/radiance"``; all scenes if None.
    progress, compute
        As for `xr_inr.compress`.

    Raises
    ------
    RequestError
        When the request or a variable of any group breaks a rule, before any fitting.
    BudgetError
        When a chunk cannot be that small or that good.
    """
    datasets = _with_band_coordinates(tree, options.band_dim)
    scenes = _scenes(datasets, variables, options.band_dim)
    chosen: dict[Hashable, xr.DataArray] = {_joined(*place): datasets[place[0]][place[1]] for place in scenes}
    fitted = (fit_scenes if compute else plan_scenes)(chosen, options, progress)
    for path, name in scenes:
        datasets[path] = datasets[path].assign({name: fitted[_joined(path, name)]})
    return xr.DataTree.from_dict(datasets, name=tree.name)


def encoding(
    tree: xr.DataTree, options: FitOptions, *, variables: Sequence[str] | None, zarr_format: ZarrFormat
) -> dict[str, dict[Hashable, dict[str, Any]]]:
    """Return what ``tree.to_zarr(store, encoding=...)`` needs to fit and store scenes; see `xr_inr.encoding`."""
    datasets = _with_band_coordinates(tree, options.band_dim)
    scenes = _scenes(datasets, variables, options.band_dim)
    found = scene_encodings({_joined(*place): datasets[place[0]][place[1]] for place in scenes}, options, zarr_format)
    result: dict[str, dict[Hashable, dict[str, Any]]] = {}
    for path, name in scenes:
        result.setdefault(path, {})[name] = found[_joined(path, name)]
    return result


def write(
    tree: xr.DataTree, store: Any, *, mode: Mode, zarr_format: ZarrFormat, streaming: StreamOptions | None = None
) -> None:
    """Write a compressed tree to a Zarr store, a group for each of its groups; see `xr_inr.write`."""
    datasets = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    write_datasets(datasets, store, mode=mode, zarr_format=zarr_format, options=streaming or StreamOptions())


def report(tree: xr.DataTree) -> Reports:
    """Return the reports of the compressed variables of all groups, by their paths; raises `RequestError` if none."""
    return some(
        {
            _joined(path, name): found
            for path, ds in _with_band_coordinates(tree, None).items()
            for name, found in reports_of(ds).items()
        }
    )


def _scenes(
    datasets: dict[str, xr.Dataset], variables: Sequence[str] | None, band_dim: Hashable | None
) -> list[tuple[str, Hashable]]:
    """Return path of the group and name of each scene."""
    places = {_joined(path, name): (path, name) for path, ds in datasets.items() for name in ds.data_vars}
    known: dict[Hashable, xr.DataArray] = {joined: datasets[path][name] for joined, (path, name) in places.items()}
    wanted = None if variables is None else [name.strip("/") for name in variables]
    return [places[str(joined)] for joined in chosen_scenes(known, wanted, band_dim, container="DataTree")]


def _with_band_coordinates(tree: xr.DataTree, band_dim: Hashable | None) -> dict[str, xr.Dataset]:
    """Return the Dataset of each group, its scenes with the coordinates of their bands that any group has."""
    result = {}
    for node in tree.subtree:
        ds = node.to_dataset(inherit=False)
        for scene in [scene for scene in ds.data_vars.values() if is_scene(scene, band_dim)]:
            dim = find_axes(scene, band_dim).band
            for name, others in _BAND_COORDINATES.items():
                found = _along(node, dim, scene.sizes[dim], others) if name not in {*ds.variables, dim} else None
                if found is not None:
                    ds = ds.assign_coords({name: (dim, found.to_numpy(), found.attrs)})
        result[node.path] = ds
    return result


def _along(node: xr.DataTree, dim: Hashable, size: int, names: Sequence[str]) -> xr.DataArray | None:
    """Return the variable of one of some names along a dimension, from the nearest group that has it."""
    for ds in _outwards(node):
        for name in names:
            if name in ds.variables and ds[name].dims == (dim,) and ds[name].size == size:
                return ds[name]
    return None


def _outwards(node: xr.DataTree) -> Iterator[xr.Dataset]:
    """Yield the Datasets of a group, of those below it, and of those beside and above it."""
    for start in (node, *node.parents):
        for found in start.subtree:
            yield found.to_dataset(inherit=False)


def _joined(path: str, name: Hashable) -> str:
    return f"{path.strip('/')}/{name}".lstrip("/")

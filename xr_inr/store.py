"""Writing fitted variables to a Zarr store: all of it or nothing, and never over something without being told to."""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import dask.array
import xarray as xr
import zarr
from zarr.core.sync import sync
from zarr.errors import ZarrUserWarning
from zarr.storage import LocalStore, ZipStore
from zarr.storage._common import make_store_path

from xr_inr.codecs.numcodecs import InrCodec as NumcodecsCodec
from xr_inr.codecs.zarr import InrCodec
from xr_inr.durable import flush_tree
from xr_inr.exceptions import RequestError, StoreExistsError
from xr_inr.geo import attach_georeference
from xr_inr.lazy import Fitted
from xr_inr.partial import Kept, Partial
from xr_inr.report import ATTRIBUTE, Report
from xr_inr.stored import Stored
from xr_inr.zip_store import SUFFIX, holds_store, is_zip_name, pack

Mode = Literal["w-", "w"]
ZarrFormat = Literal[2, 3]

_CF_ENCODING = frozenset(
    {
        "_FillValue",
        "add_offset",
        "calendar",
        "coordinates",
        "dtype",
        "grid_mapping",
        "missing_value",
        "scale_factor",
        "units",
    }
)
_PACKING = frozenset({"_FillValue", "_Unsigned", "add_offset", "dtype", "missing_value", "scale_factor"})
_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")


Payloads = Fitted | Kept | Stored
"""What a variable can be written from without a fit."""

Groups = Mapping[str, tuple[xr.Dataset, Mapping[Hashable, Payloads]]]
"""The Dataset of each group of a store, by its path, and the payloads of its variables."""


def array_encoding(fitted: Payloads, zarr_format: ZarrFormat) -> dict[str, Any]:
    """Return xarray's encoding of a variable stored with this codec, without the fitting.

    Parameters
    ----------
    fitted
        The variable's shape, chunks and codec parameters.
    zarr_format
        Of the array.
    """
    chosen: dict[str, Any] = {"chunks": fitted.chunk_shape, "filters": None}
    if zarr_format == 3:
        chosen |= {"serializer": InrCodec.from_config(fitted.config), "compressors": None}
    else:
        codec = NumcodecsCodec(**fitted.config.to_dict(), device=fitted.config.request.device, shape=fitted.chunk_shape)
        chosen |= {"compressors": [codec]}
    if fitted.dtype.kind == "f":
        # Else xarray would declare NaN as nodata of arrays that have none.
        chosen["_FillValue"] = None
    return chosen


def check_format(zarr_format: int) -> None:
    """Refuse a Zarr format other than 2 and 3; raises `RequestError`."""
    if zarr_format not in (2, 3):
        raise RequestError(f"zarr_format must be 2 or 3. Got {zarr_format!r}.")


def check_target(store: Any, mode: str, zarr_format: int) -> None:
    """Refuse, before any work, a target that must not be written.

    Raises
    ------
    RequestError
        For an unknown mode or format.
    StoreExistsError
        When the target exists and `mode` is not 'w', or is something else than a Zarr store.
    """
    if mode not in ("w-", "w"):
        raise RequestError(f"mode must be 'w-' (refuse an existing store) or 'w' (replace it). Got {mode!r}.")
    check_format(zarr_format)
    if isinstance(store, ZipStore) or (local_path(store) is None and is_zip_name(str(store))):
        raise RequestError(
            f"a store in one file is written by its path on a local disk, such as x{SUFFIX}. Got {store}."
        )
    if getattr(store, "read_only", False):
        raise RequestError(f"the store must be writable. Got {store}, which is read-only.")
    path = local_path(store)
    if path is None:
        if mode == "w-" and _holds_something(store):
            raise StoreExistsError(f"the store {store} exists; mode='w' (--overwrite) replaces it")
        return
    if not path.parent.is_dir():
        raise RequestError(f"the folder of the store must exist. Got {path.parent}.")
    if path.exists():
        if mode == "w-":
            raise StoreExistsError(f"{path} exists; mode='w' (--overwrite) replaces it")
        if not _is_store_or_nothing(path):
            raise StoreExistsError(f"{path} is not a Zarr store; it is not replaced")


def write_store(
    groups: Groups, store: Any, *, mode: Mode, zarr_format: ZarrFormat, partial: Partial | None = None
) -> None:
    """Write Datasets with the variables of which there are payloads.

    A store on the local disk, in a folder or in one file, appears, or replaces the one before it, when everything has
    been written; any other is written in place.

    Parameters
    ----------
    groups
        A Dataset for each group of the store, by its path, and the payloads of its variables; "/" first.
    store, mode, zarr_format
        As for `xr_inr.write`.
    partial
        The folder in which a store on the local disk is put together, for one that must be on the disk whole before
        it appears.

    Raises
    ------
    RequestError
        When there are no payloads at all, or the target breaks a rule.
    StoreExistsError
        When the store exists and may not be replaced.
    """
    fitted = [payloads for _, known in groups.values() for payloads in known.values()]
    if not fitted:
        raise RequestError(
            "only what compress() returned, or a store of it holds, can be written, whole: "
            "not a selection of it, nor after load() or a change. "
            "Compress first; to_zarr(encoding=ds.inr.encoding(...)) fits and writes in one call."
        )
    check_target(store, mode, zarr_format)
    path = local_path(store)
    if path is None:
        target = f"{sync(make_store_path(store))}/"
        if any(isinstance(payloads, Stored) and payloads.lies_in(target) for payloads in fitted):
            raise RequestError(f"a store in place cannot be written from itself; choose another target. Got {store}.")
        _write_groups(groups, store, mode, zarr_format)
        return
    with _replacing(path, partial) as beside:
        if not is_zip_name(path):
            _write_groups(groups, beside, "w-", zarr_format)
            return
        # A zip archive takes no second version of a file, which metadata has.
        folder = beside.with_name(f"{beside.name}.folder")
        try:
            _write_groups(groups, folder, "w-", zarr_format)
            pack(folder, beside)
        finally:
            _remove(folder)


def local_path(store: Any) -> Path | None:
    """Return where a store lies on the local disk; None for one that does not."""
    if isinstance(store, LocalStore):
        return Path(store.root).resolve()
    if isinstance(store, os.PathLike):
        return Path(store).resolve()
    return Path(store).resolve() if isinstance(store, str) and "://" not in store else None


def _template(name: Hashable, variable: xr.DataArray, payloads: Payloads) -> xr.DataArray:
    """Return a variable as it is stored, without its samples."""
    empty = dask.array.zeros(payloads.shape, dtype=payloads.dtype, chunks=payloads.chunk_shape)
    found = variable.copy(data=empty)
    if isinstance(payloads, Stored):
        found.encoding = {key: value for key, value in variable.encoding.items() if key not in _PACKING}
        report = payloads.array.attrs.get(ATTRIBUTE)
        return found.assign_attrs(payloads.attrs if report is None else {**payloads.attrs, ATTRIBUTE: report})
    return found.assign_attrs({ATTRIBUTE: Report.of(str(name), payloads).to_attribute()})


def _write_groups(groups: Groups, store: Any, mode: Mode, zarr_format: ZarrFormat) -> None:
    for path, (ds, fitted) in groups.items():
        root = path.strip("/") == ""
        group = None if root else path.strip("/")
        _write(ds, fitted, store, group=group, mode=mode if root else "w-", zarr_format=zarr_format)
    with warnings.catch_warnings():
        # xarray looks for consolidated metadata in both formats; format 3 has yet to specify it.
        warnings.filterwarnings("ignore", message="Consolidated metadata", category=ZarrUserWarning)
        zarr.consolidate_metadata(store, zarr_format=zarr_format)


def _write(
    ds: xr.Dataset,
    fitted: Mapping[Hashable, Payloads],
    store: Any,
    *,
    group: str | None,
    mode: Mode,
    zarr_format: ZarrFormat,
) -> None:
    template = ds.copy()
    for name, payloads in fitted.items():
        template[name] = _template(name, ds[name], payloads)
    if fitted:
        template = attach_georeference(template, list(fitted))
    for variable in template.variables.values():
        # What the source's format said of codecs and chunks is of no use here, and wrong in the other format.
        variable.encoding = {key: value for key, value in variable.encoding.items() if key in _CF_ENCODING}
    for name in fitted:
        # The scenes are written without their coordinates, after these: what belongs to them has to be named.
        auxiliary = sorted(str(coord) for coord in template[name].coords if coord not in template.dims)
        if named := " ".join(coord for coord in auxiliary if " " not in coord):
            template.variables[name].encoding.setdefault("coordinates", named)
    options: dict[str, Any] = {"group": group, "zarr_format": zarr_format, "consolidated": False}
    template.drop_vars(list(fitted)).to_zarr(store, mode=mode, **options)
    if not fitted:
        return
    scenes = template.drop_vars([name for name in template.variables if name not in fitted])
    encoding = {name: array_encoding(payloads, zarr_format) for name, payloads in fitted.items()}
    scenes.to_zarr(store, mode="a", compute=False, encoding=encoding, **options)
    opened = zarr.open_group(store, mode="r+", path=group, zarr_format=zarr_format, use_consolidated=False)
    for name, payloads in fitted.items():
        array = opened[str(name)]
        if not isinstance(array, zarr.Array):
            raise RequestError(f"{name!r} cannot be the name of an array in this store")
        payloads.put_into(array)


@contextmanager
def _replacing(path: Path, partial: Partial | None) -> Iterator[Path]:
    """Give a path to write to; put it in the place of `path` when all went well, remove it when not."""
    if partial is None:
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
        before = path.with_name(f"{beside.name}.before")
    else:
        beside, before = partial.store, partial.before
        # What a process left that ended here.
        _remove(beside)
        _remove(beside.with_name(f"{beside.name}.folder"))
    try:
        yield beside
        if partial is not None:
            flush_tree(beside)
        if path.exists():
            path.rename(before)
        beside.rename(path)
    except BaseException:
        # The store before is never deleted here: it goes back, or stays under its other name.
        if before.exists() and not path.exists():
            before.rename(path)
        _remove(beside)
        raise
    _remove(before)


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def _is_store_or_nothing(path: Path) -> bool:
    if path.is_file():
        return is_zip_name(path) and holds_store(path, _ZARR_FILES)
    return any((path / name).exists() for name in _ZARR_FILES) or not any(path.iterdir())


def _holds_something(store: Any) -> bool:
    try:
        zarr.open(store, mode="r")
    except (FileNotFoundError, KeyError):
        return False
    return True

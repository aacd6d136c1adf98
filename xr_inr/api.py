"""What the package does, as plain functions; the accessor only calls these."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypedDict, TypeVar, Unpack

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import RequestError
from xr_inr.known import reports_of, some
from xr_inr.progress import FitDisplay, ProgressOption
from xr_inr.reports import Reports
from xr_inr.scene_fits import fit_scenes, plan_scenes, scene_encodings
from xr_inr.store import Mode, ZarrFormat
from xr_inr.stream import StreamingOptions, StreamOptions, write_datasets
from xr_inr.variable_fit import FitOptions
from xr_inr.variables import Chunks, chosen_scenes

XarrayObject = TypeVar("XarrayObject", xr.DataArray, xr.Dataset)

DEFAULT_NAME = "scene"
"""The name under which a DataArray without one is stored."""


class RequestOptions(TypedDict, total=False):
    """The fields of `FitRequest`, for keyword arguments."""

    bpppb: float | None
    psnr: float | None
    sam: float | None
    max_error: float | None
    band_weights: Sequence[float] | None
    model: str
    preset: str
    weight_bits: int | None
    device: str
    seed: int


def encode(
    array: NDArray[Any],
    *,
    nodata: float | None = None,
    bad_bands: Sequence[int] = (),
    progress: ProgressOption = False,
    **request: Unpack[RequestOptions],
) -> bytes:
    """Fit one payload to an array.

    Parameters
    ----------
    array
        Samples, shape (bands, height, width), integers or floats.
    nodata
        The value that marks samples without measurement; NaN samples are masked in any case.
    bad_bands
        Indices of the bands that are not to count: each is kept as one typical value.
    progress
        True for a bar, a callable that is given every `Progress`, or False.
    **request
        Exactly one target, ``bpppb``, ``psnr``, ``sam`` or ``max_error``, and the other fields of `FitRequest`.

    Returns
    -------
    bytes
        The payload, for `decode`.

    Raises
    ------
    RequestError
        When the array or the request breaks a rule, before any fitting.
    BudgetError
        When no payload can be that small or that good.
    """
    with FitDisplay(progress, 1) as display:
        fit_request = FitRequest(**request)
        monitor = display.next_fit("fit")
        return encode_array(_as_array(array), fit_request, nodata=nodata, bad_bands=bad_bands, monitor=monitor).payload


def encode_many(
    arrays: Sequence[NDArray[Any]],
    *,
    nodata: float | None = None,
    bad_bands: Sequence[int] = (),
    progress: ProgressOption = False,
    **request: Unpack[RequestOptions],
) -> list[bytes]:
    """Fit a payload to each of several arrays at once, which is quicker for small ones.

    Latent models of equal height and width share one tensor program, and sirens of one architecture; bands, dtypes and
    masks may differ. A payload is the one that `encode` would give, but for the rounding of floats. All arrays are held
    in memory with what their fits need: about 256 bytes for each of their latents.

    Parameters
    ----------
    arrays
        Samples of each, shape (bands, height, width), integers or floats.
    nodata
        The value that marks samples without measurement; NaN samples are masked in any case. Arrays without any
        valid sample are stored as such.
    bad_bands
        Indices of the bands that are not to count, of all arrays.
    progress
        True for a bar, a callable that is given every `Progress`, or False. Iterations are those of all arrays
        together, and the PSNR is that of the worst.
    **request
        Exactly one target, ``bpppb``, ``psnr``, ``sam`` or ``max_error``, which every payload meets, and the other
        fields of `FitRequest`.

    Returns
    -------
    list of bytes
        The payload of each array, for `decode`.

    Raises
    ------
    BatchError
        When some arrays break a rule or are too small for what is asked for: the message names them all, and nothing
        is fitted. Or when the payloads of some cannot be that good: the others come with the error, as ``encoded``.
    RequestError
        When the request breaks a rule, before any fitting.
    """
    with FitDisplay(progress, 1) as display:
        fit_request = FitRequest(**request)
        found = encode_arrays(
            [_as_array(array) for array in arrays],
            fit_request,
            nodata=nodata,
            allow_void=True,
            bad_bands=bad_bands,
            monitor=display.next_fit("fit"),
        )
        return [encoded.payload for encoded in found]


def compress(
    obj: XarrayObject,
    *,
    chunks: Chunks = "scene",
    variables: Sequence[Hashable] | None = None,
    band_dim: Hashable | None = None,
    nodata: float | None = None,
    allow_labels: bool = False,
    bad_bands: Sequence[int] | None = None,
    compute: bool = True,
    progress: ProgressOption = None,
    **request: Unpack[RequestOptions],
) -> XarrayObject:
    """Fit the scenes of an xarray object and return it with values that decode from the fitted payloads.

    Parameters
    ----------
    obj
        A DataArray with a band axis and two spatial axes, or a Dataset with such variables; backed by numpy, by dask
        or by a file. Chunks are loaded one at a time; of the model 'latent' up to 2**24 samples in chunks of equal
        shape, which are fitted at once.
    chunks
        'scene' for one model over all of y and x, or sizes along them, such as ``{"y": 256, "x": 256}``.
    variables
        Which variables of a Dataset to compress; those with a band axis and two spatial axes if None.
    band_dim
        The band dimension, where its name does not tell.
    nodata
        The value that marks samples without measurement; what the attribute ``_FillValue`` says if None. NaN samples
        are masked in any case.
    allow_labels
        Compress integer variables that seem to hold categories.
    bad_bands
        Indices of the bands that are not to count: each is kept as one typical value, takes no more bytes than that,
        and no figure tells of it. If None, those for which a coordinate ``good_bands`` or ``good_wavelengths`` along
        the bands is 0; ``bad_bands=()`` fits all.
    compute
        False to check everything and fit nothing: `write`, or ``.inr.to_zarr``, then fits, batch by batch, keeps what
        is finished on the disk, and can be resumed. Until it is written, the result has no values to give.
    progress
        True for a bar, False for silence, a callable that is given every `Progress`; if None, a bar on a terminal or
        in a notebook.
    **request
        Exactly one target, ``bpppb``, ``psnr``, ``sam`` or ``max_error``, and the other fields of `FitRequest`. A size
        holds for all chunks of a variable together, a quality for each. Without ``band_weights=`` a coordinate
        ``band_weights`` along the bands says what their errors count, unless the target is ``max_error``.

    Returns
    -------
    DataArray or Dataset
        The same dimensions, coordinates and attributes; every other variable as it was.

    Raises
    ------
    RequestError
        When the request or a variable breaks a rule, before any fitting.
    BudgetError
        When a chunk cannot be that small or that good.
    """
    options = FitOptions(FitRequest(**request), chunks, band_dim, nodata, allow_labels, bad_bands)
    ds, names = _scenes(obj, variables, band_dim)
    replaced = (fit_scenes if compute else plan_scenes)({name: ds[name] for name in names}, options, progress)
    if isinstance(obj, xr.DataArray):
        (variable,) = replaced.values()
        result = xr.DataArray(variable, coords=obj.coords, name=obj.name)
        result.encoding = variable.encoding
        return result
    return obj.assign(replaced)


def encoding(
    obj: xr.DataArray | xr.Dataset,
    *,
    chunks: Chunks = "scene",
    variables: Sequence[Hashable] | None = None,
    band_dim: Hashable | None = None,
    nodata: float | None = None,
    allow_labels: bool = False,
    bad_bands: Sequence[int] | None = None,
    zarr_format: ZarrFormat = 3,
    **request: Unpack[RequestOptions],
) -> dict[Hashable, dict[str, Any]]:
    """Return what ``to_zarr(store, encoding=...)`` needs to fit and store the scenes of an object with this codec.

    All samples are looked through once, so that what breaks a rule does so here and not while a store is written. The
    fits then run inside of xarray's call, in threads of Zarr: without progress, not to be interrupted, and each chunk
    has to meet the target alone. `compress` and `write` have none of these limits.

    Parameters
    ----------
    obj, chunks, variables, band_dim, nodata, allow_labels, bad_bands, **request
        As for `compress`.
    zarr_format
        3 or 2, as given to ``to_zarr``.

    Returns
    -------
    dict
        The encoding of each scene by name; a DataArray without a name is called 'scene'.

    Raises
    ------
    RequestError
        When the request or a variable breaks a rule.
    BudgetError
        When a chunk cannot be that small.
    """
    options = FitOptions(FitRequest(**request), chunks, band_dim, nodata, allow_labels, bad_bands)
    ds, names = _scenes(obj, variables, band_dim)
    return scene_encodings({name: ds[name] for name in names}, options, zarr_format)


def write(
    obj: xr.DataArray | xr.Dataset,
    store: Any,
    *,
    mode: Mode = "w-",
    zarr_format: ZarrFormat = 3,
    **streaming: Unpack[StreamingOptions],
) -> None:
    """Write a compressed object to a Zarr store; what has payloads is copied, what was only planned is fitted now.

    Parameters
    ----------
    obj
        What `compress` returned, or what was opened from a store of it, whole.
    store
        A path, a URL or a Zarr store. A path that ends in ``.zarr.zip`` becomes one file.
    mode
        'w-' refuses a store that exists, 'w' replaces it: one on the local disk only when everything has been
        written.
    zarr_format
        3 or 2.
    **streaming
        For what ``compress(..., compute=False)`` returned: ``resume=True`` goes on with a write that was interrupted,
        or begins one; ``client=`` fits on a cluster. See `xr_inr.stream.StreamOptions`.

    Raises
    ------
    RequestError
        When nothing in `obj` has payloads: it was not compressed, or is a selection, or has been loaded or changed.
        Or when what was interrupted was another write; the message says what differs.
    StoreExistsError
        When the store exists and may not be replaced, or an interrupted write lies there and `resume` is not set.
    ChunksError
        At the end, when chunks could not be fitted, or no worker is left for them; the others are kept for `resume`.
    """
    options = StreamOptions(**streaming)
    write_datasets({"/": _as_dataset(obj)}, store, mode=mode, zarr_format=zarr_format, options=options)


def report(obj: xr.DataArray | xr.Dataset) -> Reports:
    """Return the reports of the compressed variables of an object, just compressed or opened from a store.

    Raises
    ------
    RequestError
        When there is none.
    """
    return some(reports_of(_as_dataset(obj)))


def _as_array(array: Any) -> NDArray[Any]:
    # Of a masked array numpy would drop the mask in silence.
    return array if isinstance(array, np.ma.MaskedArray) else np.asarray(array)


def _as_dataset(obj: xr.DataArray | xr.Dataset | xr.DataTree) -> xr.Dataset:
    if isinstance(obj, xr.DataTree):
        raise RequestError(f"a DataTree is compressed by its accessor, tree.inr. Got one with {list(obj.children)}.")
    if isinstance(obj, xr.Dataset):
        return obj
    return obj.to_dataset(name=DEFAULT_NAME if obj.name is None else obj.name)


def _scenes(
    obj: xr.DataArray | xr.Dataset, variables: Sequence[Hashable] | None, band_dim: Hashable | None
) -> tuple[xr.Dataset, list[Hashable]]:
    ds = _as_dataset(obj)
    if band_dim is not None and band_dim not in ds.dims:
        raise RequestError(f"band_dim must be one of the dimensions {tuple(ds.dims)}. Got {band_dim!r}.")
    if isinstance(obj, xr.DataArray):
        if variables is not None:
            raise RequestError(f"variables= is for a Dataset. Got {variables!r} with a DataArray.")
        return ds, list(ds.data_vars)
    return ds, chosen_scenes(ds.data_vars, variables, band_dim, container="Dataset")

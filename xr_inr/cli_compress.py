"""``xr-inr compress``, and the options of all commands that fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import xarray as xr

from xr_inr import api, page
from xr_inr.core.request import MODELS, PRESETS_OF
from xr_inr.core.siren.presets import DEFAULT_PRESET
from xr_inr.core.siren.storage import FLOAT_BITS, INTEGER_BITS
from xr_inr.core.weights import checked_weights
from xr_inr.exceptions import RequestError
from xr_inr.opening import open_scene
from xr_inr.partial import holds_work
from xr_inr.report import Report
from xr_inr.store import Mode, check_target, local_path
from xr_inr.stream import StreamingOptions, check_stream_target
from xr_inr.variables import Chunks, find_axes

Command = TypeVar("Command", bound=Callable[..., Any])

VARIABLE_HELP = "Which variable, if a store holds several scenes."
HTML_HELP = "Write the report as a page too, one file with pictures, maps and spectra."
_PRESETS_HELP = "; ".join(f"{', '.join(presets)} ({model})" for model, presets in PRESETS_OF.items())
_BITS_HELP = f"Bits of a weight of a siren: {', '.join(map(str, FLOAT_BITS + INTEGER_BITS))}."


def _band_weights(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """Read weights from a file of one number a line, or from numbers with commas between them."""
    if text is None:
        return None
    path = Path(text)
    try:
        entries = path.read_text().split() if path.is_file() else text.split(",")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{text} cannot be read as text: {error}") from None
    weights = []
    for band, entry in enumerate(entries):
        try:
            weights.append(float(entry))
        except ValueError:
            raise click.BadParameter(
                f"a file of one number a band, or numbers with commas between them, must be given. "
                f"Got {entry!r:.40} for band {band}."
            ) from None
    try:
        return checked_weights(weights)
    except RequestError as error:
        raise click.BadParameter(str(error)) from None


_FIT_OPTIONS = (
    click.option("--variable", help=VARIABLE_HELP),
    click.option("--bpppb", type=float, help="Target: bits per pixel per band of all payload bytes, never exceeded."),
    click.option("--psnr", type=float, help="Target: PSNR in dB, at least."),
    click.option("--sam", type=float, help="Target: mean spectral angle in degrees, at most."),
    click.option(
        "--max-error", type=float, help="Target: the largest error of any sample; 0 keeps integers as they are."
    ),
    click.option("--model", default=MODELS[0], show_default=True, help=f"One of {', '.join(MODELS)}."),
    click.option("--preset", default=DEFAULT_PRESET, show_default=True, help=f"One of {_PRESETS_HELP}."),
    click.option("--weight-bits", type=int, help=_BITS_HELP),
    click.option(
        "--band-weights",
        metavar="FILE|NUMBERS",
        callback=_band_weights,
        help="What errors of each band count: a file of one number a line, or 1,1,4; 0 for a bad band.",
    ),
    click.option(
        "--chunks", default="scene", show_default=True, help="'scene', or a chunk's height and width: 256x256."
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of everything drawn at random."),
    click.option("--nodata", type=float, help="The value of samples without measurement, if the file does not say."),
    click.option("--zarr-format", type=int, default=3, show_default=True, help="3 or 2."),
    click.option("--allow-labels", is_flag=True, help="Compress what seems to hold categories."),
    click.option("--all-bands", is_flag=True, help="Fit also the bands that the source marks as bad."),
)


def fit_options(command: Command) -> Command:
    """Give a command the options that say how to fit."""
    for option in reversed(_FIT_OPTIONS):
        command = option(command)
    return command


@click.command(short_help="Compress a raster into a Zarr store.")
@click.argument("source")
@click.argument("target")
@fit_options
@click.option("--overwrite", is_flag=True, help="Replace an existing store, once all has been fitted.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted write of several chunks ended.")
@click.option("--html", "page_path", metavar="FILE.html", help=HTML_HELP)
@click.option("--quiet", is_flag=True, help="Print neither progress nor report.")
def compress(
    source: str,
    target: str,
    *,
    variable: str | None,
    zarr_format: int,
    overwrite: bool,
    resume: bool,
    page_path: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Compress SOURCE, anything that GDAL reads or a Zarr store, into the Zarr store TARGET.

    With --chunks, chunks are loaded, fitted and kept on the disk a few at a time; where that is interrupted, the same
    command with --resume goes on.
    """
    mode: Mode = "w" if overwrite else "w-"
    in_chunks = resume or options["chunks"] != "scene"
    if in_chunks:
        check_stream_target(target, mode, zarr_format, resume=resume)
    else:
        check_target(target, mode, zarr_format)
    if page_path is not None:
        page.check_path(page_path)
    if Path(target).resolve() == Path(source).resolve():
        raise RequestError(f"the target must be another place than the source. Got {target}.")
    scene = open_scene(source, variable)
    arguments = fit_arguments(scene, options)
    try:
        small = api.compress(scene, **arguments, compute=not in_chunks, progress=False if quiet else None)
        streaming: StreamingOptions = {"resume": resume} if in_chunks else {}
        api.write(small, target, mode=mode, zarr_format=2 if zarr_format == 2 else 3, **streaming)
    except KeyboardInterrupt:
        raise click.ClickException(interrupted(target)) from None
    report = written_report(target, scene) if in_chunks else next(iter(api.report(small).values()))
    if page_path is not None:
        report.to_html(page_path, original=scene)
    if not quiet:
        click.echo(report)


def fit_arguments(scene: xr.DataArray, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `xr_inr.compress` that options of a command stand for."""
    arguments = dict(options)
    bad_bands = () if arguments.pop("all_bands") else None
    sizes, axes = chunk_sizes(options["chunks"]), find_axes(scene)
    chunks: Chunks = "scene" if sizes is None else dict(zip((axes.y, axes.x), sizes, strict=True))
    return arguments | {"chunks": chunks, "bad_bands": bad_bands}


def interrupted(target: str) -> str:
    """Return what to say when a write was interrupted."""
    path = local_path(target)
    if path is not None and holds_work(path):
        return "interrupted; the chunks that are finished are kept, and --resume goes on with them"
    return "interrupted; nothing was written"


def written_report(target: str, scene: xr.DataArray) -> Report:
    """Return the report in a store that has just been written."""
    stored = open_scene(target, api.DEFAULT_NAME if scene.name is None else scene.name)
    return next(iter(api.report(stored).values()))


def chunk_sizes(text: str) -> tuple[int, int] | None:
    """Return the height and width that ``--chunks`` names, None for the whole scene; raises `RequestError`."""
    if text == "scene":
        return None
    sizes = re.fullmatch(r"0*([1-9]\d*)x0*([1-9]\d*)", text, re.ASCII)
    if sizes is None:
        raise RequestError(f"--chunks must be 'scene' or HEIGHTxWIDTH, such as 256x256. Got {text!r}.")
    return int(sizes[1]), int(sizes[2])

"""``xr-inr compress-many``: an archive of scenes, each in a store of its own, gone on with where it was interrupted."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import xarray as xr

from xr_inr import api
from xr_inr.cli_compress import chunk_sizes, fit_arguments, fit_options, written_report
from xr_inr.codecs.found import config_of, format_of
from xr_inr.core import device as devices
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import RequestError, StoreExistsError, XrInrError
from xr_inr.opening import open_scene
from xr_inr.partial import holds_work
from xr_inr.report import Report
from xr_inr.store import Mode, check_format
from xr_inr.variable_fit import FitOptions, VariableFit
from xr_inr.zip_store import SUFFIX

_REQUEST = ("bpppb", "psnr", "sam", "max_error", "model", "preset", "weight_bits", "band_weights", "device", "seed")


@dataclass(frozen=True)
class _Job:
    """A scene and its store."""

    source: str
    target: Path
    variable: str | None
    options: Mapping[str, Any]
    zarr_format: int

    def scene(self) -> xr.DataArray:
        return open_scene(self.source, self.variable)

    def is_finished(self) -> bool:
        """Whether the target is what was asked for of this scene, as far as its metadata tell."""
        scene = self.scene()
        arguments = fit_arguments(scene, self.options)
        request = FitRequest(**{name: arguments[name] for name in _REQUEST})
        rest = {name: arguments[name] for name in ("chunks", "nodata", "allow_labels", "bad_bands")}
        wanted = VariableFit.plan(scene, str(scene.name), FitOptions(request, band_dim=None, **rest)).fitted
        try:
            stored = open_scene(self.target, api.DEFAULT_NAME if scene.name is None else scene.name)
        except RequestError:
            return False
        config = config_of(stored)
        return (
            config is not None
            and format_of(stored) == self.zarr_format
            and config.to_dict() == wanted.config.to_dict()
            and stored.shape == wanted.shape
            and stored.dtype == wanted.dtype.newbyteorder("=")
            and stored.encoding.get("chunks") == wanted.chunk_shape
        )

    def run(self, *, overwrite: bool, quiet: bool) -> tuple[str, Report]:
        """Write the store, unless it is there; return what was done, and its report."""
        scene = self.scene()
        if self.target.exists() and not holds_work(self.target) and self.is_finished():
            return "was there", written_report(str(self.target), scene)
        arguments = fit_arguments(scene, self.options)
        planned = api.compress(scene, **arguments, compute=False, progress=False if quiet else None)
        mode: Mode = "w" if overwrite else "w-"
        api.write(planned, self.target, mode=mode, zarr_format=2 if self.zarr_format == 2 else 3, resume=True)
        return "written", written_report(str(self.target), scene)


@click.command("compress-many", short_help="Compress many rasters, each into a Zarr store of its own.")
@click.argument("sources", nargs=-1, required=True)
@click.argument("folder")
@fit_options
@click.option("--overwrite", is_flag=True, help="Replace stores that were made with another request.")
@click.option("--quiet", is_flag=True, help="Print neither progress nor the table.")
def compress_many(
    sources: tuple[str, ...],
    folder: str,
    *,
    variable: str | None,
    zarr_format: int,
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Compress every one of SOURCES, paths or quoted patterns such as 'in/*.tif', into a store in FOLDER.

    A store that is there and was made with the same request is left alone, one that was interrupted is gone on with:
    the same command again does what is left. A scene that fails is named at the end, and does not stop the others.
    """
    check_format(zarr_format)
    chunk_sizes(options["chunks"])
    devices.resolve(FitRequest(**{name: options[name] for name in _REQUEST}).device)
    targets = _targets(_expanded(sources), folder)
    jobs = [_Job(source, target, variable, options, zarr_format) for source, target in targets.items()]
    _check_targets(jobs, overwrite=overwrite)
    Path(folder).mkdir(exist_ok=True)
    rows: list[tuple[str, ...]] = []
    failures: dict[str, str] = {}
    for number, job in enumerate(jobs, 1):
        if not quiet:
            click.echo(f"{number}/{len(jobs)} {job.source}", err=True)
        try:
            rows.append(_row(job, *job.run(overwrite=overwrite, quiet=quiet)))
        except KeyboardInterrupt:
            raise click.ClickException("interrupted; the same command goes on with what is left") from None
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one scene must not stop the others
            failures[job.source] = " ".join(str(error).split()) or type(error).__name__
    if not quiet and rows:
        click.echo(_table([("scene", "shape", "bytes", "bpppb", "PSNR dB", "seconds", ""), *rows]))
    if failures:
        said = "; ".join(f"{source}: {reason}" for source, reason in failures.items())
        raise click.ClickException(f"{len(failures)} of {len(jobs)} scenes failed: {said}")


def _expanded(sources: Sequence[str]) -> list[str]:
    """Return the paths that are named, or that patterns stand for, each once."""
    found: list[str] = []
    for source in sources:
        if Path(source).exists() or not glob.has_magic(source):
            found.append(source)
            continue
        matching = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - a pattern may begin at the root
        if not matching:
            raise RequestError(f"a pattern must match something. Got {source!r}.")
        found += matching
    return list(dict.fromkeys(found))


def _targets(sources: Sequence[str], folder: str) -> dict[str, Path]:
    """Return the store of each source; raises `RequestError` where two would have the same, or there is no folder."""
    path = Path(folder)
    if not path.parent.is_dir() or (path.exists() and not path.is_dir()):
        raise RequestError(f"the folder of the stores must exist, or one in which it can be made. Got {folder}.")
    targets: dict[str, Path] = {}
    for source in sources:
        name = Path(source).name
        stem = name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else Path(source).stem
        target = path / f"{stem}.zarr"
        if target in targets.values():
            other = next(key for key, value in targets.items() if value == target)
            raise RequestError(f"scenes must have different names. Both {other} and {source} would be {target}.")
        if target.resolve() == Path(source).resolve():
            raise RequestError(f"the folder must be another than that of the scenes. {source} would be replaced.")
        targets[source] = target
    return targets


def _check_targets(jobs: Sequence[_Job], *, overwrite: bool) -> None:
    """Refuse, before the first fit, to touch stores of another request unasked."""
    others = [str(job.target) for job in jobs if not overwrite and job.target.exists() and not _seems_finished(job)]
    if others:
        raise StoreExistsError(
            f"made with another request, or of another scene: {', '.join(others)}; --overwrite replaces them"
        )


def _seems_finished(job: _Job) -> bool:
    try:
        return job.is_finished()
    except (XrInrError, OSError):
        # A scene that cannot be opened fails when its turn comes.
        return True


def _row(job: _Job, done: str, report: Report) -> tuple[str, ...]:
    shape = " x ".join(map(str, report.shape))
    return (
        Path(job.source).name,
        shape,
        f"{report.payload_bytes:,}",
        f"{report.bpppb:.4f}",
        f"{report.psnr:.2f}",
        f"{report.seconds:.1f}",
        done,
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells, done in rows:
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths[1:-1], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *numbers, done]).rstrip())
    return "\n".join(lines)

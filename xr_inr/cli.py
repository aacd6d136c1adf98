"""The command line: ``xr-inr compress | compress-many | decompress | info | ...``, and ``rio inr`` of the same."""

from __future__ import annotations

import json
import sys
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import xarray as xr

from xr_inr import page
from xr_inr._version import __version__
from xr_inr.cli_compress import HTML_HELP, VARIABLE_HELP, compress
from xr_inr.cli_doctor import doctor
from xr_inr.cli_many import compress_many
from xr_inr.comparison import compare_scenes, figures_dict
from xr_inr.core.bitstream import MAGIC, Section
from xr_inr.core.decode import Payload
from xr_inr.core.request import PRESETS_OF
from xr_inr.exceptions import RequestError, XrInrError
from xr_inr.geo import write_raster
from xr_inr.known import some
from xr_inr.opening import open_scene, open_scenes
from xr_inr.preset_figures import as_text, conditions, figures_of
from xr_inr.report import json_safe, stored_report
from xr_inr.vrt import GDAL_SETTINGS, write_vrt


class _Commands(click.Group):
    """Turns every error that has a reason into one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            # rio has an environment of GDAL made from its own options.
            with (ctx.obj or {}).get("env", nullcontext()):
                return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (XrInrError, OSError) as error:
            raise click.ClickException(" ".join(str(error).split())) from error
        except KeyboardInterrupt:
            raise click.ClickException("interrupted; nothing was written") from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xr-inr")
def main() -> None:
    """Store hyperspectral scenes as implicit neural representations.

    \b
    $ xr-inr compress scene.tif scene.zarr --bpppb 0.1
    $ xr-inr decompress scene.zarr scene_again.tif
    $ xr-inr compare scene.tif scene.zarr
    """  # noqa: D301 - click's mark for lines that must not be wrapped


@main.command(short_help="Decompress a Zarr store into a GeoTIFF.")
@click.argument("source")
@click.argument("target")
@click.option("--variable", help=VARIABLE_HELP)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def decompress(source: str, target: str, variable: str | None, *, overwrite: bool) -> None:
    """Write the scene in the Zarr store SOURCE to the GeoTIFF TARGET, with its georeferencing and band metadata."""
    write_raster(open_scene(source, variable), target, overwrite=overwrite)


@main.command(short_help="Say what is in a store or a payload.")
@click.argument("source", required=False)
@click.option("--presets", is_flag=True, help="Print the presets instead, with measured time and gain.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", "page_path", metavar="FILE.html", help="Write the reports of a store as one page too.")
def info(source: str | None, *, presets: bool, as_json: bool, page_path: str | None) -> None:
    """Print what SOURCE holds and how it was made: a Zarr store, a payload in a file, or a raster."""
    if presets == (source is not None):
        raise click.UsageError("give either a SOURCE or --presets")
    if page_path is not None:
        _check_page_of(source, page_path)
    if source is None:
        found = {
            name: settings | ({"measured": figures_of(name)} if as_json else as_text(name))
            for name, settings in _preset_settings().items()
        }
    elif _is_payload(source):
        found = {Path(source).name: _describe_payload(Path(source).read_bytes())}
    else:
        reports = {str(scene.name): (scene, stored_report(scene)) for scene in open_scenes(source)}
        if page_path is not None:
            some({name: report for name, (_, report) in reports.items() if report is not None}).to_html(page_path)
        if not as_json and all(report is not None for _, report in reports.values()):
            click.echo("\n\n".join(str(report) for _, report in reports.values()))
            return
        found = {
            name: {"shape": scene.shape, "dtype": str(scene.dtype)} if report is None else report.to_dict()
            for name, (scene, report) in reports.items()
        }
    if as_json:
        click.echo(json.dumps(json_safe(found), indent=2))
        return
    _print_tables(found)
    if presets:
        click.echo(f"\n{conditions()}")


@main.command(short_help="Measure how far two scenes are apart.")
@click.argument("original")
@click.argument("decoded")
@click.option("--variable", help=VARIABLE_HELP)
@click.option("--bands", is_flag=True, help="Print the figures of every band.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the figures of every band.")
@click.option("--html", "page_path", metavar="FILE.html", help=HTML_HELP)
def compare(
    original: str, decoded: str, *, variable: str | None, bands: bool, as_json: bool, page_path: str | None
) -> None:
    """Compare the scene DECODED with ORIGINAL: PSNR, MSE, SAM, largest error; each a raster or a Zarr store."""
    if page_path is not None:
        page.check_path(page_path)
    # Rasters that are open when Python ends are closed too late to do so in silence.
    with closing(open_scene(original, variable)) as first, closing(open_scene(decoded, variable)) as second:
        figures = figures_dict(compare_scenes(first, second))
        if page_path is not None:
            page.write_page(page_path, page.assemble(_told_of(first, second)))
    if as_json:
        click.echo(json.dumps(json_safe(figures), indent=2))
        return
    click.echo(f"PSNR       {figures['psnr']:.3f} dB (peak {figures['peak']:g})")
    click.echo(f"MSE        {figures['mse']:.6g}")
    click.echo(f"SAM        {figures['sam']:.4f} degrees")
    click.echo(f"max error  {figures['max_error']:g}")
    click.echo(f"samples    {figures['valid_samples']:,} valid")
    if bands:
        click.echo(f"\n{'band':>5}  {'PSNR dB':>9}  {'MSE':>12}  {'max error':>12}")
        for band in figures["bands"]:
            click.echo(f"{band['band']:>5}  {band['psnr']:>9.3f}  {band['mse']:>12.6g}  {band['max_error']:>12.6g}")


@main.command(short_help="Write a .vrt through which GDAL reads a store.")
@click.argument("source")
@click.argument("target", required=False)
@click.option("--variable", help=VARIABLE_HELP)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--quiet", is_flag=True, help="Do not print the settings that GDAL needs.")
def vrt(source: str, target: str | None, variable: str | None, *, overwrite: bool, quiet: bool) -> None:
    """Write a .vrt for the scene in the Zarr store SOURCE, to TARGET or beside the store.

    gdalinfo, gdal_translate, rasterio and QGIS open it as a raster, and decode the windows they read, with the settings
    that are printed.
    """
    path = write_vrt(source, target, variable=variable, overwrite=overwrite)
    if not quiet:
        click.echo(f"{path} gives its samples where GDAL has these settings:")
        for name, value in GDAL_SETTINGS.items():
            click.echo(f"  {name}={value}")


main.add_command(compress)
main.add_command(compress_many)
main.add_command(doctor)

inr = _Commands(
    "inr",
    commands=main.commands,
    context_settings=main.context_settings,
    short_help="Hyperspectral scenes as implicit neural representations.",
    help="Store hyperspectral scenes as implicit neural representations; the commands of xr-inr.",
)
"""The same commands, as a plugin of rio."""


def _check_page_of(source: str | None, page_path: str) -> None:
    """Refuse a page of what has no reports, or in a place where none can be written."""
    page.check_path(page_path)
    if source is None or _is_payload(source):
        raise RequestError(f"--html must be given with a Zarr store. Got {source or '--presets'}.")


def _print_tables(found: dict[str, dict[str, Any]]) -> None:
    for name, values in found.items():
        click.echo(name)
        width = max(map(len, values))
        for key, value in values.items():
            click.echo(f"  {key:<{width}}  {value}")


def _told_of(original: xr.DataArray, decoded: xr.DataArray) -> page.Content:
    report = stored_report(decoded)
    return page.of_pair(original, decoded) if report is None else page.of_report(report.with_original(original))


def _preset_settings() -> dict[str, dict[str, Any]]:
    return {
        f"{model}, {name}": {field: value for field, value in asdict(preset).items() if field != "name"}
        for model, presets in PRESETS_OF.items()
        for name, preset in presets.items()
    }


def _is_payload(source: str) -> bool:
    path = Path(source)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _describe_payload(data: bytes) -> dict[str, Any]:
    payload = Payload(data)
    described: dict[str, Any] = {
        "model": payload.model.name.lower(),
        "shape": payload.shape,
        "dtype": str(payload.dtype),
        "bytes": len(data),
        "bpppb": len(data) * 8 / payload.layout.samples,
        "network": payload.network,
        "rank": payload.rank,
    }
    if Section.LATENT_STREAM in payload.section_bytes:
        described["latent_bytes"] = payload.section_bytes[Section.LATENT_STREAM]
    return described


if __name__ == "__main__":
    sys.exit(main())

"""The benchmarks' command line; every table and picture of the documents comes from it.

python -m benchmarks run          scenes x codecs x rates; only what has no row yet is measured
python -m benchmarks paper        the paper's experiments; fits that were cut short go on
python -m benchmarks speed        throughput beside KLT + JPEG 2000, single spectra, growth, many arrays at once
python -m benchmarks downstream   classification and index maps on the decoded scenes of 'run'
python -m benchmarks roundtrip    what of a raster's metadata comes back from a store, here and with xarray alone
python -m benchmarks gdal         what gdalinfo and gdal_translate say of a compressed EnMAP scene
python -m benchmarks bounds       the smallest file whose samples all keep a bound, from 0 to 1 % of the range
python -m benchmarks storage      the form of the weights at equal bytes
python -m benchmarks folds        how far Indian Pines is damaged
python -m benchmarks networks     the context network that the package ships, fitted anew to known scenes
python -m benchmarks ingredients  the latent model without, or with other, ingredients
python -m benchmarks studies      what was tried outside the latent model and not built
python -m benchmarks fuzz         altered payloads and configurations, millions of them; fails where one is not refused;
                                  --sanitized: with C kernels that are compiled with sanitizers
python -m benchmarks faults       writes that are killed or run out of room, and what they leave of the store
python -m benchmarks bd           Bjontegaard deltas against any codec
python -m benchmarks plot         the pictures in docs/images/benchmarks
python -m benchmarks table        the tables in README.md and docs, the figures of the package's presets
python -m benchmarks smoke        a few rows measured anew; fails where they are worse than the committed ones

XR_INR_SCENES names the folder of the scenes' files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import gdal, ingredients, pretraining, runner, scenes
from benchmarks.codecs import registry
from benchmarks.fuzz.sanitizers import SanitizerError
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.exceptions import RequestError

Options = argparse.Namespace


def _run(options: Options) -> None:
    todo = runner.jobs(options.scenes, options.codecs, options.rates)
    runner.run(todo, workers=options.workers, again=options.again)


def _paper(options: Options) -> None:
    from benchmarks import paper  # noqa: PLC0415 - loads torch

    iterations = paper.PAPER_ITERATIONS if options.full else None
    paper.run(
        options.experiment,
        scenes=options.scenes,
        iterations=iterations,
        minutes=options.minutes,
        device=options.device,
    )


def _speed(options: Options) -> None:
    from benchmarks.speed import batch, pixels, precision, seams  # noqa: PLC0415
    from benchmarks.speed import run as speed  # noqa: PLC0415

    every = (*speed.KINDS, batch.TABLE, pixels.TABLE, seams.TABLE, precision.TABLE)
    for kind in every if options.kind == "all" else (options.kind,):
        if kind == batch.TABLE:
            batch.run(options.repeats)
        elif kind == pixels.TABLE:
            pixels.run()
        elif kind == seams.TABLE:
            seams.run()
        elif kind == precision.TABLE:
            precision.run()
        else:
            speed.run(kind, options.repeats)


def _downstream(options: Options) -> None:
    from benchmarks.downstream import run as downstream  # noqa: PLC0415

    downstream.run(again=options.again)


def _roundtrip(_: Options) -> None:
    from benchmarks.roundtrip import run as roundtrip  # noqa: PLC0415

    roundtrip.run()


def _gdal(_: Options) -> None:
    gdal.run()


def _bounds(_: Options) -> None:
    from benchmarks import bounds  # noqa: PLC0415

    bounds.run()


def _folds(_: Options) -> None:
    from benchmarks import folds  # noqa: PLC0415

    folds.run()


def _storage(_: Options) -> None:
    from benchmarks import storage  # noqa: PLC0415

    storage.run()


def _networks(options: Options) -> None:
    from benchmarks.pretraining import run as networks  # noqa: PLC0415 - loads torch

    networks.run(options.steps, options.seed, options.output, leave_one_out=options.leave_one_out)


def _ingredients(options: Options) -> None:
    from benchmarks.ingredients import run as variation  # noqa: PLC0415 - loads torch
    from benchmarks.ingredients.variants import VARIANTS  # noqa: PLC0415

    variation.run(
        options.scenes,
        options.rates,
        options.variants or tuple(VARIANTS),
        preset=options.preset,
        again=options.again,
    )


def _studies(options: Options) -> None:
    from benchmarks.ingredients.studies import run as studies  # noqa: PLC0415 - loads torch

    studies.run(options.scenes)


def _fuzz(options: Options) -> None:
    from benchmarks.fuzz import run as fuzz  # noqa: PLC0415

    found = fuzz.run(options.executions, options.seed, options.target, options.findings, sanitized=options.sanitized)
    sys.exit(f"{found} findings, kept in {options.findings}" if found else 0)


def _faults(_: Options) -> None:
    from benchmarks.faults import run as faults  # noqa: PLC0415

    faults.run()


def _variant(name: str) -> str:
    """Return the name of a variant; its module is loaded only where one is named."""
    from benchmarks.ingredients.variants import VARIANTS  # noqa: PLC0415 - loads torch

    if name not in VARIANTS:
        raise argparse.ArgumentTypeError(f"there is no variant {name!r}, only {', '.join(map(repr, VARIANTS))}")
    return name


def _bd(options: Options) -> None:
    from benchmarks import curves, tables  # noqa: PLC0415

    found = curves.by_scene(curves.measured())
    print(tables.bd_rate({name: found[name] for name in options.scenes if name in found}, options.anchor))


def _plot(_: Options) -> None:
    from benchmarks import paper, plots  # noqa: PLC0415
    from benchmarks.downstream import plots as downstream_plots  # noqa: PLC0415
    from benchmarks.speed import plots as speed_plots  # noqa: PLC0415

    for draw in (plots.draw, paper.draw, speed_plots.draw, downstream_plots.draw):
        draw()


def _table(_: Options) -> None:
    from benchmarks import preset_figures, tables  # noqa: PLC0415

    tables.write()
    preset_figures.write()


def _smoke(_: Options) -> None:
    from benchmarks import smoke  # noqa: PLC0415

    known = smoke.committed()
    worse = []
    for row in smoke.rows(say=print):
        found = smoke.shortfall(row, known)
        worse += [found] if found else []
        print(found or f"{', '.join(runner.key_of(row))}: {row['psnr_db']} dB, as committed or better")
    sys.exit(1 if worse else 0)


_COMMANDS: dict[str, Callable[[Options], None]] = {
    "run": _run,
    "paper": _paper,
    "speed": _speed,
    "downstream": _downstream,
    "roundtrip": _roundtrip,
    "gdal": _gdal,
    "bounds": _bounds,
    "storage": _storage,
    "folds": _folds,
    "networks": _networks,
    "ingredients": _ingredients,
    "studies": _studies,
    "fuzz": _fuzz,
    "faults": _faults,
    "bd": _bd,
    "plot": _plot,
    "table": _table,
    "smoke": _smoke,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    known = {name: commands.add_parser(name) for name in _COMMANDS}
    run = known["run"]
    run.add_argument("--scenes", nargs="+", choices=scenes.SCENES, default=scenes.MAIN, metavar="SCENE")
    run.add_argument("--codecs", nargs="+", choices=registry.CODECS, default=tuple(registry.CODECS), metavar="CODEC")
    run.add_argument("--rates", nargs="+", type=float, metavar="BPPPB")
    run.add_argument("--workers", type=int, default=2, help="processes at a time; they share the cores (%(default)s)")
    run.add_argument("--again", action="store_true", help="measure also what has a row")
    known["downstream"].add_argument("--again", action="store_true", help="measure also what has a row")
    bd = known["bd"]
    bd.add_argument("--anchor", choices=registry.CODECS, default="klt + jpeg 2000", metavar="CODEC")
    bd.add_argument("--scenes", nargs="+", choices=scenes.SCENES, default=scenes.MAIN, metavar="SCENE")
    paper = known["paper"]
    names = ("search", "capacity", "rate-distortion", "iterations", "all")
    paper.add_argument("experiment", nargs="?", choices=names, default="all")
    paper.add_argument("--scenes", nargs="+", choices=scenes.SCENES, metavar="SCENE")
    paper.add_argument("--full", action="store_true", help="the paper's number of iterations in every fit")
    paper.add_argument("--minutes", type=float, help="stop then, and go on from there in the next run")
    paper.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    speed = known["speed"]
    speed.add_argument(
        "kind", nargs="?", choices=("speed", "scaling", "batch", "pixels", "seams", "precision", "all"), default="all"
    )
    speed.add_argument("--repeats", type=int, default=3, help="of every measurement; the median counts")
    networks = known["networks"]
    networks.add_argument("--steps", type=int, default=pretraining.STEPS, help="of the optimiser (%(default)s)")
    networks.add_argument("--seed", type=int, default=0, help="of everything drawn at random (%(default)s)")
    networks.add_argument("--output", type=Path, default=pretraining.OUTPUT, metavar="FILE", help="(%(default)s)")
    networks.add_argument(
        "--leave-one-out",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="fit also, for each scene, a network to all others",
    )
    varied = known["ingredients"]
    varied.add_argument("--scenes", nargs="+", choices=scenes.SCENES, default=scenes.MAIN, metavar="SCENE")
    varied.add_argument("--rates", nargs="+", type=float, default=ingredients.RATES, metavar="BPPPB")
    varied.add_argument("--variants", nargs="+", type=_variant, metavar="VARIANT", help="all if none is named")
    varied.add_argument("--preset", choices=LATENT_PRESETS, default=ingredients.PRESET, help="(%(default)s)")
    varied.add_argument("--again", action="store_true", help="measure also what has a row")
    fuzzed = known["fuzz"]
    fuzzed.add_argument("--executions", type=int, help="in all (11 million; 80,000 of the sanitized kernels)")
    fuzzed.add_argument("--sanitized", action="store_true", help="with C kernels compiled with GCC's sanitizers")
    fuzzed.add_argument("--seed", type=int, default=0, help="of all alterations (%(default)s)")
    fuzzed.add_argument("--target", nargs="+", metavar="TARGET", help="such as 'decode'; all if none is named")
    fuzzed.add_argument("--findings", type=Path, default=Path("findings"), metavar="FOLDER", help="(%(default)s)")
    studied = known["studies"]
    studied.add_argument("--scenes", nargs="+", choices=scenes.SCENES, default=scenes.MAIN, metavar="SCENE")
    return parser


def main() -> None:
    """Run what the command line asks for."""
    options = _parser().parse_args()
    try:
        _COMMANDS[options.command](options)
    except (scenes.MissingSceneError, runner.JobError, gdal.GdalError, SanitizerError, RequestError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""What compression costs a user of Indian Pines: accuracy of a land-cover map, and errors of two vegetation indices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import results, runner, scenes
from benchmarks.codecs import registry
from benchmarks.downstream import classification, indices
from benchmarks.downstream.classification import PROTOCOLS, Classification
from benchmarks.results import Row

SCENE = "indian_pines_200"
TABLE = "downstream"

ORIGINAL = "original"
"""What the row of the scene that was not compressed has for a codec."""

REMAKE = f"python -m benchmarks run --again --scenes {SCENE}"
"""The command that makes the streams."""

COLUMNS = (
    "scene",
    "codec",
    "asked_bpppb",
    "bytes",
    "bpppb",
    *classification.COLUMNS,
    *indices.COLUMNS,
    *(f"{protocol}_splits" for protocol in PROTOCOLS),
    *results.machine(),
)
"""What is recorded of a decoded scene; a row is known by its codec and the rate that was asked for."""


def ground_truth() -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the classes, (height, width), 0 where there is none, and the bands' centres in nanometres."""
    from tensorly.datasets import load_indian_pines  # noqa: PLC0415 - slow to import

    labels, wavelengths = load_indian_pines()["ticks"]
    return np.asarray(labels), np.asarray(wavelengths, dtype=np.float64)


def run(
    streams: Path = runner.STREAMS,
    codecs: Sequence[str] = tuple(registry.CODECS),
    rates: Sequence[float] = results.RATES,
    *,
    again: bool = False,
) -> None:
    """Measure the original and every stream, and record each in ``results/downstream.tsv`` as soon as it is done.

    What has a row of as many bytes is not measured again, and no row is taken out. Streams that are not there, or are
    not those of ``results/rate_distortion.tsv``, are named or counted and passed over.

    Parameters
    ----------
    streams
        Folder of the streams that `runner.run` keeps.
    codecs
        Names in `registry.CODECS`; those without a row, and the lossless ones, have no stream to measure.
    rates
        Bits per pixel per band the streams were asked for.
    again
        Measure also what has a row.
    """
    original = scenes.load(SCENE)
    known = {} if again else _known()
    todo = [row for row in _described(original, codecs, rates) if not _measured(row, known)]
    present = [row for row in todo if row["codec"] == ORIGINAL or _stream(streams, row).exists()]
    if len(present) < len(todo):
        absent = f"{len(todo) - len(present)} of {sum(row['codec'] != ORIGINAL for row in todo)} streams"
        print(f"not in {streams}: {absent}; to make them: {REMAKE}", flush=True)
    if not present:
        return
    labels, wavelengths = ground_truth()
    classifiers = Classification(original, labels)
    counts = {f"{protocol}_splits": str(count) for protocol, count in PROTOCOLS.items()}
    for described, scene in _decoded(original, streams, present):
        figures = classifiers.figures(scene) | indices.index_errors(scene, original, wavelengths)
        row = described | {name: f"{value:.6f}" for name, value in figures.items()} | counts
        _record(row | results.machine(("scikit-learn",)))
        accuracies = ", ".join(f"{row[f'{protocol}_accuracy_mean']} ({protocol})" for protocol in PROTOCOLS)
        print(f"{row['codec']} {row['bpppb']}: accuracy {accuracies}, NDVI RMSE {row['ndvi_rmse']}", flush=True)


def _described(scene: NDArray[Any], codecs: Sequence[str], rates: Sequence[float]) -> list[Row]:
    """Return the first columns of every row there can be: the original's and those of the streams that were made."""
    original = {"scene": SCENE, "codec": ORIGINAL, "asked_bpppb": "", "bytes": str(scene.nbytes), "bpppb": ""}
    asked = {f"{rate:g}" for rate in rates}
    made = (row for row in results.read(results.GRID) if row["scene"] == SCENE and row["status"] == "ok")
    streams = (row for row in made if row["asked_bpppb"] in asked and row["codec"] in codecs)
    return [original, *({column: row[column] for column in original} for row in streams)]


def _decoded(original: NDArray[Any], streams: Path, rows: Sequence[Row]) -> Iterator[tuple[Row, NDArray[Any]]]:
    """Yield rows as `_described` returns them with their scenes, where these can be decoded."""
    for row in rows:
        if row["codec"] == ORIGINAL:
            yield row, original
            continue
        file = _stream(streams, row)
        payload = file.read_bytes()
        codec = registry.make(row["codec"])
        lacking = codec.missing()
        if len(payload) != int(row["bytes"]):
            stale = f"{file.name} has {len(payload)} bytes, its row in {results.GRID}.tsv {row['bytes']}"
            print(f"skipped: {stale}; to make it anew: {REMAKE}", flush=True)
        elif lacking is not None:
            print(f"skipped: {row['codec']} at {row['asked_bpppb']} bpppb, {lacking}", flush=True)
        else:
            yield row, codec.decode(payload)


def _stream(streams: Path, row: Row) -> Path:
    return streams / runner.Job(SCENE, row["codec"], float(row["asked_bpppb"])).stream.name


def _known() -> dict[tuple[str, str], Row]:
    return {(row["codec"], row["asked_bpppb"]): row for row in results.read(TABLE)}


def _measured(row: Row, known: dict[tuple[str, str], Row]) -> bool:
    own = known.get((row["codec"], row["asked_bpppb"]))
    return own is not None and own["bytes"] == row["bytes"]


def _record(row: Row) -> None:
    """Write a row into the file as it is now: the original first, then in the order of codecs and rates."""
    with results.locked():
        rows = _known() | {(row["codec"], row["asked_bpppb"]): row}
        in_order = sorted(runner.in_order(rows.values()), key=lambda one: one["codec"] != ORIGINAL)
        results.write(TABLE, in_order, COLUMNS)

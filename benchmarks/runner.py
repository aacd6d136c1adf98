"""Scenes x codecs x rates, each in a process of its own; what is measured already is not measured again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from benchmarks import results, scenes
from benchmarks.codecs import registry
from benchmarks.measure import measure
from benchmarks.results import Row

STREAMS = Path(__file__).parent / ".streams"
"""Where the streams are kept, for what is measured on decoded scenes."""

LONGEST = 7200.0
"""Seconds after which a job is given up."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class JobError(Exception):
    """A stream could not be measured; what could be is recorded."""


@dataclass(frozen=True)
class Job:
    """One stream to be measured."""

    scene: str
    codec: str
    bpppb: float | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells its row from others."""
        return self.scene, self.codec, "" if self.bpppb is None else f"{self.bpppb:g}"

    @property
    def stream(self) -> Path:
        """Where its stream is kept."""
        rate = "lossless" if self.bpppb is None else f"{self.bpppb:g}"
        return STREAMS / f"{self.scene}__{registry.slug(self.codec)}__{rate}.bin"


def jobs(scene_names: Iterable[str], codec_names: Iterable[str], rates: Iterable[float] | None = None) -> list[Job]:
    """Return what there is to measure, codec by codec; a lossless codec once for each scene.

    Rates are those of `results.RATES` if None, for slow codecs up to `registry.Entry.up_to`.
    """
    named = None if rates is None else list(rates)
    scenes_of_all = list(scene_names)
    return [
        Job(scene, codec, bpppb) for codec in codec_names for bpppb in _rates(codec, named) for scene in scenes_of_all
    ]


def _rates(codec: str, named: list[float] | None) -> list[float] | list[None]:
    entry = registry.CODECS[codec]
    if entry.lossless:
        return [None]
    if named is not None:
        return named
    return [rate for rate in results.RATES if rate <= entry.up_to]


def run(todo: list[Job], *, workers: int, again: bool = False, say: Callable[[str], None] = print) -> None:
    """Measure every job and record its row in ``results/rate_distortion.tsv`` as soon as it is done.

    Parameters
    ----------
    todo
        What to measure.
    workers
        Processes at a time; the cores are shared out among them, unless OMP_NUM_THREADS says otherwise.
    again
        Measure also what has a row.
    say
        Takes a line for each row.

    Raises
    ------
    JobError
        At the end, when jobs failed.
    """
    known = _known()
    here = _present(dict.fromkeys(job.scene for job in todo), say)
    done = {key for key, row in known.items() if not row["status"].startswith(results.MISSING)}
    left = [job for job in todo if job.scene in here and (again or job.key not in done)]
    failed = []
    threads = max(1, (os.cpu_count() or 1) // workers)
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(_measured_and_recorded, job, threads) for job in left]
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                try:
                    line = _line(future.result())
                except JobError as error:
                    failed.append(error)
                    line = str(error)
                say(f"{count}/{len(left)} after {time.perf_counter() - started:.0f} s: {line}")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        raise JobError(f"{len(failed)} of {len(left)} jobs failed; the others are recorded")


def _known() -> dict[tuple[str, str, str], Row]:
    return {key_of(row): row for row in results.read(results.GRID)}


def _measured_and_recorded(job: Job, threads: int) -> Row:
    row = _in_a_process(job, threads)
    _record(row)
    return row


def _record(row: Row) -> None:
    """Write a row into the file as it is now, to which other runs add too; nothing measured gives way to a lack."""
    with results.locked():
        rows = _known()
        before = rows.get(key_of(row))
        if before is None or before["status"] != "ok" or not row["status"].startswith(results.MISSING):
            rows[key_of(row)] = row
            results.write(results.GRID, in_order(rows.values()), results.COLUMNS)


def _present(names: Iterable[str], say: Callable[[str], None]) -> set[str]:
    present = set()
    for name in names:
        try:
            scenes.load(name)
        except (scenes.MissingSceneError, ValueError) as error:
            say(f"skipped: {error}")
        else:
            present.add(name)
    return present


def key_of(row: Row) -> tuple[str, str, str]:
    """Return what tells a row from others."""
    return row["scene"], row["codec"], row["asked_bpppb"]


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return rows by scene, codec and rate, each in the order of its list."""
    names, codecs = list(scenes.SCENES), list(registry.CODECS)
    return sorted(
        rows,
        key=lambda row: (
            names.index(row["scene"]),
            codecs.index(row["codec"]) if row["codec"] in codecs else len(codecs),
            float(row["asked_bpppb"] or 0),
        ),
    )


def _line(row: Row) -> str:
    name = f"{row['scene']}, {row['codec']} at {row['asked_bpppb'] or 'its own'} bpppb"
    if row["status"] != "ok":
        return f"{name}: {row['status']}"
    return f"{name}: {row['bpppb']} bpppb, {row['psnr_db']} dB, {row['encode_s']} s ({row['settings']})"


def _in_a_process(job: Job, threads: int) -> Row:
    """Measure in a fresh process, so that the peak of its memory is this job's own."""
    environment = dict.fromkeys(_THREADS, str(threads)) | os.environ
    command = [sys.executable, "-m", "benchmarks.runner", json.dumps([job.scene, job.codec, job.bpppb])]
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired as error:
        raise JobError(f"{', '.join(job.key)} took more than {LONGEST:g} s") from error
    if done.returncode:
        raise JobError(f"{', '.join(job.key)} failed: {(done.stderr.splitlines() or ['no message'])[-1]}")
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def _measure_one(argument: str) -> None:
    job = Job(*json.loads(argument))
    row, payload = measure(job.scene, job.codec, job.bpppb)
    if payload:
        STREAMS.mkdir(exist_ok=True)
        partial = job.stream.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(payload)
        partial.replace(job.stream)
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    _measure_one(sys.argv[1])

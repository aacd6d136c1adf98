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

TABLE = "rate_distortion"
STREAMS = Path(__file__).parent / ".streams"
"""Where the streams are kept, for what is measured on decoded scenes."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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


def jobs(scene_names: Iterable[str], codec_names: Iterable[str], rates: Iterable[float]) -> list[Job]:
    """Return what there is to measure, codec by codec; a lossless codec once for each scene."""
    chosen = list(rates)
    return [
        Job(scene, codec, bpppb)
        for codec in codec_names
        for bpppb in ([None] if codec in registry.LOSSLESS else chosen)
        for scene in scene_names
    ]


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
    """
    known = _known()
    here = _present(dict.fromkeys(job.scene for job in todo), say)
    left = [job for job in todo if job.scene in here and (again or job.key not in known)]
    threads = max(1, (os.cpu_count() or 1) // workers)
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(_in_a_process, job, threads) for job in left]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                row = future.result()
                _record(row)
                say(f"{done}/{len(left)} after {time.perf_counter() - started:.0f} s: {_line(row)}")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _known() -> dict[tuple[str, str, str], Row]:
    return {key_of(row): row for row in results.read(TABLE)}


def _record(row: Row) -> None:
    """Write a row into the file as it is now, which another run may have added to."""
    rows = _known() | {key_of(row): row}
    results.write(TABLE, in_order(rows.values()), results.COLUMNS)


def _present(names: Iterable[str], say: Callable[[str], None]) -> set[str]:
    present = set()
    for name in names:
        try:
            scenes.load(name)
        except scenes.MissingSceneError as error:
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
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{job} failed:\n{done.stderr}")
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def _measure_one(argument: str) -> None:
    job = Job(*json.loads(argument))
    row, payload = measure(job.scene, job.codec, job.bpppb)
    if payload:
        STREAMS.mkdir(exist_ok=True)
        partial = job.stream.with_suffix(".partial")
        partial.write_bytes(payload)
        partial.replace(job.stream)
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    _measure_one(sys.argv[1])

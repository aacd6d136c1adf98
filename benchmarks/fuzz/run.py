"""Reads altered inputs in a worker process, keeps what fails, and writes ``results/fuzz.tsv``."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.fuzz import sanitizers
from benchmarks.fuzz.entries import ENTRIES, check
from benchmarks.fuzz.worker import CURRENT
from xr_inr.exceptions import RequestError

TABLE = "fuzz"
COLUMNS = (
    "target",
    "layer",
    "seed",
    "executions",
    "results",
    "refused",
    "findings",
    "slowest_s",
    "seconds",
    "versions",
    "date",
)
"""Of a row: `seconds` and `slowest_s` are of processor time, of all readings with their alterations and of one."""

LIBRARIES = ("zarr", "numcodecs", "constriction")

SHARES = {
    ("decode", "raw bytes"): 6_000,
    ("decode", "sealed sections"): 100,
    ("decode", "sealed fields"): 150,
    ("Payload", "raw bytes"): 1_000,
    ("Payload", "sealed sections"): 100,
    ("Payload", "sealed fields"): 300,
    ("zarr codec", "raw bytes"): 300,
    ("zarr codec", "sealed sections"): 25,
    ("zarr codec", "sealed fields"): 25,
    ("numcodecs codec", "raw bytes"): 500,
    ("numcodecs codec", "sealed sections"): 25,
    ("numcodecs codec", "sealed fields"): 25,
    ("section SCENE", "raw bytes"): 500,
    ("section MASK", "raw bytes"): 500,
    ("section CONSTANTS", "raw bytes"): 500,
    ("section SPECTRAL", "raw bytes"): 400,
}
"""How often each is read, in parts; what takes long, less often. All others `USUAL`."""

USUAL = 100

EXECUTIONS, EXECUTIONS_SANITIZED = 11_000_000, 80_000
"""How often all is read where nobody says so."""

SANITIZED_TARGETS = ("decode", *(name for name in ENTRIES if name.startswith(("section LATENT", "section RESIDUAL"))))
"""What kernels are used by."""

SANITIZED = ", sanitized"
"""What follows the name of a reader in the table where its kernels were compiled with sanitizers."""


@dataclass(frozen=True)
class Worker:
    """How a process that reads is started."""

    command: tuple[str, ...] = (sys.executable, "-m", "benchmarks.fuzz.worker")
    """Followed by a seed and a folder."""

    environment: Mapping[str, str] | None = None
    """None for this process's own."""

    @classmethod
    def sanitized(cls, folder: Path) -> Worker:
        """Compile sanitized kernels into a folder; raises `SanitizerError`."""
        command = (sys.executable, "-m", "benchmarks.fuzz.sanitized_worker", str(sanitizers.compiled(folder)))
        return cls(command, sanitizers.environment())


def jobs(executions: int, targets: Sequence[str] | None = None, *, sanitized: bool = False) -> list[dict[str, Any]]:
    """Return what to read how often, in all `executions` times; raises `RequestError` for an unknown target.

    Where kernels are sanitized, payloads that a checksum refuses are left out: they reach none.
    """
    unknown = [name for name in targets or () if name not in ENTRIES]
    if unknown:
        raise RequestError(f"targets must be among {', '.join(ENTRIES)}. Got {', '.join(unknown)}.")
    pairs = [
        (name, layer)
        for name in targets or (SANITIZED_TARGETS if sanitized else ENTRIES)
        for layer in ENTRIES[name].layers
        if not (sanitized and layer == "raw bytes" and "sealed sections" in ENTRIES[name].layers)
    ]
    shares = [SHARES.get(pair, USUAL) for pair in pairs]
    counts = [max(1, round(executions * share / sum(shares))) for share in shares]
    return [
        {"target": name, "layer": layer, "executions": count}
        for (name, layer), count in zip(pairs, counts, strict=True)
    ]


def run(
    executions: int | None, seed: int, targets: Sequence[str] | None, findings: Path, *, sanitized: bool = False
) -> int:
    """Read `executions` altered inputs; return how many findings there are.

    Parameters
    ----------
    executions
        In all; `EXECUTIONS` or `EXECUTIONS_SANITIZED` if None.
    seed
        Of all alterations.
    targets
        Names of `ENTRIES`; if None all, or `SANITIZED_TARGETS`.
    findings
        The folder that inputs are kept in which end in anything but a result or a refusal.
    sanitized
        With kernels that are compiled with sanitizers; what these find is told on standard error.
    """
    check()
    executions = executions or (EXECUTIONS_SANITIZED if sanitized else EXECUTIONS)
    todo, found = jobs(executions, targets, sanitized=sanitized), 0
    made = results.machine(LIBRARIES)
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker.sanitized(Path(folder)) if sanitized else Worker()
        while todo:
            for done in _done(tuple(todo), seed, Path(folder), worker):
                todo.pop(0)
                found += sum(done["findings"].values())
                _keep(done, findings)
                target = done["target"] + (SANITIZED if sanitized else "")
                _record({**done, "target": target, "seed": seed, "findings": sum(done["findings"].values())}, made)
    return found


def _done(todo: Sequence[dict[str, Any]], seed: int, folder: Path, how: Worker) -> Iterator[dict[str, Any]]:
    """Do jobs in a worker until one kills it or all are done; yield what came of each as soon as it is."""
    command, environment = [*how.command, str(seed), str(folder)], how.environment
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    finished = 0
    with subprocess.Popen(command, env=environment, **pipes) as worker:  # noqa: S603 - ourselves
        if worker.stdin is None or worker.stdout is None:
            raise RuntimeError("the worker must have pipes")
        for job in todo:
            try:
                worker.stdin.write(json.dumps(job) + "\n")
                worker.stdin.flush()
            except BrokenPipeError:
                break
            line = worker.stdout.readline()
            if not line:
                break
            done = json.loads(line)
            print(*_told(done), sep="\t", flush=True)
            finished += 1
            yield done
        worker.stdin.close()
    if finished < len(todo):
        content = (folder / CURRENT).read_bytes()
        data = content[4 : 4 + int.from_bytes(content[:4], "little")]
        ended = f"the process died of {_name(worker.returncode)}"
        died = {"results": 0, "refused": 0, "findings": {ended: 1}, "kept": {ended: [data.hex()]}}
        yield {**todo[finished], **died, "slowest_s": 0.0, "seconds": 0.0}


def _told(done: dict[str, Any]) -> list[str]:
    counts = [done[name] for name in ("target", "layer", "executions", "results", "refused")]
    return [*map(str, counts), f"{done['seconds']:.0f} s", *(f"{n} x {how}" for how, n in done["findings"].items())]


def _name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _keep(done: dict[str, Any], folder: Path) -> None:
    for how, kept in done["kept"].items():
        folder.mkdir(parents=True, exist_ok=True)
        for data in map(bytes.fromhex, kept):
            name = f"{done['target']}_{hashlib.sha256(data).hexdigest()[:8]}".replace(" ", "_")
            (folder / f"{name}.bin").write_bytes(data)
            with (folder / "findings.tsv").open("a") as file:
                file.write(f"{name}\t{done['target']}\t{how}\n")


def _record(row: dict[str, Any], made: dict[str, str]) -> None:
    """Put a row into the table, in the place of the one before it."""
    row = {name: row[name] for name in COLUMNS if name in row} | {name: made[name] for name in ("versions", "date")}
    row |= {"slowest_s": f"{row['slowest_s']:.3f}", "seconds": f"{row['seconds']:.1f}"}
    with results.locked():
        known = {(one["target"], one["layer"]): one for one in results.read(TABLE)}
        known[row["target"], row["layer"]] = row
        pairs = [(job["target"], job["layer"]) for job in jobs(1)]
        pairs += [(job["target"] + SANITIZED, job["layer"]) for job in jobs(1, SANITIZED_TARGETS, sanitized=True)]
        order = {pair: place for place, pair in enumerate(pairs)}
        rows = sorted((key for key in known if key in order), key=order.__getitem__)
        results.write(TABLE, [known[key] for key in rows], COLUMNS)

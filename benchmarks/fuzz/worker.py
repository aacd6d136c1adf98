"""The process in which altered bytes are read, under a limit of memory and of time for each.

``python -m benchmarks.fuzz.worker SEED FOLDER`` takes jobs from its standard input, each a line of JSON, and prints a
line of JSON for each. It keeps what it is reading in a file, so that this is known even if it dies.
"""

from __future__ import annotations

import json
import mmap
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from benchmarks.fuzz.entries import ENTRIES, LAYERS, Entry

MOST_BYTES = 512 * 2**20
"""Of address space that reading may take, over what the process has at its beginning."""

MOST_SECONDS = 5.0
"""Of processor time that one reading may take."""

CURRENT = "current"
"""The file of what is being read: its length as four bytes, then itself."""

_ROOM = 2**16
_KEPT = 3
"""Inputs that are kept of one finding."""


class TooSlowError(BaseException):
    """Reading takes longer than it may; no reader catches it."""


def outcome(entry: Entry, data: bytes) -> str | None:
    """Return 'result' or 'refused', and of anything else what it was and where.

    The name of a finding is the type of the error and the innermost line of the package or, failing that, of anything.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        entry.call(data)
    except entry.refusals as error:
        return "refused" if str(error).strip() else "an error without a reason"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if "xr_inr" in frame.filename] or frames
        return f"{type(error).__name__} at {Path(inside[-1].filename).name}:{inside[-1].lineno}: {error}"[:200]
    else:
        return "result"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)


def fuzz(job: dict[str, Any], chance: Random, current: mmap.mmap) -> dict[str, Any]:
    """Read as many altered inputs as a job says; return how many ended how."""
    entry, mutate = ENTRIES[job["target"]], LAYERS[job["layer"]]
    given = entry.given()
    counts: Counter[str] = Counter()
    kept: dict[str, list[str]] = {}
    started, slowest = time.process_time(), 0.0
    before = started
    for _ in range(job["executions"]):
        data = mutate(chance, given)
        current[:4] = len(data).to_bytes(4, "little")
        current[4 : 4 + min(len(data), _ROOM)] = data[:_ROOM]
        how = outcome(entry, data) or ""
        now = time.process_time()
        slowest, before = max(slowest, now - before), now
        counts[how] += 1
        if how not in ("result", "refused") and len(kept.setdefault(how, [])) < _KEPT:
            kept[how].append(data.hex())
    return {
        **job,
        "results": counts.pop("result", 0),
        "refused": counts.pop("refused", 0),
        "findings": dict(counts),
        "kept": kept,
        "slowest_s": slowest,
        "seconds": time.process_time() - started,
    }


def limit(memory: int | None) -> None:
    """Set the limits of this process, of memory over what it has if any, and make errors of all warnings."""
    if memory is not None:
        with Path("/proc/self/statm").open() as file:
            size = int(file.read().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (size + memory, resource.RLIM_INFINITY))
    signal.signal(signal.SIGVTALRM, _late)
    warnings.simplefilter("error")


def main() -> None:
    """Do the jobs of standard input within all limits."""
    seed, folder = sys.argv[1:]
    work(seed, Path(folder), memory=MOST_BYTES)


def work(seed: str, folder: Path, *, memory: int | None) -> None:
    """Do the jobs of standard input, each a line of JSON; print what came of it.

    Parameters
    ----------
    seed
        Of all alterations.
    folder
        Where what is being read is kept.
    memory
        Bytes that reading may take; None for any.
    """
    limit(memory)
    with (folder / CURRENT).open("w+b") as file:
        file.truncate(4 + _ROOM)
        with mmap.mmap(file.fileno(), 4 + _ROOM) as current:
            for line in sys.stdin:
                job = json.loads(line)
                chance = Random(f"{seed}, {job['target']}, {job['layer']}")  # noqa: S311 - to be repeated, not secret
                print(json.dumps(fuzz(job, chance, current)), flush=True)


def _late(_number: int, _frame: FrameType | None) -> None:
    raise TooSlowError(f"more than {MOST_SECONDS:g} s")


if __name__ == "__main__":
    main()

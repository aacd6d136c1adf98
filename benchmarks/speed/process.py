"""Measurements in processes of their own, with as many threads as they are given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def with_threads(count: int) -> dict[str, str]:
    """Return this process's environment with what keeps libraries to so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return os.environ | dict.fromkeys(names, str(count))


def measured_by(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module on one thread and return what the last line it prints says, as JSON.

    Raises
    ------
    RuntimeError
        When it fails; the message has what it said.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=with_threads(1), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found

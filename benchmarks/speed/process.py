"""Measurements in processes of their own, on one thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The environment that keeps libraries to one thread."""


def measured_by(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module and return what the last line it prints says, as JSON.

    Raises
    ------
    RuntimeError
        When it fails; the message has what it said.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found

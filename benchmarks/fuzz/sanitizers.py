"""The C kernels compiled with the address and undefined behaviour sanitizers, and a process that reads with them.

A sanitized kernel that touches a byte beyond a buffer, or does what C leaves undefined, ends its process with a report.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from xr_inr.exceptions import XrInrError

ROOT = Path(__file__).parents[2]

_FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
_OPTIONS = {
    # Python keeps much until its end, and is refused memory as anybody is.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:abort_on_error=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    # Each buffer has bounds of its own only where Python takes it from the system.
    "PYTHONMALLOC": "malloc",
}


class SanitizerError(XrInrError):
    """No compiler here makes sanitized kernels."""


def compiled(folder: Path) -> Path:
    """Compile the kernels with sanitizers into a folder; return the module.

    Raises
    ------
    SanitizerError
        When that fails, as without GCC or its sanitizers.
    """
    build = f"import sys, hatch_build; print(hatch_build.compiled(hatch_build.Path({str(folder)!r})))"
    flags = {"CFLAGS": _FLAGS, "LDFLAGS": _FLAGS}
    command = [sys.executable, "-c", build]
    done = subprocess.run(command, env=os.environ | flags, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    built = Path(done.stdout.strip().split("\n")[-1] or "None")
    if done.returncode or not built.is_file() or b"__asan_report" not in built.read_bytes():
        raise SanitizerError(f"the kernels must compile with {_FLAGS}. Got {done.stderr.strip()[-500:]}")
    return built


def environment() -> dict[str, str]:
    """Return what a process needs in its environment to load sanitized kernels.

    Raises
    ------
    SanitizerError
        When the compiler has no library of the address sanitizer.
    """
    asked = ["cc", "-print-file-name=libasan.so"]
    library = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    if not Path(library).is_absolute():
        raise SanitizerError(f"the address sanitizer's library, libasan.so, must be there. Got {library!r}.")
    return {**os.environ, **_OPTIONS, "LD_PRELOAD": library}

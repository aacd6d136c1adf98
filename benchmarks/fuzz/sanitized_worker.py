"""A worker whose kernels are sanitized: ``python -m benchmarks.fuzz.sanitized_worker KERNELS SEED FOLDER``.

Memory is not limited, since a sanitizer takes terabytes of addresses; all else is as in `benchmarks.fuzz.worker`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

MODULE = "xr_inr.core.kernels._kernels"


def load(path: Path) -> None:
    """Load compiled kernels in the place of the package's own, which decides on its kernels when it is imported.

    Raises
    ------
    RuntimeError
        When it is imported already.
    ImportError
        When there is no module.
    """
    if "xr_inr.core.kernels" in sys.modules:
        raise RuntimeError("other kernels must be loaded before xr_inr.core is imported")
    spec = importlib.util.spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"a compiled module must be loadable from {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[MODULE] = module


def main() -> None:
    """Do the jobs of standard input."""
    kernels, seed, folder = sys.argv[1:]
    load(Path(kernels))
    importlib.import_module("benchmarks.fuzz.worker").work(seed, Path(folder), memory=None)


if __name__ == "__main__":
    main()

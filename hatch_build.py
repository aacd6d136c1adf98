"""Compiles the C kernels of xr_inr/core/kernels while a wheel is built, or in place: ``python hatch_build.py``.

One module for the stable ABI of Python serves every version from 3.11 on. Where there is no C compiler, or it fails,
the build says so and goes on without: numpy decodes the same samples, more slowly.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from setuptools import Distribution, Extension
from setuptools.command.bdist_wheel import get_platform

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # compiled in place, by a Python that builds no wheels
    BuildHookInterface = object

ROOT = Path(__file__).parent
FOLDER = "xr_inr/core/kernels"
MODULE = "xr_inr.core.kernels._kernels"
OLDEST = "3.11"
"""The oldest Python whose stable ABI is kept to."""

# Every operation rounds once, as IEEE 754 says: nothing contracted, nothing reassociated.
_FLAGS = ["/O2", "/std:c11", "/fp:precise"] if os.name == "nt" else ["-std=c11", "-O3", "-ffp-contract=off", "-g0"]


class KernelsHook(BuildHookInterface):
    """Puts the compiled kernels into the wheel; into the source tree where that is what is installed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the wheel after what it holds."""
        if version == "editable":
            in_place()
            return
        self._folder = Path(tempfile.mkdtemp())
        built = compiled(self._folder)
        if built is not None:
            build_data["force_include"][str(built)] = f"{FOLDER}/{built.name}"
            build_data["pure_python"] = False
            platform = get_platform(None).replace("-", "_").replace(".", "_")
            build_data["tag"] = f"cp{OLDEST.replace('.', '')}-abi3-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Throw away what was compiled, which the wheel holds now."""
        if version != "editable":
            shutil.rmtree(self._folder)


def in_place() -> Path | None:
    """Compile the kernels next to their sources; return the module, or None."""
    for stale in (ROOT / FOLDER).glob("_kernels*.*"):
        if stale.suffix in (".so", ".pyd"):
            stale.unlink()
    with tempfile.TemporaryDirectory() as folder:
        built = compiled(Path(folder))
        return None if built is None else Path(shutil.copy(built, ROOT / FOLDER))


def compiled(folder: Path) -> Path | None:
    """Compile the kernels into a folder; return the module, or None where that fails."""
    major, minor = map(int, OLDEST.split("."))
    extension = Extension(
        MODULE,
        sorted(str(path) for path in (ROOT / FOLDER).glob("*.c")),
        extra_compile_args=_FLAGS,
        define_macros=[("Py_LIMITED_API", f"0x{major:02X}{minor:02X}0000")],
        py_limited_api=True,
    )
    command = Distribution({"name": "xr-inr", "ext_modules": [extension]}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder), str(folder / "objects")
    try:
        command.ensure_finalized()
        command.run()
    except Exception as error:  # noqa: BLE001 - a compiler fails in many ways, and none may stop an installation
        print(f"WARNING: xr-inr is built without its C kernels, and decodes more slowly: {error}", file=sys.stderr)
        return None
    return Path(command.get_ext_fullpath(MODULE))


if __name__ == "__main__":
    sys.exit(in_place() is None)

"""Whether the wheel and the sdist hold every file of the packages that git knows: code, payloads, pages, marks."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("xr_inr", "xr_inr_gdal")
BESIDE = (
    *("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "hatch_build.py"),
    *("Makefile", "constraints.txt", "tests/conftest.py", ".ci/stack"),
)
"""What the sdist must hold too, so that its tests and the targets of its Makefile can be run."""


def missing(wheel: Path, sdist: Path) -> list[str]:
    """Return what is not in the archives, each with the archive that lacks it."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, check=True, text=True)
    needed = listed.stdout.splitlines()
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    lacks = [f"{wheel.name}: {name}" for name in needed if name not in in_wheel]
    lacks += [f"{sdist.name}: {name}" for name in [*needed, *BESIDE] if name not in in_sdist]
    if not any(name.startswith("xr_inr/core/kernels/_kernels.") and not name.endswith(".pyi") for name in in_wheel):
        lacks.append(f"{wheel.name}: the compiled kernels")
    if "-abi3-" not in wheel.name:
        lacks.append(f"{wheel.name}: a name that says which Pythons and machines it is for")
    foreign = {name.partition("/")[0] for name in in_wheel} - {*PACKAGES}
    lacks += [f"{wheel.name}: holds {name}" for name in sorted(foreign) if not name.endswith(".dist-info")]
    return lacks


if __name__ == "__main__":
    found = missing(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(found) or "Both archives hold all files.")
    sys.exit(bool(found))

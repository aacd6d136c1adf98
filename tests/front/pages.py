"""The code in the documents: which blocks there are, and the small scene that they are about."""

import dataclasses
import re
import shlex
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio

from xr_inr.core.latent import aim, model, rounding, tries
from xr_inr.core.latent.presets import LATENT_PRESETS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

RUN = "xr-inr "
"""How a command begins that is run."""

NOT_RUN = {
    "make ": "the Makefile's targets: tests/test_readme.py",
    "pip install ": "changes the environment",
    "export ": "changes the environment",
    "python -m benchmarks": "hours; tests/benchmarks",
    "python examples/": "tests/front/test_examples.py",
}
"""How commands begin that no page's test runs, and why or where else."""

PREPARED = {"docs/gdal.md": ["xr-inr compress scene.tif scene.zarr --bpppb 0.5 --preset fast"]}
"""What is run before the commands of a page that begins with a store."""


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str

    @property
    def commands(self):
        return [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]


def name_of(page):
    """Return what a page is called in the tests."""
    return str(page.relative_to(ROOT))


def blocks_of(page):
    """Return the blocks of a page, in order."""
    found = re.findall(r"^( *)```(\S*).*\n((?:.*\n)*?)\1```$", page.read_text(), re.MULTILINE)
    return [Block(language, text) for _, language, text in found]


def python_of(page):
    """Return the Python blocks of a page."""
    return [block.text for block in blocks_of(page) if block.language == "python"]


def commands_of(page):
    """Return the arguments of each command of a page that is run."""
    written = [command for block in blocks_of(page) if block.language == "console" for command in block.commands]
    chosen = [command for command in written if command.startswith(RUN)]
    prepared = PREPARED.get(name_of(page), []) if chosen else []
    return [shlex.split(command, comments=True)[1:] for command in prepared + chosen]


def write_scene(path):
    """Write the scene.tif of the pages: 40 bands that 0.1 bpppb can hold, wavelengths, bad bands, some nodata."""
    rows, columns = np.mgrid[:64, :64] / 64
    bands = np.arange(40)[:, None, None]
    noise = np.random.default_rng(0).normal(0, 3, (40, 64, 64))  # without it, no payload would fill a budget
    samples = np.rint(1000 + 500 * np.sin(3 * rows + bands / 7) * np.cos(2 * columns) + noise).astype("i2")
    samples[:, :4, :6] = -9999
    profile = {"driver": "GTiff", "dtype": "int16", "count": 40, "height": 64, "width": 64, "nodata": -9999}
    transform = rasterio.Affine(30.0, 0.0, 364_095.0, 0.0, -30.0, 5_809_965.0)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, **profile) as target:
        target.write(samples)
        for band in range(40):
            tags = {"wavelength": f"{400 + 50 * band}", "wavelength_units": "nm", "bbl": str(int(not 19 <= band < 23))}
            target.update_tags(band + 1, **tags)


@contextmanager
def in_haste():
    """Let fits take the first payload that meets the target, however little of it that uses."""
    with pytest.MonkeyPatch.context() as patch:
        for name, preset in LATENT_PRESETS.items():
            patch.setitem(LATENT_PRESETS, name, dataclasses.replace(preset, sweeps=1))
        for module, name in ((tries, "_PROBES"), (rounding, "PROBE_SWEEPS"), (model, "_RESTARTS")):
            patch.setattr(module, name, 1)
        patch.setattr(aim, "FULL", 0.1)
        patch.setattr(aim, "QUALITY_SLACK", 20.0)
        yield

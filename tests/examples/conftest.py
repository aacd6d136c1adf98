"""What the tests of the examples share: quick models, scenes to put into files, and the examples as modules."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = os.environ.get("XR_INR_SCENES")


def pytest_collection_modifyitems(items):
    """Bear with rioxarray's own arithmetic on transforms, with affine 3."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning"))


@pytest.fixture(autouse=True)
def quick(tiny_presets):
    """Fits that take milliseconds."""


@pytest.fixture(scope="session")
def example():
    """A function that returns an example as a module."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def reflectance():
    """A function that returns smooth reflectances between 0.05 and 0.6, (bands, height, width), float64."""

    def make(bands, height, width):
        y, x = np.mgrid[0.0 : 2.0 : height * 1j, 0.0 : 3.0 : width * 1j]
        band = np.linspace(0.0, 3.0, bands)[:, None, None]
        return 0.3 + 0.2 * np.sin(y + x) * np.cos(band) + 0.05 * np.cos(2 * x) * np.sin(2 * band)

    return make


@pytest.fixture
def real():
    """A function that returns the path of a real file; the test is skipped where it is not."""

    def find(name):
        if FOLDER is None or not (Path(FOLDER) / "geo" / name).exists():
            pytest.skip(f"XR_INR_SCENES does not lead to geo/{name}")
        return Path(FOLDER) / "geo" / name

    return find

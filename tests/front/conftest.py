"""What every test of the front end shares: models that fit in milliseconds, and counters."""

import dataclasses

import numpy as np
import pytest
import rasterio
from affine import Affine

from xr_inr.core.latent import rotation
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.reading import PlaneWindow
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.core.siren.presets import PRESETS

from .helpers import make_scene, smooth


@pytest.fixture(scope="package", autouse=True)
def small_models():
    """Every preset with a few iterations of one small network, or a few sweeps, in place of the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        for name, preset in PRESETS.items():
            tiny = dataclasses.replace(preset, iterations=8, rungs=(), warmup=2, hidden_layers=(1,))
            patch.setitem(PRESETS, name, tiny)
        for name, preset in LATENT_PRESETS.items():
            quick = dataclasses.replace(preset, sweeps=6, synthesis_widths=())
            patch.setitem(LATENT_PRESETS, name, quick)
        patch.setattr(rotation, "_ITERATIONS", 10)
        yield


@pytest.fixture(scope="package")
def scene():
    """A georeferenced int16 scene, (band, y, x) = (5, 7, 9)."""
    return make_scene()


@pytest.fixture(scope="package")
def small(scene, small_models):  # noqa: ARG001 - in force while the scene is fitted
    """The scene, compressed as one chunk."""
    return scene.inr.compress(bpppb=5.0, device="cpu")


@pytest.fixture(scope="package")
def in_chunks(scene, small_models):  # noqa: ARG001 - in force while the scene is fitted
    """The scene, compressed in 2 x 3 chunks, those at the edges cut short."""
    return scene.inr.compress(bpppb=24.0, chunks={"y": 4, "x": 4}, device="cpu")


@pytest.fixture
def fits(monkeypatch):
    """A list that grows by one with every model that is fitted."""
    from xr_inr.core import rate

    fitted = []

    def counted(fit):
        def counting(aims, *args, **kwargs):
            fitted.extend([kwargs.get("seed")] * len(aims))
            return fit(aims, *args, **kwargs)

        return counting

    for name in ("fit_latents", "fit_sirens"):
        monkeypatch.setattr(rate, name, counted(getattr(rate, name)))
    return fitted


@pytest.fixture
def positions(monkeypatch):
    """A list of how many positions each call of a model evaluated."""
    evaluated = []

    def counted(call):
        def counting(self, rows, columns, *others):
            evaluated.append(np.broadcast(rows, columns).size)
            return call(self, rows, columns, *others)

        return counting

    for kind, name in ((Evaluator, "__call__"), (PlaneWindow, "samples")):
        monkeypatch.setattr(kind, name, counted(getattr(kind, name)))
    return evaluated


@pytest.fixture(scope="package")
def geotiff(tmp_path_factory):
    """A GeoTIFF with all that the main job must keep: int16, nodata, descriptions, wavelengths, scale and offset."""
    path = tmp_path_factory.mktemp("rasters") / "scene.tif"
    samples = smooth((6, 20, 18))
    samples[:, :3, :5] = -9999
    samples[2, 10, 10] = -9999
    profile = {"driver": "GTiff", "count": 6, "height": 20, "width": 18, "dtype": "int16", "nodata": -9999}
    grid = Affine(30.0, 0.0, 364095.0, 0.0, -30.0, 5809965.0)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=grid, photometric="minisblack", **profile) as sink:
        sink.write(samples)
        sink.descriptions = [f"Band {band} ({wavelength:.1f} nm)" for band, wavelength in enumerate(_WAVELENGTHS, 1)]
        sink.scales, sink.offsets = [0.0001] * 6, [0.5] * 6
        sink.update_tags(SENSOR="generated")
        for band, wavelength in enumerate(_WAVELENGTHS, 1):
            sink.update_tags(band, wavelength=f"{wavelength:.1f}", wavelength_units="nm", fwhm="8.5")
    return path


_WAVELENGTHS = np.linspace(450.0, 900.0, 6)

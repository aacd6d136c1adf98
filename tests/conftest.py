"""Small generated scenes and fits that take milliseconds, for every test."""

import dataclasses
import signal
import sys

import numpy as np
import pytest
import torch
from hypothesis import settings

from tests.far_device import FAR, far_device
from xr_inr.core import device as devices
from xr_inr.core.encode import encode_array
from xr_inr.core.latent import rotation
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.request import FitRequest
from xr_inr.core.siren.presets import PRESETS

settings.register_profile("xr_inr", deadline=None)  # a slow machine is not a failure
settings.load_profile("xr_inr")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a shell; programs that tests start and interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

torch.set_num_threads(1)  # tiny networks only wait for more threads

TINY_PRESETS = {
    name: dataclasses.replace(
        preset, iterations=24, rungs=(4, 8), warmup=2, hidden_layers=(1, 2), learning_rate=4 * preset.learning_rate
    )
    for name, preset in PRESETS.items()
}

TINY_LATENT_PRESETS = {
    name: dataclasses.replace(preset, sweeps=6, synthesis_widths=(4,), synthesis_iterations=4)
    for name, preset in LATENT_PRESETS.items()
}


def _make_scene(shape=(5, 7, 9), dtype="u2", *, seed=0):
    """Return smooth spectra over a smooth plane: integers fill most of a byte, floats lie within [-2, 2]."""
    generator = np.random.default_rng(seed)
    bands, height, width = shape
    position = np.add.outer(np.linspace(0.0, 2.0, height), np.linspace(0.0, 3.0, width))
    angles = generator.uniform(0.0, 6.0, bands)[:, None, None] + position
    scene = np.sin(angles) + generator.normal(0.0, 0.05, shape).clip(-0.2, 0.2)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return scene.astype(dtype)
    return np.rint(60.0 * scene + (90.0 if dtype.kind == "u" else 0.0)).astype(dtype)


@pytest.fixture(scope="session")
def make_scene():
    """A function of (shape, dtype, seed) that returns a smooth scene."""
    return _make_scene


@pytest.fixture(scope="module")
def tiny_presets():
    """Every preset of a siren, with a few iterations of small networks; the latent model's are as quick."""
    with pytest.MonkeyPatch.context() as patch:
        for name, preset in TINY_PRESETS.items():
            patch.setitem(PRESETS, name, preset)
        for name, quick in TINY_LATENT_PRESETS.items():
            patch.setitem(LATENT_PRESETS, name, quick)
        patch.setattr(rotation, "_ITERATIONS", 10)
        yield TINY_PRESETS


@pytest.fixture
def far(monkeypatch):
    """Devices that are none, to which 'cuda' and 'cuda:N' lead, with as much at once as is done on a GPU."""
    import xr_inr.core.rate  # noqa: F401 - brings all modules with limits

    resolve = devices.resolve

    def found_far(name):
        kind, _, index = str(name).partition(":")
        return torch.device(FAR.type, int(index or 0)) if kind == "cuda" else resolve(name)

    monkeypatch.setattr(devices, "resolve", found_far)
    core = [module for name, module in sys.modules.items() if name.startswith("xr_inr.core.")]
    for limits in (value for module in core for value in vars(module).values() if isinstance(value, dict)):
        if "cpu" in limits:
            monkeypatch.setitem(limits, FAR.type, limits.get("cuda", limits["cpu"]))
    with far_device() as found:
        yield found


@pytest.fixture(scope="module")
def encode(tiny_presets):  # noqa: ARG001 - in force while a test encodes
    """A function that fits an array with a tiny preset, on the CPU; by default a siren, within 16 bpppb."""

    def encode(array, *, nodata=None, allow_void=False, monitor=None, **request):
        target = {} if {"psnr", "sam"} & request.keys() else {"bpppb": 16.0}
        asked = FitRequest(**{"model": "siren", "preset": "fast", "device": "cpu"} | target | request)
        return encode_array(array, asked, nodata=nodata, allow_void=allow_void, monitor=monitor)

    return encode


@pytest.fixture(scope="module")
def masked_scene():
    """A scene of every kind of band: fitted with and without gaps, constant, void; nodata -999 beside NaN."""
    scene = _make_scene((6, 8, 10), "f4", seed=3)
    scene[0, :3, 4:] = -999.0
    scene[1, 2, 2] = np.nan
    scene[2] = 1.5
    scene[2, 5, 5] = -999.0
    scene[3] = np.nan
    return scene


@pytest.fixture(scope="module")
def masked_payload(encode, masked_scene):
    """The siren payload of `masked_scene`, 8-bit weights behind a spectral basis."""
    return encode(masked_scene, nodata=-999.0).payload

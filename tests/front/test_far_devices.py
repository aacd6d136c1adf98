"""Batches on two devices, each with a memory of its own (`tests.far_device`), come to what one CPU gives."""

import numpy as np
import pytest
import torch

from tests.far_device import FAR
from xr_inr import variable_fit
from xr_inr.core import device as devices
from xr_inr.core import rate

from .helpers import make_scene


def compressed(device, model):
    asked = {"preset": "fast", "bpppb": 12.0, "chunks": {"y": 6, "x": 6}}
    return make_scene((5, 11, 12)).inr.compress(model=model, device=device, **asked).values


@pytest.mark.usefixtures("far", "tiny_presets")
@pytest.mark.parametrize(("model", "fit"), [("latent", "fit_latents"), ("siren", "fit_sirens")])
def test_batches_on_two_devices_come_to_what_one_cpu_gives(monkeypatch, model, fit):
    used, fit_together = set(), getattr(rate, fit)

    def noted(*args, device, **kwargs):
        used.add(device)
        return fit_together(*args, device=device, **kwargs)

    monkeypatch.setattr(variable_fit, "_SAMPLES_AT_ONCE", 400)
    monkeypatch.setattr(rate, fit, noted)
    expected = compressed("cpu", model)
    monkeypatch.setattr(devices, "spread", lambda _: ["cuda:0", "cuda:1"])
    np.testing.assert_array_equal(compressed("cuda", model), expected)
    assert used == {torch.device("cpu"), FAR, torch.device(FAR.type, 1)}

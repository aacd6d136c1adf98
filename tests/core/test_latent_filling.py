"""Where nothing was measured planes go on smoothly, so that no edge is coded there."""

import numpy as np
import pytest

import xr_inr
from xr_inr.core.latent import plan
from xr_inr.core.latent.filling import fill
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.scene import prepare_scene


def filled(plane, void):
    planes = np.array(plane, np.float32)[None]
    fill(planes, np.array(void, bool))
    return planes[0]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (8, 8), (7, 13), (2, 65)])
def test_of_a_constant_all_is_that_constant(size):
    void = np.arange(size[0] * size[1]).reshape(size) > 0
    np.testing.assert_array_equal(filled(np.where(void, -99.0, 5.0), void), np.full(size, 5.0, np.float32))


def test_what_was_measured_stays():
    random = np.random.default_rng(0)
    plane, void = random.normal(size=(21, 34)).astype(np.float32), random.random((21, 34)) < 0.6
    found = filled(plane, void)
    np.testing.assert_array_equal(found[~void], plane[~void])
    assert np.abs(found[void]).max() <= np.abs(plane[~void]).max()


def test_a_gap_is_bridged():
    """From 0 on its left to 8 on its right, without a step of more than a third of that."""
    plane = np.where(np.arange(48) < 24, 0.0, 8.0) * np.ones((48, 1))
    void = (np.arange(48) >= 16) & (np.arange(48) < 32) & np.ones((48, 1), bool)
    row = filled(plane, void)[24]
    assert (np.diff(row) > -1e-6).all()
    assert np.diff(row).max() < 8.0 / 3.0


def masked_scene():
    """Return smooth spectra (6, 48, 48), far from their mean where a coast cuts them off, and where that is."""
    random = np.random.default_rng(0)
    row, column = np.mgrid[:48, :48]
    fields = np.stack([np.sin(row / 9.0) + 2.0, np.cos(column / 11.0)])
    scene = 3000 + 500 * np.einsum("bf,fij->bij", random.uniform(-1, 1, (6, 2)), fields)
    void = row + 3 * np.sin(column / 3.0) > 28
    scene += 3 * random.standard_normal(scene.shape)
    return np.where(void, 0, scene).astype(np.uint16), void


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "tile by tile"])
def test_all_planes_of_a_scene_are_filled_and_hold_no_more_energy(monkeypatch, whole):
    if not whole:
        monkeypatch.setattr("xr_inr.core.source.WHOLE_SAMPLES", 100)
        monkeypatch.setattr(plan, "WHOLE_SAMPLES", 100)
        monkeypatch.setattr("xr_inr.core.source.TILE_SAMPLES", 6 * 48 * 7)
        monkeypatch.setattr(plan, "_FIRST_PLANES", 2)
    scene, void = masked_scene()
    source = ScenePlanes(prepare_scene(scene, nodata=0))
    planes = source.leading(6)
    assert planes[:, void].all()
    assert source.energy == pytest.approx(float(np.square(planes[:, ~void], dtype=np.float64).sum()), rel=1e-4)


def test_a_coast_takes_fewer_bytes_than_planes_that_break_off(monkeypatch):
    scene, _ = masked_scene()
    arguments = {"psnr": 60.0, "preset": "fast", "nodata": 0, "device": "cpu"}
    found = len(xr_inr.encode(scene, **arguments))
    monkeypatch.setattr(plan, "fill", lambda *_: None)
    assert found < 0.9 * len(xr_inr.encode(scene, **arguments))

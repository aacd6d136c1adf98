"""A scene that was laid on a map by the nearest neighbour pays for the pixels of its sensor alone."""

import numpy as np
import pytest

from xr_inr.core import scene as scenes
from xr_inr.core.bitstream import Section
from xr_inr.core.decode import Payload, decode
from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.latent import plan
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene

NODATA = 0


def laid_on_a_map(shape=(12, 64, 58), *, scale=0.85, noise=3.0, seed=0):
    """Return a scene of which many pixels are like their neighbours, along curves."""
    bands, height, width = shape
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    fields = np.stack([np.sin(rows / a + columns / b) for a, b in random.uniform(3.0, 12.0, (4, 2))])
    scene = 2000 + 300 * np.einsum("bf,fij->bij", random.normal(size=(bands, 4)), fields)
    scene = np.rint(scene + noise * random.normal(size=scene.shape)).astype(np.uint16)
    down = np.rint(scale * rows + np.sin(columns / 9.0)).astype(int) % height
    across = np.rint(scale * columns + 1.4 * np.sin(rows / 11.0)).astype(int) % width
    return scene[:, down, across]


def asked(**target):
    return FitRequest(**{"preset": "fast", "device": "cpu"} | target)


def encoded(scene, **target):
    return encode_array(scene, asked(**target), nodata=NODATA).payload


@pytest.fixture(scope="module")
def payload():
    return encoded(laid_on_a_map(), psnr=52.0)


def psnr(scene, payload):
    """Return that of the valid samples."""
    valid = scene != NODATA
    errors = decode(payload)[valid].astype(float) - scene[valid]
    return 10 * np.log10(float(scene.max()) ** 2 / np.square(errors).mean())


def told(payload):
    return Section.LATENT_REPEATS in Payload(payload).section_bytes


def test_it_takes_less_than_nine_tenths_of_what_it_would_without_a_map(payload, monkeypatch):
    monkeypatch.setattr(scenes.RepeatsSeen, "found", lambda _: None)
    without = encoded(laid_on_a_map(), psnr=52.0)
    assert told(payload)
    assert not told(without)
    assert len(payload) < 0.9 * len(without)


def test_pixels_that_were_alike_are(payload):
    scene, samples = laid_on_a_map(), decode(payload)
    rows, columns = prepare_scene(scene).repeats.sources
    np.testing.assert_array_equal(samples, samples[:, rows, columns])
    assert 52.0 <= psnr(scene, payload) <= 52.3


def test_spectra_and_windows_are_those_of_the_whole(payload):
    samples, opened = decode(payload), Payload(payload)
    np.testing.assert_array_equal(opened.read(((31, 33), (57, 58)), [3]), samples[[3], 31:33, 57:58])
    for row, column in ((0, 1), (1, 0), (63, 57), (20, 33)):
        one = decode(payload, ((row, row + 1), (column, column + 1)))
        np.testing.assert_array_equal(one[:, 0, 0], samples[:, row, column])


@pytest.mark.parametrize("target", [{"bpppb": 0.05}, {"psnr": 33.0}], ids=str)
def test_a_map_that_takes_more_than_it_saves_is_left_away(target):
    assert not told(encoded(laid_on_a_map(), **target))


def test_a_map_counts_within_the_budget(payload):
    budget = 8.0 * len(payload) / laid_on_a_map().size
    found = encoded(laid_on_a_map(), bpppb=budget)
    assert told(found)
    assert 0.97 * len(payload) <= len(found) <= len(payload)


def test_gaps_beside_repeated_pixels_stay_gaps():
    scene = laid_on_a_map()
    scene[:, 10:25, 20:41] = NODATA
    scene[4, 40:, :9] = NODATA
    found = encoded(scene, psnr=52.0)
    assert told(found)
    np.testing.assert_array_equal(decode(found) == NODATA, scene == NODATA)


def test_scenes_too_large_to_be_held_come_to_a_map_too(monkeypatch):
    monkeypatch.setattr("xr_inr.core.source.WHOLE_SAMPLES", 100)
    monkeypatch.setattr("xr_inr.core.source.TILE_SAMPLES", 12 * 58 * 7)
    monkeypatch.setattr(plan, "WHOLE_SAMPLES", 100)
    monkeypatch.setattr(plan, "_FIRST_PLANES", 2)
    found = encoded(laid_on_a_map(), psnr=52.0)
    assert told(found)
    assert 52.0 <= psnr(laid_on_a_map(), found) <= 52.3


def test_planes_are_free_where_pixels_repeat_others_and_the_plain_ones_stay():
    plain = ScenePlanes(prepare_scene(laid_on_a_map()))
    before = plain.planes.copy()
    repeats = prepare_scene(laid_on_a_map()).repeats
    free = ScenePlanes(prepare_scene(laid_on_a_map()))
    free.free(repeats)
    np.testing.assert_array_equal(plain.planes, before)
    np.testing.assert_array_equal(free.planes[:, ~repeats.repeated], before[:, ~repeats.repeated])
    assert free.costs(0.002, 4)[0].sum() < 0.95 * plain.costs(0.002, 4)[0].sum()


@pytest.mark.usefixtures("tiny_presets")
class TestBatches:
    def test_chunks_fitted_at_once_come_to_what_they_come_to_alone(self):
        """With gaps, without a map, and with another one."""
        gaps = laid_on_a_map(seed=1)
        gaps[:, 5:20, 30:40] = NODATA
        plain = laid_on_a_map(scale=1.0, noise=9.0, seed=2)
        chunks = [laid_on_a_map(), gaps, plain, laid_on_a_map(scale=0.7, seed=3)]
        request = asked(bpppb=1.5)
        together = [one.payload for one in encode_arrays(chunks, request, nodata=NODATA)]
        assert [told(one) for one in together] == [True, True, False, True]
        for chunk, found in zip(chunks, together, strict=True):
            alone = encode_array(chunk, request, nodata=NODATA).payload
            assert psnr(chunk, found) == pytest.approx(psnr(chunk, alone), abs=0.2)

    @pytest.mark.usefixtures("far")
    def test_a_device_with_a_memory_of_its_own_comes_to_the_same(self):
        chunks = [laid_on_a_map((6, 24, 26)), laid_on_a_map((6, 24, 26), seed=1)]
        found = {
            device: [one.payload for one in encode_arrays(chunks, asked(bpppb=4.0, device=device), nodata=NODATA)]
            for device in ("cpu", "cuda")
        }
        assert found["cpu"] == found["cuda"]
        assert all(map(told, found["cuda"]))
        for payload in found["cuda"]:
            np.testing.assert_array_equal(decode(payload, device="cuda"), decode(payload))

    @pytest.mark.parametrize("max_error", [0, 4])
    def test_a_bound_holds_where_pixels_repeat_others_and_takes_less(self, max_error, monkeypatch):
        """And beyond tiles of the residual layer, from which no pixel is copied into another."""
        scene = laid_on_a_map((6, 70, 75))
        scene[:, 10:25, 50:70] = NODATA
        scene[4, 40:, :9] = NODATA
        found = encoded(scene, max_error=max_error)
        samples, opened = decode(found), Payload(found)
        assert told(found)
        assert np.abs(samples.astype(int) - scene).max() <= max_error
        np.testing.assert_array_equal(samples == NODATA, scene == NODATA)
        np.testing.assert_array_equal(opened.read(((62, 66), (61, 70)), [1, 5]), samples[[1, 5], 62:66, 61:70])
        monkeypatch.setattr(scenes.RepeatsSeen, "found", lambda _: None)
        assert len(found) < 0.93 * len(encoded(scene, max_error=max_error))

    def test_a_map_that_takes_more_than_residuals_is_left_away(self):
        scene = np.random.default_rng(0).integers(1, 3, (1, 40, 41)).astype(np.uint16)
        found = encoded(scene, max_error=0)
        assert not told(found)
        np.testing.assert_array_equal(decode(found), scene)

"""A scene with dead and hot samples is told of them one by one where that spares more than it takes."""

import numpy as np
import pytest

from xr_inr.core.bitstream import Section
from xr_inr.core.decode import Payload, decode
from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.latent import plan, tries
from xr_inr.core.latent.outlier_choice import choices, level_bits_for, told_apart
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene

NODATA = 0


def clean(shape=(12, 64, 58), *, noise=3.0, seed=0):
    """Return a scene of four fields, (bands, height, width), and some noise."""
    bands, height, width = shape
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    fields = np.stack([np.sin(rows / a + columns / b) for a, b in random.uniform(6.0, 12.0, (4, 2))])
    scene = 3000 + 300 * np.einsum("bf,fij->bij", random.normal(size=(bands, 4)), fields)
    return np.rint(scene + noise * random.normal(size=scene.shape)).astype(np.uint16)


def hit(shape=(12, 64, 58), *, share=1e-3, seed=0):
    """Return a scene with dead and hot samples in it, and which they are."""
    scene = clean(shape, seed=seed)
    random = np.random.default_rng(seed + 1)
    where = random.random(shape) < share
    where[3, 5, [7, 20]] = True  # Whatever is drawn, there is a dead one and a hot one: the ends of the scale.
    scene[where] = np.where(random.random(where.sum()) < 0.5, 1, scene.max() + 500)
    scene[3, 5, [7, 20]] = 1, scene.max()
    return scene, where


def asked(**target):
    return FitRequest(**{"preset": "fast", "device": "cpu"} | target)


def encoded(scene, **target):
    return encode_array(scene, asked(**target), nodata=NODATA).payload


def told(payload):
    return Section.LATENT_OUTLIERS in Payload(payload).section_bytes


def squares(scene, payload):
    """Return the sum of squared errors of the valid samples."""
    valid = scene != NODATA
    return float(np.square(decode(payload)[valid].astype(float) - scene[valid]).sum())


def psnr(scene, payload):
    return 10 * np.log10(float(scene.max()) ** 2 / (squares(scene, payload) / (scene != NODATA).sum()))


@pytest.fixture(scope="module")
def payload():
    return encoded(hit()[0], bpppb=0.3)


def unaware(monkeypatch):
    monkeypatch.setattr(tries, "choices", lambda *_: iter(()))


def test_a_file_of_one_size_has_less_than_half_the_error(payload, monkeypatch):
    scene, _ = hit()
    unaware(monkeypatch)
    without = encoded(scene, bpppb=0.3)
    assert told(payload)
    assert not told(without)
    assert 0.97 * 0.3 <= 8 * len(payload) / scene.size <= 0.3
    assert squares(scene, payload) < 0.5 * squares(scene, without)


def test_a_file_of_one_quality_is_smaller_by_a_quarter(monkeypatch):
    scene, _ = hit()
    found = encoded(scene, psnr=52.0)
    unaware(monkeypatch)
    assert told(found)
    assert 52.0 <= psnr(scene, found) <= 52.3
    assert len(found) < 0.75 * len(encoded(scene, psnr=52.0))


def test_nine_tenths_of_all_dead_and_hot_samples_are_told_of_and_hardly_another(payload):
    _, where = hit()
    outliers = Payload(payload).reader.outliers
    rows, columns = np.divmod(outliers.pixels, 58)
    found = where[outliers.bands, rows, columns]
    assert found.sum() >= 0.9 * where.sum()
    assert found.mean() > 0.95


def test_each_is_what_it_was_to_a_level(payload):
    scene, _ = hit()
    outliers = Payload(payload).reader.outliers
    places = outliers.bands, *np.divmod(outliers.pixels, 58)
    level = (float(scene.max()) - 1) / outliers.top
    assert np.abs(decode(payload)[places].astype(float) - scene[places]).max() <= level / 2 + 0.5


def test_spectra_windows_and_bands_are_those_of_the_whole(payload):
    _, where = hit()
    samples, opened = decode(payload), Payload(payload)
    np.testing.assert_array_equal(opened.read(((31, 33), (57, 58)), [3]), samples[[3], 31:33, 57:58])
    for band, row, column in np.argwhere(where)[::7].tolist():
        one = decode(payload, ((row, row + 1), (column, column + 1)))
        np.testing.assert_array_equal(one[:, 0, 0], samples[:, row, column])
        np.testing.assert_array_equal(opened.read(None, [band])[0], samples[band])


@pytest.mark.parametrize("target", [{"bpppb": 0.3}, {"psnr": 52.0}, {"bpppb": 0.02}], ids=str)
def test_a_scene_without_any_has_no_list(target):
    assert not told(encoded(clean(), **target))


def test_masked_samples_are_never_told_of():
    scene, _ = hit()
    scene[:, 10:25, 20:41] = NODATA
    scene[4, 40:, :9] = NODATA
    found = encoded(scene, bpppb=0.3)
    outliers = Payload(found).reader.outliers
    assert (scene[outliers.bands, *np.divmod(outliers.pixels, 58)] != NODATA).all()
    np.testing.assert_array_equal(decode(found) == NODATA, scene == NODATA)


def test_bands_that_do_not_count_and_constant_ones_are_left_out_of_the_count():
    scene, where = hit()
    scene[2], scene[7] = 900, 40_000 + scene[7]
    result = encode_array(scene, asked(bpppb=0.3), nodata=NODATA, bad_bands=[7])
    samples, counts = decode(result.payload), np.array([0, 1, 3, 4, 5, 6, 8, 9, 10, 11])
    assert told(result.payload)
    assert np.abs(samples[counts].astype(float) - scene[counts])[where[counts]].mean() < 30


def test_floats_come_back_as_near():
    scene, where = hit()
    found = encoded(scene.astype(np.float32) / 7, bpppb=0.3)
    assert told(found)
    assert np.abs(7 * decode(found) - scene)[where].mean() < 30


def test_weights_of_bands_leave_values_as_they_were():
    scene, where = hit()
    found = encoded(scene, bpppb=0.3, band_weights=tuple(np.linspace(0.2, 1.0, 12)))
    assert told(found)
    assert np.abs(decode(found).astype(float) - scene)[where].mean() < 30


def test_scenes_too_large_to_be_held_are_told_of_them_too(monkeypatch):
    monkeypatch.setattr("xr_inr.core.source.WHOLE_SAMPLES", 100)
    monkeypatch.setattr("xr_inr.core.source.TILE_SAMPLES", 12 * 58 * 7)
    monkeypatch.setattr(plan, "WHOLE_SAMPLES", 100)
    monkeypatch.setattr(plan, "_FIRST_PLANES", 2)
    scene, where = hit()
    found = encoded(scene, bpppb=0.3)
    assert len(Payload(found).reader.outliers.pixels) >= 0.9 * where.sum()
    assert np.abs(decode(found).astype(float) - scene)[where].mean() < 30


class TestChoices:
    def test_the_coarser_the_step_the_fewer_are_worth_it(self):
        planes = ScenePlanes(prepare_scene(hit()[0]))
        counts = [len(next(choices(planes.standing_out, planes.size, step))) for step in (0.01, 0.15, 0.25)]
        assert counts[0] > counts[1] > counts[2] > 0
        assert not list(choices(planes.standing_out, planes.size, 2.0))

    @pytest.mark.parametrize(("step", "bits"), [(0.7, 1), (0.25, 2), (0.01, 7), (1e-5, 17), (1e-12, 24)])
    def test_a_level_spans_at_most_a_step_and_a_half(self, step, bits):
        assert level_bits_for(step) == bits

    @pytest.mark.parametrize("bad_bands", [[], [0]], ids=str)
    def test_what_is_left_stands_out_no_more(self, bad_bands):
        scene = prepare_scene(hit()[0], bad_bands=bad_bands)
        seen = next(choices(ScenePlanes(scene).standing_out, scene.size, 0.02))
        rest, outliers = told_apart(scene, seen, 10)
        still = ScenePlanes(rest).standing_out
        assert np.abs(still.heights).max() < 0.3 * np.abs(seen.heights).min()
        np.testing.assert_array_equal(outliers.bands, seen.bands)


@pytest.mark.usefixtures("tiny_presets")
class TestBatches:
    def test_chunks_fitted_at_once_come_to_what_they_come_to_alone(self):
        chunks = [hit()[0], clean(seed=2), hit(seed=3)[0]]
        request = asked(bpppb=0.5)
        together = [one.payload for one in encode_arrays(chunks, request, nodata=NODATA)]
        assert [told(one) for one in together] == [True, False, True]
        for chunk, found in zip(chunks, together, strict=True):
            alone = encode_array(chunk, request, nodata=NODATA).payload
            assert psnr(chunk, found) == pytest.approx(psnr(chunk, alone), abs=0.2)

    @pytest.mark.usefixtures("far")
    def test_a_device_with_a_memory_of_its_own_comes_to_the_same(self):
        chunks = [hit((6, 32, 34), share=3e-3)[0], hit((6, 32, 34), share=3e-3, seed=1)[0]]
        found = {
            device: [one.payload for one in encode_arrays(chunks, asked(bpppb=1.0, device=device), nodata=NODATA)]
            for device in ("cpu", "cuda")
        }
        assert found["cpu"] == found["cuda"]
        assert all(map(told, found["cuda"]))
        for payload in found["cuda"]:
            np.testing.assert_array_equal(decode(payload, device="cuda"), decode(payload))

    @pytest.mark.parametrize("max_error", [0, 4, 40])
    def test_a_bound_holds_for_outliers_too(self, max_error):
        scene, _ = hit((6, 70, 75))
        scene[:, 10:25, 50:70] = NODATA
        found = encoded(scene, max_error=max_error)
        samples, opened = decode(found), Payload(found)
        assert np.abs(samples.astype(int) - scene).max() <= max_error
        np.testing.assert_array_equal(samples == NODATA, scene == NODATA)
        np.testing.assert_array_equal(opened.read(((62, 66), (61, 70)), [1, 5]), samples[[1, 5], 62:66, 61:70])

    def test_a_bounded_file_is_smaller_by_a_tenth_where_outliers_are_told_of(self, monkeypatch):
        scene, _ = hit()
        found = encoded(scene, max_error=12)
        assert told(found)
        unaware(monkeypatch)
        assert len(found) < 0.9 * len(encoded(scene, max_error=12))

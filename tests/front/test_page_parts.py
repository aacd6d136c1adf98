"""What a page is made of: PNG files, quantised spectra, numbers; rasterio reads the PNGs as oracle."""

import base64
import warnings

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from xr_inr.page.colours import COLOUR_MAPS, indices, palette
from xr_inr.page.numbers import in_bytes, number
from xr_inr.page.png import encode_colours, encode_indices
from xr_inr.page.samples import MOST_PIXELS, MOST_SAMPLES, sample_spectra
from xr_inr.scenes import Scenes

from .helpers import make_scene


def read_png(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with MemoryFile(data) as file, file.open() as source:
            return source.read(), (source.colormap(1) if source.count == 1 else None)


# PNG


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("form", [(1, 1), (7, 5), (64, 40)])
def test_pictures_come_back_from_png(form, channels):
    smooth = np.add.outer(np.arange(form[0]), np.arange(form[1]))[..., None] * [3, 5, 7, 1]
    noise = np.random.default_rng(0).integers(0, 9, (*form, 4))
    image = ((smooth + noise) % 256).astype(np.uint8)[..., :channels]
    samples, _ = read_png(encode_colours(image))

    np.testing.assert_array_equal(np.moveaxis(samples, 0, -1), image)


def test_maps_come_back_from_png_with_their_colours():
    values = np.array([[0.0, 5.0], [10.0, np.nan]])
    samples, colours = read_png(encode_indices(indices(values, 10.0), palette("magma")))

    assert colours[samples[0, 0, 0]] == (0, 0, 4, 255)
    assert colours[samples[0, 1, 0]] == (252, 253, 191, 255)
    assert colours[samples[0, 1, 1]][3] == 0


def test_smooth_pictures_take_less_than_their_samples():
    ramp = np.add.outer(np.arange(200), np.arange(200))[..., None] * [1, 1, 1]

    assert len(encode_colours((ramp % 256).astype(np.uint8))) < 5_000


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_maps_rise_in_lightness(name):
    lightness = palette(name)[:-1, :3] @ [0.2126, 0.7152, 0.0722]

    assert (np.diff(lightness) > -0.5).all()
    assert lightness[-1] - lightness[0] > 100


# Spectra


def integers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def dequantised(told):
    levels = integers(told["data"], "<i2").astype(float)
    return np.where(levels == -32768, np.nan, levels * told["step"] + told["offset"])


def samples_of(before, after):
    scenes = Scenes.of_pair(before, after)
    return sample_spectra(scenes, scenes.views())


def test_integers_of_a_small_range_are_exact():
    before = make_scene(_FillValue=-9999)
    before[0, 3, 3] = -9999
    after = before.copy(data=np.where(before == -9999, -9999, before + 2).astype("i2"))
    samples = samples_of(before, after)
    told = samples.to_json()

    np.testing.assert_array_equal(dequantised(told["spectra"]), samples.spectra.ravel())
    np.testing.assert_array_equal(dequantised(told["errors"]), samples.errors.ravel())
    assert np.isnan(samples.spectra).sum() == 1
    assert np.nanmax(samples.errors) == 2


RANGES = {
    "reflectance": make_scene(dtype="f4") + 1,
    "large floats": make_scene(dtype="f8") * 1e12,
    "the whole of an unsigned type": make_scene().astype("u4") * 10_000_000,
}


@pytest.mark.parametrize("before", RANGES.values(), ids=RANGES.keys())
def test_other_samples_are_quantised_to_65535_steps(before):
    after = before.copy(data=(before.to_numpy() * 1.01).astype(before.dtype))
    samples = samples_of(before, after)
    told = samples.to_json()

    for values, stored in ((samples.spectra, told["spectra"]), (samples.errors, told["errors"])):
        step = float(values.max() - values.min()) / 65534
        assert np.abs(dequantised(stored) - values.ravel()).max() <= 0.51 * step


def test_every_pixel_of_a_small_scene_is_there():
    samples = samples_of(make_scene(), make_scene())

    assert len(samples.pixels) == 63
    np.testing.assert_array_equal(integers(samples.to_json()["columns"], "<i4")[:9], np.arange(9))


@pytest.mark.parametrize("shape", [(5, 300, 400), (300, 50, 60), (4, 1, 5000), (4, 5000, 1)])
def test_of_larger_scenes_there_is_a_grid(shape):
    scene = make_scene(shape)
    samples = samples_of(scene, scene)

    assert samples.spectra.size <= MOST_SAMPLES
    assert MOST_PIXELS / 4 < len(samples.pixels) <= MOST_PIXELS or samples.spectra.size > MOST_SAMPLES / 4
    np.testing.assert_array_equal(
        samples.spectra[:, 0], scene[0].to_numpy()[samples.pixels[:, 0], samples.pixels[:, 1]]
    )


def test_worst_pixels_are_there_and_masked_ones_are_not():
    before = make_scene((3, 200, 200), _FillValue=-9999)
    before[:, :, :100] = -9999
    after = before.copy()
    after[:, 133, 177] += 50
    samples = samples_of(before, after)

    assert tuple(samples.pixels[samples.marked["rmse"]]) == (133, 177)
    assert samples.pixels[:, 1].min() >= 100


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.0, "1,234,567"),
        (123456.7, "123,457"),
        (1234.5678, "1234.57"),
        (0.000123456, "0.000123456"),
        (-3.0, "-3"),
        (float("inf"), "∞"),
        (float("nan"), "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_to_six_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (24_046, "24 kB"),
        (999_600, "1 MB"),
        (3_960_000, "3.96 MB"),
        (10**16, "10 PB"),
    ],
)
def test_sizes_have_units(count, text):
    assert in_bytes(count) == text

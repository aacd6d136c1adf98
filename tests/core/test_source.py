"""Scenes too large to be held: read tile by tile, from arrays, mapped files and whatever gives rows."""

import subprocess
import sys

import numpy as np
import pytest

from xr_inr.core import source as sources
from xr_inr.core.decode import decode
from xr_inr.core.encode import encode_array
from xr_inr.core.latent import plan, rounding
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.request import FitRequest
from xr_inr.core.scene import prepare_scene
from xr_inr.core.source import ArraySource, SampleSource, tiles
from xr_inr.core.spectral import analyse
from xr_inr.exceptions import RequestError

ASKED = FitRequest(model="latent", preset="fast", bpppb=1.0, device="cpu")


def smooth(bands=6, height=24, width=20, dtype="u2"):
    rows, columns = np.mgrid[0:height, 0:width] / 9.0
    spectra = np.linspace(0.5, 2.0, bands)[:, None, None]
    noise = np.random.default_rng(0).normal(0, 2, (bands, height, width))
    return (500 + 200 * spectra * np.sin(rows + columns * spectra) + noise).astype(dtype)


def with_gaps():
    array = smooth(dtype="f4")
    array[:, 7:9, 4:12] = np.nan
    array[2, 15:, :] = -1.0
    array[4] = 3.0
    array[5] = np.nan
    return array


SCENES = {"whole": (smooth(), None), "with gaps": (with_gaps(), -1.0)}


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of five rows."""
    monkeypatch.setattr(sources, "WHOLE_SAMPLES", 100)
    monkeypatch.setattr(sources, "TILE_SAMPLES", 6 * 20 * 5)


def test_planes_that_are_asked_for_later_are_those_held_from_the_start(request, monkeypatch):
    expected = ScenePlanes(prepare_scene(smooth()))
    request.getfixturevalue("small_tiles")
    monkeypatch.setattr(plan, "WHOLE_SAMPLES", 100)
    monkeypatch.setattr(plan, "_FIRST_PLANES", 2)
    found = ScenePlanes(prepare_scene(smooth()))
    np.testing.assert_allclose(found.leading(3), expected.leading(3), atol=1e-5)
    np.testing.assert_allclose(found.planes, expected.planes, atol=1e-5)
    np.testing.assert_allclose(found.covariances(6), expected.covariances(6), atol=1e-5)
    assert found.rank(0.001, 0.14) == pytest.approx(expected.rank(0.001, 0.14), rel=1e-3)


class Rows:
    """Gives rows of an array, and remembers how many at most were asked for."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.most, self.reads = array, array.shape, array.dtype, 0, 0

    def read(self, rows):
        self.most = max(self.most, rows[1] - rows[0])
        self.reads += 1
        return self._array[:, rows[0] : rows[1]].copy()


def test_a_small_scene_is_one_tile():
    assert list(tiles((6, 24, 20))) == [(0, 24)]


@pytest.mark.usefixtures("small_tiles")
def test_tiles_of_a_large_scene_follow_one_another():
    assert list(tiles((6, 24, 20))) == [(0, 5), (5, 10), (10, 15), (15, 20), (20, 24)]


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_in_tiles_is_the_scene_as_a_whole(name, request):
    array, nodata = SCENES[name]
    expected = prepare_scene(array, nodata=nodata)
    expected_parts = expected.values, expected.valid
    request.getfixturevalue("small_tiles")
    found = prepare_scene(ArraySource(array), nodata=nodata)
    assert found.layout.to_sections() == expected.layout.to_sections()
    assert (found.valid_samples, found.peak, found.size) == (expected.valid_samples, expected.peak, expected.size)
    parts = list(found.tiles())
    assert len(parts) == 5
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts], axis=1), expected_parts[0])
    if expected_parts[1] is not None:
        np.testing.assert_array_equal(np.concatenate([part.valid for part in parts], axis=1), expected_parts[1])


@pytest.mark.parametrize("name", SCENES)
def test_the_analysis_of_tiles_is_that_of_the_scene_as_a_whole(name, request):
    array, nodata = SCENES[name]
    expected = analyse(prepare_scene(array, nodata=nodata))
    request.getfixturevalue("small_tiles")
    found = analyse(prepare_scene(array, nodata=nodata))
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-9)
    np.testing.assert_allclose(found.energies, expected.energies, atol=1e-9)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("bad", [0, 3])
def test_a_bad_band_in_tiles_is_kept_as_the_sample_nearest_to_its_mean(bad):
    array = smooth()
    nearest = array[bad].ravel()[np.abs(array[bad].ravel() - array[bad].mean(dtype="f8")).argmin()]
    assert prepare_scene(array, bad_bands=[bad]).layout.constants.tolist() == [nearest]


@pytest.mark.usefixtures("small_tiles")
def test_an_infinite_sample_in_a_later_tile_is_named_by_its_place_in_the_scene():
    array = smooth(dtype="f4")
    array[2, 17, 3] = np.inf
    with pytest.raises(RequestError, match="band 2, row 17, column 3"):
        prepare_scene(array)


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("name", SCENES)
def test_a_fit_by_tiles_is_as_good_as_one_of_the_whole_scene(name, request):
    array, nodata = SCENES[name]
    expected = encode_array(array, ASKED, nodata=nodata)
    request.getfixturevalue("small_tiles")
    rows = Rows(array)
    found = encode_array(rows, ASKED, nodata=nodata)
    assert found.figures.psnr == pytest.approx(expected.figures.psnr, abs=0.1)
    assert decode(found.payload).shape == array.shape
    assert isinstance(rows, SampleSource)


@pytest.mark.usefixtures("tiny_presets", "small_tiles")
@pytest.mark.parametrize(("name", "target"), [("whole", "bpppb"), ("with gaps", "bpppb"), ("whole", "psnr")])
def test_a_tile_is_read_a_few_times_however_many_payloads_are_tried(name, target, monkeypatch):
    array, nodata = SCENES[name]
    rows, tried = Rows(array), []
    assemble = rounding.assemble
    monkeypatch.setattr(rounding, "assemble", lambda *args, **kwargs: tried.append(1) or assemble(*args, **kwargs))
    asked = {"bpppb": 1.0, "psnr": 45.0}[target]
    encode_array(rows, FitRequest(preset="fast", device="cpu", **{target: asked}), nodata=nodata)
    # Where a quality is asked for, each payload is compared once with all samples, which are one part here.
    assert rows.reads <= 7 * len(list(tiles(array.shape))) + len(tried) * (target == "psnr")


_PEAK = """
import re, sys, threading
import numpy as np
import torch
from xr_inr.core.encode import encode_array
from xr_inr.core.latent import plan
from xr_inr.core.latent.plan import ScenePlanes
from xr_inr.core.request import FitRequest

def held():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

scene = np.load(sys.argv[1], mmap_mode="r")
request = FitRequest(model="latent", preset="fast", psnr=20.0, device="cpu")
encode_array(np.array(scene[:, :32, :32]), request)
before, peak, done = held(), 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.002):
        peak = max(peak, held())

watching = threading.Thread(target=watch)
watching.start()
encode_array(scene, request)
done.set()
watching.join()
print(peak - before, scene.nbytes)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is told by /proc")
def test_a_mapped_file_is_encoded_in_far_less_memory_than_it_has_samples(tmp_path):
    file = tmp_path / "scene.npy"
    scene = np.lib.format.open_memmap(file, mode="w+", dtype="f4", shape=(600, 224, 224))
    plane = smooth(1, 224, 224, "f4")[0]
    for band in range(len(scene)):
        scene[band] = plane * (1.0 + 0.3 * np.sin(band / 50))
    scene.flush()
    done = subprocess.run([sys.executable, "-c", _PEAK, str(file)], capture_output=True, text=True, check=True)
    held, size = map(int, done.stdout.split())
    assert held < 0.7 * size

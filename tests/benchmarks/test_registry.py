"""The codecs by name, and what all of them have in common."""

import numpy as np
import pytest

from benchmarks.codecs import registry
from xr_inr.core.bitstream import read_container
from xr_inr.core.request import PRESETS_OF

CODECS = [name for name in registry.CODECS if name not in ("atlas-hsi", "fourier network")]  # needs CUDA; takes long
PRESETS = [(model, preset) for model, presets in PRESETS_OF.items() for preset in presets]


@pytest.fixture(scope="module")
def scene(make_scene):
    smooth = make_scene((6, 24, 20), "f8").cumsum(axis=1)
    return np.rint(40 * (smooth - smooth.min())).astype(np.uint16)


@pytest.mark.parametrize("name", registry.CODECS)
def test_codec_bears_the_name_it_is_registered_by(name):
    assert registry.make(name).name == name


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.usefixtures("tiny_presets")
def test_scene_comes_back_from_the_bytes_alone_within_the_budget(name, scene):
    budget = 900
    lossless = registry.CODECS[name].lossless
    stream = registry.make(name).encode(scene, 2**62 if lossless else budget)
    decoded = registry.make(name).decode(stream.payload)

    assert (decoded.shape, decoded.dtype) == (scene.shape, scene.dtype)
    assert stream.settings
    assert lossless or len(stream.payload) <= budget
    assert np.array_equal(decoded, scene) or not lossless


@pytest.mark.parametrize(("model", "preset"), PRESETS)
def test_every_preset_of_ours_is_compared(model, preset):
    assert any(name.startswith(f"{model}, {preset}") for name in registry.OURS)


@pytest.mark.parametrize("name", registry.OURS)
@pytest.mark.usefixtures("tiny_presets")
def test_model_of_ours_is_the_one_its_name_says(name, scene):
    model, _ = read_container(registry.make(name).encode(scene, 900).payload)

    assert model.name.lower() == name.split(",")[0]


def test_names_of_files_are_distinct():
    slugs = [registry.slug(name) for name in registry.CODECS]

    assert len(set(slugs)) == len(slugs)
    assert registry.slug("klt + jpeg 2000") == "klt-jpeg-2000"

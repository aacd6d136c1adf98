"""docs/codec: its schema takes what the codec writes and nothing that it refuses; its examples are arrays that read."""

import json
import re

import jsonschema
import numpy as np
import pytest
import zarr

from tests import codec_sample
from tests.codec_sample import CODEC, NODATA, SAMPLE
from xr_inr.codecs.config import CodecConfig
from xr_inr.codecs.zarr import InrCodec
from xr_inr.core.request import MODELS, PRESETS_OF
from xr_inr.core.siren.storage import FLOAT_BITS, INTEGER_BITS
from xr_inr.exceptions import RequestError

SCHEMA = json.loads((CODEC / "schema.json").read_text())
PROPERTIES = SCHEMA["properties"]["configuration"]["properties"]
EXAMPLES = sorted((CODEC / "examples").glob("*.json"))
ANEW = "python -m tests.codec_sample writes the sample anew, where the format has changed on purpose"

PARAMETERS = {
    "the least": {"bpppb": 0.1},
    "a quality": {"psnr": 40.0},
    "all of a siren": {"bpppb": 1, "model": "siren", "preset": "paper", "weight_bits": 16, "seed": 3, "band_axis": 2},
    "nodata": {"bpppb": 0.1, "nodata": -9999, "preset": "best"},
    "bad bands": {"bpppb": 0.1, "bad_bands": [0, 3]},
}

REFUSED = {
    "no target": {"band_axis": 0},
    "two targets": {"bpppb": 0.1, "psnr": 40},
    "a size of 0": {"bpppb": 0},
    "a negative bad band": {"bpppb": 0.1, "bad_bands": [-1]},
    "a negative axis": {"bpppb": 0.1, "band_axis": -1},
    "an unknown model": {"bpppb": 0.1, "model": "mlp"},
    "a preset of the other model": {"bpppb": 0.1, "preset": "paper"},
    "weight bits of latents": {"bpppb": 0.1, "weight_bits": 8},
    "weight bits that nothing stores": {"bpppb": 0.1, "model": "siren", "weight_bits": 12},
    "a negative seed": {"bpppb": 0.1, "seed": -1},
    "an unknown parameter": {"bpppb": 0.1, "quality": 3},
}


def is_valid(codec):
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(codec)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_the_metadata_of_an_array_is_as_the_schema_says(parameters):
    array = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=(4, 5, 6),
        chunks=(4, 5, 6),
        dtype="i2",
        serializer=InrCodec(**parameters),
        filters=None,
        compressors=None,
    )
    (codec,) = array.metadata.to_dict()["codecs"]
    jsonschema.validate(codec, SCHEMA)


@pytest.mark.parametrize("configuration", REFUSED.values(), ids=REFUSED.keys())
def test_what_the_codec_refuses_the_schema_refuses(configuration):
    assert not is_valid({"name": "xr_inr", "configuration": configuration})
    with pytest.raises(RequestError):
        CodecConfig.from_dict(configuration)


def test_the_schema_knows_what_can_be_asked_for():
    assert set(PROPERTIES["model"]["enum"]) == set(MODELS)
    assert set(PROPERTIES["preset"]["enum"]) == {preset for presets in PRESETS_OF.values() for preset in presets}
    assert set(PROPERTIES["weight_bits"]["enum"]) == {*FLOAT_BITS, *INTEGER_BITS}


def test_the_page_names_every_parameter():
    named = set(re.findall(r"^\| `(\w+)` \|", (CODEC / "README.md").read_text(), re.MULTILINE))
    assert named == set(PROPERTIES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_and_as_the_codec_writes_it(path):
    example = json.loads(path.read_text())
    assert is_valid(example)
    assert InrCodec.from_dict(example).to_dict() == example


def test_the_sample_array_decodes_to_its_samples():
    array = zarr.open_array(SAMPLE, mode="r")
    samples, original = array[...], codec_sample.scene()

    (codec,) = array.metadata.to_dict()["codecs"]
    assert is_valid(codec)
    assert codec_sample.digest(samples) == array.attrs["sha256"], ANEW
    np.testing.assert_array_equal(samples == NODATA, original == NODATA)
    assert np.abs(samples.astype(int) - original).max() < 100

"""Golden payloads: bytes that were written once decode to the same samples in every run, on every machine."""

import dataclasses

import numpy as np
import pytest

from tests.core.kinds import every_device
from tests.core.ways import way  # noqa: F401 - runs this module both ways
from xr_inr.core.bitstream import Section
from xr_inr.core.decode import Payload, decode
from xr_inr.core.mask import NAN, NODATA
from xr_inr.core.request import MODELS, PRESETS_OF

from . import make

ENTRIES = make.manifest()
ANEW = "python -m tests.golden.make writes payloads and manifest anew, where the format has changed on purpose"


@pytest.fixture(scope="module")
def payloads():
    """Every golden payload, opened, by its name."""
    return {entry["name"]: Payload(make.path_of(entry["name"]).read_bytes()) for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_a_payload_decodes_to_the_samples_it_was_written_with(entry):
    assert make.entry(entry["name"], make.path_of(entry["name"]).read_bytes()) == entry, ANEW


@every_device
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_a_payload_decodes_to_the_same_samples_on_a_device(entry, device):
    data = make.path_of(entry["name"]).read_bytes()
    assert decode(data, device=device).tobytes() == decode(data).tobytes()


def test_manifest_names_every_case_and_every_payload():
    names = [entry["name"] for entry in ENTRIES]
    assert names == [case.name for case in make.CASES], ANEW
    assert sorted(names) == sorted(path.stem for path in make.FOLDER.glob("*.bin")), ANEW


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_there_with_every_common_dtype(payloads, model, dtype):
    assert any((payload.model.name.lower(), payload.dtype) == (model, dtype) for payload in payloads.values())


@pytest.mark.parametrize("model", MODELS)
def test_every_preset_is_there(model):
    assert {case.preset for case in make.CASES if case.model == model} == set(PRESETS_OF[model])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kinds", [set(), {NODATA}, {NODATA, NAN}], ids=["no mask", "nodata", "nodata and NaN"])
def test_every_model_is_there_with_every_kind_of_mask(payloads, model, kinds):
    masks = [payload.layout.mask for payload in payloads.values() if payload.model.name.lower() == model]
    assert any({kind for kind in (NODATA, NAN) if mask.holds(kind)} == kinds for mask in masks)


def test_every_section_is_there_and_the_sinusoidal_network_is_there_and_not_there(payloads):
    held = [payload.section_bytes.keys() for payload in payloads.values()]
    assert set().union(*held) == set(Section)
    latent = [sections for sections in held if Section.LATENT_STREAM in sections]
    assert {Section.LATENT_SYNTHESIS in sections for sections in latent} == {True, False}


@pytest.mark.parametrize("case", make.CASES, ids=lambda case: case.name)
def test_samples_that_are_kept_exactly_are_those_of_the_scene(case):
    """Masked samples and constant bands, in the scene's shape and dtype."""
    scene, nodata = make.scene_of(case)
    samples = decode(make.path_of(case.name).read_bytes())
    masked = np.isnan(scene) | (scene == nodata)
    constant = [band for band in range(len(scene)) if len(np.unique(scene[band][~masked[band]])) == 1]

    assert (samples.shape, samples.dtype) == (scene.shape, scene.dtype)
    np.testing.assert_array_equal(samples[masked], scene[masked])
    np.testing.assert_array_equal(samples[constant], scene[constant])
    assert np.isfinite(samples[~masked]).all()


def test_payloads_are_small():
    assert all(int(entry["bytes"]) < 4_000 for entry in ENTRIES)


def test_a_case_whose_scene_does_not_lead_to_what_it_is_for_is_refused():
    case = next(case for case in make.CASES if case.constant)
    lacking = dataclasses.replace(case, sections=frozenset({Section.MASK}))

    with pytest.raises(ValueError, match="latent_fast_uint8_constant must hold MASK"):
        make.fit(lacking)

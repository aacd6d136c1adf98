"""Variants of the latent model: each changes the payload of a tiny scene, decodes, and leaves the model as it was."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from benchmarks.ingredients import UNCHANGED, basis_variants, contexts, own_network, refinement, variant
from benchmarks.ingredients.variant import Task, VanishedNameError, Variant, constant, replaced
from benchmarks.ingredients.variants import VARIANTS
from benchmarks.pretraining.fit import FitSettings
from benchmarks.pretraining.start import scale_alone
from xr_inr.core.arrays import NUMPY
from xr_inr.core.bitstream import Section, read_container
from xr_inr.core.decode import Payload
from xr_inr.core.latent import aim, basis, context, model, quantise, restoration_fit, rotation, rounding, tries
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.quantise import Rounder
from xr_inr.core.latent.scales import ScaleIndices
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.core.latent.wavelet import Pyramid, analyse
from xr_inr.core.metrics import compare
from xr_inr.core.request import FitRequest

PRESET = dataclasses.replace(
    LATENT_PRESETS["fast"],
    sweeps=1,
    synthesis_widths=(6,),
    synthesis_iterations=40,
    learning_rate=5e-2,
    # Turned further, planes as few as these foretell nothing of each other that pays.
    turn_iterations=2,
)
MOST = {"sweeps": 3, "synthesis_iterations": 50}
"""What variants may ask for here."""

BANDS = 12
OTHER_BANDS = 24
"""On a scene as small as this one a change may come to nothing by chance, but not on two of them."""

OTHERS = [name for name in VARIANTS if name != UNCHANGED]


def curved_scene(bands=BANDS):
    """Return bands of eight components, of which the last five follow from the first three."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:20, 0:22] / 3.0
    smooth = np.stack([np.sin(rows + columns / 2), np.cos(1.5 * columns) * np.sin(rows), np.sin(2 * rows - columns)])
    a, b, c = smooth + random.normal(0, 0.2, smooth.shape)
    later = (250 * np.sin(3 * a), 200 * np.cos(2 * b + c), 150 * np.sin(2.5 * c), 120 * a * b, 100 * np.cos(3 * a))
    directions = np.linalg.qr(random.normal(size=(bands, 8)))[0]
    cube = np.tensordot(directions, np.stack([900 * a, 700 * (np.cos(3 * a) + b / 9), 500 * c, *later]), 1)
    return np.rint(cube - cube.min()).astype(np.uint16)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Fits of three sweeps: whatever they give meets the target."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LATENT_PRESETS, "fast", PRESET)
        patch.setattr(rotation, "_ITERATIONS", 10)
        patch.setattr(refinement, "ITERATIONS", 10)
        patch.setattr(own_network, "SETTINGS", FitSettings(steps=20, batch=512))
        for module, name in ((tries, "_PROBES"), (rounding, "PROBE_SWEEPS"), (model, "_RESTARTS")):
            patch.setattr(module, name, 1)
        # The scene is so small that hardly any restoring network pays.
        fitted = restoration_fit._Problem.fitted

        def kept_always(*given):
            network, _ = yield from fitted(*given)
            return network, 1.0

        patch.setattr(restoration_fit._Problem, "fitted", kept_always)
        judge = aim.Aim.judge
        patch.setattr(
            aim.Aim, "judge", lambda self, sections: dataclasses.replace(judge(self, sections), met=True, tight=True)
        )
        yield


def task_of(one, bands=BANDS):
    return Task(curved_scene(bands), FitRequest(bpppb=2.0, model="latent", preset="fast", seed=one.seed))


@functools.cache
def encoded(name, bands=BANDS):
    """Return what a variant makes of the scene, and the reader of its payload after a whole read."""
    one = VARIANTS[name]
    one = dataclasses.replace(one, preset={key: min(of, MOST.get(key, of)) for key, of in one.preset.items()})
    with one.in_force(task_of(one, bands)):
        made = task_of(one, bands).encode()
        reader = Payload(made.payload)
        return made, reader, reader.read()


def test_tiny_scene_has_a_part_for_every_ingredient():
    _, reader, _ = encoded(UNCHANGED)
    assert reader.network is not None
    assert reader.rank > 5 + 1
    assert Pyramid.of(reader.shape[1:]).levels >= 1


@pytest.mark.parametrize("name", OTHERS)
def test_variant_gives_another_payload_that_decodes_to_what_it_was_made_for(name):
    made, _, decoded = encoded(name)
    changes = (
        encoded(name, bands)[0].payload != encoded(UNCHANGED, bands)[0].payload for bands in (BANDS, OTHER_BANDS)
    )
    assert any(changes), f"{name!r} changes nothing: the model no longer asks for it"
    assert compare(curved_scene(), decoded).psnr == made.figures.psnr > 30


def basis_of(name):
    """Return the spectral basis that a variant stored."""
    return LatentBasis.from_bytes(read_container(encoded(name)[0].payload)[1][Section.LATENT_BASIS], BANDS)


def test_directions_that_were_not_fitted_are_orthonormal():
    directions = basis_of("no least squares").directions
    np.testing.assert_allclose(directions.T @ directions, np.eye(directions.shape[1]), atol=0.08)


def test_one_step_for_all_directions_is_one():
    assert len(set(basis_of(UNCHANGED).direction_bits)) > 1
    assert len(set(basis_of("one basis step").direction_bits)) == 1


@pytest.mark.parametrize("scales", [(3, 3, 3), (9, 20, 2)])
def test_columns_under_fixed_laws_are_read_as_they_were_written(monkeypatch, scales):
    monkeypatch.setattr(basis_variants, "_column_scales", lambda _: np.array(scales))
    levels = np.random.default_rng(0).integers(-40, 40, (7, 3))
    encoder = SymbolEncoder()
    with VARIANTS["fixed basis laws"].in_force(None):
        basis.write_columns(encoder, levels)
        read = basis.read_columns(SymbolDecoder(encoder.getvalue()), *levels.shape)
    np.testing.assert_array_equal(read, levels)


@pytest.mark.parametrize("name", OTHERS)
def test_names_are_back_when_a_variant_is_left(name):
    one = VARIANTS[name]
    before = {each: variant._found(each)[1] for each in one.replaces}
    with dataclasses.replace(one, around=None).in_force(task_of(one)):
        assert not before or {each: variant._found(each)[1] for each in one.replaces} != before
    assert {each: variant._found(each)[1] for each in one.replaces} == before
    assert LATENT_PRESETS["fast"] is PRESET


def test_unchanged_payload_comes_again_after_all_variants():
    for name in VARIANTS:
        encoded(name)
    assert task_of(VARIANTS[UNCHANGED]).encode().payload == encoded(UNCHANGED)[0].payload


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replaces": {"model.turned": constant(0)}}, "has no 'model.turned' any more: the variant .* must follow"),
        ({"replaces": {"model.Fitting.turned": constant(0)}}, "has no 'model.Fitting.turned' any more"),
        ({"replaces": {"turning.rotate": constant(0)}}, "has no 'turning.rotate' any more"),
        ({"preset": {"turns": 3}}, "a latent preset has no 'turns' any more, only name, sweeps"),
    ],
)
def test_name_that_the_model_has_no_more_is_named(changes, message):
    with pytest.raises(VanishedNameError, match=message):
        Variant("turned", "", kept="no", **changes).check()


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_says_what_it_is(name):
    assert VARIANTS[name].what.endswith(".")
    assert "|" not in name + VARIANTS[name].what + VARIANTS[name].kept


PLACE = context.Place(subband=6, number=3, rows=8, columns=8)
"""The last pass of the finest diagonal subband of planes of 32 x 32, which knows all there is to know."""


def altered(what):
    """Return known magnitudes of three components with some of them changed, and scales."""
    pyramid = Pyramid.of((32, 32))
    padded = [np.zeros((3, *(side + 2 for side in subband.shape)), np.float32) for subband in pyramid.subbands]
    stored = np.zeros((len(padded), 3, 3), np.float32)
    component = slice(1, 2)
    if what == "neighbours":
        padded[6][component] = 64
    elif what == "coarser subband":
        padded[3][component] = 64
    elif what == "next component":
        padded[6][[0, 2]] = 64
    elif what == "siblings":
        padded[4:6] = [part + 64 for part in padded[4:6]]
    elif what == "stored scale":
        stored[6, 0] = 5
    elif what == "coarser scale":
        stored[6, 1] = 5
    elif what == "component number":
        stored[6, 2] = 5
    return context.Surroundings(np, pyramid, padded, stored).of_pass(PLACE)[:, component]


@pytest.mark.parametrize("group", [group for group in contexts.COLUMNS if group != "earlier groups"])
def test_columns_of_a_group_are_the_features_that_it_changes(group):
    changed = np.flatnonzero((altered(group) != altered("nothing")).any(axis=(1, 2, 3)))
    assert tuple(changed) == contexts.COLUMNS[group]


def test_columns_of_earlier_groups_are_the_last_features():
    plane = np.zeros((2, 2), np.float32)
    count = len(context.of_groups(NUMPY, plane, plane, 1))
    assert contexts.COLUMNS["earlier groups"] == tuple(range(context.FEATURES - count, context.FEATURES))


def test_every_feature_is_in_one_group():
    assert sorted(sum(contexts.COLUMNS.values(), ())) == list(range(context.FEATURES))


def test_network_of_the_scale_alone_gives_what_is_stored_less_two_whatever_else_is_known():
    network = scale_alone()
    features = np.random.default_rng(0).integers(0, 128, (context.FEATURES, 40)).astype(np.float32)
    stored = np.arange(40)
    features[contexts.COLUMNS["stored scale"]] = 2 * stored
    for place in ((0, 0, 0), (3, 2, 1), (1, 3, 4)):
        indices = ScaleIndices(network, NUMPY)(features, place, np.zeros(40, np.float32))
        np.testing.assert_array_equal(indices, np.maximum(stored - 2, 0))


@pytest.mark.parametrize("coarseness", [1, 4])
def test_own_network_is_read_back_as_near_to_the_fitted_one_as_its_steps_are_fine(coarseness):
    moved = dataclasses.replace(shipped(), first=np.clip(shipped().first + 5, -127, 127))
    read = own_network._from_differences(own_network._differences(moved, coarseness, levels=3))
    assert np.abs(read.first - moved.first).max() <= coarseness / 2
    np.testing.assert_array_equal(read.second, shipped().second)


@pytest.mark.parametrize(("temperature", "error"), [(0.02, 0.0), (50.0, 0.3)])
def test_soft_rounding_goes_from_nothing_to_rounding(temperature, error):
    values = torch.tensor([-1.3, -0.3, 0.3, 2.7])
    softened = refinement.soft_round(values, temperature)
    torch.testing.assert_close((softened - values.round()).abs(), torch.full((4,), error), atol=1e-3, rtol=0)


def test_refinement_lessens_squared_error_plus_weighted_bits():
    pyramid, weight = Pyramid.of((20, 22)), 0.14
    planes = torch.from_numpy(curved_scene()[:3].astype(np.float32)) / 60.0
    scene = SoftScene(planes - planes.mean(), None, pyramid)
    rounder = Rounder(pyramid, 3, shipped(), torch.device("cpu"), seed=0)
    soft = rounder.soft
    start = [part.round() for part in analyse(scene.planes, pyramid, torch)]

    def cost(latents):
        side = quantise.side_of(quantise.whole(latents), pyramid, rounder.offsets)
        visits = soft.visits(side.scales > 0)
        return scene.error(latents) + weight * refinement._bits(latents, soft, side, visits, soft.biases(visits))

    schedule = refinement.Schedule(iterations=60)
    refined, kept = refinement.refine(
        start, scene, rounder, weight, schedule=schedule, seed=0, steer=lambda _, weight: weight
    )
    assert all(torch.equal(part, part.round()) for part in refined)
    assert kept == weight
    assert cost(refined) < cost(start)


def test_makers_are_given_what_they_replace():
    first = quantise._FIRST_ROUNDING
    with replaced({"quantise._FIRST_ROUNDING": lambda original: original + 1.0}):
        assert first + 1.0 == quantise._FIRST_ROUNDING

"""Arrays in, bytes out and back: what is exact, and what is bounded."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xr_inr.core.bitstream import Model, Section, read_container
from xr_inr.core.decode import Payload, decode
from xr_inr.core.encode import foresee, measure
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import MODELS, FitRequest
from xr_inr.core.sample_rules import DTYPES
from xr_inr.exceptions import BudgetError, RequestError

both_models = pytest.mark.parametrize("model", MODELS)
EVERY_DTYPE = [*DTYPES, *(dtype.newbyteorder(">") for dtype in DTYPES if dtype.itemsize > 1)]


def room_for(array, payload_bytes=600):
    """The bpppb that allow a payload of so many bytes, however few samples there are."""
    return payload_bytes * 8 / array.size


def bits(array):
    """The bytes of an array, every NaN alike."""
    return (
        np.where(np.isnan(array), np.nan, array).astype(array.dtype) if array.dtype.kind == "f" else array
    ).tobytes()


def check(array, encoded, bpppb, nodata=None):
    """What holds for every payload, whatever was fitted."""
    decoded = decode(encoded.payload)
    assert (decoded.dtype, decoded.shape) == (array.dtype, array.shape)
    assert len(encoded.payload) * 8 <= bpppb * array.size
    assert encoded.bpppb == len(encoded.payload) * 8 / array.size
    valid = ~np.isnan(array) if nodata is None else ~np.isnan(array) & (array != nodata)
    assert encoded.figures.valid_samples.sum() == valid.sum()
    distinct = [{value.tobytes() for value in row[inside]} for row, inside in zip(array, valid, strict=True)]
    fitted = valid & np.array([len(values) > 1 for values in distinct])[:, None, None]
    assert bits(decoded[~fitted]) == bits(array[~fitted])
    if fitted.any():
        assert array[fitted].min() <= decoded[fitted].min()
        assert array[fitted].max() >= decoded[fitted].max()


@pytest.mark.parametrize(
    "options", [{"model": "latent"}, {"weight_bits": 8}, {"weight_bits": 16}], ids=["latent", "siren-8", "siren-16"]
)
@pytest.mark.parametrize("dtype", EVERY_DTYPE, ids=str)
def test_every_dtype(encode, make_scene, dtype, options):
    scene = make_scene((5, 7, 9), dtype)
    check(scene, encode(scene, bpppb=16.0, **options), 16.0)


@pytest.mark.parametrize(
    "options", [{"model": "latent"}, {}, {"preset": "paper"}], ids=["latent", "siren-fast", "siren-paper"]
)
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (4, 1, 1), (1, 9, 8), (5, 1, 30), (5, 30, 1), (1, 1, 40), (2, 1, 2), (3, 13, 7), (150, 3, 3)],
    ids=str,
)
def test_every_shape(encode, make_scene, shape, options):
    scene = make_scene(shape, "i2")
    bpppb = room_for(scene, 1000)
    check(scene, encode(scene, bpppb=bpppb, **options), bpppb)


@both_models
@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0, 255], id="u1-limits"),
        pytest.param(np.array([-(2**53), 2**53]), id="i8-limits"),
        pytest.param(np.array([0, 2**53], "u8"), id="u8-limits"),
        pytest.param(np.array([-3.4e38, 3.4e38], "f4"), id="f4-limits"),
        pytest.param(np.array([-65504, 65504], "f2"), id="f2-limits"),
        pytest.param(np.array([1e-45, 3e-45], "f4"), id="f4-denormal"),
        pytest.param(np.array([1.0, np.nextafter(1.0, 2.0)]), id="f8-neighbours"),
        pytest.param(np.array([-0.0, 0.0]), id="zeros-of-both-signs"),
        pytest.param(np.array([-1e140, 1e140]), id="f8-huge"),
    ],
)
def test_ranges_at_the_limits(encode, values, model):
    values = np.asarray(values, "u1" if isinstance(values, list) else None)
    scene = np.resize(values, (2, 5, 7))
    check(scene, encode(scene, bpppb=room_for(scene), model=model), room_for(scene))


def any_masked_scene(make_scene, data):
    """A drawn scene of bands of any kind, with holes, and its nodata."""
    shape = tuple(data.draw(st.integers(1, side)) for side in (4, 6, 6))
    dtype = np.dtype(data.draw(st.sampled_from(["u1", "i2", ">u2", "i8", "f2", "f4", ">f8"])))
    nodata = data.draw(st.sampled_from([None, 99]))
    scene = make_scene(shape, dtype)
    for band in range(shape[0]):
        fill = data.draw(st.sampled_from(["smooth", "constant", "void"]))
        if fill == "constant":
            scene[band] = data.draw(st.sampled_from([0, 7, -0.0 if dtype.kind == "f" else 1]))
        elif fill == "void":
            scene[band] = 99
    marks = [99, np.nan] if dtype.kind == "f" else [99]
    for _ in range(data.draw(st.integers(0, 3))):
        top, left = (data.draw(st.integers(0, side - 1)) for side in shape[1:])
        bands = slice(data.draw(st.integers(0, shape[0] - 1)), None)
        scene[bands, top : top + 2, left : left + 2] = data.draw(st.sampled_from(marks))
    return scene, nodata


@settings(max_examples=40)
@given(data=st.data())
def test_any_mask_over_any_bands(encode, make_scene, data):
    scene, nodata = any_masked_scene(make_scene, data)
    encoded = encode(scene, nodata=nodata, allow_void=True, bpppb=room_for(scene))
    check(scene, encoded, room_for(scene), nodata)


@settings(max_examples=8)
@given(data=st.data())
def test_any_mask_over_any_bands_of_a_latent_model(encode, make_scene, data):
    scene, nodata = any_masked_scene(make_scene, data)
    encoded = encode(scene, nodata=nodata, allow_void=True, bpppb=room_for(scene, 200), model="latent")
    check(scene, encoded, room_for(scene, 200), nodata)


@both_models
@pytest.mark.parametrize("nodata", [None, -999.0])
def test_array_without_a_valid_sample_is_restored_exactly(encode, nodata, model):
    void = np.full((2, 3, 4), np.nan if nodata is None else nodata, "f4")
    encoded = encode(void, nodata=nodata, allow_void=True, model=model)
    assert bits(decode(encoded.payload)) == bits(void)
    assert encoded.architecture is None
    with pytest.raises(RequestError, match=r"at least one valid sample. All 24"):
        encode(void, nodata=nodata, model=model)


@both_models
@pytest.mark.parametrize("value", [-0.0, 0.0, 1e-45, -3e38, 7])
def test_constant_scene_is_exact_and_takes_a_header(encode, value, model):
    scene = np.full((3, 40, 50), value, "f4")
    encoded = encode(scene, model=model)
    assert bits(decode(encoded.payload)) == bits(scene)
    assert len(encoded.payload) < 50


@pytest.mark.parametrize(
    "options", [{"model": "latent"}, {}, {"preset": "paper"}], ids=["latent", "siren-fast", "siren-paper"]
)
def test_values_under_the_mask_do_not_influence_the_payload(encode, make_scene, options):
    scene = make_scene((4, 7, 9), "i2")
    payloads = []
    for marker in (-30_000, 31_000):
        array = scene.copy()
        array[1, 2:4] = array[:, :, 5] = array[3] = marker
        sections = read_container(encode(array, nodata=marker, **options).payload)[1]
        payloads.append({tag: content for tag, content in sections.items() if tag is not Section.SCENE})
    assert payloads[0] == payloads[1]


@pytest.mark.parametrize(
    "options",
    [{"model": "latent"}, {}, {"weight_bits": 32}, {"preset": "paper"}],
    ids=["latent", "siren-fast", "siren-floats", "siren-paper"],
)
def test_same_seed_same_payload_and_another_seed_another(encode, make_scene, options):
    scene = make_scene((12, 30, 32))
    first, again, other = (encode(scene, seed=seed, **options).payload for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("bpppb", [3.3, 5.0, 8.0])
@pytest.mark.parametrize(
    "options",
    [{"model": "latent"}, {}, {"weight_bits": 4}, {"preset": "paper"}],
    ids=["latent", "siren-fast", "siren-4-bits", "siren-paper"],
)
def test_budget_is_filled_and_never_exceeded(encode, make_scene, bpppb, options):
    scene = make_scene((6, 16, 17))
    assert 0.9 * bpppb < encode(scene, bpppb=bpppb, **options).bpppb <= bpppb


@both_models
def test_psnr_target_is_met_by_the_decoded_samples(encode, make_scene, model):
    scene = make_scene((6, 20, 24), "i2")
    encoded = encode(scene, psnr=15.0, model=model)
    assert measure(encoded.payload, scene).psnr >= 15.0
    assert encoded.figures.psnr == measure(encoded.payload, scene).psnr


@both_models
def test_angle_is_met_by_the_decoded_samples(encode, make_scene, model):
    scene = make_scene((6, 20, 24), "i2")
    encoded = encode(scene, sam=20.0, model=model)
    assert measure(encoded.payload, scene).sam == encoded.figures.sam <= 20.0


@both_models
def test_psnr_out_of_reach_is_refused(encode, make_scene, model):
    with pytest.raises(BudgetError, match=r"psnr=120.0 was not reached: .* g[ai]ves? \d+\.\d\d dB"):
        encode(make_scene(dtype="f8"), psnr=120.0, model=model)


@pytest.mark.parametrize("weight_bits", [8, 16])
@pytest.mark.parametrize("at", [1, 11])
def test_interrupted_encoding_gives_a_payload_within_its_budget(encode, make_scene, at, weight_bits):
    def report(progress):
        if progress.iteration == at:
            raise KeyboardInterrupt

    scene = make_scene()
    encoded = encode(
        scene, weight_bits=weight_bits, bpppb=16.0, monitor=Monitor(report=report, keep_best=lambda _: True)
    )
    check(scene, encoded, 16.0)
    assert encoded.iterations == at
    with pytest.raises(KeyboardInterrupt):
        encode(scene, weight_bits=weight_bits, bpppb=16.0, monitor=Monitor(report=report))


def test_encoded_says_what_was_done(encode, make_scene):
    encoded = encode(make_scene(), bpppb=16.0)
    assert encoded.iterations == 24
    assert " -> " in encoded.architecture
    assert encoded.seconds > 0
    assert all(line.endswith(" dB") for line in encoded.search)


@pytest.mark.parametrize(
    ("model", "said"), [("latent", r"rank \d+(, 3 -> \d+ -> \d+ -> \d+)?"), ("siren", r"[12] x \d+ -> \d+")]
)
def test_payload_says_what_it_holds(encode, make_scene, model, said):
    encoded = encode(make_scene((6, 16, 17)), bpppb=4.0, model=model)
    payload = Payload(encoded.payload)

    assert payload.model is Model[model.upper()]
    assert re.fullmatch(said, payload.architecture)
    assert payload.architecture == encoded.architecture
    assert 0 < payload.rank <= 6
    assert sum(payload.section_bytes.values()) < len(encoded.payload)


@both_models
def test_mean_spectrum_alone_is_no_architecture(encode, make_scene, model):
    scene = make_scene()
    smallest = foresee(scene, FitRequest(bpppb=1.0, model=model)).smallest
    encoded = encode(scene, bpppb=smallest * 8 / scene.size, model=model)

    assert encoded.architecture is None
    assert Payload(encoded.payload).rank == 0
    assert len(np.unique(decode(encoded.payload)[0])) == 1


@pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "f8", ">i2"])
@pytest.mark.parametrize("masked", [True, False], ids=["some-masked", "none-masked"])
@both_models
def test_valid_samples_never_decode_to_nodata(encode, make_scene, dtype, masked, model):
    scene = make_scene((4, 16, 16), dtype, seed=5)
    nodata = scene.dtype.type(np.sort(scene.ravel())[scene.size // 2])
    scene[scene == nodata] += 1
    if masked:
        scene[:, :4, :4] = nodata
    decoded = decode(encode(scene, nodata=float(nodata), bpppb=4.0, model=model).payload)

    np.testing.assert_array_equal(decoded == nodata, scene == nodata)

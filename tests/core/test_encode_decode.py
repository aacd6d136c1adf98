"""Arrays in, bytes out and back: what is exact, what is bounded, and that a part is a part of the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xr_inr.core.bitstream import Section, read_container
from xr_inr.core.decode import Payload, decode
from xr_inr.core.encode import measure
from xr_inr.core.monitor import Monitor
from xr_inr.core.scene import DTYPES
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.exceptions import BudgetError, RequestError

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


@pytest.mark.parametrize("weight_bits", [8, 16])
@pytest.mark.parametrize("dtype", EVERY_DTYPE, ids=str)
def test_every_dtype(encode, make_scene, dtype, weight_bits):
    scene = make_scene((5, 7, 9), dtype)
    check(scene, encode(scene, bpppb=16.0, weight_bits=weight_bits), 16.0)


@pytest.mark.parametrize("preset", ["fast", "paper"])
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (4, 1, 1), (1, 9, 8), (5, 1, 30), (5, 30, 1), (1, 1, 40), (2, 1, 2), (3, 13, 7), (150, 3, 3)],
    ids=str,
)
def test_every_shape(encode, make_scene, shape, preset):
    scene = make_scene(shape, "i2")
    bpppb = room_for(scene, 1000)
    check(scene, encode(scene, bpppb=bpppb, preset=preset), bpppb)


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
def test_ranges_at_the_limits(encode, values):
    values = np.asarray(values, "u1" if isinstance(values, list) else None)
    scene = np.resize(values, (2, 5, 7))
    check(scene, encode(scene, bpppb=room_for(scene)), room_for(scene))


@settings(max_examples=40)
@given(data=st.data())
def test_any_mask_over_any_bands(encode, make_scene, data):
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
    encoded = encode(scene, nodata=nodata, allow_void=True, bpppb=room_for(scene))
    check(scene, encoded, room_for(scene), nodata)


@pytest.mark.parametrize("nodata", [None, -999.0])
def test_array_without_a_valid_sample_is_restored_exactly(encode, nodata):
    void = np.full((2, 3, 4), np.nan if nodata is None else nodata, "f4")
    encoded = encode(void, nodata=nodata, allow_void=True)
    assert bits(decode(encoded.payload)) == bits(void)
    assert encoded.architecture is None
    with pytest.raises(RequestError, match=r"at least one valid sample. All 24"):
        encode(void, nodata=nodata)


@pytest.mark.parametrize("value", [-0.0, 0.0, 1e-45, -3e38, 7])
def test_constant_scene_is_exact_and_takes_a_header(encode, value):
    scene = np.full((3, 40, 50), value, "f4")
    encoded = encode(scene)
    assert bits(decode(encoded.payload)) == bits(scene)
    assert len(encoded.payload) < 50


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_values_under_the_mask_do_not_influence_the_payload(encode, make_scene, preset):
    scene = make_scene((4, 7, 9), "i2")
    payloads = []
    for marker in (-30_000, 31_000):
        array = scene.copy()
        array[1, 2:4] = array[:, :, 5] = array[3] = marker
        sections = read_container(encode(array, nodata=marker, preset=preset).payload)[1]
        payloads.append({tag: content for tag, content in sections.items() if tag is not Section.SCENE})
    assert payloads[0] == payloads[1]


@pytest.mark.parametrize("options", [{}, {"weight_bits": 32}, {"preset": "paper"}], ids=["fast", "floats", "paper"])
def test_same_seed_same_payload_and_another_seed_another(encode, make_scene, options):
    scene = make_scene()
    first, again, other = (encode(scene, seed=seed, **options).payload for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("bpppb", [3.3, 5.0, 8.0])
@pytest.mark.parametrize("options", [{}, {"weight_bits": 4}, {"preset": "paper"}], ids=["fast", "4-bits", "paper"])
def test_budget_is_filled_and_never_exceeded(encode, make_scene, bpppb, options):
    scene = make_scene((6, 16, 17))
    assert 0.9 * bpppb < encode(scene, bpppb=bpppb, **options).bpppb <= bpppb


def test_psnr_target_is_met_by_the_decoded_samples(encode, make_scene):
    scene = make_scene((6, 20, 24), "i2")
    encoded = encode(scene, psnr=15.0)
    assert measure(encoded.payload, scene).psnr >= 15.0
    assert encoded.figures.psnr == measure(encoded.payload, scene).psnr


def test_psnr_out_of_reach_is_refused(encode, make_scene):
    with pytest.raises(BudgetError, match=r"psnr=120.0 was not reached: .* gave \d+\.\d\d dB"):
        encode(make_scene(), psnr=120.0)


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


SPANS = st.integers(0, 8).flatmap(lambda start: st.tuples(st.just(start), st.integers(start, 8)))


@given(rows=SPANS, columns=SPANS, bands=st.lists(st.integers(-6, 5), min_size=1, max_size=7))
def test_a_part_is_a_part_of_the_whole(masked_payload, rows, columns, bands):
    whole = decode(masked_payload)
    part = decode(masked_payload, window=(rows, columns), bands=bands)
    assert bits(part) == bits(whole[:, slice(*rows), slice(*columns)][bands])


@given(points=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=12), band=st.integers(0, 5))
def test_points_are_points_of_the_whole(masked_payload, points, band):
    whole = decode(masked_payload)
    rows, columns = np.array(points, np.intp).reshape(-1, 2).T
    for bands in (np.array([band]), np.arange(6)[::-1]):
        assert bits(Payload(masked_payload).read_points(rows, columns, bands)) == bits(whole[bands][:, rows, columns])


@pytest.mark.parametrize("options", [{"preset": "paper"}, {"weight_bits": 32}], ids=["paper", "floats"])
def test_a_part_is_a_part_of_the_whole_whatever_the_model_stores(encode, masked_scene, options):
    payload = Payload(encode(masked_scene, nodata=-999.0, bpppb=32.0, **options).payload)
    whole = payload.read()
    for row, column in np.ndindex(whole.shape[1:]):
        assert bits(payload.read(((row, row + 1), (column, column + 1)))[:, 0, 0]) == bits(whole[:, row, column])


@pytest.mark.parametrize(
    ("window", "bands"),
    [
        ((slice(None), slice(None)), slice(None)),
        ((slice(1, -1, 2), slice(None, None, -1)), slice(None, None, -2)),
        ((slice(-3, None), (2, 2)), slice(1, 1)),
        (None, 3),
        (None, -1),
        (None, np.array([5, 0, 0])),
        (None, np.int64(2)),
    ],
    ids=repr,
)
def test_windows_and_bands_are_said_as_in_numpy(masked_payload, window, bands):
    rows, columns = (span if isinstance(span, slice) else slice(*span) for span in window or (slice(None),) * 2)
    expected = decode(masked_payload)[:, rows, columns][bands if isinstance(bands, slice) else np.atleast_1d(bands)]
    part = decode(masked_payload, window=window, bands=bands)
    assert (part.shape, bits(part)) == (expected.shape, bits(expected))


@pytest.mark.parametrize(
    ("window", "bands", "message"),
    [
        pytest.param(((0, 9), (0, 1)), None, r"window's rows must lie in \[0, 8\]. Got \(0, 9\)", id="rows"),
        pytest.param(((0, 1), (-1, 1)), None, r"window's columns .* \[0, 10\]. Got \(-1, 1\)", id="columns"),
        pytest.param(((3, 2), (0, 1)), None, r"window's rows .* Got \(3, 2\)", id="reversed"),
        pytest.param((3, 4), None, "window", id="points"),
        pytest.param(((0, 1),), None, "window", id="one-axis"),
        pytest.param(((0.5, 2), (0, 1)), None, "window", id="fractions"),
        pytest.param(None, 6, r"bands must lie in \[0, 6\). Got 6", id="band"),
        pytest.param(None, [0, -7], r"bands must lie in .* Got \[0, -7\]", id="negative-band"),
        pytest.param(None, 1.0, "bands must be an integer, a slice or a list of integers. Got 1.0", id="float"),
        pytest.param(None, [[0]], r"bands must be .* Got \[\[0\]\]", id="nested"),
        pytest.param(None, [True, False], "bands must be an integer", id="booleans"),
        pytest.param(None, "red", "bands must be .* Got 'red'", id="name"),
    ],
)
def test_parts_outside_the_scene_are_refused(masked_payload, window, bands, message):
    with pytest.raises(RequestError, match=message):
        decode(masked_payload, window=window, bands=bands)


@pytest.fixture
def evaluated(monkeypatch):
    """The number of positions in each evaluation of a network."""
    counts, evaluate = [], Evaluator._evaluate

    def counting(self, rows, columns):
        counts.append(len(rows))
        return evaluate(self, rows, columns)

    monkeypatch.setattr(Evaluator, "_evaluate", counting)
    return counts


@pytest.mark.parametrize(
    ("window", "bands", "positions"),
    [
        pytest.param(((2, 3), (4, 5)), None, 1, id="a-pixel"),
        pytest.param(((0, 2), (3, 8)), [0, 1], 10, id="a-window"),
        pytest.param(None, 0, 80, id="a-band"),
        pytest.param(None, [2, 3], 0, id="bands-that-are-not-fitted"),
        pytest.param(((2, 2), (0, 9)), None, 0, id="nothing"),
    ],
)
def test_only_what_is_asked_for_is_evaluated(masked_payload, evaluated, window, bands, positions):
    decode(masked_payload, window=window, bands=bands)
    assert sum(evaluated) == positions


def test_reading_a_payload_evaluates_nothing(masked_payload, evaluated):
    assert Payload(masked_payload).shape == (6, 8, 10)
    assert not evaluated


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_decoded(masked_payload, kind):
    assert bits(decode(kind(masked_payload))) == bits(decode(masked_payload))


@pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "f8", ">i2"])
@pytest.mark.parametrize("masked", [True, False], ids=["some-masked", "none-masked"])
def test_valid_samples_never_decode_to_nodata(encode, make_scene, dtype, masked):
    scene = make_scene((4, 16, 16), dtype, seed=5)
    nodata = scene.dtype.type(np.sort(scene.ravel())[scene.size // 2])
    scene[scene == nodata] += 1
    if masked:
        scene[:, :4, :4] = nodata
    decoded = decode(encode(scene, nodata=float(nodata), bpppb=4.0).payload)

    np.testing.assert_array_equal(decoded == nodata, scene == nodata)

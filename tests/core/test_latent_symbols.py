"""Integers to bits and back: any integer under any law, in few bits, and nothing bad from bad bytes."""

import itertools

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import drawn
from tests.core.ways import way  # noqa: F401 - runs this module both ways
from xr_inr.core.latent import symbols
from xr_inr.core.latent.laws import (
    FRACTIONS,
    LARGEST_INTEGER,
    PER_OCTAVE,
    REACH,
    SCALES,
    TABLED_SCALES,
    TAIL_SHARE,
    TAIL_WIDTH,
    probabilities,
    scale_of_index,
)
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.core.latent.wavelet import LARGEST_LATENT
from xr_inr.exceptions import PayloadError

every_scale = pytest.mark.parametrize("scale", range(SCALES))


def stream_of(*parts):
    """Return the bytes of (values, scales, means), one call each."""
    encoder = SymbolEncoder()
    for values, scales, means in parts:
        encoder.put(*laws_of(values, scales, means))
    return encoder.getvalue()


def laws_of(values, scales, means):
    values = np.asarray(values, np.int32)
    return values, np.broadcast_to(scales, values.shape), np.broadcast_to(means, values.shape)


def assert_restored(*parts):
    decoder = SymbolDecoder(stream_of(*parts))
    for part in parts:
        values, scales, means = laws_of(*part)
        np.testing.assert_array_equal(decoder.take(scales, means), values)
    decoder.finish()


@every_scale
def test_integers_of_every_law_are_restored(scale):
    means = np.repeat(np.arange(-2 * FRACTIONS, 2 * FRACTIONS + 1), 9)
    reach = int(20 * scale_of_index(np.array(scale))) + 3
    assert_restored((drawn(-reach, reach, len(means), scale), scale, means))


@every_scale
@pytest.mark.parametrize("mean", [0, -3, 4, 12_000, -12_000])
def test_the_largest_integers_are_restored_under_every_law(scale, mean):
    edge = (REACH + 1) << max(0, -(-(scale - TABLED_SCALES + 1) // PER_OCTAVE))
    found = [0, edge - 1, edge, edge + 1, LARGEST_LATENT, LARGEST_INTEGER]
    assert_restored(([*found, *(-value for value in found)], scale, mean))


@given(st.data())
@pytest.mark.parametrize("at_once", [1, 20, 2**14])
def test_calls_that_lie_end_to_end_make_the_stream_of_calls_one_by_one(at_once, data):
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=8))
    seed, widest = data.draw(st.integers(0, 2**16)), data.draw(st.sampled_from([4, 20, SCALES]))
    random = np.random.default_rng(seed)
    scales, means = random.integers(0, widest, sum(sizes)), random.integers(-100, 100, sum(sizes))
    values = np.rint(random.standard_cauchy(sum(sizes)) * 3).clip(-LARGEST_LATENT, LARGEST_LATENT).astype(np.int32)
    cuts = list(itertools.pairwise([0, *np.cumsum(sizes).tolist()]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(symbols, "_GATHERED", at_once)
        together = SymbolEncoder()
        together.put_calls(values, scales, means, np.array(sizes))
        assert together.getvalue() == stream_of(*((values[a:b], scales[a:b], means[a:b]) for a, b in cuts))
    decoder = SymbolDecoder(together.getvalue())
    for a, b in cuts:
        np.testing.assert_array_equal(decoder.take(scales[a:b], means[a:b]), values[a:b])


@given(st.data())
def test_integers_are_restored_in_the_calls_they_were_put_in(data):
    count = data.draw(st.integers(0, 60))
    scales = np.array(data.draw(st.lists(st.integers(0, SCALES - 1), min_size=count, max_size=count)), int)
    means = np.array(data.draw(st.lists(st.integers(-12_000, 12_000), min_size=count, max_size=count)), int)
    near = st.integers(-50, 50) | st.integers(-LARGEST_LATENT, LARGEST_LATENT)
    values = np.array(data.draw(st.lists(near, min_size=count, max_size=count)), np.int32)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, count), max_size=4))), count]
    assert_restored(*((values[low:high], scales[low:high], means[low:high]) for low, high in itertools.pairwise(cuts)))


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
def test_laws_may_be_of_any_integer_type(dtype):
    values, scales, means = drawn(-90, 90, 50), drawn(0, SCALES - 1, 50, 1), drawn(-30, 30, 50, 2)
    expected = stream_of((values, scales, means))
    assert stream_of((values, scales.astype(dtype), means.astype(dtype))) == expected
    found = SymbolDecoder(expected).take(scales.astype(dtype), means.astype(dtype))
    np.testing.assert_array_equal(found, values)


def test_how_many_tables_are_laid_out_at_a_time_leaves_no_trace(monkeypatch):
    part = drawn(-90, 90, 500), drawn(0, SCALES - 1, 500, 1), drawn(-30, 30, 500, 2)
    expected = stream_of(part)
    monkeypatch.setattr(symbols, "_AT_ONCE", 7)
    assert stream_of(part) == expected
    assert_restored(part)


def test_stream_is_frozen():
    scales = np.array([0, 3, 12, 15, 16, 20, 47, 12, 12, 30])
    means = np.array([0, 1, -3, 4, -5, 100, 7, 0, 8000, 0])
    values = [0, -1, 2, 30, -40, 9, 100_000, -13, 1000, -LARGEST_LATENT]
    assert stream_of((values, scales, means), ([1, 2, 3], 9, 12)).hex() == "d1cdb3027a0164053f0539caf205dc3d6343ff93"


def test_nothing_takes_no_bytes():
    assert stream_of(([], 0, 0)) == b""
    decoder = SymbolDecoder(b"")
    assert decoder.take(np.zeros(0, int), np.zeros(0, int)).shape == (0,)
    decoder.finish()


@every_scale
def test_integers_that_follow_their_law_take_little_more_than_their_information(scale):
    generator = np.random.default_rng(scale)
    width = float(scale_of_index(np.array(scale)))
    means = generator.integers(-40, 40, 6_000)
    widths = np.where(generator.random(6_000) < TAIL_SHARE, TAIL_WIDTH, 1.0) * width
    values = np.rint(generator.logistic(means / FRACTIONS, widths)).astype(np.int32)
    distances = (values[:, None] + [[-0.5, 0.5]] - means[:, None] / FRACTIONS) / width
    logistic = 0.5 + 0.5 * np.tanh(np.stack([distances, distances / TAIL_WIDTH]) / 2)
    narrow, wide = np.diff(logistic, axis=2)[..., 0]
    information = -np.log2(((1 - TAIL_SHARE) * narrow + TAIL_SHARE * wide).clip(2.0**-15 / max(width, 1.0))).sum()
    # Two parts in a hundred for bins that are uniform, a word for the end.
    assert 8 * len(stream_of((values, scale, means))) < 1.02 * information + 64


@pytest.mark.parametrize("scale", range(TABLED_SCALES))
def test_likely_integers_take_what_the_tables_say(scale):
    values, means = drawn(-REACH, REACH, 3_000), drawn(-4, 3, 3_000, 1)
    chosen = probabilities()[scale * FRACTIONS + means + FRACTIONS // 2, values + REACH]
    information = -np.log2(chosen.astype(np.float64)).sum()
    assert 8 * len(stream_of((values, scale, means))) == pytest.approx(information, rel=1e-3, abs=64)


def test_an_escape_takes_two_bits_an_octave():
    lengths = [8 * len(stream_of((np.full(1000, 2**octave), 12, 0))) / 1000 for octave in (8, 12, 16)]
    assert np.diff(lengths) == pytest.approx([8.0, 8.0], abs=0.1)


@pytest.mark.parametrize("value", [LARGEST_INTEGER + 1, -LARGEST_INTEGER - 1, 2**31 - 1, -(2**31)])
def test_larger_integers_are_not_coded(value):
    with pytest.raises(ValueError, match=f"must lie within .*{LARGEST_INTEGER}"):
        stream_of(([value], 47, 0))


@settings(max_examples=300)
@given(st.binary(max_size=80), st.integers(1, 200), st.integers(0, 2**16))
def test_any_bytes_are_bounded_integers_or_refused(data, count, seed):
    scales, means = drawn(0, SCALES - 1, count, seed), drawn(-12_000, 12_000, count, seed + 1)
    decoder = SymbolDecoder(data)
    try:
        values = decoder.take(scales, means)
        decoder.finish()
    except PayloadError:
        return
    assert (values.shape, values.dtype) == ((count,), np.int32)
    assert np.abs(values.astype(np.int64)).max() <= 4 * LARGEST_INTEGER


@pytest.mark.parametrize("byte", [0x00, 0x7F, 0x80, 0xFF])
@pytest.mark.parametrize("length", [0, 3, 400])
@pytest.mark.parametrize("scale", [0, 12, 15, 16, 47])
def test_monotonous_bytes_come_to_an_end(byte, length, scale):
    try:
        values = SymbolDecoder(bytes([byte]) * length).take(np.full(3_000, scale), np.zeros(3_000, int))
    except PayloadError:
        return
    assert np.abs(values.astype(np.int64)).max() <= 4 * LARGEST_INTEGER


def handmade(column, coins, scale=12):
    """Return a stream of one table symbol and bits, as only another encoder could write it."""
    coder = constriction.stream.queue.RangeEncoder()
    rows = probabilities()[[scale * FRACTIONS + FRACTIONS // 2]]
    coder.encode(np.array([column], np.int32), constriction.stream.model.Categorical(perfect=False), rows)
    coder.encode(np.array(coins, np.int32), constriction.stream.model.Uniform(2))
    return coder.get_compressed().astype("<u4").tobytes()


UP = 2 * REACH + 1


def test_an_escape_is_exp_golomb_of_order_2():
    # Length 1 in unary, then 3 bits: 8 + 5 - 4 beyond REACH + 1.
    found = SymbolDecoder(handmade(UP, [1, 0, 1, 0, 1])).take(np.array([12]), np.array([0]))
    assert found.tolist() == [REACH + 1 + 9]


@pytest.mark.parametrize(
    ("coins", "scale"),
    [
        pytest.param([1] * 60, 12, id="endless-length"),
        pytest.param([1] * 26 + [0] + [1] * 28, 12, id="length-beyond-the-limit"),
        pytest.param([1] * 24 + [0] + [1] * 40, 12, id="excess-beyond-the-limit"),
        pytest.param([0] * 11 + [1] * 20 + [0] + [1] * 40, 47, id="leaves-int32-when-shifted"),
    ],
)
def test_escapes_beyond_the_largest_integer_are_refused(coins, scale):
    tabled = scale if scale < TABLED_SCALES else 14
    with pytest.raises(PayloadError, match=f"must lie within .*{LARGEST_INTEGER}"):
        SymbolDecoder(handmade(UP, coins, tabled)).take(np.array([scale]), np.array([0]))


@pytest.mark.parametrize("added", [b"\0", bytes(9), b"ten to see"], ids=["a-zero", "zeros", "text"])
def test_streams_that_go_on_are_refused(added):
    part = drawn(-9, 9, 300), 12, 0
    decoder = SymbolDecoder(stream_of(part) + added)
    np.testing.assert_array_equal(decoder.take(*laws_of(*part)[1:]), part[0])
    with pytest.raises(PayloadError, match="must end where their stream does"):
        decoder.finish()


def is_refused(stream, part):
    decoder = SymbolDecoder(stream)
    try:
        decoder.take(*laws_of(*part)[1:])
        decoder.finish()
    except PayloadError:
        return True
    return False


def test_nearly_all_truncated_streams_are_refused():
    part = drawn(-9, 9, 300), 12, 0
    whole = stream_of(part)
    assert not is_refused(whole, part)
    assert np.mean([is_refused(whole[:length], part) for length in range(len(whole) - 4)]) > 0.9

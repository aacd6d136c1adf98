"""The C kernels: for any input what constriction and numpy give, or the same refusal."""

from dataclasses import replace
from types import SimpleNamespace

import constriction
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import NETWORKS, drawn, make_fine, make_latents, make_repeats, make_side
from tests.core.ways import COMPILED, both_ways, needs_kernels
from tests.golden import make
from xr_inr.core.arrays import NUMPY
from xr_inr.core.bitstream import read_container, write_container
from xr_inr.core.decode import decode
from xr_inr.core.decoded_values import restore, restore_planes
from xr_inr.core.fixed_point import sine_of_products
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.column_rounding import round_columns
from xr_inr.core.latent.columns import KINDS, LARGEST_LEVEL, read_columns, write_columns
from xr_inr.core.latent.compiled import CompiledDecoder
from xr_inr.core.latent.context import FEATURES, LARGEST_FEATURE, MEAN_CLASSES, MEAN_WEIGHTS
from xr_inr.core.latent.latents import LatentSide, decode_latents, encode_latents
from xr_inr.core.latent.laws import COLUMNS, FRACTIONS, SCALES, TABLED_SCALES, left_bounds, probabilities
from xr_inr.core.latent.network import LARGEST_OFFSET, OFFSET_UNIT, shipped
from xr_inr.core.latent.scales import ScaleIndices
from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.core.latent.wavelet import LARGEST_LATENT, Pyramid, synthesise
from xr_inr.exceptions import PayloadError

pytestmark = needs_kernels

ROWS = TABLED_SCALES * FRACTIONS
ANY_INT32 = st.integers(-(2**31), 2**31 - 1)


def outcome(call):
    """Return what a call gives as text, or what it was refused with."""
    try:
        return repr(call())
    except PayloadError as error:
        return str(error)


def assert_same(call):
    compiled, reference = both_ways(lambda: outcome(call))
    assert compiled == reference


# Tables


def first_symbol(row, quantile):
    """Return the column that constriction finds at a place of 2**-24 in a row."""
    code = quantile * ((2**64 - 1) >> 24)
    words = np.array([code >> 32, code & 0xFFFFFFFF], np.uint32)
    model = constriction.stream.model.Categorical(perfect=False)
    return int(constriction.stream.queue.RangeDecoder(words).decode(model, probabilities()[row : row + 1])[0])


@pytest.mark.parametrize("row", range(ROWS))
def test_integer_tables_are_those_of_constriction(row):
    bounds = left_bounds()[row].tolist()
    assert bounds[0] == 0
    assert bounds[-1] == 2**24
    assert [first_symbol(row, left) for left in bounds[:-1]] == list(range(COLUMNS))
    assert [first_symbol(row, right - 1) for right in bounds[1:]] == list(range(COLUMNS))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda table: table[:, 0].fill(1), id="first-bound-not-0"),
        pytest.param(lambda table: table[-1:, -1:].fill(2**24 + 1), id="last-bound-beyond"),
        pytest.param(lambda table: table[77:78, 5:7].fill(900), id="an-empty-column"),
    ],
)
def test_tables_that_do_not_rise_are_refused(change):
    table = left_bounds().copy()
    change(table)
    with pytest.raises(ValueError, match="must rise strictly"):
        COMPILED.laws(table)


# Coded integers


def calls(data, parts):
    """Decode calls of (scales, means), then finish."""
    decoder = SymbolDecoder(data)
    found = [decoder.take(np.array(scales, np.int32), np.array(means, np.int32)).tolist() for scales, means in parts]
    decoder.finish()
    return found


def laws(draw, largest_mean=12_000):
    count = draw(st.integers(0, 40))
    highest = draw(st.sampled_from([TABLED_SCALES - 1, SCALES - 1]))
    scales = draw(st.lists(st.integers(0, highest), min_size=count, max_size=count))
    means = draw(st.lists(st.integers(-largest_mean, largest_mean), min_size=count, max_size=count))
    return scales, means


@settings(max_examples=120)
@given(st.data())
def test_any_bytes_under_any_laws(data):
    parts = [laws(data.draw) for _ in range(data.draw(st.integers(1, 4)))]
    stream = data.draw(st.binary(max_size=60))
    assert_same(lambda: calls(stream, parts))


@settings(max_examples=60)
@given(st.data())
def test_any_integers_that_an_encoder_wrote(data):
    scales, means = laws(data.draw)
    values = data.draw(st.lists(st.integers(-(2**26), 2**26), min_size=len(scales), max_size=len(scales)))
    encoder = SymbolEncoder()
    encoder.put(np.array(values, np.int32), np.array(scales, np.int32), np.array(means, np.int32))
    stream = encoder.getvalue()
    assert_same(lambda: calls(stream, [(scales, means)]))
    assert calls(stream, [(scales, means)]) == [values]


@pytest.mark.parametrize("byte", [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF])
@pytest.mark.parametrize("scale", [0, 12, 15, 16, 17, 18, 30, 45, 46, 47])
@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 300])
def test_monotonous_bytes(byte, scale, length):
    assert_same(lambda: calls(bytes([byte]) * length, [([scale] * 200, [0] * 200)] * 2))


@pytest.mark.parametrize("end", range(24, 34))
def test_streams_that_end_near_where_they_should(end):
    # One symbol, then what is left over lies about the largest that constriction takes for an end.
    code = (1 << end) - 1
    for apart in (-1, 0, 1):
        stream = (code + apart).to_bytes(8, "big")
        stream = stream[3::-1] + stream[:3:-1]
        assert_same(lambda stream=stream: calls(stream, [([12], [-400])]))


@given(st.lists(ANY_INT32, min_size=1, max_size=9))
def test_means_may_be_any_int32(means):
    decoder = CompiledDecoder(COMPILED, drawn(0, 2**31, 50).astype(np.uint32))
    assert decoder.take(np.zeros(len(means), int), np.array(means, np.int32)).shape == (len(means),)


@pytest.mark.parametrize("scale", [-1, SCALES, 2**31 - 1, -(2**31)])
def test_a_scale_beyond_the_laws_is_an_error(scale):
    with pytest.raises(ValueError, match="index of a scale must be in"):
        CompiledDecoder(COMPILED, np.zeros(2, np.uint32)).take(np.array([0, scale]), np.array([0, 0]))


def fine_call(data, halves, means, fine_from, states):
    """Decode a call of fine latents and finish."""
    decoder = SymbolDecoder(data)
    found, after = decoder.take_fine(halves, means, fine_from, states)
    decoder.finish()
    return found.tolist(), after.tolist()


@settings(max_examples=120)
@given(st.binary(max_size=80), st.data())
def test_any_bytes_under_any_laws_of_fine_latents(stream, data):
    components, points = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 30))
    seed, widest = data.draw(st.integers(0, 2**16)), data.draw(st.sampled_from([14, 31, 40, 2 * (SCALES - 1)]))
    halves = drawn(0, widest, (components, points), seed).astype(np.int32)
    means = drawn(-12_200, 12_200, (components, points), seed + 1).astype(np.int32)
    states = drawn(0, 7, components, seed + 2).astype(np.int32)
    fine_from = data.draw(st.integers(1, SCALES - 1))
    # A few bytes end soon; zeros go on.
    for ended in (stream, stream + b"\x7f" * 300):
        assert_same(lambda ended=ended: fine_call(ended, halves, means, fine_from, states))


# Columns


def columns_of(data, rows, columns):
    decoder = SymbolDecoder(data)
    levels = read_columns(decoder, rows, columns)
    decoder.finish()
    return levels.tolist()


@settings(max_examples=80)
@given(st.binary(max_size=120), st.integers(1, 30), st.integers(1, 9))
def test_any_bytes_as_columns(data, rows, columns):
    assert_same(lambda: columns_of(data, rows, columns))


@settings(max_examples=50)
@given(st.data())
def test_columns_of_every_kind(data):
    rows, columns = data.draw(st.integers(1, 25)), data.draw(st.integers(1, 6))
    kinds = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=columns - 1, max_size=columns - 1))
    encoder = SymbolEncoder()
    encoder.put(np.array(kinds, np.int32), np.full(columns - 1, 9), np.zeros(columns - 1, int))
    # Whatever laws follow, these bytes give entries of many sizes.
    stream = encoder.getvalue() + data.draw(st.binary(max_size=200))
    assert_same(lambda: columns_of(stream, rows, columns))


def bytes_of(levels):
    encoder = SymbolEncoder()
    write_columns(encoder, levels)
    return encoder.getvalue()


SPREADS = [1, 40, 10_000, LARGEST_LEVEL]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (30, 1), (40, 7), (3, 9)], ids=str)
def test_columns_are_written_alike(spread, shape):
    random = np.random.default_rng(spread)
    for smooth in (False, True):
        levels = random.integers(-spread, spread, shape, endpoint=True)
        if smooth:
            levels = np.clip(np.cumsum(levels // 8, axis=0), -LARGEST_LEVEL, LARGEST_LEVEL)
        compiled, reference = both_ways(lambda levels=levels: bytes_of(levels))
        assert compiled == reference


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (30, 1), (60, 7), (3, 9)], ids=str)
def test_columns_are_rounded_alike(spread, shape):
    rows, columns = shape
    random = np.random.default_rng(spread + rows)
    targets = spread * np.cumsum(random.normal(0.0, 0.3, shape), axis=0)
    planes = random.normal(0.0, 30.0, (columns, 200)) + random.normal(0.0, 30.0, 200)
    steps = np.ldexp(1.0, -random.integers(0, 3, columns).astype(np.intc))
    weights = random.uniform(0.05, 0.5, rows)
    compiled, reference = both_ways(lambda: round_columns(targets, steps, planes @ planes.T, weights))
    np.testing.assert_array_equal(compiled, reference)


# The context network


@given(
    st.sampled_from(sorted(NETWORKS)),
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 6)),
    st.integers(0, 70),
    st.integers(0, 5),
    st.integers(0, 2**16),
)
@example("shipped", (3, 2, 1), 10_000, 3, 0)
def test_half_indices_of_any_features(network, place, points, apart, seed):
    features = drawn(0, LARGEST_FEATURE, (FEATURES, points + apart), seed).astype(np.float32)[:, :points]
    offsets = (drawn(-8, 8, points, seed) / OFFSET_UNIT).astype(np.float32)
    compiled, reference = both_ways(lambda: ScaleIndices(NETWORKS[network], NUMPY).halves(features, place, offsets))
    np.testing.assert_array_equal(compiled, reference)
    assert compiled.dtype == reference.dtype == np.int32


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_scale_indices_stay_within_the_laws_whatever_the_features(value):
    features, offsets = np.full((FEATURES, 11), value, np.float32), np.zeros(11, np.float32)
    with np.errstate(all="ignore"):
        found = ScaleIndices(shipped(), NUMPY)(features, (0, 0, 0), offsets)
    assert 0 <= found.min() <= found.max() < SCALES


# Latents


def some_side(size, rank, seed, share_silent):
    """Return side information at the limits, with components, and whole rows, that are not coded."""
    levels = Pyramid.of(size).levels + 1
    scales = drawn(1, SCALES - 1, (levels, rank), seed)
    silent = drawn(0, 9, (levels, rank), seed + 1) < share_silent
    silent |= drawn(0, 9, (levels, 1), seed + 2) < share_silent - 4
    weights = drawn(-127, 127, (MEAN_CLASSES, MEAN_WEIGHTS), seed)
    offsets = drawn(-LARGEST_OFFSET, LARGEST_OFFSET, rank, seed)
    side = LatentSide(np.where(silent, 0, scales).astype(np.int32), weights.astype(np.int32), offsets.astype(np.int32))
    return replace(side, repeated=make_repeats(size, seed=seed).repeated[None]) if seed % 2 else side


SIZES = [(1, 1), (1, 9), (9, 2), (5, 7), (11, 12), (12, 11), (13, 40), (24, 27), (45, 22), (97, 100)]


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400),
    st.tuples(st.sampled_from(SIZES[:-1]), st.integers(1, 12)),
    st.sampled_from(sorted(NETWORKS)),
    st.integers(0, 2**16),
    st.integers(0, 8),
)
def test_any_bytes_as_latents(data, planes, network, seed, share_silent):
    size, rank = planes
    side = some_side(size, rank, seed, share_silent)

    def latents():
        return [part.tolist() for part in decode_latents(data, side, Pyramid.of(size), NETWORKS[network])]

    assert_same(latents)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("rank", "largest", "network"),
    [(1, 40, "small"), (3, LARGEST_LATENT, "shipped"), (9, 3, "shipped"), (6, 9, "highest"), (5, 9, "lowest")],
)
@pytest.mark.parametrize("repeating", [False, True], ids=["plain", "repeating"])
def test_latents_that_an_encoder_wrote(size, rank, largest, network, repeating):
    latents = make_latents(size, rank, largest=largest)
    side, pyramid = make_side(latents, size), Pyramid.of(size)
    if repeating:
        side = replace(side, repeated=make_repeats(size).repeated[None])
    data, reference = both_ways(lambda: encode_latents(latents, side, pyramid, NETWORKS[network]))
    assert data == reference
    for found in both_ways(lambda: decode_latents(data, side, pyramid, NETWORKS[network])):
        for part, expected in zip(found, latents, strict=True):
            np.testing.assert_array_equal(part, expected)
            assert part.dtype == np.int32


FROM = st.integers(1, SCALES - 1)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400),
    st.tuples(st.sampled_from(SIZES[:-1]), st.integers(1, 12)),
    st.sampled_from(sorted(NETWORKS)),
    st.integers(0, 2**16),
    FROM,
)
def test_any_bytes_as_fine_latents(data, planes, network, seed, fine_from):
    size, rank = planes
    side = replace(some_side(size, rank, seed, seed % 9), fine_from=fine_from)

    def latents():
        return [part.tolist() for part in decode_latents(data, side, Pyramid.of(size), NETWORKS[network])]

    assert_same(latents)


@pytest.mark.parametrize("size", SIZES[:-1], ids=str)
@pytest.mark.parametrize(
    ("laws", "network"),
    [
        ((1, 6, 1.0), "shipped"),
        ((3, 1, 300.0), "small"),
        ((9, 12, 1.0), "shipped"),
        ((6, 40, 3.0), "highest"),
        ((5, 4, 9.0), "small"),
    ],
)
@pytest.mark.parametrize("repeating", [False, True], ids=["plain", "repeating"])
def test_fine_latents_that_an_encoder_wrote(size, laws, network, repeating):
    rank, fine_from, spread = laws
    side, pyramid = make_side(make_latents(size, rank, largest=60), size), Pyramid.of(size)
    if repeating:
        side = replace(side, repeated=make_repeats(size).repeated[None])
    latents, side = make_fine(side, size, NETWORKS[network], fine_from=fine_from, spread=spread)
    data, reference = both_ways(lambda: encode_latents(latents, side, pyramid, NETWORKS[network]))
    assert data == reference
    for found in both_ways(lambda: decode_latents(data, side, pyramid, NETWORKS[network])):
        for part, expected in zip(found, latents, strict=True):
            np.testing.assert_array_equal(part, expected)
            assert part.dtype == np.int32


@given(st.integers(0, 2**16), st.sampled_from([1, 8, 9, 16, 18]))
@settings(max_examples=30, deadline=None)
def test_fine_latents_that_no_encoder_writes_are_refused_alike(seed, change):
    side, pyramid = make_side(make_latents((11, 12), 3, largest=60), (11, 12)), Pyramid.of((11, 12))
    latents, side = make_fine(side, (11, 12), shipped(), fine_from=6)
    part = latents[seed % len(latents)]
    part.ravel()[seed % part.size] += change

    def refusal():
        try:
            return encode_latents(latents, side, pyramid, shipped())
        except ValueError as error:
            return str(error)

    compiled, reference = both_ways(refusal)
    assert compiled == reference


# Planes


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_window_of_any_planes(data):
    size = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    largest = data.draw(st.sampled_from([1, 30, LARGEST_LATENT, 2**27]))
    latents = make_latents(size, data.draw(st.integers(1, 3)), largest=largest, seed=data.draw(st.integers(0, 999)))
    spans = [sorted(data.draw(st.lists(st.integers(0, end), min_size=2, max_size=2, unique=True))) for end in size]
    for window in (None, tuple(map(tuple, spans))):
        compiled, reference = both_ways(lambda window=window: synthesise(latents, Pyramid.of(size), window))
        np.testing.assert_array_equal(compiled.view(np.int32), reference.view(np.int32))


# Samples


@given(
    st.sampled_from(["u1", "i1", "u2", "i2", ">u2", "u4", "f4"]),
    st.lists(st.floats(-1e300, 1e300) | st.floats(-0.5, 1.5) | st.integers(-5, 70_000), max_size=40),
    st.integers(0, 2**16),
)
def test_samples_of_any_values(dtype, values, seed):
    ends = {"u": (0, 255), "i": (-128, 127), "f": (-3, 5)}[np.dtype(dtype).kind]
    low, high = sorted(drawn(*ends, 2, seed).tolist())
    layout = SimpleNamespace(dtype=np.dtype(dtype), low=low, high=high + (low == high), nodata=None)
    # Whole values lie half way between samples.
    halves = [(value + 0.5) / max(high - low, 1) if isinstance(value, int) else value for value in values]
    given = np.array([*halves, 0.0, -0.0, 1.0, *(np.arange(9) + 0.5) / max(high - low, 1)])
    compiled, reference = both_ways(lambda: restore(given.copy(), layout))
    np.testing.assert_array_equal(compiled, reference)
    assert compiled.dtype == reference.dtype == np.dtype(dtype)


@given(st.sampled_from(["u1", "i1", "u2", "i2", ">u2", "f4"]), st.integers(0, 2**16), st.integers(0, 9))
@example("u2", 0, 0)
@example("u2", 1, 9)
def test_samples_of_any_planes(dtype, seed, rank):
    random = np.random.default_rng(seed)
    bands, pixels = random.integers(1, 12), random.integers(0, 400)
    levels = random.integers(-(2**20), 2**20, (bands, rank)) >> random.integers(0, 20)
    bits = random.integers(0, 16, rank)
    mean = random.integers(-1000, 1000, bands)
    step = np.float32(2.0 ** random.uniform(-16, 2))
    basis = LatentBasis(step, mean, int(random.integers(-2, 8)), levels, bits)
    planes = np.rint(random.normal(0, 2.0 ** random.uniform(0, 15), (rank, pixels))).astype(np.float32)
    chosen = random.permutation(bands)[: random.integers(0, bands + 1)]
    low, high = sorted(random.choice(200, 2, replace=False).tolist())
    layout = SimpleNamespace(dtype=np.dtype(dtype), low=low - 100, high=high - 100, nodata=None)
    if layout.dtype.kind == "u":
        layout.low, layout.high = low, high
    compiled, reference = both_ways(lambda: restore_planes(planes, basis, chosen, layout))
    np.testing.assert_array_equal(compiled, reference)
    assert compiled.dtype == reference.dtype == np.dtype(dtype)
    assert compiled.shape == (len(chosen), pixels)


# Sines


@given(st.lists(st.integers(-(2**53), 2**53), max_size=40), st.floats(0.001, 1e13), st.integers(0, 44))
@example([2**53, -(2**53), 0, 1, -1], 30.0, 0)
@example([2**53, -(2**53), 2**52 + 1], 1e30, 0)
def test_sines_of_any_products(whole, omega_0, shift):
    products = np.array([*whole, *(number >> shift for number in whole), 0.0, -0.0])
    compiled, reference = both_ways(lambda: sine_of_products(products.copy(), omega_0))
    np.testing.assert_array_equal(compiled, reference)


# Payloads


@pytest.mark.parametrize("name", [entry["name"] for entry in make.manifest() if entry["name"].startswith("latent")])
def test_damaged_payloads_give_the_same_samples_or_refusal(name):
    model, sections = read_container(make.path_of(name).read_bytes())
    for seed in range(10):
        tag = sorted(sections)[seed % len(sections)]
        content = bytearray(sections[tag])
        for place in drawn(0, len(content) - 1, 1 + seed % 3, seed).tolist():
            content[place] ^= 1 << seed % 8
        damaged = write_container(model, {**sections, tag: bytes(content)})
        assert_same(lambda damaged=damaged: decode(damaged).tobytes())

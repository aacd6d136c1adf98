"""Latents to a stream and back: nothing lost, nothing foreseen, nothing bad from bad bytes."""

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import drawn, extreme_network, make_fine, make_latents, make_network, make_side
from tests.core.ways import way  # noqa: F401 - runs this module both ways
from xr_inr.core.latent import context
from xr_inr.core.latent import latents as stream
from xr_inr.core.latent.latents import LatentSide, decode_latents, encode_latents, mean_class, scale_row, scales_of
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.neighbours import fit_mean_weights
from xr_inr.core.latent.network import LARGEST_OFFSET, shipped
from xr_inr.core.latent.wavelet import APPROXIMATION, LARGEST_LATENT, Pyramid
from xr_inr.exceptions import PayloadError

NETWORKS = [make_network(), extreme_network(), extreme_network(-1), shipped()]
SIZES = [(1, 1), (1, 9), (5, 7), (11, 12), (24, 27), (45, 22)]
every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))


def assert_restored(latents, side, pyramid, network):
    found = decode_latents(encode_latents(latents, side, pyramid, network), side, pyramid, network)
    for part, expected in zip(found, latents, strict=True):
        assert part.dtype == np.int32
        np.testing.assert_array_equal(part, expected)


@st.composite
def problems(draw):
    """Return latents of any size, rank, magnitude and sparsity, and what codes them."""
    pyramid, rank = Pyramid.of((draw(st.integers(1, 40)), draw(st.integers(1, 40)))), draw(st.integers(1, 18))
    largest, kept = draw(st.sampled_from([1, 3, 30, 3000, LARGEST_LATENT])), draw(st.integers(0, 100))
    seed = draw(st.integers(0, 1000))
    latents = []
    for subband in pyramid.subbands:
        shape = (rank, *subband.shape)
        part = np.where(drawn(1, 100, shape, seed + 1) <= kept, drawn(-largest, largest, shape, seed), 0)
        latents.append(part.astype(np.int32))
    weights = drawn(-127, 127, (context.MEAN_CLASSES, context.MEAN_WEIGHTS), seed).astype(np.int32)
    offsets = drawn(-LARGEST_OFFSET, LARGEST_OFFSET, rank, seed).astype(np.int32)
    side = LatentSide(scales_of(latents, pyramid), weights, offsets)
    return latents, side, pyramid, draw(st.sampled_from(NETWORKS))


@settings(max_examples=60)
@given(problems())
def test_latents_are_restored(problem):
    assert_restored(*problem)


@st.composite
def fine_problems(draw):
    """Return fine latents of any size, rank and spread, what codes them, and from which scale on they are fine."""
    size = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rank, network = draw(st.integers(1, 6)), draw(st.sampled_from(NETWORKS))
    seed = draw(st.integers(0, 1000))
    side = make_side(make_latents(size, rank, largest=draw(st.sampled_from([3, 60, 5000])), seed=seed), size)
    drawn_under = {"fine_from": draw(st.integers(1, SCALES - 1)), "spread": draw(st.sampled_from([0.3, 1.0, 9.0]))}
    latents, side = make_fine(side, size, network, **drawn_under, seed=seed)
    return latents, side, Pyramid.of(size), network


@settings(max_examples=60, deadline=None)
@given(fine_problems())
def test_fine_latents_are_restored(problem):
    assert_restored(*problem)


@every_size
def test_scales_may_be_any_where_there_are_latents(size):
    latents = make_latents(size, 6)
    fitting = make_side(latents, size)
    shape = fitting.scales.shape
    side = LatentSide(
        np.where(fitting.scales > 0, drawn(1, SCALES - 1, shape), 0).astype(np.int32),
        fitting.mean_weights,
        fitting.offsets,
    )
    assert_restored(latents, side, Pyramid.of(size), make_network())


@pytest.mark.parametrize("value", [LARGEST_LATENT, -LARGEST_LATENT])
def test_latents_all_at_their_limit_are_restored(value):
    latents = [np.full_like(part, value) for part in make_latents((24, 27), 3)]
    assert_restored(latents, make_side(latents, (24, 27)), Pyramid.of((24, 27)), make_network())


@pytest.mark.parametrize("value", [LARGEST_LATENT + 1, -LARGEST_LATENT - 1, -(2**31)])
def test_latents_beyond_their_limit_are_not_coded(value):
    latents = make_latents((5, 7), 2)
    latents[0][1, 4, 6] = value
    side = dataclasses.replace(make_side(latents, (5, 7)), scales=np.ones((1, 2), np.int32))
    with pytest.raises(ValueError, match=f"must lie within .*{LARGEST_LATENT}"):
        encode_latents(latents, side, Pyramid.of((5, 7)), make_network())


@pytest.mark.parametrize(
    ("size", "rank", "largest", "digest"),
    [
        ((5, 7), 1, 5, "ea6ccb4f3d2facd6"),
        ((24, 27), 5, 40, "abedfae6d3dd74ae"),
        ((45, 22), 9, 5000, "77164fa077e6f783"),
    ],
)
def test_stream_is_frozen(size, rank, largest, digest):
    latents = make_latents(size, rank, largest=largest)
    data = encode_latents(latents, make_side(latents, size), Pyramid.of(size), make_network())
    assert hashlib.sha256(data).hexdigest()[:16] == digest


def test_components_of_zeros_take_no_bits():
    latents = make_latents((24, 27), 4)
    for part in latents:
        part[1:] = 0
    alone = [part[:1] for part in latents]
    side = make_side(latents, (24, 27))
    network = make_network(weight=0)
    first = dataclasses.replace(side, scales=side.scales[:, :1], offsets=side.offsets[:1])
    expected = encode_latents(alone, first, Pyramid.of((24, 27)), network)
    assert encode_latents(latents, side, Pyramid.of((24, 27)), network) == expected
    assert_restored(latents, side, Pyramid.of((24, 27)), network)


@pytest.mark.parametrize("network", NETWORKS)
def test_silent_components_after_the_last_that_is_coded_change_nothing(network):
    latents = [np.concatenate([part, np.zeros_like(part)]) for part in make_latents((24, 27), 3)]
    side, pyramid = make_side(latents, (24, 27)), Pyramid.of((24, 27))
    alone = LatentSide(side.scales[:, :3], side.mean_weights, side.offsets[:3])
    expected = encode_latents([part[:3] for part in latents], alone, pyramid, network)
    assert encode_latents(latents, side, pyramid, network) == expected
    assert_restored(latents, side, pyramid, network)


def test_no_components_that_differ_from_zero_take_no_bytes():
    latents = [np.zeros_like(part) for part in make_latents((24, 27), 4)]
    side = make_side(latents, (24, 27))
    assert encode_latents(latents, side, Pyramid.of((24, 27)), make_network()) == b""
    assert_restored(latents, side, Pyramid.of((24, 27)), make_network())


class Recorder:
    """Stands in for the encoder and keeps the laws of each call."""

    def __init__(self):
        self.calls = []

    def put(self, values, scales, means, _told=None):
        self.calls.append((values.tolist(), scales.tolist(), means.tolist()))

    def put_calls(self, values, scales, means, sizes, _told=None):
        cuts = np.cumsum(sizes)[:-1]
        for call in zip(*(np.split(part, cuts) for part in (values, scales, means)), strict=True):
            self.put(*call)

    def getvalue(self):
        return self.calls


@pytest.fixture
def laws(monkeypatch):
    """A function of latents that returns (values, scales, means) of each call of the coder."""
    monkeypatch.setattr(stream, "SymbolEncoder", Recorder)

    def laws(latents, side, size, network):
        return encode_latents(latents, side, Pyramid.of(size), network)

    return laws


def numbered(size, rank):
    """Return latents that are all different: their place in all subbands laid end to end."""
    shapes = [(rank, *part.shape) for part in Pyramid.of(size).subbands]
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
    parts = np.split(np.arange(ends[-1], dtype=np.int32), ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def replaced(latents, where, other):
    """Return latents with those at the places `where` taken from `other`."""
    flat, wrong = (np.concatenate([part.ravel() for part in parts]) for parts in (latents, other))
    flat[where] = wrong[where]
    ends = np.cumsum([part.size for part in latents])
    return [part.reshape(like.shape) for part, like in zip(np.split(flat, ends[:-1]), latents, strict=True)]


def full_side(size, rank):
    weights = drawn(-60, 90, (context.MEAN_CLASSES, context.MEAN_WEIGHTS)).astype(np.int32)
    scales = drawn(1, SCALES - 1, (Pyramid.of(size).levels + 1, rank)).astype(np.int32)
    return LatentSide(scales, weights, drawn(-LARGEST_OFFSET, LARGEST_OFFSET, rank).astype(np.int32))


@every_size
def test_every_latent_is_coded_once(size, laws):
    latents = numbered(size, 6)
    coded = [value for values, _, _ in laws(latents, full_side(size, 6), size, make_network()) for value in values]
    assert sorted(coded) == list(range(sum(part.size for part in latents)))


@pytest.mark.parametrize("size", [(5, 7), (11, 12), (24, 27)], ids=str)
def test_laws_do_not_depend_on_latents_that_are_not_decoded_yet(size, laws):
    rank, side = 6, full_side(size, 6)
    order = [np.array(values) for values, _, _ in laws(numbered(size, rank), side, size, make_network())]
    latents, other = make_latents(size, rank, largest=90), make_latents(size, rank, largest=9000, seed=900)
    expected = laws(latents, side, size, make_network())
    for index in range(0, len(order), 3):
        altered = replaced(latents, np.concatenate(order[index:]), other)
        found = laws(altered, side, size, make_network())
        assert [call[1:] for call in found[: index + 1]] == [call[1:] for call in expected[: index + 1]]


def test_laws_depend_on_latents_that_are_decoded(laws):
    size, rank = (24, 27), 6
    side = full_side(size, rank)
    latents, other = make_latents(size, rank, largest=90), make_latents(size, rank, largest=9000, seed=900)
    found, expected = (laws(part, side, size, make_network()) for part in (latents, other))
    assert found[0][1:] == expected[0][1:]
    differing = [one[1:] != another[1:] for one, another in zip(found[1:], expected[1:], strict=True)]
    assert np.mean(differing) > 0.5


def test_means_are_weighted_sums_of_decoded_neighbours(laws):
    """In eighths, each pair or four of neighbours clipped to 255; approximations have means of zero."""
    size, rank = (24, 27), 3
    pyramid, side = Pyramid.of(size), full_side(size, rank)
    latents = make_latents(size, rank, largest=600)
    order = laws(numbered(size, rank), side, size, make_network())
    ends = np.cumsum([part.size for part in latents])
    seen = set()
    for (places, _, _), (_, _, means) in zip(order, laws(latents, side, size, make_network()), strict=True):
        for place, mean in zip(places, means, strict=True):
            index = int(np.searchsorted(ends, place, side="right"))
            subband, part = pyramid.subbands[index], latents[index]
            k, row, column = np.unravel_index(place - (ends[index] - part.size), part.shape)
            number = context.PASSES.index((row % 2, column % 2))
            total = 0
            if subband.orientation != APPROXIMATION:
                first = sum(map(len, context.KNOWN[:number]))
                weights = side.mean_weights[3 * min(subband.level, 2) + subband.orientation, first:]
                padded = np.pad(part[k], 1)
                for weight, offsets in zip(weights, context.KNOWN[number], strict=False):
                    around = sum(int(padded[1 + row + down, 1 + column + across]) for down, across in offsets)
                    total += int(weight) * min(max(around, -255), 255)
            assert mean == (total + 4) // 8
            seen.add(mean)
    assert len(seen) > 100


@pytest.mark.parametrize(
    ("mean", "index"), [(0.0, 0), (1e-6, 1), (0.25, 6), (1.0, 12), (2.0, 15), (1000.0, 42), (LARGEST_LATENT, 47)]
)
def test_scales_follow_the_mean_magnitude(mean, index):
    latents = [np.zeros((1, 1000, 1000), np.int32)]
    latents[0].ravel()[: int(1e6 * min(mean, 1.0))] = max(mean, 1.0)
    assert scales_of(latents, Pyramid((1000, 1000), 0)).tolist() == [[index]]


def test_scales_and_weights_of_latents_in_sixteenths_are_those_of_steps():
    latents, pyramid = make_latents((45, 48), 3, largest=90), Pyramid.of((45, 48))
    grown = [16 * part for part in latents]
    np.testing.assert_array_equal(scales_of(grown, pyramid, 16), scales_of(latents, pyramid))
    np.testing.assert_array_equal(fit_mean_weights(grown, pyramid, unit=16), fit_mean_weights(latents, pyramid))


def test_a_scale_stands_for_all_details_of_a_level():
    latents = [np.zeros_like(part) for part in make_latents((24, 27), 2)]
    latents[5][1] = 4
    assert scales_of(latents, Pyramid.of((24, 27))).tolist() == [[0, 0], [0, 0], [0, 13]]
    assert [scale_row(index) for index in range(7)] == [0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("orientation", "level", "row"), [(0, 0, 0), (2, 0, 2), (1, 1, 4), (0, 2, 6), (2, 5, 8), (APPROXIMATION, 6, None)]
)
def test_details_have_mean_weights_by_level_and_orientation(orientation, level, row):
    assert mean_class(orientation, level) == row


@settings(max_examples=60)
@given(st.binary(max_size=120), st.sampled_from(SIZES), st.integers(1, 6), st.sampled_from(NETWORKS))
def test_any_bytes_are_bounded_latents_or_refused(data, size, rank, network):
    side = full_side(size, rank)
    try:
        found = decode_latents(data, side, Pyramid.of(size), network)
    except PayloadError:
        return
    assert [part.shape for part in found] == [(rank, *subband.shape) for subband in Pyramid.of(size).subbands]
    assert max(np.abs(part).max(initial=0) for part in found) <= LARGEST_LATENT


def test_latents_beyond_their_limit_are_refused(monkeypatch):
    latents = [np.full_like(part, LARGEST_LATENT + 1) for part in make_latents((5, 7), 2)]
    side = make_side(latents, (5, 7))
    with monkeypatch.context() as patch:
        patch.setattr(stream, "LARGEST_LATENT", 2**20)
        data = encode_latents(latents, side, Pyramid.of((5, 7)), make_network())
    with pytest.raises(PayloadError, match=f"a latent must lie within .*{LARGEST_LATENT}"):
        decode_latents(data, side, Pyramid.of((5, 7)), make_network())


def test_streams_that_go_on_are_refused():
    latents = make_latents((24, 27), 4)
    side = make_side(latents, (24, 27))
    data = encode_latents(latents, side, Pyramid.of((24, 27)), make_network())
    with pytest.raises(PayloadError, match="must end where their stream does"):
        decode_latents(data + b"ten to see", side, Pyramid.of((24, 27)), make_network())

"""A latent payload's sections to samples: the same however they are asked for, by numpy alone, or a clear refusal."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import (
    drawn,
    make_basis,
    make_cascade,
    make_example,
    make_network,
    make_repeats,
    make_side,
)
from xr_inr.core.bitstream import Section
from xr_inr.core.latent import network as networks
from xr_inr.core.latent import reading
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.cascade import foretell, read_cascade, write_cascade
from xr_inr.core.latent.context import MEAN_CLASSES, MEAN_WEIGHTS
from xr_inr.core.latent.latents import LatentSide
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.network import LARGEST_OFFSET, shipped
from xr_inr.core.latent.parameters import write_parameters
from xr_inr.core.latent.reading import LatentReader, read_side, write_side
from xr_inr.core.latent.repeat_map import write_repeats
from xr_inr.core.latent.restoration import read_restoration, restore
from xr_inr.core.latent.wavelet import Pyramid, synthesise
from xr_inr.exceptions import PayloadError

EXAMPLE = make_example(restoring=True)
RANK = 4


def reader_of(example, **changed):
    sections = example.sections | {Section[name]: data for name, data in changed.items()}
    return LatentReader(sections, example.bands, example.size)


def samples(reader, rows, columns, bands):
    """Return samples at index arrays, of the smallest window around them."""
    within = reader.within((rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1))
    return within(rows, columns, np.asarray(bands, np.intp))


def every_sample(reader, example):
    return samples(reader, *np.ogrid[: example.size[0], : example.size[1]], np.arange(example.bands))


def expected_samples(example):
    """Return what latents, networks and basis give, one after the other."""
    unit = 16 if Section.LATENT_FINE in example.sections else 1
    planes = synthesise(example.latents, Pyramid.of(example.size), unit=unit)
    if Section.LATENT_SYNTHESIS in example.sections:
        planes = foretell(planes, read_cascade(example.sections[Section.LATENT_SYNTHESIS], RANK))
    if Section.LATENT_RESTORATION in example.sections:
        planes = restore(planes, read_restoration(example.sections[Section.LATENT_RESTORATION], RANK))
    basis = LatentBasis.from_bytes(example.sections[Section.LATENT_BASIS], example.bands)
    return basis.spectra(planes.reshape(RANK, -1), np.arange(example.bands)).reshape(-1, *example.size)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (24, 27)], ids=str)
@pytest.mark.parametrize("synthesis", [True, False], ids=["synthesis", "wavelet-alone"])
@pytest.mark.parametrize("restoring", [True, False], ids=["restored", "as-they-are"])
def test_samples_are_the_basis_applied_to_the_planes(size, synthesis, restoring):
    example = make_example(size, synthesis=synthesis, restoring=restoring)
    np.testing.assert_array_equal(every_sample(reader_of(example), example), expected_samples(example))


def test_samples_of_fine_latents_are_the_basis_applied_to_the_planes():
    for silent in ((), (1,)):
        example = make_example(fine_from=6, silent=silent)
        np.testing.assert_array_equal(every_sample(reader_of(example), example), expected_samples(example))


REPEATING = make_example(restoring=True, repeats=make_repeats((24, 27)))


@pytest.mark.parametrize("fine_from", [6, SCALES], ids=["fine", "whole"])
def test_pixels_that_repeat_others_have_their_samples(fine_from):
    repeats = make_repeats((24, 27))
    example = make_example(restoring=True, repeats=repeats, fine_from=fine_from)
    found = every_sample(reader_of(example), example)
    assert repeats.repeated.mean() > 0.3
    np.testing.assert_array_equal(found, expected_samples(example)[:, *repeats.sources])


@pytest.mark.parametrize("data", [b"", b"\xff" * 12, write_repeats(make_repeats((24, 27)))[:-3]])
def test_a_map_of_repeated_pixels_that_is_none_is_refused_when_samples_are_asked_for(data):
    reader = reader_of(REPEATING, LATENT_REPEATS=data)
    with pytest.raises(PayloadError):
        every_sample(reader, REPEATING)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0", r"lowest fine scale in the section of fine latents must be in \[1, 47\]. Got 0"),
        (b"\x30", r"must be in \[1, 47\]. Got 48"),
        (b"", "truncated section of fine latents"),
        (b"\x06\x06", "1 bytes too many in the section of fine latents"),
    ],
)
def test_a_lowest_fine_scale_that_is_none_is_refused(data, message):
    with pytest.raises(PayloadError, match=message):
        reader_of(EXAMPLE, LATENT_FINE=data)


def test_samples_are_the_same_however_they_are_asked_for():
    whole = every_sample(reader_of(EXAMPLE), EXAMPLE)
    reader = reader_of(EXAMPLE)
    rows, columns = drawn(0, 23, 50), drawn(0, 26, 50, 1)
    for bands in ([0, 1, 2, 3, 4], [3], [4, 0, 0], []):
        chosen = np.array(bands, np.intp)
        np.testing.assert_array_equal(samples(reader, rows, columns, chosen), whole[chosen][:, rows, columns])
        crossing = np.ix_(rows[:7], columns[:5])
        np.testing.assert_array_equal(samples(reader, *crossing, chosen), whole[chosen][:, *crossing])
    for point in range(50):
        reader = reader_of(EXAMPLE) if point < 5 else reader
        alone = samples(reader, rows[point : point + 1], columns[point : point + 1], np.arange(5))
        np.testing.assert_array_equal(alone, whole[:, rows[point : point + 1], columns[point : point + 1]])


SPANS = [st.integers(0, size - 1).flatmap(lambda low, size=size: st.tuples(st.just(low), st.integers(low + 1, size)))
         for size in EXAMPLE.size]  # fmt: skip


@pytest.mark.parametrize("example", [EXAMPLE, REPEATING], ids=["plain", "repeating"])
@settings(max_examples=40)
@given(st.lists(st.tuples(*SPANS), min_size=1, max_size=6))
def test_windows_are_parts_of_the_whole_in_any_succession(example, windows):
    whole, reader = every_sample(reader_of(example), example), reader_of(example)
    for rows, columns in windows:
        found = samples(reader, *np.ogrid[slice(*rows), slice(*columns)], np.arange(EXAMPLE.bands))
        np.testing.assert_array_equal(found, whole[:, slice(*rows), slice(*columns)])


@pytest.fixture
def made(monkeypatch):
    """What a reader makes: 'latents', and the windows of planes."""
    steps = []
    decode_latents, synthesise = reading.decode_latents, reading.synthesise
    monkeypatch.setattr(reading, "decode_latents", lambda *given: steps.append("latents") or decode_latents(*given))
    monkeypatch.setattr(reading, "synthesise", lambda *given: steps.append(given[2]) or synthesise(*given))
    return steps


@pytest.mark.parametrize(
    ("starts", "restoring", "expected"),
    [
        pytest.param((), False, ((3, 5), (20, 27)), id="no-network"),
        pytest.param((2,), False, ((2, 6), (19, 27)), id="one-network"),
        pytest.param((1, 2, 3), False, ((0, 8), (17, 27)), id="three-networks"),
        pytest.param((), True, ((2, 6), (19, 27)), id="restoring-network"),
        pytest.param((2,), True, ((1, 7), (18, 27)), id="one-network-and-the-restoring-one"),
    ],
)
def test_the_window_asked_for_is_made_with_a_pixel_around_it_for_each_network(made, starts, restoring, expected):
    example = make_example(synthesis=False, restoring=restoring)
    changed = {"LATENT_SYNTHESIS": write_cascade(make_cascade(starts=starts))} if starts else {}
    reader, window = reader_of(example, **changed), ((3, 5), (20, 27))
    for _ in range(3):
        assert reader.within(*window).planes.shape == (RANK, 2, 7)
        reader.within((4, 5), (21, 26))
    assert made == ["latents", expected]


def test_whole_planes_are_made_once_windows_have_cost_as_much(made):
    example = make_example(synthesis=False)
    reader, pyramid = reader_of(example), Pyramid.of(example.size)
    corners = [(rows, columns) for rows in ((0, 3), (21, 24)) for columns in ((0, 3), (24, 27))]
    costs = np.cumsum([pyramid.cost(corner) for corner in corners])
    assert costs[1] < pyramid.cost(pyramid.whole) <= costs[2]
    for corner in [*corners, *corners]:
        reader.within(*corner)
    assert made == ["latents", corners[0], corners[1], pyramid.whole]


def test_the_whole_scene_is_made_at_once(made):
    every_sample(reader_of(EXAMPLE), EXAMPLE)
    assert made == ["latents", ((0, 24), (0, 27))]


@pytest.mark.parametrize("silent", [[0], [2], [1, 3], [0, 1, 2, 3]], ids=str)
def test_components_without_latents_cost_no_wavelet_and_change_no_sample(silent, monkeypatch):
    example = make_example(silent=silent)
    components = []
    synthesise = reading.synthesise
    monkeypatch.setattr(reading, "synthesise", lambda *given: components.append(len(given[0][0])) or synthesise(*given))
    found = every_sample(reader_of(example), example)
    assert components == [RANK - len(silent)]
    np.testing.assert_array_equal(found, expected_samples(example))


def test_no_components_need_no_latents():
    basis = make_basis(3, 0)
    reader = LatentReader({Section.LATENT_BASIS: basis.to_bytes()}, 3, (4, 5))
    found = samples(reader, np.array([0, 3]), np.array([4, 4]), [2, 0])
    np.testing.assert_array_equal(found, float(basis.step) * np.repeat(basis.mean[[2, 0], None], 2, axis=1))


def test_threads_that_read_at_once_get_the_same_samples_of_one_decoding(made):
    expected, found = every_sample(reader_of(EXAMPLE), EXAMPLE), []
    made.clear()
    reader, start = reader_of(EXAMPLE), threading.Barrier(4)

    def read():
        start.wait()
        found.append(every_sample(reader, EXAMPLE))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for samples in found:
        np.testing.assert_array_equal(samples, expected)
    assert made == ["latents", ((0, 24), (0, 27))]


def test_reading_loads_no_torch():
    script = """
import pickle, sys
import numpy as np
from xr_inr.core.latent.reading import LatentReader
sections, bands, size = pickle.load(sys.stdin.buffer)
within = LatentReader(sections, bands, size).within((0, size[0]), (0, size[1]))
samples = within(*np.ogrid[: size[0], : size[1]], np.arange(bands))
assert "torch" not in sys.modules
sys.stdout.buffer.write(samples.tobytes())
"""
    given = pickle.dumps((EXAMPLE.sections, EXAMPLE.bands, EXAMPLE.size))
    done = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == every_sample(reader_of(EXAMPLE), EXAMPLE).tobytes()


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 99))
def test_side_information_is_restored(side_length, rank, seed):
    pyramid = Pyramid.of((side_length, 40))
    side = LatentSide(
        drawn(0, SCALES - 1, (pyramid.levels + 1, rank), seed).astype(np.int32),
        drawn(-127, 127, (MEAN_CLASSES, MEAN_WEIGHTS), seed).astype(np.int32),
        drawn(-LARGEST_OFFSET, LARGEST_OFFSET, rank, seed).astype(np.int32),
    )
    found, network = read_side(write_side(side, shipped()), rank, pyramid)
    assert network is shipped()
    np.testing.assert_array_equal(found.scales, side.scales)
    np.testing.assert_array_equal(found.mean_weights, side.mean_weights)
    np.testing.assert_array_equal(found.offsets, side.offsets)


def side_bytes(scale_steps, weight=0, identity=None, offsets=(0, 0)):
    """Return side information of differences of scales, equal mean weights and offsets."""
    weights = np.full(MEAN_CLASSES * MEAN_WEIGHTS, weight, np.int64)
    sets = [np.array(scale_steps), weights, np.array(offsets)]
    return (shipped().identity if identity is None else identity) + write_parameters(sets)


def test_side_information_is_the_identity_then_differences_then_weights_then_offsets():
    offsets = [2, 0, -3]
    side = LatentSide(
        np.array([[5, 7, 7], [4, 9, 1]], np.int32),
        np.ones((MEAN_CLASSES, MEAN_WEIGHTS), np.int32),
        np.array(offsets, np.int32),
    )
    assert write_side(side, shipped()) == side_bytes([5, 2, 0, -1, 3, -8], 1, offsets=offsets)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "truncated side information", id="empty"),
        pytest.param(shipped().identity, "truncated coded parameters", id="no-numbers"),
        pytest.param(side_bytes([SCALES, 0]), rf"scale must be in \[0, {SCALES}\)", id="scale-high"),
        pytest.param(side_bytes([SCALES - 1, 1]), "scale must be in", id="scales-sum-high"),
        pytest.param(side_bytes([-1, 9]), "scale must be in", id="scale-negative"),
        pytest.param(side_bytes([3, 3], 128), "must lie within .*127", id="weight-high"),
        pytest.param(side_bytes([3, 3], -128), "must lie within .*127", id="weight-low"),
        pytest.param(side_bytes([3, 3], offsets=(0, 9)), "offset of a component .*8", id="offset-high"),
        pytest.param(side_bytes([3, 3], offsets=(-9, 0)), "offset of a component .*8", id="offset-low"),
        pytest.param(side_bytes([3, 3]) + b"and so on", "must end where their stream does", id="trailing"),
        pytest.param(side_bytes([3, 3], 1)[:-6], "(must|not ones that xr_inr writes)", id="cut"),
    ],
)
def test_side_information_is_refused(data, message):
    with pytest.raises(PayloadError, match=message):
        read_side(data, 2, Pyramid.of((5, 7)))


@given(st.binary(max_size=80), st.integers(1, 6))
def test_any_bytes_are_side_information_in_range_or_refused(data, rank):
    try:
        side, _ = read_side(shipped().identity + data, rank, Pyramid.of((24, 27)))
    except PayloadError:
        return
    assert side.scales.shape == (3, rank)
    assert 0 <= side.scales.min() <= side.scales.max() < SCALES
    assert np.abs(side.mean_weights).max() <= 127


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("LATENT_BASIS", "has no spectral basis"),
        ("LATENT_SIDE", "has no latents"),
        ("LATENT_STREAM", "has no latents"),
    ],
)
def test_missing_sections_are_refused(section, message):
    sections = {tag: data for tag, data in EXAMPLE.sections.items() if tag.name != section}
    with pytest.raises(PayloadError, match=message):
        LatentReader(sections, EXAMPLE.bands, EXAMPLE.size)


def with_step(step):
    data = EXAMPLE.sections[Section.LATENT_BASIS]
    return data[:1] + np.float32(step).tobytes() + data[5:]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"LATENT_BASIS": b""}, "truncated spectral basis", id="basis-empty"),
        pytest.param({"LATENT_BASIS": with_step(np.nan)}, "step must be positive and finite. Got nan", id="step-nan"),
        pytest.param({"LATENT_BASIS": with_step(0)}, "step must be positive and finite. Got 0.0", id="step-0"),
        pytest.param({"LATENT_BASIS": make_basis(6, 6).to_bytes()}, r"rank .* \[0, 5\]. Got 6", id="more-than-bands"),
        pytest.param({"LATENT_SIDE": b""}, "truncated side information", id="side-empty"),
        pytest.param({"LATENT_SYNTHESIS": b""}, "truncated sinusoidal network", id="synthesis-empty"),
        pytest.param(
            {"LATENT_SYNTHESIS": write_cascade(make_cascade(9, starts=(4,)))},
            r"inputs .* \[1, 3\]. Got 4",
            id="synthesis-of-other-inputs",
        ),
        pytest.param(
            {"LATENT_SYNTHESIS": write_cascade(make_cascade(9))}, r"outputs .* \[1, 2\]. Got 7", id="synthesis-too-long"
        ),
    ],
)
def test_sections_out_of_range_are_refused(changed, message):
    with pytest.raises(PayloadError, match=message):
        reader_of(EXAMPLE, **changed)


def test_an_unknown_context_network_is_refused_and_both_are_named(monkeypatch):
    other = make_network()
    side = write_side(make_side(EXAMPLE.latents, EXAMPLE.size), other)
    with pytest.raises(PayloadError, match=f"network {other.identity.hex()}; .* only {shipped().identity.hex()}"):
        reader_of(EXAMPLE, LATENT_SIDE=side)
    monkeypatch.setattr(networks, "_shipped", other)
    reader_of(EXAMPLE, LATENT_SIDE=side)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(EXAMPLE.sections[Section.LATENT_STREAM][:200], id="cut"),
        pytest.param(EXAMPLE.sections[Section.LATENT_STREAM][:-1], id="cut-by-a-byte"),
        pytest.param(EXAMPLE.sections[Section.LATENT_STREAM] + b"\0", id="longer-by-a-zero"),
        pytest.param(EXAMPLE.sections[Section.LATENT_STREAM] + b"and so on", id="trailing"),
        pytest.param(b"\xff" * 900, id="nonsense"),
    ],
)
def test_a_stream_of_another_length_is_refused_whenever_samples_are_asked_for(stream):
    reader = reader_of(EXAMPLE, LATENT_STREAM=stream)
    for _ in range(2):
        with pytest.raises(PayloadError):
            every_sample(reader, EXAMPLE)


@settings(max_examples=50)
@given(st.sampled_from(sorted(EXAMPLE.sections)), st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_byte_gives_finite_samples_or_is_refused(section, position, change):
    altered = bytearray(EXAMPLE.sections[section])
    altered[position % len(altered)] ^= change
    try:
        samples = every_sample(reader_of(EXAMPLE, **{section.name: bytes(altered)}), EXAMPLE)
    except PayloadError:
        return
    assert np.isfinite(samples).all()

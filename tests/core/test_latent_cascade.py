"""Sinusoidal networks one after the other: each hears of what those before it say; stored shortly, refused if unfit."""

import dataclasses
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.latent_examples import drawn, make_cascade
from xr_inr.core.arrays import NUMPY, Arrays
from xr_inr.core.latent.cascade import MOST_NETWORKS, foretell, read_cascade, write_cascade
from xr_inr.core.latent.parameters import write_parameters
from xr_inr.core.latent.sine_storage import LARGEST_WIDTH
from xr_inr.core.latent.synthesis import BESIDE, SineSynthesis
from xr_inr.core.latent.wavelet import LARGEST_PLANE, PLANE_BITS
from xr_inr.exceptions import PayloadError

ONE = 2**PLANE_BITS
SIZE = (20, 25)


def some_planes(rank, size=SIZE, seed=0):
    return drawn(-40 * ONE, 40 * ONE, (rank, *size), seed).astype(np.float32)


def as_lists(cascade):
    """Return all that is stored of networks, comparable."""
    return [
        (
            network.unit,
            *(part.tolist() for part in (network.input_octaves, network.slope_octaves, network.output_octaves)),
            network.step_bits,
            [(weights.tolist(), biases.tolist()) for weights, biases in network.layers],
        )
        for network in cascade
    ]


@st.composite
def cascades(draw):
    """Return networks with any octaves and steps, some of which leave planes out, and their rank."""
    rank = draw(st.integers(2, 12))
    starts = sorted(draw(st.sets(st.integers(1, rank - 1), min_size=1, max_size=MOST_NETWORKS)))
    unit, width = draw(st.floats(0.125, 8.0, width=32)), draw(st.integers(1, 12))
    bits = tuple(draw(st.lists(st.integers(4, 20), min_size=3, max_size=3)))
    of_planes, of_slopes = drawn(-32, 32, (2, starts[-1]), rank)
    networks = make_cascade(rank, starts=starts, unit=unit, width=width, bits=bits)
    return rank, tuple(
        dataclasses.replace(
            network,
            input_octaves=of_planes[: network.inputs],
            slope_octaves=of_slopes[: network.inputs],
            output_octaves=drawn(-32, 32, kept := draw(st.integers(1, network.outputs)), rank),
            layers=(*network.layers[:2], tuple(part[:kept] for part in network.layers[2])),
        )
        for network in networks
    )


@settings(max_examples=50)
@given(cascades())
def test_stored_form_is_restored(given):
    rank, cascade = given
    assert as_lists(read_cascade(write_cascade(cascade), rank)) == as_lists(cascade)


def test_networks_of_different_widths_and_steps_are_restored():
    first, second = make_cascade(6, starts=(1, 3), width=9)
    narrow = make_cascade(6, starts=(1, 3), width=2, bits=(9, 7, 5))[1]
    cascade = (first, dataclasses.replace(second, step_bits=narrow.step_bits, layers=narrow.layers))
    assert as_lists(read_cascade(write_cascade(cascade), 6)) == as_lists(cascade)


def layer(*rows):
    """Return weights and biases of rows, each of which ends with the bias."""
    matrix = np.array(rows, np.int64)
    return matrix[:, :-1], matrix[:, -1]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"unit": np.float32(0.25)}, "unit"),
        ({"input_octaves": np.array([5])}, "input octaves"),
        ({"slope_octaves": np.array([5])}, "slope octaves"),
    ],
)
def test_networks_that_differ_in_what_is_stored_once_are_not_stored(changed, named):
    first, *others = make_cascade(6, starts=(1, 2, 4))
    with pytest.raises(ValueError, match=rf"must have the {named} of the last one. Got .* in network 1, not"):
        write_cascade((dataclasses.replace(first, **changed), *others))


def test_bytes_by_hand():
    first = SineSynthesis(
        np.float32(1.0),
        np.array([2]),
        np.array([-1]),
        np.array([3]),
        (1, 2, 3),
        (layer([1, 2, 3, 4, 5, 6]), layer([7, 8]), layer([9, 10])),
    )
    second = SineSynthesis(
        np.float32(1.0),
        np.array([2, 5]),
        np.array([-1, 0]),
        np.array([7, -7]),
        (4, 5, 6),
        (layer(range(11), range(10, -1, -1)), layer([1, 2, 3], [4, 5, 6]), layer([7, 8, 9], [10, 11, 12])),
    )
    octaves = [2, 5, -1, 0, 3, 7, -7]
    sets = [
        [2, 3, -6, 1, 3, 4, -14],  # each octave less the one before
        [1, 2, 3, 4, 5, 6],
        [7, 8],
        [9, 10],
        [*range(11), *range(10, -1, -1)],
        [1, 2, 3, 4, 5, 6],
        [7, 8, 9, 10, 11, 12],
    ]
    np.testing.assert_array_equal(np.cumsum(sets[0]), octaves)
    assert write_cascade((first, second)) == (
        b"\x02"  # networks
        b"\x00\x00\x80\x3f"  # unit 1.0
        b"\x01\x01\x01\x01\x02\x03"  # inputs, outputs, hidden width and bits of each layer's steps
        b"\x02\x02\x02\x04\x05\x06"
    ) + write_parameters([np.array(part, np.int64) for part in sets])


def scaling(inputs, factor):
    """Return a network that says `factor` times the sine of the sine of an eighth of the last of its inputs."""
    weights = [0] * (inputs * (1 + len(BESIDE)) + 1)
    weights[inputs - 1] = 1
    return network_of(weights, factor, inputs)


def sloping(inputs, factor):
    """Return a network that says the same of how much larger the last of its inputs is below the pixel."""
    weights = [0] * (inputs * (1 + len(BESIDE)) + 1)
    weights[inputs * (1 + BESIDE.index((1, 0))) + inputs - 1] = 1
    return network_of(weights, factor, inputs)


def network_of(weights, factor, inputs):
    octaves = np.full(inputs, 3)
    layers = (layer(weights), layer([1, 0]), layer([factor, 0]))
    return SineSynthesis(np.float32(1.0), octaves, octaves, np.array([0]), (0, 0, 0), layers)


def twice_sine(value):
    return np.sin(np.sin(value / 8))


def test_what_is_foretold_by_hand_each_from_the_planes_as_decoded():
    """The second network sees the plane that the first added to; the third the slope of that, none beyond the edge."""
    known = np.array([[1.0, -2.0], [3.0, 0.5]])
    planes = np.stack([known, np.ones((2, 2)), np.zeros((2, 2)), np.full((2, 2), -4.0)])
    cascade = (scaling(1, 10), scaling(2, 20), sloping(3, 30))
    second = 1.0 + 10 * twice_sine(known)
    third = 20 * twice_sine(second)
    below = third[[1, 1]] - third
    expected = np.stack([known, second, third, -4.0 + 30 * twice_sine(below)])
    assert not below[1].any()
    found = foretell((planes * ONE).astype(np.float32), cascade)
    np.testing.assert_allclose(found / ONE, expected, atol=0.1)


def test_planes_that_no_network_foretells_are_as_they_were():
    planes, cascade = some_planes(9), (scaling(2, 10), scaling(5, 20))
    found = foretell(planes, cascade)
    unchanged = [0, 1, 3, 4, 6, 7, 8]
    np.testing.assert_array_equal(found[unchanged], planes[unchanged])
    np.testing.assert_array_equal(found[2], planes[2] + cascade[0](planes[:2])[0])
    np.testing.assert_array_equal(found[5], planes[5] + cascade[1](found[:5])[0])


@pytest.mark.parametrize("arrays", [NUMPY, Arrays.on("cpu")], ids=["numpy", "torch"])
def test_planes_that_are_given_stay_as_they_are(arrays):
    given = some_planes(6)
    planes = arrays.put(given.copy())
    foretell(planes, make_cascade(6), arrays)
    np.testing.assert_array_equal(arrays.get(planes), given)


def test_without_networks_planes_are_returned():
    planes = some_planes(3)
    assert foretell(planes, ()) is planes


@pytest.mark.parametrize("starts", [(1,), (1, 2), (1, 2, 3, 5)], ids=str)
def test_planes_of_a_window_are_those_of_the_whole_a_pixel_inside_for_each_network(starts):
    planes, cascade = some_planes(8), make_cascade(8, starts=starts)
    margin = len(starts)
    whole = foretell(planes, cascade)
    for top, left in ((margin, margin), (5, 9), (20 - margin - 2, 25 - margin - 3)):
        seen = planes[:, top - margin : top + 2 + margin, left - margin : left + 3 + margin]
        found = foretell(seen, cascade)[:, margin:-margin, margin:-margin]
        np.testing.assert_array_equal(found, whole[:, top : top + 2, left : left + 3])


def test_a_window_without_its_margin_is_another():
    planes, cascade = some_planes(8), make_cascade(8, starts=(1, 2, 3))
    assert (foretell(planes[:, 5:9, 5:9], cascade) != foretell(planes, cascade)[:, 5:9, 5:9]).any()


def head(inputs=1, outputs=1, width=1, bits=(0, 0, 0)):
    return bytes([inputs, outputs, width, *bits])


def stored(*heads, count=None, unit=1.0, octaves=(0, 0, 0), sets=(([1, 0, 0, 0, 0, 0]), [1, 0], [1, 0])):
    """Return networks of one input, one output and a width of 1, but for what is asked for."""
    heads = heads or (head(),)
    count = len(heads) if count is None else count
    parameters = write_parameters([np.array(part, np.int64) for part in (octaves, *sets)])
    return bytes([count]) + struct.pack("<f", unit) + b"".join(heads) + parameters


def test_what_refusals_begin_with_is_read():
    assert len(read_cascade(stored(), 2)) == 1


@pytest.mark.parametrize(
    ("data", "rank", "message"),
    [
        pytest.param(b"", 2, "truncated sinusoidal networks", id="empty"),
        pytest.param(stored()[:9], 2, "truncated sinusoidal networks", id="cut"),
        pytest.param(stored()[:13], 2, "truncated coded parameters", id="no-weights"),
        pytest.param(stored() + b"and so on", 2, "must end where their stream does", id="trailing"),
        pytest.param(stored(count=0), 2, r"networks .* \[1, 8\]. Got 0", id="no-network"),
        pytest.param(stored(count=9), 20, r"networks .* \[1, 8\]. Got 9", id="too-many-networks"),
        pytest.param(stored(head(inputs=0)), 2, r"inputs .* \[1, 1\]. Got 0", id="no-inputs"),
        pytest.param(stored(head(inputs=2)), 2, r"inputs .* \[1, 1\]. Got 2", id="inputs-of-all"),
        pytest.param(stored(), 1, "1 inputs needs more than 1 components", id="rank-1"),
        pytest.param(stored(head(outputs=0)), 2, r"outputs .* \[1, 1\]. Got 0", id="no-outputs"),
        pytest.param(stored(head(outputs=4)), 4, r"outputs .* \[1, 3\]. Got 4", id="outputs-beyond-the-rank"),
        pytest.param(stored(head(1, 2), head(2, 1)), 6, r"inputs .* \[3, 5\]. Got 2", id="inputs-not-after-outputs"),
        pytest.param(stored(head(1, 2), head(1, 1)), 6, r"inputs .* \[3, 5\]. Got 1", id="inputs-fewer-than-before"),
        pytest.param(stored(head(1, 2), head(3, 1)), 3, "3 inputs needs more than 3 components", id="none-left"),
        pytest.param(stored(head(width=0)), 2, r"hidden width .* \[1, 64\]. Got 0", id="no-width"),
        pytest.param(stored(head(width=65)), 2, r"hidden width .* \[1, 64\]. Got 65", id="too-wide"),
        pytest.param(stored(head(bits=(0, 21, 0))), 2, r"step .* \[0, 20\]. Got 21", id="step"),
        pytest.param(stored(unit=0.0), 2, "unit .* must be positive and finite. Got 0.0", id="unit-0"),
        pytest.param(stored(unit=-1.0), 2, "Got -1.0", id="unit-negative"),
        pytest.param(stored(unit=np.nan), 2, "Got nan", id="unit-nan"),
        pytest.param(stored(unit=np.inf), 2, "Got inf", id="unit-inf"),
        pytest.param(stored(unit=3.4e38), 2, r"unit .* Got 3\.[34]", id="unit-absurd"),
        pytest.param(stored(unit=2.5e-38), 2, r"unit .* Got 2\.[45].*e-38", id="unit-tiny"),
        pytest.param(stored(octaves=(33, 0, 0)), 2, r"octave .* \+-32. Got 33", id="octave-of-a-plane"),
        pytest.param(stored(octaves=(0, -33, 0)), 2, "octave .* Got -33", id="octave-of-a-slope"),
        pytest.param(stored(octaves=(20, 10, 5)), 2, "octave .* Got 35", id="octave-of-an-output"),
        pytest.param(
            stored(sets=([1, 0, 0, 0, 0, 0], [2**15 + 1, 0], [1, 0])), 2, "must lie within .*32768", id="weight"
        ),
        pytest.param(stored(sets=([1, 0, 0, 0, 0, 0], [400, 112], [1, 0])), 2, "sum to less than 512", id="row"),
        pytest.param(stored(sets=([64, 0, 64, 0, 0, 0], [1, 0], [1, 0])), 2, "sum to less than 512", id="row-of-4s"),
    ],
)
def test_reader_refuses(data, rank, message):
    with pytest.raises(PayloadError, match=message):
        read_cascade(data, rank)


def test_the_largest_cascade_is_read():
    starts = (*range(1, MOST_NETWORKS), 254)
    cascade = make_cascade(255, starts=starts, width=LARGEST_WIDTH, bits=(9, 9, 9))
    found = read_cascade(write_cascade(cascade), 255)
    assert [network.inputs for network in found] == list(starts)
    assert found[-1].outputs == 1


@settings(max_examples=60)
@given(st.binary(max_size=80), st.integers(1, 8))
def test_any_bytes_are_bounded_networks_or_refused(data, rank):
    check_bounded(data, rank)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_byte_gives_bounded_networks_or_is_refused(position, change):
    altered = bytearray(write_cascade(make_cascade(6, starts=(1, 2, 4))))
    altered[position % len(altered)] ^= change
    check_bounded(bytes(altered), 6)


def check_bounded(data, rank):
    try:
        cascade = read_cascade(data, rank)
    except PayloadError:
        return
    assert 1 <= len(cascade) <= MOST_NETWORKS
    found = foretell(np.zeros((rank, 2, 3), np.float32), cascade)
    assert found.shape == (rank, 2, 3)
    assert np.abs(found).max() <= LARGEST_PLANE


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_foretells_the_same_with_any_number_of_threads(threads):
    planes, cascade = some_planes(8, (70, 90)), make_cascade(8, starts=(1, 2, 5), width=24)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        arrays = Arrays.on("cpu")
        found = arrays.get(foretell(arrays.put(planes), cascade, arrays))
    finally:
        torch.set_num_threads(before)
    assert found.tobytes() == foretell(planes, cascade).tobytes()

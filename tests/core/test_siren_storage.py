"""Networks as bytes: the paper's Table I written out by hand, and integer weights with steps."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xr_inr.core.packing import largest_level, pack_signed, packed_bytes, unpack_signed
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.core.siren.network import initialise
from xr_inr.core.siren.quantisation import as_stored, to_float_layers, to_integer_layers
from xr_inr.core.siren.storage import (
    QuantisedLayer,
    network_bytes,
    read_quantised,
    read_table_i,
    write_quantised,
    write_table_i,
)
from xr_inr.exceptions import PayloadError, RequestError

OMEGA_30 = b"\x00\x00\xf0\x41"
TINY = Architecture(1, 1, 1)
TINY_LAYERS = [
    (np.array([[1.0, -2.0]], "f4"), np.array([0.5], "f4")),
    (np.array([[65504.0]], "f4"), np.array([-0.25], "f4")),
]
# w = 3, h = 2, c = 1, n_h = 1, w_h = 1
TINY_FIELDS = "0000000000000011000000000000001000000000000000010000000100000001"
TINY_16 = (
    TINY_FIELDS + "1"  # q
    "0011110000000000"  # 1.0
    "1100000000000000"  # -2.0
    "0011100000000000"  # 0.5
    "0111101111111111"  # 65504.0
    "1011010000000000"  # -0.25
    "0000000"  # filling the last byte
)
TINY_32 = (
    TINY_FIELDS + "0"  # q
    "00111111100000000000000000000000"
    "11000000000000000000000000000000"
    "00111111000000000000000000000000"
    "01000111011111111110000000000000"
    "10111110100000000000000000000000"
    "0000000"
)


def from_digits(digits):
    assert len(digits) % 8 == 0
    return bytes(int(digits[start : start + 8], 2) for start in range(0, len(digits), 8))


def random_layers(architecture, seed=0, scale=1.0):
    layers = initialise(architecture, torch.Generator().manual_seed(seed), torch.device("cpu"))
    return [(weights.detach() * scale, biases.detach() * scale) for weights, biases in layers]


@pytest.mark.parametrize(("bits", "digits"), [(16, TINY_16), (32, TINY_32)])
def test_table_i_bit_for_bit(bits, digits):
    stored = write_table_i(TINY_LAYERS, TINY, 30.0, (2, 3), bits)
    assert stored == OMEGA_30 + from_digits(digits)
    assert network_bytes(TINY, bits) == len(stored)


@pytest.mark.parametrize(("bits", "digits"), [(16, TINY_16), (32, TINY_32)])
def test_table_i_is_read_back(bits, digits):
    network = read_table_i(OMEGA_30 + from_digits(digits), (2, 3))
    assert (network.architecture, network.omega_0) == (TINY, 30.0)
    for read, written in zip(network.layers, TINY_LAYERS, strict=True):
        np.testing.assert_array_equal(read[0], written[0])
        np.testing.assert_array_equal(read[1], written[1])
    assert bits in (16, 32)


@pytest.mark.parametrize(
    ("architecture", "size", "message"),
    [
        pytest.param(TINY, (2, 65_536), "w must be below 65536 .* Got 65536", id="w"),
        pytest.param(TINY, (65_536, 3), "h must be below 65536 .* Got 65536", id="h"),
        pytest.param(Architecture(1, 1, 65_536), (2, 3), "c must be below 65536 .* Got 65536", id="c"),
        pytest.param(Architecture(256, 1, 1), (2, 3), "n_h must be below 256 .* Got 256", id="n_h"),
        pytest.param(Architecture(1, 256, 1), (2, 3), "w_h must be below 256 .* Got 256", id="w_h"),
    ],
)
def test_fields_that_overflow_are_refused(architecture, size, message):
    with pytest.raises(RequestError, match=message):
        write_table_i(TINY_LAYERS, architecture, 30.0, size, 16)


@pytest.mark.parametrize("size", [(65_535, 65_535), (1, 65_535), (2, 3)], ids=str)
def test_largest_fields_pass(size):
    architecture = Architecture(255, 1, 3)
    stored = write_table_i(to_float_layers(random_layers(architecture)), architecture, 30.0, size, 16)
    assert read_table_i(stored, size).architecture == architecture


def table(digits=TINY_16, omega_0=30.0):
    return np.float32(omega_0).tobytes() + from_digits(digits)


def tiny_with(field, digits):
    start = {"c": 32, "n_h": 48, "w_h": 56, "q": 64}[field]
    return TINY_16[:start] + digits + TINY_16[start + len(digits) :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "truncated network", id="empty"),
        pytest.param(table()[:8], "Table I needs 65 bits before the parameters. Got 32", id="fields-cut"),
        pytest.param(table()[:-1], "16 bits does not take 22 bytes", id="cut"),
        pytest.param(table() + b"\x00", "does not take 24 bytes", id="trailing"),
        pytest.param(table(TINY_FIELDS[:8] + "00000100" + TINY_16[16:]), "2 x 4 pixels, the scene", id="another-w"),
        pytest.param(table(tiny_with("c", "0" * 16)), "must be at least 1. Got 1, 1, 0", id="no-outputs"),
        pytest.param(table(tiny_with("n_h", "0" * 8)), "must be at least 1. Got 0, 1, 1", id="no-layers"),
        pytest.param(table(tiny_with("w_h", "0" * 8)), "must be at least 1. Got 1, 0, 1", id="no-width"),
        pytest.param(table(tiny_with("c", "1" * 16)), "1 x 1 -> 65535 of 16 bits does not take 23", id="absurd-c"),
        pytest.param(table(tiny_with("n_h", "1" * 16)), "255 x 255 -> 1 of 16 bits does not", id="absurd-network"),
        pytest.param(table(tiny_with("q", "0")), "of 32 bits does not take 23 bytes", id="another-q"),
        pytest.param(table(omega_0=0), r"omega_0 must be in \(0, 1e6\). Got 0.0", id="omega-0"),
        pytest.param(table(omega_0=-30), "Got -30.0", id="omega-negative"),
        pytest.param(table(omega_0=np.nan), "Got nan", id="omega-nan"),
        pytest.param(table(omega_0=np.inf), "Got inf", id="omega-inf"),
    ],
)
def test_table_i_is_refused(data, message):
    with pytest.raises(PayloadError, match=message):
        read_table_i(data, (2, 3))


def test_integer_weights_by_hand():
    first = np.array([[1.0, -2.0]]), np.array([0.5])
    rest = QuantisedLayer(np.array([[-1], [3], [7]]), np.array([0.25, 1, 2], "f2"), np.array([0, 0, -2], "f2"))
    architecture = Architecture(1, 1, 3)
    stored = write_quantised(first, [rest], architecture, 30.0, 4)
    assert stored == (
        OMEGA_30
        + b"\x01\x01\x03\x04"  # n_h, w_h, c, bits
        + b"\x00\x3c\x00\xc0\x00\x38"  # the first layer as it is: 1.0, -2.0, 0.5
        + b"\x00\x34\x00\x3c\x00\x40"  # steps 0.25, 1.0, 2.0
        + b"\x00\x00\x00\x00\x00\xc0"  # biases 0.0, 0.0, -2.0
        + b"\x7b\xf0"  # levels -1, 3, 7, offset by 8, and half a byte to fill up
    )
    assert network_bytes(architecture, 4) == len(stored)
    read = read_quantised(stored)
    assert (read.architecture, read.omega_0) == (architecture, 30.0)
    np.testing.assert_array_equal(read.layers[0][0], first[0])
    np.testing.assert_array_equal(read.layers[0][1], first[1])
    np.testing.assert_array_equal(read.layers[1][0], [[-0.25], [3.0], [14.0]])
    np.testing.assert_array_equal(read.layers[1][1], [0, 0, -2])


INTEGERS = write_quantised(
    (np.ones((1, 2)), np.ones(1)),
    [QuantisedLayer(np.ones((1, 1), int), np.ones(1, "f2"), np.ones(1, "f2"))],
    TINY,
    30.0,
    8,
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(INTEGERS[:-1], f"does not take {len(INTEGERS) - 1} bytes", id="cut"),
        pytest.param(INTEGERS + b"\x00", f"does not take {len(INTEGERS) + 1} bytes", id="trailing"),
        pytest.param(INTEGERS[:4] + b"\x00" + INTEGERS[5:], "at least 1. Got 0, 1, 1", id="no-layers"),
        pytest.param(INTEGERS[:5] + b"\x00" + INTEGERS[6:], "at least 1. Got 1, 0, 1", id="no-width"),
        pytest.param(INTEGERS[:7] + b"\x03" + INTEGERS[8:], r"weight bits .* \[4, 8\]. Got 3", id="3-bits"),
        pytest.param(INTEGERS[:7] + b"\x09" + INTEGERS[8:], r"weight bits .* \[4, 8\]. Got 9", id="9-bits"),
        pytest.param(INTEGERS[:4] + b"\x01\x80\x80\x04\x01\x08", r"w_h .* Got 65536", id="too-wide"),
        pytest.param(INTEGERS[:4] + b"\xff\xff\xff\x03\xff\xff\x03\x08", "255 x 65535 -> 65535 of 8", id="absurd"),
        pytest.param(np.float32(2e6).tobytes() + INTEGERS[4:], "omega_0 .* Got 2000000.0", id="omega"),
    ],
)
def test_integer_weights_are_refused(data, message):
    tracemalloc.start()
    try:
        with pytest.raises(PayloadError, match=message):
            read_quantised(data)
        assert tracemalloc.get_traced_memory()[1] < 2**18
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("part", ["scales", "biases", "first"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_parameters_that_are_not_finite_are_refused(value, part, level):
    wrong = {name: np.array([value if name == part else 1.0], "f2") for name in ("scales", "biases", "first")}
    rest = QuantisedLayer(np.array([[level]]), wrong["scales"], wrong["biases"])
    stored = write_quantised((np.ones((1, 2)), wrong["first"]), [rest], TINY, 30.0, 8)
    with pytest.raises(PayloadError, match="finite"):
        Evaluator(read_quantised(stored), (2, 3))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 300.0], ids=["tiny", "usual", "large"])
@pytest.mark.parametrize("bits", [4, 5, 6, 7, 8, 16, 32])
def test_decoder_reads_the_very_parameters_the_fit_saw(bits, scale):
    architecture = Architecture(2, 33, 7)
    layers = random_layers(architecture, scale=scale)
    if bits in (16, 32):
        stored = write_table_i(to_float_layers(layers), architecture, 30.0, (2, 3), bits)
        network = read_table_i(stored, (2, 3))
    else:
        first, integers = to_float_layers(layers[:1])[0], to_integer_layers(layers, bits)
        network = read_quantised(write_quantised(first, integers, architecture, 30.0, bits))
    for read, seen in zip(network.layers, as_stored(layers, bits), strict=True):
        np.testing.assert_array_equal(read[0], seen[0].double().numpy())
        np.testing.assert_array_equal(read[1], seen[1].double().numpy())


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_rounding_passes_the_gradient_straight_through(bits):
    weights = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    biases = torch.zeros(3, requires_grad=True)
    stored = as_stored([(weights, biases)], bits)[0]
    (2.0 * stored[0].sum() + 3.0 * stored[1].sum()).backward()
    assert torch.equal(weights.grad, torch.full((3, 5), 2.0))
    assert torch.equal(biases.grad, torch.full((3,), 3.0))


@pytest.mark.parametrize("bits", [16, 32])
def test_floats_are_not_integers(bits):
    with pytest.raises(ValueError, match=f"Got {bits}"):
        to_integer_layers([], bits)


@given(data=st.data(), bits=st.integers(1, 16))
def test_packing_is_lossless_and_without_gaps(data, bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    values = data.draw(hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(low, high)))
    packed = pack_signed(values, bits)
    assert len(packed) == packed_bytes(len(values), bits) == -(-len(values) * bits // 8)
    np.testing.assert_array_equal(unpack_signed(packed, len(values), bits), values)


@pytest.mark.parametrize(("bits", "level"), [(4, 7), (5, 15), (6, 31), (7, 63), (8, 127)])
def test_levels_are_symmetric(bits, level):
    assert largest_level(bits) == level

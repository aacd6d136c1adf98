"""How many samples a payload may have is its reader's say: a header that says more is refused before any work."""

import tracemalloc

import numpy as np
import pytest
from numcodecs.registry import get_codec

from tests.golden import make
from xr_inr.core.bitstream import ByteWriter, Model, Section, write_container
from xr_inr.core.decode import Payload, decode
from xr_inr.core.sample_rules import DTYPES
from xr_inr.core.scene_layout import MOST_SAMPLES
from xr_inr.exceptions import PayloadError, RequestError

SAMPLES = 8 * 20 * 23
PAYLOAD = make.path_of("latent_fast_uint16_plain").read_bytes()


def header(bands, height, width):
    """The scene header of an unsigned byte a sample, every band constant."""
    writer = ByteWriter()
    writer.u8(DTYPES.index(np.dtype("u1")))
    for size in (bands, height, width):
        writer.varint(size)
    writer.raw(b"\x02\x01")
    writer.varint(bands)
    return writer.getvalue()


def constant(bands, height, width):
    """A payload of a few bytes whose samples are all 0, however many it says there are."""
    sections = {Section.SCENE: header(bands, height, width), Section.CONSTANTS: bytes(bands)}
    return write_container(Model.LATENT, sections)


def peak_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_payload_of_as_many_samples_as_allowed_is_read():
    assert decode(PAYLOAD, max_samples=SAMPLES).size == SAMPLES


@pytest.mark.parametrize("read", [Payload, decode], ids=["Payload", "decode"])
def test_one_of_more_is_refused_with_both_numbers(read):
    with pytest.raises(PayloadError, match=r"at most the 3679 samples .* \(max_samples\). Got 8 x 20 x 23"):
        read(PAYLOAD, max_samples=SAMPLES - 1)


def test_a_window_does_not_make_room_for_more():
    with pytest.raises(PayloadError, match="at most the 100 samples"):
        decode(PAYLOAD, ((0, 1), (0, 1)), max_samples=100)


@pytest.mark.parametrize("shape", [(1, 2**16, 2**15 + 1), (65_535, 2**31 - 1, 2**31 - 1)], ids=str)
def test_without_a_say_more_than_two_to_the_31_are_refused_and_nothing_is_allocated_for_them(shape):
    def read():
        with pytest.raises(PayloadError, match=f"at most the {MOST_SAMPLES} samples"):
            decode(constant(*shape))

    assert peak_of(read) < 2**20


def test_whoever_allows_more_reads_a_window_of_a_vast_scene():
    assert decode(constant(1, 2**20, 2**20), ((7, 9), (5, 6)), max_samples=2**40).tolist() == [[[0], [0]]]


@pytest.mark.parametrize("given", [None, 2.0**31, True, "2**31"])
def test_a_limit_that_is_no_integer_is_refused(given):
    with pytest.raises(RequestError, match="max_samples must be an integer"):
        decode(PAYLOAD, max_samples=given)


@pytest.mark.parametrize("given", [10**12, "XINR", None, 1.5])
def test_what_is_no_bytes_is_refused_and_not_made_into_zeros(given):
    with pytest.raises(RequestError, match="a payload must be bytes"):
        decode(given)


@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_any_buffer_of_bytes_is_read(kind):
    assert np.array_equal(decode(kind(PAYLOAD)), decode(PAYLOAD))


def test_the_codec_of_numcodecs_allows_as_many_as_its_shape_has():
    codec = get_codec({"id": "xr_inr", "bpppb": 1.0, "shape": [8, 20, 22], "dtype": "<u2"})
    with pytest.raises(PayloadError, match="at most the 3520 samples"):
        codec.decode(PAYLOAD)


def test_a_network_as_wide_as_the_format_allows_takes_few_points_at_a_time():
    """What a layer gives of 1,024 points would be half a gibibyte, for a payload of 655 kB."""
    shape, width = (1, 32, 32), 65_535
    network = ByteWriter()
    network.raw(np.array(1.0, "<f4").tobytes())
    network.u8(1)
    network.varint(width)
    network.varint(1)
    network.u8(8)
    network.raw(bytes(2 * 3 * width + 4 + width))
    scene = b"\x00\x01\x20\x20\x00\x00\x01"
    payload = write_container(Model.SIREN, {Section.SCENE: scene, Section.NETWORK_QUANTISED: network.getvalue()})
    assert Payload(payload).shape == shape
    assert peak_of(lambda: decode(payload)) < 2**27

"""The container: its bytes by hand, and that nothing but a whole payload is ever read."""

import struct

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import make_example, make_outliers, make_repeats
from xr_inr.core.bitstream import (
    ByteReader,
    ByteWriter,
    Model,
    Section,
    container_bytes,
    read_container,
    varint_bytes,
    write_container,
)
from xr_inr.core.decode import Payload
from xr_inr.core.spectral import SpectralBasis
from xr_inr.exceptions import PayloadError, XrInrError

SECTIONS = st.dictionaries(st.sampled_from(Section), st.binary(max_size=300))


def sealed(body):
    """`body` with the checksum that belongs to it."""
    return body + struct.pack("<I", google_crc32c.value(body))


def varint(value):
    writer = ByteWriter()
    writer.varint(value)
    return writer.getvalue()


def test_checksum_is_crc32c():
    assert google_crc32c.value(b"123456789") == 0xE3069283  # the check value of RFC 3720


def test_container_bytes_by_hand():
    body = b"XINR" + b"\x01" + b"\x01" + b"\x02" + b"\x01\x02" + b"\x03\x00" + b"ab"
    assert write_container(Model.SIREN, {Section.SCENE: b"ab", Section.CONSTANTS: b""}) == sealed(body)


@given(sections=SECTIONS)
def test_container_gives_back_what_was_put_in(sections):
    assert read_container(write_container(Model.SIREN, sections)) == (Model.SIREN, sections)


@given(sections=SECTIONS)
def test_container_size_is_known_from_the_lengths(sections):
    lengths = {tag: len(content) for tag, content in sections.items()}
    assert container_bytes(lengths) == len(write_container(Model.SIREN, sections))


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (0, b"\x00"),
        (1, b"\x01"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2**63 - 1, b"\xff" * 8 + b"\x7f"),
    ],
)
def test_varint_is_leb128(value, stored):
    assert varint(value) == stored
    assert ByteReader(stored, "test").varint("value") == value


@given(value=st.integers(0, 2**63 - 1))
def test_varint_size_is_known_from_the_value(value):
    assert varint_bytes(value) == len(varint(value))


def test_negative_varint_is_refused():
    with pytest.raises(ValueError, match=r"must not be negative. Got -1"):
        varint(-1)


@pytest.mark.parametrize(
    ("data", "read", "message"),
    [
        pytest.param(b"\x05", lambda reader: reader.u8("size", high=4), r"size .* \[0, 4\]. Got 5", id="u8-high"),
        pytest.param(b"\x00", lambda reader: reader.u8("size", low=1), r"size .* \[1, 255\]. Got 0", id="u8-low"),
        pytest.param(b"\x80\x01", lambda reader: reader.varint("size", high=127), r"\[0, 127\]. Got 128", id="varint"),
        pytest.param(b"\x80" * 9, lambda reader: reader.varint("size"), "longer than 9 bytes", id="varint-too-long"),
        pytest.param(b"\x80", lambda reader: reader.varint("size"), "truncated header: 1 bytes", id="varint-cut"),
        pytest.param(b"ab", lambda reader: reader.raw(3), "truncated header: 3 bytes wanted at byte 0, 2", id="raw"),
        pytest.param(b"ab", lambda reader: reader.finish(), "2 bytes too many in the header", id="left-over"),
    ],
)
def test_reader_refuses(data, read, message):
    with pytest.raises(PayloadError, match=message):
        read(ByteReader(data, "header"))


def test_every_change_of_a_byte_is_noticed(masked_payload):
    for position in range(len(masked_payload)):
        altered = bytearray(masked_payload)
        for change in range(1, 256):
            altered[position] = masked_payload[position] ^ change
            with pytest.raises(PayloadError):
                read_container(bytes(altered))


def test_every_truncation_is_noticed(masked_payload):
    for length in range(len(masked_payload)):
        with pytest.raises(PayloadError):
            Payload(masked_payload[:length])


@pytest.mark.parametrize("extra", [b"\x00", b"XINR", b"\xff" * 100], ids=["a-zero", "a-magic", "many"])
def test_bytes_after_the_payload_are_noticed(masked_payload, extra):
    with pytest.raises(PayloadError, match="truncated or altered"):
        Payload(masked_payload + extra)


def test_newer_format_version_says_to_install_a_newer_release(masked_payload):
    body = bytearray(masked_payload[:-4])
    body[4] = 2
    with pytest.raises(PayloadError, match=r"format version 2; .* up to 1. Install a newer xr-inr"):
        Payload(sealed(bytes(body)))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(b"", r"must start with b'XINR'. Got b''", id="empty"),
        pytest.param(b"XIN", r"must start with b'XINR'. Got b'XIN'", id="three-bytes"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(50), r"Got b'\\xff\\xd8\\xff\\xe0'", id="jpeg"),
        pytest.param(b"XINR\x01\x01\x00", "truncated payload: 7 bytes", id="no-checksum"),
        pytest.param(sealed(b"XINR\x00\x01\x00"), r"at least 1. Got 0", id="version-0"),
        pytest.param(sealed(b"XINR\x01\x63\x00"), r"unknown model 99; known are 1 \(SIREN\)", id="unknown-model"),
        pytest.param(sealed(b"XINR\x01\x01\x01\x63\x00"), "unknown section 99; known are 1 ", id="unknown-section"),
        pytest.param(sealed(b"XINR\x01\x01\x02\x01\x00\x01\x00"), "section SCENE occurs twice", id="section-twice"),
        pytest.param(sealed(b"XINR\x01\x01\x01\x01\x02a"), "truncated container: 2 bytes wanted", id="section-short"),
        pytest.param(sealed(b"XINR\x01\x01\x01\x01\x01ab"), "1 bytes too many in the container", id="trailing"),
        pytest.param(sealed(b"XINR\x01\x01\x01\x01" + b"\xff" * 8 + b"\x7f"), "section length .* Got 92233", id="huge"),
        pytest.param(sealed(b"XINR\x01\x01\x03\x01\x00"), "truncated container", id="table-short"),
    ],
)
def test_container_refuses(payload, message):
    with pytest.raises(PayloadError, match=message):
        read_container(payload)


@given(data=st.binary(max_size=200))
def test_random_bytes_are_never_a_payload(data):
    with pytest.raises(PayloadError):
        Payload(b"XINR\x01\x01" + data)


@given(data=st.dictionaries(st.sampled_from(Section), st.binary(max_size=60)))
def test_sealed_rubbish_is_refused_as_a_payload_error(data):
    with pytest.raises(PayloadError):
        Payload(write_container(Model.SIREN, data | {Section.SCENE: data.get(Section.SCENE, b"") + b"\xff"}))


NO_COMPONENTS = SpectralBasis(np.zeros(4, int), np.zeros((4, 0), int), np.zeros(0, "f2"), np.float32(1.0)).to_bytes()


def altered(payload, change):
    model, sections = read_container(payload)
    return write_container(model, {tag: content for tag, content in change(sections).items() if content is not None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({Section.NETWORK_QUANTISED: None}, r"must have \d outputs. Got 0", id="no-network"),
        pytest.param({Section.SPECTRAL: NO_COMPONENTS}, r"must have 0 outputs. Got \d", id="another-basis"),
        pytest.param({Section.CONSTANTS: None}, "1 constant bands cannot have 0 bytes", id="no-constants"),
        pytest.param({Section.SCENE: None}, "no scene header", id="no-scene"),
        pytest.param({Section.NETWORK_TABLE_I: b""}, "network", id="two-networks"),
    ],
)
def test_payload_whose_sections_do_not_agree_is_refused(masked_payload, change, message):
    with pytest.raises(PayloadError, match=message):
        Payload(altered(masked_payload, lambda sections: sections | change))


STREAMS = (Section.LATENT_STREAM, Section.LATENT_REPEATS, Section.LATENT_OUTLIERS)
"""Sections that are looked at when samples are asked for."""


@pytest.fixture(scope="module")
def payload_with(encode, masked_scene, masked_payload, make_scene):
    """A function of a section that returns a payload that has it."""
    paper = encode(masked_scene, nodata=-999.0, preset="paper", bpppb=32.0).payload
    told = {"repeats": make_repeats((24, 27)), "outliers": make_outliers((5, 24, 27), 9)}
    latents = make_example((24, 27), restoring=True, fine_from=6, **told).sections
    around = read_container(encode(make_scene((5, 24, 27)), bpppb=0.5, model="latent").payload)[1]
    latent = write_container(Model.LATENT, {Section.SCENE: around[Section.SCENE]} | latents)
    exact = encode(make_scene((5, 24, 27), "u2"), max_error=0, bpppb=None, model="latent").payload

    def found(tag):
        return next(payload for payload in (masked_payload, paper, latent, exact) if tag in read_container(payload)[1])

    return found


@pytest.mark.parametrize("tag", list(Section), ids=lambda tag: tag.name)
def test_sealed_changes_of_any_section_never_escape_as_another_error(payload_with, tag):
    payload = payload_with(tag)
    content = read_container(payload)[1][tag]
    generator = np.random.default_rng(0)
    for position in [*range(min(len(content), 40)), *generator.integers(0, len(content), 40)]:
        changed = bytearray(content)
        changed[position] ^= int(generator.integers(1, 256))
        try:
            Payload(altered(payload, lambda sections, new=bytes(changed): sections | {tag: new})).read(((0, 1), (0, 1)))
        except XrInrError:
            continue


@pytest.mark.parametrize(
    "change", [lambda content: content[:-5], lambda content: content + b"\x00"], ids=["cut", "longer"]
)
@pytest.mark.parametrize("tag", [tag for tag in Section if tag not in STREAMS], ids=lambda tag: tag.name)
def test_section_cut_or_lengthened_is_refused_even_when_sealed(payload_with, tag, change):
    # A range coder's last word may have bytes to spare, which take nothing away.
    with pytest.raises(PayloadError):
        Payload(altered(payload_with(tag), lambda sections: sections | {tag: change(sections[tag])}))


@pytest.mark.parametrize("tag", STREAMS, ids=lambda tag: tag.name)
def test_lengthened_stream_is_refused_when_it_is_read(payload_with, tag):
    longer = altered(payload_with(tag), lambda sections: sections | {tag: sections[tag] + b"\x00"})
    with pytest.raises(PayloadError):
        Payload(longer).read()

"""The numcodecs codec, in the manner of numcodecs' own tests, and Zarr format 2."""

import array
import json
import pickle

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from xr_inr.codecs.numcodecs import InrCodec
from xr_inr.core.decode import Payload, decode
from xr_inr.exceptions import BudgetError, PayloadError, RequestError

from .helpers import smooth

SHAPE = (5, 7, 9)
SAMPLES = smooth(SHAPE)


def make_codec(**parameters):
    return InrCodec(**{"bpppb": 24.0, "preset": "fast", "device": "cpu"} | parameters)


@pytest.fixture(scope="module")
def payload():
    return make_codec().encode(SAMPLES)


@pytest.fixture(scope="module")
def decoded(payload):
    return decode(payload)


# Configuration

PARAMETERS = {
    "the least": {"bpppb": 0.1},
    "a quality": {"psnr": 40.0},
    "bands last": {"bpppb": 0.1, "band_axis": 2},
    "Fortran order": {"bpppb": 0.1, "order": "F"},
    "buffers without axes": {"bpppb": 0.1, "shape": (5, 7, 9), "dtype": "<i2"},
    "padded chunks": {"bpppb": 0.1, "shape": (5, 8, 16)},
    "nodata": {"bpppb": 0.1, "nodata": -9999.0},
    "a preset": {"bpppb": 0.1, "preset": "best"},
    "all of the fit": {"bpppb": 0.1, "preset": "paper", "weight_bits": 32, "seed": 7, "model": "siren"},
}
parametrized = pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())


@parametrized
def test_codec_is_rebuilt_from_its_configuration_as_json(parameters):
    codec = InrCodec(**parameters)

    assert numcodecs.get_codec(json.loads(json.dumps(codec.get_config()))) == codec


@parametrized
def test_repr_is_what_makes_the_codec(parameters):
    codec = InrCodec(**parameters)

    assert eval(repr(codec), {"InrCodec": InrCodec}) == codec  # noqa: S307 - made here


@parametrized
def test_codec_survives_pickling(parameters):
    codec = InrCodec(**parameters)

    assert pickle.loads(pickle.dumps(codec)) == codec  # noqa: S301 - made here


def test_codec_is_found_by_its_name():
    assert isinstance(numcodecs.get_codec({"id": "xr_inr", "bpppb": 0.1}), InrCodec)


def test_configuration_does_not_name_the_machines_device():
    assert make_codec(device="cuda:1").get_config() == make_codec().get_config()


def test_configuration_leaves_the_dictionary_it_is_read_from_alone():
    config = {"id": "xr_inr", "bpppb": 0.1, "order": "F"}
    InrCodec.from_config(config)

    assert config == {"id": "xr_inr", "bpppb": 0.1, "order": "F"}


BROKEN = {
    "unknown parameter": ({"bpppb": 0.1, "level": 3}, r"knows the parameters .* Got \['level'\]"),
    "no target": ({}, r"exactly one target .* Got none"),
    "two targets": ({"bpppb": 0.1, "psnr": 40}, r"exactly one target .* Got bpppb=0.1, psnr=40"),
    "order": ({"bpppb": 0.1, "order": "A"}, r"order must be 'C' or 'F'. Got 'A'"),
    "dtype without a shape": ({"bpppb": 0.1, "dtype": "<i2"}, r"dtype must come with a shape. Got dtype='<i2'"),
    "two axes": ({"bpppb": 0.1, "shape": [7, 9]}, r"band axis and two spatial axes. Got 2 axes"),
    "several scenes": ({"bpppb": 0.1, "shape": [2, 5, 7, 9], "band_axis": 1}, r"length 1 .* Got 2 along axis 0"),
    "band axis": ({"bpppb": 0.1, "band_axis": -2}, r"band_axis .* Got -2"),
    "model": ({"bpppb": 0.1, "model": "wavelet"}, r"model must be one of 'latent', 'siren'. Got 'wavelet'"),
    "a preset of a siren": ({"bpppb": 0.1, "preset": "paper"}, r"preset must be .* with model='latent'. Got 'paper'"),
    "the bits of a siren": ({"bpppb": 0.1, "weight_bits": 8}, r"weight_bits must come with model='siren'. Got .*=8"),
    "a dtype that is none": ({"bpppb": 0.1, "shape": [5, 7, 9], "dtype": "pixels"}, r"dtype .* Got 'pixels'"),
}


@pytest.mark.parametrize(("config", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_configuration_is_refused_with_the_rule_and_the_value(config, message):
    with pytest.raises(RequestError, match=message):
        numcodecs.get_codec({"id": "xr_inr", **config})


# Encoding

LAYOUTS = {
    "C order": SAMPLES,
    "neither order": np.repeat(SAMPLES, 2, axis=2)[:, :, ::2],
    "backwards": SAMPLES[:, ::-1].copy()[:, ::-1],
    "read-only": np.frombuffer(SAMPLES.tobytes(), SAMPLES.dtype).reshape(SHAPE),
    "memoryview with axes": memoryview(SAMPLES),
}


@pytest.mark.parametrize("buffer", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_array_in_any_memory_layout_gives_the_same_payload(payload, buffer):
    assert make_codec().encode(buffer) == payload


def test_array_in_fortran_order_gives_the_same_payload_with_a_codec_of_that_order(payload):
    assert make_codec(order="F").encode(np.asfortranarray(SAMPLES)) == payload


def test_array_in_fortran_order_is_refused_by_a_codec_of_the_other(fits):
    with pytest.raises(RequestError, match=r"Fortran order needs a codec with order='F'.* \(5, 7, 9\)"):
        make_codec().encode(np.asfortranarray(SAMPLES))
    assert not fits


BUFFERS = {
    "bytes": SAMPLES.tobytes(),
    "bytearray": bytearray(SAMPLES.tobytes()),
    "memoryview": memoryview(SAMPLES.tobytes()),
    "array.array of bytes": array.array("b", SAMPLES.tobytes()),
    "array.array of samples": array.array("h", SAMPLES.ravel().tolist()),
    "flat array": SAMPLES.ravel(),
    "array of bytes": SAMPLES.ravel().view("u1"),
}


@pytest.mark.parametrize("buffer", BUFFERS.values(), ids=BUFFERS.keys())
def test_buffer_without_axes_is_read_with_the_codecs_shape_and_dtype(payload, buffer):
    assert make_codec(shape=SHAPE, dtype="<i2").encode(buffer) == payload


def test_buffer_in_fortran_order_is_read_with_the_codecs_order(payload):
    codec = make_codec(shape=SHAPE, dtype="<i2", order="F")

    assert codec.encode(SAMPLES.tobytes(order="F")) == payload


REFUSED_BUFFERS = {
    "bytes without a shape": (b"12345678", {}, r"or the codec a shape and a dtype. Got a buffer without axes"),
    "two axes": (SAMPLES[0], {}, r"a band axis, y and x.* Got shape \(7, 9\)"),
    "bytes in the other memory order": (
        np.asfortranarray(SAMPLES.reshape(5, 63)),
        {"shape": SHAPE, "dtype": "<i2"},
        r"in the codec's order, 'C'. Got shape \(5, 63\)",
    ),
    "bytes in the other memory order than Fortran's": (
        SAMPLES.reshape(5, 63),
        {"shape": SHAPE, "dtype": "<i2", "order": "F"},
        r"in the codec's order, 'F'. Got shape \(5, 63\)",
    ),
    "masked samples": (np.ma.masked_equal(SAMPLES, SAMPLES[0, 0, 0]), {}, r"array.filled\(value\), with nodata=value"),
    "bytes of the wrong length": (
        SAMPLES.tobytes()[:-2],
        {"shape": SHAPE, "dtype": "<i2"},
        r"must have 630 bytes. Got 628",
    ),
    "half a sample": (SAMPLES.tobytes()[:-1], {"shape": SHAPE, "dtype": "<i2"}, r"must have 630 bytes. Got 629"),
    "no buffer": (3, {}, r"takes arrays and buffers. Got int"),
    "text": ("scene", {}, r"takes arrays and buffers. Got str"),
    "complex numbers": (SAMPLES.astype("c8"), {}, r"dtype must be one of .* Got complex64"),
    "objects": (SAMPLES.astype(object), {}, r"dtype must be one of .* Got object"),
    "infinite values": (np.where(SAMPLES > 100, np.inf, SAMPLES), {}, r"must be finite.* are infinite, the first at"),
}


@pytest.mark.parametrize(("buffer", "parameters", "message"), REFUSED_BUFFERS.values(), ids=REFUSED_BUFFERS.keys())
def test_buffer_that_is_no_scene_is_refused_before_any_fit(fits, buffer, parameters, message):
    with pytest.raises(RequestError, match=message):
        make_codec(**parameters).encode(buffer)
    assert not fits


def test_budget_below_the_header_is_refused_before_any_fit(fits):
    with pytest.raises(BudgetError, match=r"smallest payload of this scene takes \d+ bytes"):
        make_codec(bpppb=0.01).encode(SAMPLES)
    assert not fits


# Decoding

PAYLOAD_BUFFERS = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "array.array": lambda payload: array.array("b", payload),
    "uint8 array": lambda payload: np.frombuffer(payload, "u1"),
}


@pytest.mark.parametrize("as_buffer", PAYLOAD_BUFFERS.values(), ids=PAYLOAD_BUFFERS.keys())
def test_payload_is_decoded_from_any_buffer(payload, decoded, as_buffer):
    found = make_codec().decode(as_buffer(payload))

    np.testing.assert_array_equal(found, decoded)
    assert found.dtype == decoded.dtype


OUTPUTS = {
    "array of the shape": (np.empty(SHAPE, "i2"), {}),
    "flat array": (np.empty(315, "i2"), {}),
    "array of bytes": (np.empty(630, "u1"), {}),
    "bytearray": (bytearray(630), {}),
    "memoryview": (memoryview(bytearray(630)), {}),
    "Fortran order": (np.empty(SHAPE, "i2", order="F"), {"order": "F"}),
    "Fortran order for a codec of the other": (np.empty(SHAPE, "i2", order="F"), {}),
    "C order for a codec of the other": (np.empty(SHAPE, "i2"), {"order": "F"}),
    "neither order": (np.empty((5, 14, 9), "i2")[:, ::2], {}),
    "the other byte order": (np.empty(SHAPE, np.dtype("i2").newbyteorder()), {}),
}


@pytest.mark.parametrize(("out", "parameters"), OUTPUTS.values(), ids=OUTPUTS.keys())
def test_samples_are_put_where_the_caller_wants_them(payload, decoded, out, parameters):
    order = parameters.get("order", "C")
    make_codec(**parameters).decode(payload, out=out)

    if isinstance(out, np.ndarray) and out.ndim == 3:
        np.testing.assert_array_equal(out, decoded)
    else:
        found = np.frombuffer(out, "i2").reshape(SHAPE, order=order)
        np.testing.assert_array_equal(found, decoded)


def test_place_of_the_wrong_size_is_refused(payload):
    with pytest.raises(ValueError, match="630"):
        make_codec().decode(payload, out=bytearray(100))


@pytest.mark.parametrize("order", ["C", "F"])
def test_decoded_array_is_contiguous_in_the_codecs_order(payload, order):
    assert make_codec(order=order).decode(payload).flags[f"{order}_CONTIGUOUS"]


def test_decoded_array_is_padded_to_the_codecs_shape_with_zeros(payload, decoded):
    found = make_codec(shape=(5, 8, 12)).decode(payload)

    np.testing.assert_array_equal(found[:, :7, :9], decoded)
    assert not found[:, 7:].any()
    assert not found[:, :, 9:].any()


@pytest.mark.parametrize(
    ("shape", "band_axis"),
    [((7, 9, 5), 2), ((7, 5, 9), 1), ((1, 5, 7, 9), 1), ((1, 7, 9, 5), 3)],
    ids=["bands last", "bands in the middle", "time first", "time first, bands last"],
)
def test_axes_come_back_in_the_order_they_had(shape, band_axis):
    codec = make_codec(band_axis=band_axis, shape=shape if len(shape) == 4 else None)
    samples = smooth(shape, band_axis=band_axis)
    found = codec.decode(codec.encode(samples))

    assert found.shape == shape
    assert abs(found.astype(int) - samples).mean() < np.ptp(samples) / 3


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i2", "<u2", "<i4", ">u4", "<f2", "<f4", ">f8"])
def test_dtype_comes_back_with_its_byte_order(dtype):
    codec = make_codec()

    assert codec.decode(codec.encode(smooth(SHAPE, dtype))).dtype == np.dtype(dtype)


DAMAGES = {
    "something else": (lambda _: b"not a payload at all", r"must start with b'XINR'"),
    "nothing": (lambda _: b"", r"must start with b'XINR'"),
    "truncated": (lambda payload: payload[:-5], r"truncated or altered"),
    "one bit changed": (
        lambda payload: payload[:40] + bytes([payload[40] ^ 1]) + payload[41:],
        r"truncated or altered",
    ),
    "a newer version": (lambda payload: payload[:4] + b"\x63" + payload[5:], r"format version 99.* up to \d"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_anything_but_a_whole_payload_is_refused(payload, damage, message):
    with pytest.raises(PayloadError, match=message):
        make_codec().decode(damage(payload))


def test_payload_of_another_shape_than_the_codecs_is_refused(payload):
    with pytest.raises(PayloadError, match=r"\(5, 7, 9\).*\(6, 7, 9\)"):
        make_codec(shape=(6, 7, 9)).decode(payload)


# Zarr format 2


def create_v2(samples, chunks, *, order="C", codec=None):
    array = zarr.create_array(
        MemoryStore(),
        shape=samples.shape,
        chunks=chunks,
        dtype=samples.dtype,
        zarr_format=2,
        order=order,
        filters=None,
        compressors=codec or make_codec(),
    )
    array[...] = samples
    return array


V2_ARRAYS = {
    "one chunk": ((5, 7, 9), 0, "C"),
    "chunks padded at the edges": ((5, 4, 4), 0, "C"),
    "bands last": ((4, 9, 5), 2, "C"),
    "Fortran order": ((5, 7, 9), 0, "F"),
    "Fortran order in padded chunks": ((5, 4, 4), 0, "F"),
}


@pytest.mark.parametrize(("chunks", "band_axis", "order"), V2_ARRAYS.values(), ids=V2_ARRAYS.keys())
def test_array_of_format_2_reads_in_part_as_in_full(chunks, band_axis, order):
    samples = np.moveaxis(SAMPLES, 0, band_axis)
    codec = make_codec(band_axis=band_axis, order=order)
    array = create_v2(samples, chunks, order=order, codec=codec)
    full = array[...]

    np.testing.assert_array_equal(array[1:4, 2, 1:5], full[1:4, 2, 1:5])
    assert abs(full.astype(int) - samples).mean() < np.ptp(samples) / 3


def test_memory_order_does_not_change_the_samples():
    in_fortran_order = create_v2(SAMPLES, SHAPE, order="F", codec=make_codec(order="F"))

    np.testing.assert_array_equal(in_fortran_order[...], create_v2(SAMPLES, SHAPE)[...])


def test_array_in_fortran_order_with_a_codec_of_the_other_is_refused_before_any_fit(fits):
    with pytest.raises(RequestError, match="order='F'"):
        create_v2(SAMPLES, SHAPE, order="F")
    assert not fits


def test_payload_is_the_chunk_as_it_is_stored(payload):
    array = create_v2(SAMPLES, SHAPE)

    assert array.store._store_dict["0.0.0"].to_bytes() == payload
    assert Payload(payload).shape == SHAPE


def test_array_that_does_not_fit_in_the_shape_is_refused():
    codec = InrCodec(bpppb=16.0, shape=(5, 7, 9), device="cpu")
    for shape in ((5, 8, 9), (4, 7, 9), (1, 5, 7, 9)):
        with pytest.raises(RequestError, match=r"must fit in the codec's shape \(5, 7, 9\)"):
            codec.encode(np.ones(shape, "i2"))


@pytest.mark.parametrize("nodata", [np.inf, -np.inf])
def test_nodata_that_json_cannot_say_is_refused(nodata):
    with pytest.raises(RequestError, match="nodata must be finite or NaN"):
        InrCodec(bpppb=16.0, nodata=nodata)


def test_nodata_of_64_bits_keeps_every_digit():
    config = InrCodec(bpppb=16.0, nodata=2**64 - 1).get_config()

    assert numcodecs.get_codec(json.loads(json.dumps(config))).get_config()["nodata"] == 2**64 - 1

"""The mask: lossless over everything hypothesis thinks of, small where bands agree, safe to read."""

import lzma
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xr_inr.core.bitstream import ByteReader, ByteWriter
from xr_inr.core.mask import NAN, NODATA, VALID, Mask, read_runs, write_runs
from xr_inr.exceptions import PayloadError

CLASSES = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=7), elements=st.sampled_from([VALID, NODATA, NAN])
)


def every_class(mask, shape):
    rows, columns = np.divmod(np.arange(shape[1] * shape[2]), shape[2])
    return mask.classes(np.arange(shape[0]), rows, columns).reshape(shape)


def deflated(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def lzma2(data):
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])


@settings(max_examples=60)  # packing a mask takes a while
@given(classes=CLASSES)
def test_mask_is_restored_exactly(classes):
    stored = Mask.from_classes(classes).to_bytes()
    np.testing.assert_array_equal(every_class(Mask.from_bytes(stored, classes.shape), classes.shape), classes)


@given(classes=CLASSES, data=st.data())
def test_classes_at_points_are_those_of_the_whole(classes, data):
    bands, height, width = classes.shape
    index = np.array(data.draw(st.lists(st.integers(0, bands - 1), max_size=5)), np.intp)
    points = data.draw(st.lists(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)), max_size=5))
    rows, columns = np.array(points, np.intp).reshape(-1, 2).T
    np.testing.assert_array_equal(
        Mask.from_classes(classes).classes(index, rows, columns), classes[index][:, rows, columns]
    )


def test_bytes_by_hand():
    classes = np.array([[[VALID, NODATA]], [[VALID, VALID]], [[VALID, NODATA]]], np.uint8)
    planes = b"\x01"
    runs = b"\x03\x01" + b"\x00\x01" + b"\x03\x01"  # plane 3, uniform 0, plane 3
    bits = deflated(bytes([0b01_000000]))
    assert Mask.from_classes(classes).to_bytes() == planes + runs + b"\x00" + b"\x00" + bits


def test_nan_has_a_layer_of_its_own():
    classes = np.array([[[VALID, NODATA, NAN]]], np.uint8)
    bits = deflated(bytes([0b011_001_00]))  # what is masked, then what is NaN
    assert Mask.from_classes(classes).to_bytes() == b"\x01" + b"\x03\x01" + b"\x01" + b"\x00" + bits


def test_each_plane_holds_only_what_changed_since_the_one_before():
    classes = np.array([[[NODATA, VALID, VALID, VALID]], [[NODATA, NODATA, VALID, VALID]]], np.uint8)
    bits = deflated(bytes([0b1000_0100]))
    assert Mask.from_classes(classes).to_bytes() == b"\x02" + b"\x03\x01\x04\x01" + b"\x00" + b"\x00" + bits


def test_bands_that_agree_share_a_plane():
    plane = np.random.default_rng(0).integers(0, 2, (20, 20), np.uint8)
    one = Mask.from_classes(plane[None]).to_bytes()
    many = Mask.from_classes(np.broadcast_to(plane, (200, 20, 20))).to_bytes()
    assert len(many) == len(one) + 1  # a longer run


@pytest.mark.parametrize("value", [VALID, NODATA, NAN])
def test_uniform_bands_take_no_plane(value):
    mask = Mask.from_classes(np.full((3, 50, 50), value, np.uint8))
    assert mask.to_bytes() == bytes([0, value, 3])
    assert mask.all_valid == (value == VALID)


def test_scattered_masks_never_take_much_more_than_their_bits():
    classes = np.random.default_rng(0).integers(0, 2, (8, 64, 64), np.uint8)
    assert len(Mask.from_classes(classes).to_bytes()) < classes.size / 8 * 1.01 + 30


@given(values=st.lists(st.integers(0, 9), min_size=1))
def test_runs_are_restored_exactly(values):
    writer = ByteWriter()
    write_runs(writer, values)
    assert read_runs(ByteReader(writer.getvalue(), "test"), len(values), 9, "value").tolist() == values


ONE_BIT = deflated(b"\x80")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "truncated mask", id="empty"),
        pytest.param(b"\x03", r"number of planes .* \[0, 2\]. Got 3", id="more-planes-than-bands"),
        pytest.param(b"\x00\x03\x02", r"plane of a band .* \[0, 2\]. Got 3", id="plane-that-is-not-there"),
        pytest.param(b"\x00\x01\x03", r"run of plane of a band .* \[1, 2\]. Got 3", id="run-too-long"),
        pytest.param(b"\x00\x01\x00", r"run of plane of a band .* \[1, 2\]. Got 0", id="run-of-nothing"),
        pytest.param(b"\x00\x01\x01", "truncated mask", id="runs-end-early"),
        pytest.param(b"\x00\x01\x02\x00", "1 bytes too many in the mask", id="trailing-after-uniform"),
        pytest.param(b"\x01\x03\x02\x02\x00" + ONE_BIT, "NaN flag .* Got 2", id="nan-flag"),
        pytest.param(b"\x01\x03\x02\x00\x02" + ONE_BIT, "method .* Got 2", id="unknown-method"),
        pytest.param(b"\x01\x03\x02\x00\x00\xff\xff", "does not decompress", id="not-deflate"),
        pytest.param(b"\x01\x03\x02\x00\x01\x03\x03", "does not decompress", id="not-lzma"),
        pytest.param(b"\x01\x03\x02\x00\x00", "must hold 1 bytes for its planes", id="no-bits"),
        pytest.param(b"\x01\x03\x02\x00\x00" + ONE_BIT[:-1], "mask", id="bits-cut"),
        pytest.param(
            b"\x01\x03\x02\x00\x00" + deflated(b"\x80\x00"), "must hold 1 bytes for its planes", id="too-many-bits"
        ),
        pytest.param(b"\x01\x03\x02\x00\x00" + ONE_BIT + b"\x00", "mask", id="trailing-after-bits"),
    ],
)
def test_reader_refuses(data, message):
    with pytest.raises(PayloadError, match=message):
        Mask.from_bytes(data, (2, 1, 3))


@pytest.mark.parametrize(
    ("method", "bomb", "allowed"),
    [
        pytest.param(0, deflated(bytes(2**27)), 2**20, id="deflate"),
        pytest.param(1, lzma2(bytes(2**27)), 2**26 + 2**20, id="lzma"),  # its dictionary is 2**26 bytes
    ],
)
def test_decompression_bomb_is_refused_before_it_goes_off(method, bomb, allowed):
    tracemalloc.start()
    try:
        with pytest.raises(PayloadError, match=r"must hold 1 bytes for its planes"):
            Mask.from_bytes(b"\x01\x03\x02\x00" + bytes([method]) + bomb, (2, 1, 3))
        assert tracemalloc.get_traced_memory()[1] < allowed
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("planes", [1, 2, 8], ids=lambda count: f"{count}-planes")
def test_absurd_shape_is_refused_before_allocating(planes):
    writer = ByteWriter()
    writer.varint(planes)
    write_runs(writer, range(3, 3 + planes))
    stored = writer.getvalue() + b"\x01\x00" + ONE_BIT
    tracemalloc.start()
    try:
        with pytest.raises(PayloadError, match=r"bytes for its planes"):
            Mask.from_bytes(stored, (planes, 2**31 - 1, 2**31 - 1))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()

"""Scene preparation: what is fitted, what is stored exactly, what is refused, and the header that says so."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xr_inr.core.bitstream import Model, Section, write_container
from xr_inr.core.decode import decode
from xr_inr.core.mask import NAN, NODATA, VALID
from xr_inr.core.sample_rules import DTYPES, check_nodata
from xr_inr.core.scene import prepare_scene
from xr_inr.core.scene_layout import CONSTANT, FITTED, VOID, SceneLayout
from xr_inr.exceptions import PayloadError, RequestError

EVERY_DTYPE = [*DTYPES, *(dtype.newbyteorder(">") for dtype in DTYPES if dtype.itemsize > 1)]
RAMP = np.arange(12.0).reshape(1, 3, 4)


def stacked(*bands):
    return np.array(bands, "f4").reshape(len(bands), 1, -1)


def equal_bits(first, second):
    return first.dtype == second.dtype and first.tobytes() == second.tobytes()


def test_fitted_values_fill_the_range_from_0_to_1():
    scene = prepare_scene(np.array([[[-50, 0, 150]], [[50, 50, 100]]], "i2"))
    np.testing.assert_array_equal(scene.values, np.array([[0, 0.25, 1], [0.5, 0.5, 0.75]], "f4"))
    assert (scene.layout.low, scene.layout.high) == (-50, 150)


@pytest.mark.parametrize(
    ("bands", "kinds", "constants"),
    [
        pytest.param([(1, 2), (3, 4)], [FITTED, FITTED], [], id="all-fitted"),
        pytest.param([(1, 2), (7, 7)], [FITTED, CONSTANT], [7], id="constant"),
        pytest.param([(7, np.nan), (1, 2)], [CONSTANT, FITTED], [7], id="constant-where-valid"),
        pytest.param([(np.nan, -1), (np.nan, np.nan)], [CONSTANT, VOID], [-1], id="void"),
        pytest.param([(0.0, -0.0), (1, 2)], [FITTED, FITTED], [], id="zeros-of-both-signs-are-not-constant"),
        pytest.param([(-0.0, -0.0), (1, 2)], [CONSTANT, FITTED], [-0.0], id="negative-zero"),
    ],
)
def test_kinds_of_bands(bands, kinds, constants):
    layout = prepare_scene(stacked(*bands)).layout
    assert layout.kinds.tolist() == kinds
    assert equal_bits(layout.constants, np.array(constants, "f4"))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_zeros_of_both_signs_alone_make_a_scene_that_can_be_read_back(dtype):
    layout = prepare_scene(np.array([[[0.0, -0.0]]], dtype)).layout
    assert SceneLayout.from_sections(layout.to_sections()).shape == (1, 1, 2)


@pytest.mark.parametrize(
    ("nodata", "row", "classes", "marker"),
    [
        pytest.param(None, (1, 2, 3), (VALID, VALID, VALID), None, id="nothing-masked"),
        pytest.param(-9, (1, 2, 3), (VALID, VALID, VALID), None, id="nodata-that-never-occurs-is-not-stored"),
        pytest.param(-9, (1, -9, 3), (VALID, NODATA, VALID), -9, id="nodata"),
        pytest.param(None, (1, np.nan, 3), (VALID, NODATA, VALID), np.nan, id="nan"),
        pytest.param(np.nan, (1, np.nan, 3), (VALID, NODATA, VALID), np.nan, id="nan-said-to-be-nodata"),
        pytest.param(-9, (-9, np.nan, 3, 4), (NODATA, NAN, VALID, VALID), -9, id="nodata-beside-nan"),
        pytest.param(np.inf, (np.inf, 2, 3), (NODATA, VALID, VALID), np.inf, id="infinite-nodata"),
    ],
)
def test_masked_samples(nodata, row, classes, marker):
    scene = prepare_scene(stacked(row), nodata=nodata)
    point = np.arange(len(row))
    assert scene.layout.mask.classes(np.array([0]), point * 0, point).tolist() == [list(classes)]
    np.testing.assert_equal(scene.layout.nodata, marker)
    assert scene.valid_samples == classes.count(VALID)
    assert (scene.valid is None) == (set(classes) == {VALID})


def test_masked_samples_neither_count_nor_set_the_range():
    array = np.array([[[10, 20, 255]], [[255, 12, 14]]], "u1")
    scene = prepare_scene(array, nodata=255)
    np.testing.assert_array_equal(scene.values, np.array([[0, 1, 0], [0, 0.2, 0.4]], "f4"))
    np.testing.assert_array_equal(scene.valid, [[True, True, False], [False, True, True]])
    assert scene.peak == 20


def test_peak_is_the_largest_magnitude_constant_bands_included():
    assert prepare_scene(stacked((1, 2), (-7, -7))).peak == 7


def test_array_without_a_valid_sample_passes_where_allowed():
    layout = prepare_scene(np.full((2, 1, 3), np.nan), allow_void=True).layout
    assert layout.kinds.tolist() == [VOID, VOID]


def test_header_bytes_by_hand():
    array = np.array([[[1, 500]], [[7, 7]]], ">i2")
    assert prepare_scene(array, nodata=-1).layout.to_sections() == {
        Section.SCENE: b"\x83"  # i2, big-endian
        b"\x02\x01\x02"  # bands, height, width
        b"\x02"  # kinds follow, no nodata occurs
        b"\x00\x01\x01\x01"  # one fitted band, one constant
        b"\x01\x00\xf4\x01",  # low, high
        Section.CONSTANTS: b"\x07\x00",
    }


@pytest.mark.parametrize("dtype", EVERY_DTYPE, ids=str)
def test_layout_of_every_dtype_is_restored_exactly(dtype):
    array = np.array([[[1, 2, 3]], [[9, 9, 4]]]).astype(dtype)
    layout = prepare_scene(array, nodata=9).layout
    read = SceneLayout.from_sections(layout.to_sections())
    assert (read.dtype, read.shape, read.nodata) == (dtype, (2, 1, 3), 9)
    assert (read.low, read.high) == (layout.low, layout.high) == (1, 3)
    assert equal_bits(read.constants, np.array([4], dtype.newbyteorder("=")))
    assert read.kinds.tolist() == [FITTED, CONSTANT]


@settings(max_examples=40)  # packing a mask takes a while
@given(
    array=hnp.arrays(
        "f4",
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=4),
        elements=st.sampled_from([np.nan, -9.0, -0.0, 0.0, 1.0, 2.5, -3e38]),
    )
)
def test_layout_of_any_mask_and_bands_is_restored_exactly(array):
    layout = prepare_scene(array, nodata=-9.0, allow_void=True).layout
    read = SceneLayout.from_sections(layout.to_sections())
    assert read.to_sections() == layout.to_sections()
    assert (read.low, read.high) == (layout.low, layout.high)
    assert equal_bits(read.constants, layout.constants)


@pytest.mark.parametrize(
    ("array", "nodata", "message"),
    [
        pytest.param(np.zeros((3, 4)), None, r"3 axes \(band, y, x\). Got shape \(3, 4\)", id="two-axes"),
        pytest.param(np.zeros((2, 2, 3, 4)), None, r"3 axes .* Got shape \(2, 2, 3, 4\)", id="four-axes"),
        pytest.param(np.zeros((0, 3, 4)), None, r"1 to 65535 bands .* \(0, 3, 4\)", id="no-bands"),
        pytest.param(np.zeros((3, 0, 4)), None, r"sides of 1 to 2147483647. Got shape \(3, 0, 4\)", id="no-rows"),
        pytest.param(np.zeros((65_536, 1, 1)), None, r"Got shape \(65536, 1, 1\)", id="too-many-bands"),
        pytest.param(RAMP.astype("c8"), None, "dtype must be one of uint8, .* Got complex64", id="complex"),
        pytest.param(RAMP.astype(bool), None, "Got bool", id="bool"),
        pytest.param(RAMP.astype("U3"), None, "Got <U3", id="string"),
        pytest.param(RAMP.astype("S3"), None, r"Got \|S3", id="bytes"),
        pytest.param(RAMP.astype(object), None, "Got object", id="object"),
        pytest.param(RAMP.astype("m8[s]"), None, r"Got timedelta64\[s\]", id="timedelta"),
        pytest.param(RAMP.astype("g"), None, r"dtype must be one of .* Got float128", id="long-double"),
        pytest.param(RAMP * np.nan, None, r"at least one valid sample. All 12 are nodata \(None\)", id="all-nan"),
        pytest.param(RAMP * 0 - 9, -9, r"All 12 are nodata \(-9\) or NaN", id="all-nodata"),
        pytest.param(
            np.array([[[1, 2, 3]], [[4, np.inf, -np.inf]]]), None, "2 are infinite, .* band 1, row 0, col", id="inf"
        ),
        pytest.param(np.array([[[2**53 + 1, 0]]]), None, r"\+-2\*\*53. Got 9007199254740993", id="i8-too-large"),
        pytest.param(np.array([[[-(2**53) - 1, 0]]]), None, "Got -9007199254740993", id="i8-too-small"),
        pytest.param(np.array([[[2**64 - 1, 0]]], "u8"), None, "Got 18446744073709551615", id="u8-too-large"),
        pytest.param(np.array([[[-1.7e308, 1.7e308]]]), None, r"samples must lie within .* Got -1.7e", id="range"),
        pytest.param(RAMP.astype("u1"), 256, "nodata must be a value that uint8 can hold. Got 256", id="nodata-u1"),
        pytest.param(RAMP.astype("u1"), -1, "that uint8 can hold. Got -1", id="nodata-negative"),
        pytest.param(RAMP.astype("i2"), 0.5, "that int16 can hold. Got 0.5", id="nodata-fraction"),
        pytest.param(RAMP.astype("i2"), np.nan, "that int16 can hold. Got nan", id="nodata-nan-for-integers"),
        pytest.param(RAMP.astype("i2"), np.inf, "that int16 can hold. Got inf", id="nodata-inf-for-integers"),
        pytest.param(RAMP.astype("f4"), 1e39, r"that float32 can hold. Got 1e\+39", id="nodata-f4"),
        pytest.param(RAMP.astype("f2"), -99_999, "that float16 can hold. Got -99999", id="nodata-f2"),
        pytest.param(RAMP.astype("u8"), 2**70, "that uint64 can hold. Got 1180591620717411303424", id="nodata-2**70"),
    ],
)
def test_scene_is_refused(array, nodata, message):
    with pytest.raises(RequestError, match=message):
        prepare_scene(array, nodata=nodata)


@pytest.mark.parametrize("edge", [2**53, -(2**53)])
def test_integers_at_the_edge_of_a_float64_pass(edge):
    scene = prepare_scene(np.array([[[edge, 0]]], "i8"))
    assert edge in (scene.layout.low, scene.layout.high)


def test_nodata_beyond_a_float64_passes_in_a_uint64():
    array = np.array([[[2**64 - 1, 1, 2]]], "u8")
    assert prepare_scene(array, nodata=2**64 - 1).layout.nodata == 2**64 - 1


def test_nodata_of_a_float_type_is_rounded_as_the_samples_are():
    assert check_nodata(-9999.1, np.dtype("f4")) == np.float32(-9999.1)


HEADER = prepare_scene(np.array([[[1, 2, 3]], [[7, 7, 7]]], "u1")).layout.to_sections()
FLOATS = b"\x0a\x01\x01\x02\x00"
LONGS = FLOATS.replace(b"\x0a", b"\x07", 1)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        pytest.param({}, "no scene header", id="missing"),
        pytest.param({Section.SCENE: b""}, "truncated scene header", id="empty"),
        pytest.param({Section.SCENE: b"\x0b"}, "dtype .* a code below 11. Got 11", id="unknown-dtype"),
        pytest.param({Section.SCENE: b"\x00\x00\x01\x01"}, r"bands .* \[1, 65535\]. Got 0", id="no-bands"),
        pytest.param({Section.SCENE: b"\x00\x80\x80\x04\x01\x01"}, "bands .* Got 65536", id="too-many-bands"),
        pytest.param({Section.SCENE: b"\x00\x01\x00\x01"}, "height .* Got 0", id="no-rows"),
        pytest.param({Section.SCENE: b"\x00\x01\x80\x80\x80\x80\x08\x01"}, "height .* Got 2147483648", id="too-high"),
        pytest.param({Section.SCENE: b"\x00\x01\x01\x01\x04"}, r"flags .* \[0, 3\]. Got 4", id="unknown-flag"),
        pytest.param({Section.SCENE: b"\x00\x01\x01\x01\x01"}, "truncated scene header", id="no-nodata"),
        pytest.param({Section.SCENE: b"\x00\x01\x01\x01\x02\x03\x01"}, "kind of a band .* Got 3", id="unknown-kind"),
        pytest.param({Section.SCENE: b"\x00\x01\x01\x01\x02\x00\x02"}, "run of kind .* Got 2", id="too-many-kinds"),
        pytest.param({Section.SCENE: b"\x00\x01\x01\x01\x00\x05"}, "truncated scene header", id="no-range"),
        pytest.param(
            {Section.SCENE: b"\x00\x01\x01\x01\x00\x05\x05"}, r"not be empty .* Got \[5, 5\]", id="range-empty"
        ),
        pytest.param(
            {Section.SCENE: b"\x00\x01\x01\x01\x00\x06\x05"}, r"not be empty .* Got \[6, 5\]", id="range-reversed"
        ),
        pytest.param(
            {Section.SCENE: FLOATS + np.array([0, np.inf]).tobytes()},
            r"must not be empty and lie within .* Got \[0.0, inf\]",
            id="range-inf",
        ),
        pytest.param(
            {Section.SCENE: FLOATS + np.array([np.nan, 1]).tobytes()},
            r"must not be empty and lie within .* Got \[nan, 1.0\]",
            id="range-nan",
        ),
        pytest.param(
            {Section.SCENE: FLOATS + np.array([-1.7e308, 1.7e308]).tobytes()}, "range must", id="range-of-no-float64"
        ),
        pytest.param(
            {Section.SCENE: LONGS + np.array([0, 2**53 + 1]).tobytes()}, "range must", id="range-of-inexact-integers"
        ),
        pytest.param(HEADER | {Section.SCENE: HEADER[Section.SCENE] + b"\x00"}, "1 bytes too many", id="trailing"),
        pytest.param(HEADER | {Section.CONSTANTS: b""}, "1 constant bands cannot have 0 bytes", id="no-constants"),
        pytest.param(HEADER | {Section.CONSTANTS: b"\x07\x07"}, "cannot have 2 bytes", id="too-many-constants"),
    ],
)
def test_header_is_refused(sections, message):
    with pytest.raises(PayloadError, match=message):
        SceneLayout.from_sections(sections)


def test_reading_the_largest_header_allocates_next_to_nothing():
    layout = {Section.SCENE: b"\x00\xff\xff\x03" + b"\xff\xff\xff\xff\x07" * 2 + b"\x00\x00\x01"}
    tracemalloc.start()
    try:
        assert SceneLayout.from_sections(layout, 2**78).shape == (65_535, 2**31 - 1, 2**31 - 1)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_one_pixel_of_a_vast_scene_allocates_next_to_nothing():
    header = b"\x00\x01" + b"\x80\x80\x80\x10" * 2 + b"\x02\x01\x01"  # one constant band, 2**25 x 2**25
    payload = write_container(Model.SIREN, {Section.SCENE: header, Section.CONSTANTS: b"\x2a"})
    tracemalloc.start()
    try:
        assert decode(payload, window=((5, 6), (2**24, 2**24 + 1)), max_samples=2**50).tolist() == [[[42]]]
        window = (slice(5, 6), slice(2**24, 2**24 + 1))
        assert decode(payload, window=window, max_samples=2**50).tolist() == [[[42]]]
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("dtype", "band", "kept"),
    [
        ("u2", [4, 5, 100, 6], 6),
        ("i2", [-7, -9, -8, -8], -8),
        ("f4", [0.25, 0.5, 4.0, 0.5], 0.5),
        ("u1", [0, 255, 120, 130], 130),
    ],
)
def test_bad_band_is_kept_as_its_sample_nearest_to_its_mean(dtype, band, kept):
    layout = prepare_scene(np.array([[band], [[1, 2, 3, 4]]], dtype), bad_bands=[0]).layout
    assert layout.kinds.tolist() == [CONSTANT, FITTED]
    assert layout.constants.tolist() == [kept]


def test_bad_bands_count_neither_for_the_range_nor_for_the_peak_nor_as_samples():
    scene = prepare_scene(np.array([[[-3000, 9000]], [[10, 20]]], "i2"), bad_bands=[0])
    assert (scene.layout.low, scene.layout.high, scene.peak, scene.valid_samples) == (10, 20, 20.0, 2)


def test_what_marks_nodata_is_never_what_a_bad_band_is_kept_as():
    scene = prepare_scene(np.array([[[-1, 1, 0, 3]], [[1, 2, 3, 4]]], "i2"), nodata=0, bad_bands=[0])
    assert scene.layout.constants.tolist() == [1]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([2], r"bad_bands must name bands in \[0, 2\). Got 2"),
        ([-1], "Got -1"),
        ([0, 1], "at least one band must count. All 2 are bad"),
    ],
)
def test_bad_bands_that_are_not_there_or_all_there_are_refused(bad, message):
    with pytest.raises(RequestError, match=message):
        prepare_scene(np.ones((2, 1, 2)), bad_bands=bad)


def test_scene_whose_good_bands_have_no_valid_sample_is_refused():
    with pytest.raises(RequestError, match=r"at least one valid sample\. All 2 "):
        prepare_scene(stacked((np.nan, np.nan), (1, 2)), bad_bands=[1])

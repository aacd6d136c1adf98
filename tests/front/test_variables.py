"""Which variables hold scenes, along which dimensions, and which look like categories."""

import numpy as np
import pytest
import xarray as xr

from xr_inr.exceptions import RequestError
from xr_inr.variables import BAND_NAMES, LabelWatch, chunk_shape, find_axes, is_scene, nodata_of, refuse_labels


def variable(*dims, dtype="i2", **attrs):
    return xr.DataArray(np.zeros((3,) * len(dims), dtype), dims=dims, attrs=attrs)


AXES = {
    "bands first": (("band", "y", "x"), None, ("band", "y", "x")),
    "bands last": (("y", "x", "band"), None, ("band", "y", "x")),
    "bands in the middle": (("y", "band", "x"), None, ("band", "y", "x")),
    "time first": (("time", "band", "y", "x"), None, ("band", "y", "x")),
    "names of EMIT": (("downtrack", "crosstrack", "bands"), None, ("bands", "downtrack", "crosstrack")),
    "names in capitals": (("Wavelength", "LAT", "LON"), None, ("Wavelength", "LAT", "LON")),
    "unknown names of space": (("wl", "i", "j"), None, ("wl", "i", "j")),
    "a band dimension by name": (("depth", "y", "x"), "depth", ("depth", "y", "x")),
    "one of two band dimensions": (("channel", "band", "y", "x"), "band", ("band", "y", "x")),
}


@pytest.mark.parametrize(("dims", "band_dim", "expected"), AXES.values(), ids=AXES.keys())
def test_axes_are_found_by_name_and_order(dims, band_dim, expected):
    axes = find_axes(variable(*dims), band_dim)

    assert (axes.band, axes.y, axes.x) == expected
    assert axes.dims == dims


@pytest.mark.parametrize("name", sorted(BAND_NAMES))
def test_every_band_name_is_known(name):
    assert find_axes(variable(name, "y", "x")).band == name


NO_AXES = {
    "no band axis": (
        ("time", "y", "x"),
        None,
        r"one band axis, named .*band_dim=.* Got dimensions \('time', 'y', 'x'\)",
    ),
    "two band axes": (("band", "wavelength", "y", "x"), None, r"one band axis.* Got .*'band', 'wavelength'"),
    "a band axis that is not there": (("band", "y", "x"), "wl", r"band_dim must be a dimension .* Got 'wl'"),
    "one spatial axis": (("band", "x"), None, r"two spatial axes .* Got dimensions \('band', 'x'\)"),
    "x before y": (("band", "x", "y"), None, r"y and x must be the last two .* transpose first. Got"),
    "time last": (("band", "y", "x", "time"), None, r"y and x must be the last two .* transpose first. Got"),
}


@pytest.mark.parametrize(("dims", "band_dim", "message"), NO_AXES.values(), ids=NO_AXES.keys())
def test_variable_without_the_axes_of_a_scene_is_refused(dims, band_dim, message):
    with pytest.raises(RequestError, match=message):
        find_axes(variable(*dims), band_dim)


SCENES = {
    "integers": (variable("band", "y", "x"), True),
    "floats": (variable("band", "y", "x", dtype="f4"), True),
    "no band axis": (variable("y", "x"), False),
    "one spatial axis": (variable("band", "x"), False),
    "strings": (variable("band", "y", "x", dtype="U3"), False),
    "times": (variable("band", "y", "x", dtype="M8[ns]"), False),
    "complex numbers": (variable("band", "y", "x", dtype="c8"), False),
}


@pytest.mark.parametrize(("candidate", "expected"), SCENES.values(), ids=SCENES.keys())
def test_variables_of_a_dataset_are_scenes_by_their_axes_and_numbers(candidate, expected):
    assert is_scene(candidate) is expected


CHUNKS = {
    "scene": ("scene", (5, 7, 9)),
    "both sizes": ({"y": 4, "x": 3}, (5, 4, 3)),
    "one size": ({"x": 3}, (5, 7, 3)),
    "all of an axis": ({"y": -1, "x": 3}, (5, 7, 3)),
    "more than there is": ({"y": 100, "x": 100}, (5, 7, 9)),
    "numpy integers": ({"y": np.int64(4)}, (5, 4, 9)),
    "nothing": ({}, (5, 7, 9)),
}


@pytest.mark.parametrize(("chunks", "expected"), CHUNKS.values(), ids=CHUNKS.keys())
def test_chunks_hold_all_bands_of_a_piece_of_the_scene(chunks, expected):
    assert chunk_shape(find_axes(variable("band", "y", "x")), (5, 7, 9), chunks) == expected


def test_each_index_along_another_axis_is_a_chunk_of_its_own():
    axes = find_axes(variable("time", "y", "x", "band"))

    assert chunk_shape(axes, (4, 7, 9, 5), {"y": 3}) == (1, 3, 9, 5)


WRONG_CHUNKS = {
    "another word": ("auto", r"chunks must be 'scene' or sizes along 'y' and 'x'. Got 'auto'"),
    "the band axis": ({"band": 2}, r"chunks may name 'y' and 'x': a chunk holds all bands. Got \['band'\]"),
    "an unknown axis": ({"lat": 2}, r"chunks may name 'y' and 'x'.* Got \['lat'\]"),
    "zero": ({"y": 0}, r"positive integer or -1. Got 0 along 'y'"),
    "negative": ({"x": -2}, r"positive integer or -1. Got -2 along 'x'"),
    "half": ({"x": 2.5}, r"size along 'x' must be an integer. Got 2.5"),
    "a number alone": (16, r"chunks must be .* Got 16"),
    "None": (None, r"chunks must be .* Got None"),
    "text as a size": ({"y": "all"}, r"size along 'y' must be an integer. Got 'all'"),
    "None as a size": ({"y": None}, r"size along 'y' must be an integer. Got None"),
}


@pytest.mark.parametrize(("chunks", "message"), WRONG_CHUNKS.values(), ids=WRONG_CHUNKS.keys())
def test_wrong_chunks_are_refused_with_the_rule_and_the_value(chunks, message):
    with pytest.raises(RequestError, match=message):
        chunk_shape(find_axes(variable("band", "y", "x")), (5, 7, 9), chunks)


NODATA = {
    "none": ({}, None),
    "CF": ({"_FillValue": -9999}, -9999.0),
    "CF, older": ({"missing_value": np.array([-1.0])}, -1.0),
    "by name": ({"nodata": "-32768"}, -32768.0),
    "_FillValue before the others": ({"nodata": 1, "_FillValue": 2}, 2.0),
    "text that is no number": ({"nodata": "none"}, None),
}


@pytest.mark.parametrize(("attrs", "expected"), NODATA.values(), ids=NODATA.keys())
def test_nodata_is_what_the_attributes_say(attrs, expected):
    assert nodata_of(variable("band", "y", "x", **attrs)) == expected


# Categories

SAYS_SO = {
    "flag values": (variable("band", "y", "x", flag_values=[0, 1]), r"'classes'.*its attribute 'flag_values' says so"),
    "flag meanings": (variable("band", "y", "x", flag_meanings="a b"), r"'flag_meanings'"),
    "class names": (variable("band", "y", "x", dtype="u1", class_names="a b"), r"'class_names'"),
    "booleans": (variable("band", "y", "x", dtype=bool), r"its dtype is bool"),
}


@pytest.mark.parametrize(("labels", "message"), SAYS_SO.values(), ids=SAYS_SO.keys())
def test_variable_that_says_it_holds_categories_is_refused_with_the_reason(labels, message):
    with pytest.raises(RequestError, match=rf"(?s)seems to hold categories .*{message}|{message}.*allow_labels=True"):
        refuse_labels("classes", labels)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_floats_are_no_categories_whatever_their_attributes_say(dtype):
    refuse_labels("probability", variable("band", "y", "x", dtype=dtype, flag_values=[0, 1]))


def watch(samples, nodata=None):
    watching = LabelWatch("classes")
    for rows in np.array_split(samples, 3, axis=1):
        watching.see(rows, nodata)
    return watching


def classes(count, size=64, dtype="u1"):
    return (np.arange(size * size) % count).reshape(1, size, size).astype(dtype)


@pytest.mark.parametrize("count", [3, 17, 64])
def test_one_band_of_few_distinct_integers_is_refused_with_their_number(count):
    with pytest.raises(RequestError, match=rf"'classes' .*its one band takes only {count} distinct values"):
        watch(classes(count)).decide()


def test_nodata_is_no_category():
    samples = classes(65)
    samples[samples == 64] = 255
    with pytest.raises(RequestError, match="only 64 distinct values"):
        watch(samples, nodata=255.0).decide()


NO_CATEGORIES = {
    "many distinct values": classes(65),
    "several bands": classes(5).repeat(2, axis=0),
    "floats": classes(5, dtype="f4"),
    "too few samples to tell": classes(5, size=20),
    "a constant": classes(1),
}


@pytest.mark.parametrize("samples", NO_CATEGORIES.values(), ids=NO_CATEGORIES.keys())
def test_what_does_not_look_like_categories_passes(samples):
    watch(samples).decide()

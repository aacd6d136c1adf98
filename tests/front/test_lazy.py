"""What compress() returns: an array that decodes what is indexed and nothing else."""

import copy
import pickle

import dask
import dask.base
import numpy as np
import pytest
import xarray as xr

from xr_inr.core.decode import decode
from xr_inr.lazy import fitted_of


@pytest.fixture(scope="module")
def decoded(small):
    """All samples, decoded from the payload without xarray."""
    (chunk,) = fitted_of(small).encoded.values()
    return decode(chunk.payload)


def test_compressing_leaves_nothing_to_decode_before_it_is_indexed(small, positions):
    window = small.isel(y=slice(2, 5), x=slice(1, 3))
    repr(window)
    _ = window.shape, window.dtype, window.nbytes, window.coords

    assert not positions


SELECTIONS = {
    "a window": ({"y": slice(2, 5), "x": slice(1, 3)}, 6),
    "a band of a window": ({"band": 3, "y": slice(2, 5), "x": slice(1, 3)}, 6),
    "a pixel's spectrum": ({"y": 6, "x": 8}, 1),
    "a sample": ({"band": 0, "y": 0, "x": 0}, 1),
    "every third column, backwards": ({"band": [4, 0], "x": slice(None, None, -3)}, 21),
    "rows by number": ({"y": [6, 0, 6]}, 18),
    "the whole scene": ({}, 63),
}


@pytest.mark.parametrize(("selection", "evaluated"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_selection_evaluates_only_what_it_holds(small, decoded, positions, selection, evaluated):
    found = small.isel(selection).values

    assert sum(positions) == evaluated
    expected = xr.DataArray(decoded, dims=small.dims).isel(selection)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_selection_by_label_evaluates_only_what_it_holds(small, positions):
    small.sel(band=2, x=slice(364140, 364200), y=slice(5809900, 5809800)).values  # noqa: B018 - decodes

    assert sum(positions) == 12


def test_points_have_the_samples_of_the_scene(small, decoded):
    rows, columns = np.array([0, 6, 3, 3]), np.array([8, 8, 1, 1])
    found = small.isel(y=xr.DataArray(rows, dims="point"), x=xr.DataArray(columns, dims="point"))

    np.testing.assert_array_equal(found.transpose("band", "point"), decoded[:, rows, columns])


def test_selections_can_follow_one_another(small, decoded, positions):
    found = small.isel(y=slice(1, 6)).isel(x=[7, 2]).isel(y=-1)

    np.testing.assert_array_equal(found, decoded[:, 5, [7, 2]])
    assert sum(positions) == 2


def test_window_in_one_of_several_chunks_leaves_the_others_alone(in_chunks, positions):
    in_chunks.isel(y=slice(0, 2), x=slice(5, 7)).values  # noqa: B018 - decodes

    assert positions == [4]


def test_window_over_chunk_borders_equals_the_slice_of_the_whole(in_chunks):
    np.testing.assert_array_equal(in_chunks[:, 2:6, 3:9], in_chunks.values[:, 2:6, 3:9])


def test_samples_cannot_be_written_into_the_payload(small):
    with pytest.raises(TypeError, match="item assignment"):
        small[0, 0, 0] = 1


# Copies

COPIES = {
    "pickled": lambda small: pickle.loads(pickle.dumps(small)),  # noqa: S301 - made here
    "copied": lambda small: small.copy(),
    "copied deeply": lambda small: small.copy(deep=True),
    "copied by Python": copy.deepcopy,
}


@pytest.mark.parametrize("copy_of", COPIES.values(), ids=COPIES.keys())
def test_copy_has_the_same_samples_and_payloads(small, decoded, copy_of):
    small[0, 0, 0].load()  # after it has decoded once
    copied = copy_of(small)

    assert copied.identical(small)
    np.testing.assert_array_equal(copied, decoded)
    assert fitted_of(copied).encoded.keys() == fitted_of(small).encoded.keys()
    assert copied.inr.nbytes == small.inr.nbytes


def test_pickle_does_not_grow_when_samples_have_been_decoded(scene):
    compressed = scene.inr.compress(bpppb=64.0, device="cpu")
    before = len(pickle.dumps(compressed))
    compressed.values  # noqa: B018 - decodes

    assert len(pickle.dumps(compressed)) < before + compressed.inr.nbytes / 2


# Dask


def test_dask_reads_it_in_chunks(small, decoded):
    lazy = small.chunk({"y": 3, "x": 4})

    np.testing.assert_array_equal(lazy.compute(), decoded)
    np.testing.assert_array_equal(lazy.max("band"), decoded.max(0))


def test_dask_evaluates_only_the_chunks_it_needs(small, positions):
    with dask.config.set(scheduler="synchronous"):
        small.chunk({"y": 3, "x": 4}).isel(y=slice(0, 3), x=slice(4, 8), band=1).compute()

    assert sum(positions) == 12


def test_dask_does_not_take_two_fits_for_the_same(scene):
    first, second = (scene.inr.compress(bpppb=bpppb, device="cpu") for bpppb in (5.0, 2.0))
    both = xr.concat([first.chunk({"y": 4}), second.chunk({"y": 4})], dim="rate")

    np.testing.assert_array_equal(both.isel(rate=0), first)
    np.testing.assert_array_equal(both.isel(rate=1), second)
    assert not np.array_equal(first, second)


# Payloads stay with the whole array only

WHOLE = {
    "renamed": lambda small: small.rename("other"),
    "dimensions renamed": lambda small: small.rename(y="row", x="column"),
    "other attributes": lambda small: small.assign_attrs(title="t"),
    "other coordinates": lambda small: small.assign_coords(time=3),
    "coordinates dropped": lambda small: small.drop_vars("wavelength"),
    "selected whole": lambda small: small.isel(y=slice(None), x=slice(0, 9)),
    "in a Dataset": lambda small: small.to_dataset(name="scene")["scene"],
    "looked at": lambda small: (small.values, small)[1],
}


@pytest.mark.parametrize("change", WHOLE.values(), ids=WHOLE.keys())
def test_payloads_stay_with_the_whole_array(small, change):
    assert fitted_of(change(small)).nbytes == small.inr.nbytes


PARTS = {
    "a window": lambda small: small.isel(y=slice(1, None)),
    "a band": lambda small: small.isel(band=0),
    "backwards": lambda small: small.isel(y=slice(None, None, -1)),
    "transposed": lambda small: small.transpose("y", "x", "band"),
    "loaded": lambda small: small.copy().load(),
    "computed": lambda small: small.compute(),
    "changed": lambda small: small + 1,
    "in dask": lambda small: small.chunk(),
    "never compressed": xr.zeros_like,
}


@pytest.mark.parametrize("change", PARTS.values(), ids=PARTS.keys())
def test_anything_else_has_no_payloads(small, change):
    assert fitted_of(change(small)) is None

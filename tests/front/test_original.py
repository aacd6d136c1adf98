"""The way back to what was compressed: there as long as the original is, and never the reason that it still is."""

import copy
import gc
import pickle
import weakref

import dask.array
import numpy as np
import pytest
import xarray as xr

from xr_inr.original import Original

from .helpers import make_scene


def test_scene_is_found_with_its_coordinates_and_attributes():
    scene = make_scene(units="1")
    scene.encoding["scale_factor"] = 0.5

    xr.testing.assert_identical(Original(scene).get(), scene)
    assert Original(scene).get().encoding == scene.encoding


def test_samples_in_memory_are_not_kept_alive():
    scene = make_scene()
    way, samples = Original(scene), weakref.ref(scene.variable._data)
    del scene
    gc.collect()

    assert samples() is None
    assert way.get() is None


def test_samples_are_found_as_long_as_another_array_shares_them():
    ds = make_scene().to_dataset()
    way = Original(ds["reflectance"])
    gc.collect()

    xr.testing.assert_identical(way.get(), ds["reflectance"])


def test_scene_in_a_file_is_kept_without_its_samples(tmp_path):
    make_scene().drop_attrs().to_dataset().to_zarr(tmp_path / "plain.zarr", consolidated=False)
    with xr.open_dataset(tmp_path / "plain.zarr", engine="zarr", consolidated=False) as ds:
        way = Original(ds["reflectance"])
        loaded = ds["reflectance"].load()

        assert not way.get()._in_memory
        np.testing.assert_array_equal(way.get(), loaded)


def test_scene_in_a_file_that_has_been_looked_at_is_found_as_long_as_it_is_there(tmp_path):
    make_scene().drop_attrs().to_dataset().to_zarr(tmp_path / "plain.zarr", consolidated=False)
    ds = xr.open_dataset(tmp_path / "plain.zarr", engine="zarr", consolidated=False)
    scene = ds["reflectance"]
    scene.to_numpy()
    way = Original(scene)

    np.testing.assert_array_equal(way.get(), make_scene())
    ds.close()
    del ds, scene
    gc.collect()
    assert way.get() is None


def test_scene_behind_a_dask_graph_is_found_as_long_as_it_is_there():
    scene = make_scene().copy(data=dask.array.from_array(make_scene().to_numpy()))
    way = Original(scene)

    np.testing.assert_array_equal(way.get(), make_scene())
    del scene
    gc.collect()
    assert way.get() is None


def test_scene_that_is_given_is_kept():
    way = Original.kept(make_scene())
    gc.collect()

    np.testing.assert_array_equal(way.get(), make_scene())


def through_pickle(small):
    return pickle.loads(pickle.dumps(small))  # noqa: S301 - our own bytes


@pytest.mark.parametrize("travel", [copy.deepcopy, through_pickle])
def test_copies_of_a_compressed_scene_decode_and_know_no_original(small, travel):
    again = travel(small)

    np.testing.assert_array_equal(again, small)
    assert again.inr.report.scenes.original.get() is None


def test_compressed_scene_knows_its_original(scene, small):
    xr.testing.assert_identical(small.inr.report.scenes.original.get(), scene)


def test_neither_a_compressed_scene_nor_its_report_keeps_the_samples():
    scene = make_scene()
    samples = weakref.ref(scene.variable._data)
    small = scene.inr.compress(bpppb=16.0, device="cpu")
    report = small.inr.report
    del scene
    gc.collect()

    assert samples() is None
    assert report.scenes.original.get() is None

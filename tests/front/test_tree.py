"""Trees of groups, as EMIT delivers its scenes: what is compressed, what is kept, and where wavelengths come from."""

import numpy as np
import pytest
import xarray as xr

import xr_inr
from xr_inr import RequestError
from xr_inr.lazy import fitted_of

from .helpers import smooth

ASKED = {"bpppb": 8.0, "device": "cpu"}
formats = pytest.mark.parametrize("zarr_format", [2, 3])


def make_tree():
    """Return a scene with the groups of an EMIT granule: not orthorectified, location and lookup tables beside it."""
    rows, columns, bands = 9, 11, 6
    samples = smooth((rows, columns, bands), "f4", band_axis=2)
    samples[:2, :3] = np.nan
    longitude = np.add.outer(np.linspace(10.0, 10.1, rows), np.linspace(0.0, 0.2, columns))
    table = (("ortho_y", "ortho_x"), np.arange(168, dtype="i4").reshape(12, 14) % 10)
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(
                {"reflectance": (("downtrack", "crosstrack", "bands"), samples, {"units": "unitless"})},
                attrs={"title": "a granule", "geotransform": [10.0, 0.1, 0.0, 50.0, 0.0, -0.1]},
            ),
            "/sensor_band_parameters": xr.Dataset(
                {
                    "wavelengths": ("bands", np.linspace(380.0, 2500.0, bands), {"units": "nm"}),
                    "fwhm": ("bands", np.full(bands, 8.5), {"units": "nm"}),
                    "good_wavelengths": ("bands", np.array([1, 1, 0, 1, 1, 1], "u1")),
                }
            ),
            "/location": xr.Dataset(
                {
                    "lon": (("downtrack", "crosstrack"), longitude),
                    "glt_x": table,
                    "glt_y": table,
                }
            ),
        }
    )


@pytest.fixture
def tree():
    return make_tree()


@pytest.fixture(scope="module")
def small(small_models):  # noqa: ARG001 - in force while the scene is fitted
    return make_tree().inr.compress(**ASKED)


def test_scene_is_compressed_and_all_else_is_as_it_was(tree, small):
    assert fitted_of(small["reflectance"]) is not None
    for path in ("/location", "/sensor_band_parameters"):
        xr.testing.assert_identical(small[path].to_dataset(), tree[path].to_dataset())
    assert small.attrs == tree.attrs
    assert small["reflectance"].dims == tree["reflectance"].dims
    np.testing.assert_array_equal(np.isnan(small["reflectance"]), np.isnan(tree["reflectance"]))


def test_tree_gives_the_payload_of_its_dataset(tree, small):
    alone = tree["reflectance"].inr.compress(bad_bands=[2], **ASKED)

    assert [c.payload for c in fitted_of(small["reflectance"]).encoded.values()] == [
        c.payload for c in fitted_of(alone).encoded.values()
    ]


def test_original_is_left_as_it_was(tree):
    tree.inr.compress(**ASKED)

    xr.testing.assert_identical(tree, make_tree())


def test_wavelengths_come_from_the_group_beside(tree, small):
    scene = small["reflectance"]

    np.testing.assert_array_equal(scene["wavelength"], tree["sensor_band_parameters/wavelengths"])
    np.testing.assert_array_equal(scene["good_bands"], tree["sensor_band_parameters/good_wavelengths"])
    np.testing.assert_array_equal(scene["fwhm"], tree["sensor_band_parameters/fwhm"])
    assert small.inr.report["reflectance"].band_axis.label == "wavelength (nm)"


def test_bands_that_the_group_beside_calls_bad_are_not_fitted_unless_asked_for(tree, small):
    assert small.inr.report["reflectance"].bad_bands == (2,)
    assert tree.inr.compress(bad_bands=[], **ASKED).inr.report["reflectance"].bad_bands == ()


def test_wavelengths_of_the_scene_itself_come_first(tree):
    own = np.arange(6.0)
    tree["/"].dataset = tree.to_dataset().assign_coords(wavelength=("bands", own))

    np.testing.assert_array_equal(tree.inr.compress(**ASKED)["reflectance"]["wavelength"], own)


def test_wavelengths_of_another_number_of_bands_are_left_where_they_are():
    tree = make_tree()
    other = tree["sensor_band_parameters"].to_dataset().isel(bands=slice(4)).rename(bands="b")
    tree["sensor_band_parameters"] = xr.DataTree(other)

    assert "wavelength" not in tree.inr.compress(**ASKED)["reflectance"].coords


@formats
@pytest.mark.parametrize("name", ["granule.zarr", "granule.zarr.zip"])
def test_tree_is_written_and_opened_by_plain_xarray(small, fits, tmp_path, zarr_format, name):
    small.inr.to_zarr(tmp_path / name, zarr_format=zarr_format)
    store = tmp_path / name
    if name.endswith("zip"):
        from zarr.storage import ZipStore

        store = ZipStore(store, mode="r")
    opened = xr.open_datatree(store, engine="zarr")

    xr.testing.assert_equal(opened.load(), small.copy().load())
    assert opened["location/glt_x"].dtype == "int32"
    assert opened.inr.report["reflectance"].psnr == small.inr.report["reflectance"].psnr
    assert opened.inr.nbytes == small.inr.nbytes
    assert not fits


def test_opened_tree_is_written_by_copying(small, fits, tmp_path):
    small.inr.to_zarr(tmp_path / "granule.zarr")
    xr.open_datatree(tmp_path / "granule.zarr", engine="zarr").inr.to_zarr(tmp_path / "again.zarr")
    payload = (tmp_path / "again.zarr/reflectance/c/0/0/0").read_bytes()

    assert payload == (tmp_path / "granule.zarr/reflectance/c/0/0/0").read_bytes()
    assert not fits


def test_scenes_in_several_groups_are_compressed(tree, tmp_path):
    scene = tree["reflectance"].to_dataset(name="radiance")
    tree["detector/swir"] = xr.DataTree(scene)
    small = tree.inr.compress(**ASKED)
    small.inr.to_zarr(tmp_path / "granule.zarr")
    opened = xr.open_datatree(tmp_path / "granule.zarr", engine="zarr")

    assert set(small.inr.report) == set(opened.inr.report) == {"reflectance", "detector/swir/radiance"}
    assert small["detector/swir/radiance"]["wavelength"].attrs["units"] == "nm"
    np.testing.assert_array_equal(opened["detector/swir/radiance"], small["detector/swir/radiance"])


def test_only_the_named_scenes_are_compressed(tree):
    tree["swir"] = xr.DataTree(tree["reflectance"].to_dataset(name="radiance"))

    assert set(tree.inr.compress(variables=["swir/radiance"], **ASKED).inr.report) == {"swir/radiance"}


@formats
def test_encoding_makes_the_trees_own_to_zarr_fit_and_store(tree, small, tmp_path, zarr_format):
    encoding = tree.inr.encoding(zarr_format=zarr_format, **ASKED)
    tree.to_zarr(tmp_path / "granule.zarr", encoding=encoding, zarr_format=zarr_format, consolidated=False)
    opened = xr.open_datatree(tmp_path / "granule.zarr", engine="zarr", consolidated=False)

    assert {path: list(found) for path, found in encoding.items()} == {"/": ["reflectance"]}
    np.testing.assert_array_equal(opened["reflectance"], small["reflectance"])


BAD = {
    "an unknown variable": ({"variables": ["elevation"]}, r"variables must name data variables of \['reflectance',"),
    "no target": ({"bpppb": None}, "exactly one"),
    "an unknown chunk": ({"chunks": {"time": 3}}, "chunks may name 'downtrack' and 'crosstrack'"),
}


@pytest.mark.parametrize(("request_", "message"), BAD.values(), ids=BAD.keys())
def test_bad_request_is_refused_before_any_fit(tree, fits, request_, message):
    with pytest.raises(RequestError, match=message):
        tree.inr.compress(**ASKED | request_)
    with pytest.raises(RequestError, match=message):
        tree.inr.encoding(**ASKED | request_)
    assert not fits


def test_bad_scene_in_a_later_group_is_found_before_the_first_fit(tree, fits):
    scene = tree["reflectance"].to_dataset(name="radiance")
    tree["swir"] = xr.DataTree(scene.where(scene["radiance"] < -9, np.inf))
    with pytest.raises(RequestError, match="infinite"):
        tree.inr.compress(**ASKED)
    assert not fits


def test_tree_without_a_scene_is_refused(tree):
    with pytest.raises(RequestError, match="a DataTree must have a variable with a band axis and two spatial axes"):
        tree["location"].inr.compress(**ASKED)
    with pytest.raises(RequestError, match="no variable has a report"):
        _ = tree.inr.report


def test_tree_that_was_not_compressed_is_not_written(tree, tmp_path):
    with pytest.raises(RequestError, match=r"only what compress\(\) returned"):
        tree.inr.to_zarr(tmp_path / "granule.zarr")
    assert not list(tmp_path.iterdir())


def test_function_for_datasets_names_the_accessor(tree):
    with pytest.raises(RequestError, match=r"a DataTree is compressed by its accessor, tree.inr"):
        xr_inr.compress(tree, **ASKED)

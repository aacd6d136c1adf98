"""What was opened from a store and is written again: payloads are copied, and nothing is fitted a second time."""

import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import MemoryStore

from xr_inr import RequestError
from xr_inr.codecs.provenance import Provenance
from xr_inr.exceptions import PayloadError

from .helpers import make_scene

formats = pytest.mark.parametrize("zarr_format", [2, 3])
forms = pytest.mark.parametrize(
    "form", [(2, None), (2, {}), (3, None), (3, {})], ids=["2, lazy", "2, dask", "3, lazy", "3, dask"]
)
readings = pytest.mark.parametrize("chunks", [None, {}], ids=["lazy", "dask"])
SECOND = r"Fitting them again would lose quality a second time. ds.drop_encoding\(\)"
WHOLE = r"only what compress\(\) returned, or a store of it holds, can be written, whole"


def payloads(store, name="reflectance"):
    """The payloads of an array of a store, by the index of their chunk."""
    array = zarr.open_array(f"{store}/{name}", mode="r")
    separator = "/" if array.metadata.zarr_format == 3 else "."
    start = "c/" if array.metadata.zarr_format == 3 else ""
    counts = [-(-size // step) for size, step in zip(array.shape, array.chunks, strict=True)]
    keys = {index: start + separator.join(map(str, index)) for index in np.ndindex(*counts)}
    return {index: (store / name / key).read_bytes() for index, key in keys.items()}


def plainly(ds, target, zarr_format=3, **options):
    """Write with xarray's own call."""
    ds.to_zarr(target, zarr_format=zarr_format, consolidated=False, **options)


@pytest.fixture(scope="module")
def masked(small_models):  # noqa: ARG001 - in force while the scene is fitted
    """A compressed scene with nodata and a scale, in 2 x 3 chunks of which those at the edges are cut short."""
    scene = make_scene(_FillValue=np.int16(-9999), scale_factor=0.5, add_offset=10.0)
    scene[:, :4, :4] = -9999
    return scene.inr.compress(bpppb=32.0, chunks={"y": 4, "x": 4}, device="cpu")


@pytest.fixture(scope="module")
def whole(small, masked):
    """A Dataset of two scenes, one of them in one chunk, and a variable that is none."""
    return xr.Dataset(
        {"reflectance": small, "radiance": masked, "elevation": small.mean("band").drop_vars("spatial_ref")}
    )


@pytest.fixture
def stores(whole, tmp_path):
    """A function that returns a store of the Dataset in a format."""

    def make(zarr_format):
        whole.inr.to_zarr(tmp_path / f"{zarr_format}.zarr", zarr_format=zarr_format)
        return tmp_path / f"{zarr_format}.zarr"

    return make


# Copies


@forms
@pytest.mark.parametrize(("target", "unpacked"), [(2, True), (3, False)], ids=["unpacked to 2", "as stored to 3"])
def test_opened_dataset_is_written_by_copying_its_payloads(stores, tmp_path, form, target, unpacked):
    zarr_format, chunks = form
    source = stores(zarr_format)
    opened = xr.open_zarr(source, chunks=chunks, mask_and_scale=unpacked)
    opened.inr.to_zarr(tmp_path / "again.zarr", zarr_format=target)
    again = xr.open_zarr(tmp_path / "again.zarr")

    for name in ("reflectance", "radiance"):
        assert payloads(tmp_path / "again.zarr", name) == payloads(source, name)
    xr.testing.assert_identical(again.load(), xr.open_zarr(source).load())
    assert again.inr.report["radiance"].psnr == opened.inr.report["radiance"].psnr


@forms
def test_plain_to_zarr_of_an_opened_dataset_copies_the_payloads(stores, fits, tmp_path, form):
    zarr_format, chunks = form
    source = stores(zarr_format)
    plainly(xr.open_zarr(source, chunks=chunks)[["reflectance"]], tmp_path / "again.zarr", zarr_format)

    assert payloads(tmp_path / "again.zarr") == payloads(source)
    assert not fits


@readings
@pytest.mark.parametrize("change", [lambda ds: ds.load(), lambda ds: ds.copy(deep=True)], ids=["loaded", "copied"])
def test_plain_to_zarr_copies_payloads_of_what_is_in_memory_unchanged(stores, fits, tmp_path, chunks, change):
    source = stores(3)
    plainly(change(xr.open_zarr(source, chunks=chunks)), tmp_path / "again.zarr")

    assert payloads(tmp_path / "again.zarr", "radiance") == payloads(source, "radiance")
    assert not fits


def test_subset_of_the_variables_is_copied(stores, fits, tmp_path):
    xr.open_zarr(stores(3))[["radiance", "elevation"]].inr.to_zarr(tmp_path / "again.zarr")

    assert set(xr.open_zarr(tmp_path / "again.zarr").data_vars) == {"radiance", "elevation"}
    assert not fits


def test_opened_and_fresh_scenes_are_written_side_by_side(stores, small, fits, tmp_path):
    opened = xr.open_zarr(stores(3))[["radiance"]]
    opened.assign(fresh=small.drop_attrs()).inr.to_zarr(tmp_path / "again.zarr")

    assert set(xr.open_zarr(tmp_path / "again.zarr").inr.report) == {"radiance", "fresh"}
    assert not fits


def test_store_is_replaced_by_a_copy_of_what_was_opened_from_it(stores):
    source = stores(3)
    before = payloads(source)
    xr.open_zarr(source)[["reflectance"]].inr.to_zarr(source, mode="w")

    assert payloads(source) == before
    assert set(xr.open_zarr(source).data_vars) == {"reflectance"}


def test_store_in_memory_is_not_replaced_by_itself(small):
    store = MemoryStore()
    small.inr.to_zarr(store)
    with pytest.raises(RequestError, match="a store in place cannot be written from itself"):
        xr.open_zarr(store).inr.to_zarr(store, mode="w")

    np.testing.assert_array_equal(xr.open_zarr(store)["reflectance"], small)


def test_damaged_payload_is_not_copied(stores, tmp_path):
    source = stores(3)
    file = source / "reflectance/c/0/0/0"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(PayloadError, match=r"chunk \(0, 0, 0\) of .*reflectance cannot be copied"):
        xr.open_zarr(source).inr.to_zarr(tmp_path / "again.zarr")

    assert not (tmp_path / "again.zarr").exists()


def test_chunk_that_is_left_out_as_fill_stays_so(tmp_path, fits):
    scene = make_scene(shape=(5, 8, 8)).drop_attrs()
    scene[:, :4, :4] = 0
    encoding = scene.inr.encoding(bpppb=24.0, chunks={"y": 4, "x": 4}, device="cpu")
    plainly(scene, tmp_path / "scene.zarr", encoding=encoding)
    fitted = len(fits)
    opened = xr.open_zarr(tmp_path / "scene.zarr", consolidated=False)
    opened.inr.to_zarr(tmp_path / "again.zarr")

    assert not (tmp_path / "scene.zarr/reflectance/c/0/0/0").exists()
    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "again.zarr")["reflectance"], opened["reflectance"])
    assert len(fits) == fitted


# What is not a copy

CHANGES = {
    "a selection": lambda ds: ds.isel(y=slice(1, 6)),
    "a selection of bands": lambda ds: ds.isel(band=[0, 2]),
    "changed in place": lambda ds: ds.load().map(lambda da: xr.where(da.x > 364200, 1, da, keep_attrs=True)),
    "other samples": lambda ds: ds.copy(data={"reflectance": ds["reflectance"].values[:, ::-1]}),
}


def changed(ds, change):
    """What a change makes of the opened scene, with the encoding that many changes keep."""
    found = change(ds)
    found["reflectance"].encoding = ds["reflectance"].encoding
    return found


@forms
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_plain_to_zarr_never_fits_to_decoded_samples(stores, fits, tmp_path, form, change):
    zarr_format, chunks = form
    opened = xr.open_zarr(stores(zarr_format), chunks=chunks)[["reflectance"]]
    with pytest.raises(ValueError, match=rf"{SECOND}|chunks"):  # xarray's own, where dask's do not fit
        plainly(changed(opened, change), tmp_path / "again.zarr", zarr_format)

    assert not fits


@forms
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_dropped_encoding_stores_the_decoded_samples_as_they_are(stores, tmp_path, form, change):
    zarr_format, chunks = form
    opened = xr.open_zarr(stores(zarr_format), chunks=chunks)[["reflectance"]]
    part = changed(opened, change).drop_encoding()
    plainly(part, tmp_path / "again.zarr", zarr_format)

    np.testing.assert_array_equal(
        xr.open_zarr(tmp_path / "again.zarr", consolidated=False).reflectance, part.reflectance
    )


@formats
def test_arithmetic_drops_the_codec(stores, fits, tmp_path, zarr_format):
    doubled = xr.open_zarr(stores(zarr_format))["reflectance"] * 2
    plainly(doubled, tmp_path / "again.zarr", zarr_format)

    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "again.zarr", consolidated=False).reflectance, doubled)
    assert not fits


@readings
@pytest.mark.parametrize(
    "change",
    [CHANGES["a selection"], CHANGES["other samples"], lambda ds: ds.drop_encoding(), lambda ds: ds + 1],
    ids=["a selection", "other samples", "without its encoding", "changed"],
)
def test_accessor_refuses_to_copy_what_is_not_whole(stores, fits, tmp_path, chunks, change):
    opened = xr.open_zarr(stores(3), chunks=chunks)[["reflectance"]]
    with pytest.raises(RequestError, match=WHOLE):
        change(opened).inr.to_zarr(tmp_path / "again.zarr")

    assert not fits
    assert not (tmp_path / "again.zarr").exists()


def test_compressing_what_was_opened_fits_it_on_purpose(stores, fits, tmp_path):
    opened = xr.open_zarr(stores(3), mask_and_scale=False)[["reflectance"]].isel(y=slice(1, 6))
    opened.inr.compress(bpppb=24.0, device="cpu").inr.to_zarr(tmp_path / "again.zarr")

    assert len(fits) == 1


def test_encoding_asked_for_fits_what_was_opened_on_purpose(stores, fits, tmp_path):
    opened = xr.open_zarr(stores(3))[["reflectance"]]
    plainly(opened, tmp_path / "again.zarr", encoding=opened.inr.encoding(bpppb=24.0, device="cpu"))

    assert len(fits) == 1


# Appending and regions


@pytest.fixture
def series(tmp_path):
    """A store with scenes of two times, and the scene of a third."""
    scenes = xr.concat([make_scene(seed=seed).drop_attrs() for seed in range(3)], "time").assign_coords(time=[0, 1, 2])
    first = scenes.isel(time=[0, 1])
    plainly(first, tmp_path / "series.zarr", encoding=first.inr.encoding(bpppb=24.0, device="cpu"))
    return tmp_path / "series.zarr", scenes.isel(time=[2])


def test_scene_of_another_time_is_appended(series, fits):
    store, third = series
    before = payloads(store)
    plainly(third, store, append_dim="time", mode="a")
    after = payloads(store)

    assert {index: after[index] for index in before} == before
    assert len(after) == 3
    assert len(fits) == 1


def test_rows_are_appended_by_whole_chunks(tmp_path, fits):
    scene = make_scene(shape=(5, 8, 8)).drop_attrs()
    encoding = scene.inr.encoding(bpppb=24.0, chunks={"y": 4, "x": 8}, device="cpu")
    plainly(scene, tmp_path / "scene.zarr", encoding=encoding)
    plainly(scene[:, :3].assign_coords(y=scene.y[:3] - 240), tmp_path / "scene.zarr", append_dim="y", mode="a")

    assert xr.open_zarr(tmp_path / "scene.zarr", consolidated=False)["reflectance"].shape == (5, 11, 8)
    assert len(fits) == 3


def test_rows_that_would_fill_up_a_chunk_are_refused_before_any_work(tmp_path, fits):
    scene = make_scene(shape=(5, 7, 8)).drop_attrs()
    encoding = scene.inr.encoding(bpppb=24.0, chunks={"y": 4, "x": 8}, device="cpu")
    plainly(scene, tmp_path / "scene.zarr", encoding=encoding)
    fitted = len(fits)
    with pytest.raises(RequestError, match=r"grow by whole chunks: its last one along axis 1 holds 3 of 4"):
        plainly(scene, tmp_path / "scene.zarr", append_dim="y", mode="a")

    assert zarr.open_array(tmp_path / "scene.zarr/reflectance", mode="r").shape == scene.shape
    assert len(fits) == fitted


@formats
def test_regions_of_whole_chunks_are_fitted_one_by_one(tmp_path, fits, zarr_format):
    scene = make_scene(shape=(5, 8, 8)).drop_attrs().drop_vars("spatial_ref")
    lazy = scene.chunk(y=4)
    encoding = scene.inr.encoding(bpppb=24.0, chunks={"y": 4, "x": 8}, device="cpu", zarr_format=zarr_format)
    plainly(lazy, tmp_path / "scene.zarr", zarr_format, encoding=encoding, compute=False)
    for rows in (slice(0, 4), slice(4, 8)):
        part = scene.to_dataset().isel(y=rows).drop_vars(["band", "x", "wavelength"])
        plainly(part, tmp_path / "scene.zarr", zarr_format, region={"y": rows})

    assert len(payloads(tmp_path / "scene.zarr")) == len(fits) == 2


@formats
def test_region_that_is_a_part_of_a_stored_chunk_is_refused_before_any_fit(stores, fits, zarr_format):
    store = stores(zarr_format)
    before = payloads(store)
    part = (
        make_scene().drop_attrs().to_dataset().isel(y=slice(0, 3)).drop_vars(["band", "x", "wavelength", "spatial_ref"])
    )
    with pytest.raises(RequestError, match="a part of a chunk"):
        plainly(part, store, zarr_format, region={"y": slice(0, 3)})

    assert payloads(store) == before
    assert not fits


# What is remembered


def test_codec_that_was_not_read_from_a_store_is_told_nothing():
    known = Provenance()
    known.reading(None)
    known.decoded(None, b"payload", np.zeros((2, 3, 4)), 0)

    assert known.payload_of(None, np.zeros((2, 3, 4)), 0) is None


def test_codec_that_has_encoded_first_may_go_on():
    known, scene = Provenance(), np.ones((2, 3, 4))

    assert known.payload_of("a", scene, 0) is None
    known.reading("a")
    assert known.payload_of("a", scene + 1, 0) is None


def test_few_payloads_are_remembered(monkeypatch):
    monkeypatch.setattr("xr_inr.codecs.provenance._MOST_BYTES", 100)
    known = Provenance()
    for value in range(5):
        known.decoded("a", bytes(40), np.full((1, 1, 1), value), -1)

    assert len(known._payloads) == 2
    assert known._bytes == 80


def test_few_codecs_are_remembered(monkeypatch):
    monkeypatch.setattr("xr_inr.codecs.provenance._MOST_ORIGINS", 3)
    known = Provenance()
    for name in "abcde":
        known.reading(name)

    assert list(known._histories) == ["c", "d", "e"]


def test_dask_array_of_several_stores_is_copied_chunk_by_chunk(stores, fits, tmp_path):
    opened = xr.open_zarr(stores(3))["reflectance"].drop_vars(["y", "spatial_ref"])
    twice = xr.concat([opened, opened], "y")
    twice.encoding = opened.encoding
    plainly(twice, tmp_path / "twice.zarr")

    assert isinstance(twice.data, dask.array.Array)
    assert len(set(payloads(tmp_path / "twice.zarr").values())) == 1
    assert not fits

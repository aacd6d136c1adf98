"""``.inr`` on DataArray and Dataset, and the functions behind it."""

import json
import subprocess
import sys

import dask.array
import numpy as np
import pytest
import torch
import xarray as xr

import xr_inr
from xr_inr.core.decode import decode
from xr_inr.exceptions import BudgetError, DependencyError, RequestError
from xr_inr.lazy import fitted_of

from .helpers import make_scene, smooth

ASKED = {"bpppb": 5.0, "device": "cpu"}


@pytest.fixture(scope="module")
def ds(scene):
    """A Dataset with a scene and what may lie beside it."""
    return xr.Dataset(
        {
            "reflectance": scene,
            "elevation": (("y", "x"), smooth((1, 7, 9), "f4")[0], {"units": "m"}),
            "good": ("band", np.array([1, 1, 0, 1, 1], "i1"), {"flag_values": [0, 1]}),
            "acquired": ((), np.datetime64("2023-07-01", "ns")),
        },
        coords={"quality": (("y", "x"), np.zeros((7, 9), "u1"))},
        attrs={"title": "a Dataset"},
    )


def payloads(compressed):
    return {index: chunk.payload for index, chunk in fitted_of(compressed).encoded.items()}


# What comes back


def test_dataarray_comes_back_with_its_form(scene, small):
    assert isinstance(small, xr.DataArray)
    xr.testing.assert_identical(xr.zeros_like(small), xr.zeros_like(scene))


def test_samples_are_those_of_the_payload(small):
    (payload,) = payloads(small).values()

    np.testing.assert_array_equal(small, decode(payload))


def test_original_is_left_as_it_was(scene):
    before = scene.copy(deep=True)
    scene.inr.compress(**ASKED)

    xr.testing.assert_identical(scene, before)
    assert scene.encoding == before.encoding


def test_dataset_keeps_all_but_the_samples_of_its_scenes(ds):
    compressed = ds.inr.compress(**ASKED)

    assert list(compressed.data_vars) == list(ds.data_vars)
    xr.testing.assert_identical(xr.zeros_like(compressed["reflectance"]), xr.zeros_like(ds["reflectance"]))
    xr.testing.assert_identical(compressed.drop_vars("reflectance"), ds.drop_vars("reflectance"))
    assert list(compressed.inr.report) == ["reflectance"]


def test_dataset_compresses_every_scene(scene):
    pair = xr.Dataset({"first": scene, "second": scene.astype("f4")})
    compressed = pair.inr.compress(**ASKED)

    assert list(compressed.inr.report) == ["first", "second"]
    assert compressed.inr.nbytes == sum(report.payload_bytes for report in compressed.inr.report.values())


def test_dataset_compresses_only_the_named_scenes(scene):
    pair = xr.Dataset({"first": scene, "second": scene + 1})
    compressed = pair.inr.compress(variables=["second"], **ASKED)

    assert list(compressed.inr.report) == ["second"]
    xr.testing.assert_identical(compressed["first"], pair["first"])


def test_dataset_and_dataarray_give_the_same_payloads(ds, small):
    assert payloads(ds.inr.compress(**ASKED)["reflectance"]) == payloads(small)


def test_scene_without_a_name_keeps_none():
    compressed = make_scene(name=None).inr.compress(**ASKED)

    assert compressed.name is None
    assert compressed.inr.report.name == "scene"


def test_crs_is_still_found_under_a_grid_mapping_of_another_name(scene):
    mapped = scene.drop_attrs(deep=False).rename(spatial_ref="crs")
    mapped.encoding["grid_mapping"] = "crs"

    assert mapped.rio.crs.to_epsg() == 32633
    assert mapped.inr.compress(**ASKED).rio.crs == mapped.rio.crs


ORDERS = {
    "bands last": ("y", "x", "band"),
    "bands in the middle": ("y", "band", "x"),
}


@pytest.mark.parametrize("dims", ORDERS.values(), ids=ORDERS.keys())
def test_order_of_dimensions_does_not_change_the_payload(scene, small, dims):
    compressed = scene.transpose(*dims).inr.compress(**ASKED)

    assert compressed.dims == dims
    assert list(payloads(compressed).values()) == list(payloads(small).values())
    np.testing.assert_array_equal(compressed.transpose("band", "y", "x"), small)


def test_each_time_is_a_scene_of_its_own(scene, small):
    series = xr.concat([scene, scene + 3], dim="time").assign_coords(time=[2020, 2021])
    compressed = series.inr.compress(**ASKED)

    assert compressed.dims == ("time", "band", "y", "x")
    assert list(payloads(compressed)) == [(0, 0, 0, 0), (1, 0, 0, 0)]
    np.testing.assert_array_equal(compressed.sel(time=2020), small)


def test_band_dimension_of_another_name_can_be_given(scene, small):
    renamed = scene.rename(band="layer")
    with pytest.raises(RequestError, match="one band axis"):
        renamed.inr.compress(**ASKED)

    assert payloads(renamed.inr.compress(band_dim="layer", **ASKED)) == payloads(small)


@pytest.mark.parametrize("shape", [(1, 7, 9), (5, 1, 9), (5, 7, 1), (1, 40, 1)], ids=str)
def test_scene_of_one_band_row_or_column_comes_back(shape):
    scene = make_scene(shape, "f4")

    assert scene.inr.compress(bpppb=64.0, device="cpu").load().shape == shape


def test_scene_of_one_pixel_comes_back_exactly():
    scene = make_scene((1, 1, 1), "f4")

    np.testing.assert_array_equal(scene.inr.compress(bpppb=1000.0, device="cpu"), scene)


def test_nodata_and_nan_come_back_exactly():
    scene = make_scene(dtype="f4", _FillValue=-9999.0)
    scene[:, :2] = -9999.0
    scene[1, 4, 3:6] = np.nan
    found = scene.inr.compress(bpppb=32.0, device="cpu").values

    np.testing.assert_array_equal(found == -9999.0, scene == -9999.0)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(scene))


def test_nodata_can_be_given_where_the_attributes_do_not_say():
    scene = make_scene()
    scene[:, :2] = 0
    found = scene.inr.compress(nodata=0, **ASKED)

    np.testing.assert_array_equal(found == 0, scene == 0)


# Inputs and chunks


def test_numpy_dask_and_files_give_the_same_payloads(scene, small, tmp_path):
    scene.drop_vars("spatial_ref").drop_attrs().to_netcdf(tmp_path / "scene.nc", engine="scipy")
    in_dask = scene.chunk({"band": 2, "y": 3, "x": 4})

    assert payloads(in_dask.inr.compress(**ASKED)) == payloads(small)
    with xr.open_dataset(tmp_path / "scene.nc", engine="scipy") as opened:
        assert payloads(opened["reflectance"].inr.compress(**ASKED)) == payloads(small)


def test_same_seed_gives_the_same_payload_and_another_seed_another(scene, small):
    assert payloads(scene.inr.compress(seed=0, **ASKED)) == payloads(small)
    assert payloads(scene.inr.compress(seed=1, **ASKED)) != payloads(small)


def test_each_chunk_is_fitted_and_read_by_itself(scene, in_chunks):
    assert list(payloads(in_chunks)) == [(0, row, column) for row in range(2) for column in range(3)]
    for (_, row, column), payload in payloads(in_chunks).items():
        rows, columns = slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4)
        assert decode(payload).shape == scene[:, rows, columns].shape
        np.testing.assert_array_equal(in_chunks[:, rows, columns], decode(payload))


def test_chunk_that_does_not_reach_the_quality_is_named(scene, monkeypatch):
    from xr_inr.core import rate

    monkeypatch.setattr(rate, "fit_latents", lambda aims, *_, **__: [BudgetError("not reached")] * len(aims))
    with pytest.raises(BudgetError, match=r"variable 'reflectance', chunk \(0, 0, 0\): not reached"):
        scene.inr.compress(psnr=40.0, chunks={"y": 4, "x": 4}, device="cpu")


def test_masked_array_is_refused_rather_than_fitted_without_its_mask(fits):
    masked = np.ma.masked_equal(smooth((5, 7, 9)), 70)
    with pytest.raises(RequestError, match=r"array.filled\(value\), with nodata=value. Got \d+ masked"):
        xr_inr.encode(masked, bpppb=16.0, device="cpu")
    with pytest.raises(xr_inr.BatchError, match=r"array 1: a masked array must be given"):
        xr_inr.encode_many([masked.data, masked], bpppb=16.0, device="cpu")
    assert not fits


def test_masked_array_without_masked_samples_is_an_array_like_any_other():
    samples = smooth((5, 7, 9))
    payload = xr_inr.encode(np.ma.masked_equal(samples, -1), bpppb=16.0, device="cpu")

    assert payload == xr_inr.encode(samples, bpppb=16.0, device="cpu")


class TestEncodingSeveralArrays:
    ARRAYS = (smooth((5, 7, 9)), smooth((3, 7, 9)), np.full((2, 4, 4), 7, "i2"))

    def test_every_array_comes_back_from_its_payload(self):
        payloads = xr_inr.encode_many(self.ARRAYS, bpppb=16.0, device="cpu")
        assert [xr_inr.decode(payload).shape for payload in payloads] == [array.shape for array in self.ARRAYS]
        assert all(len(payload) <= 2 * array.size for payload, array in zip(payloads, self.ARRAYS, strict=True))

    def test_payload_is_that_of_the_array_alone(self):
        first, *_ = xr_inr.encode_many(self.ARRAYS, bpppb=16.0, device="cpu")
        alone = xr_inr.encode(self.ARRAYS[0], bpppb=16.0, device="cpu")
        assert len(first) == pytest.approx(len(alone), rel=0.03)

    def test_array_without_a_valid_sample_is_stored_as_such(self):
        void, _ = xr_inr.encode_many(
            [np.full((2, 4, 4), -1, "i2"), self.ARRAYS[0]], nodata=-1, bpppb=16.0, device="cpu"
        )
        assert (xr_inr.decode(void) == -1).all()

    def test_array_that_is_too_small_for_its_budget_is_named(self):
        with pytest.raises(xr_inr.BatchError, match=r"array 2: a budget of 0 bytes"):
            xr_inr.encode_many(self.ARRAYS, bpppb=0.2, device="cpu")


def test_target_holds_for_each_chunk(in_chunks):
    for payload in payloads(in_chunks).values():
        assert len(payload) * 8 <= 24.0 * decode(payload).size


@pytest.mark.parametrize(
    ("model", "at_once", "expected"),
    [
        (model, at_once, expected)
        for model in ("siren", "latent")
        for at_once, expected in ((1, [5, 6, 7, 8]), (160, [6, 8]), (2**24, [8]))
    ],
)
def test_chunks_are_loaded_batch_by_batch(monkeypatch, model, at_once, expected):
    """As many as a fit takes at once."""
    loaded = []
    monkeypatch.setattr("xr_inr.variable_fit._SAMPLES_AT_ONCE", at_once)

    def load(block_info):
        loaded.append(block_info[None]["array-location"][1:])
        return smooth((5, 4, 4))

    lazy = dask.array.map_blocks(load, chunks=((5,), (4, 4), (4, 4)), dtype="i2", meta=np.zeros((0, 0, 0), "i2"))
    largest = []
    scene = xr.DataArray(lazy, dims=("band", "y", "x"))
    scene.inr.compress(
        chunks={"y": 4, "x": 4}, bpppb=24.0, model=model, device="cpu", progress=lambda _: largest.append(len(loaded))
    )

    # four are looked through; then those of each batch that is fitted
    assert sorted(set(largest)) == expected


def test_chunk_of_nothing_but_nodata_is_restored():
    scene = make_scene(_FillValue=-1)
    scene[:, :4, :4] = -1
    found = scene.inr.compress(chunks={"y": 4, "x": 4}, bpppb=24.0, device="cpu")

    np.testing.assert_array_equal(found == -1, scene == -1)


@pytest.mark.parametrize(("model", "psnr"), [("latent", 25.0), ("siren", 8.0)])
def test_psnr_can_be_the_target(scene, model, psnr):
    assert scene.inr.compress(psnr=psnr, model=model, device="cpu").inr.report.psnr >= psnr


def test_siren_can_be_asked_for(scene):
    compressed = scene.inr.compress(bpppb=16.0, model="siren", weight_bits=6, device="cpu")

    assert compressed.inr.report.request == {"bpppb": 16.0, "model": "siren", "weight_bits": 6}
    assert " x " in compressed.inr.report.networks[0]


# Fitted once


def test_reading_reporting_and_writing_do_not_fit_again(scene, fits, tmp_path):
    compressed = scene.inr.compress(**ASKED)
    compressed.values  # noqa: B018 - decodes
    _ = compressed.inr.report, compressed.inr.nbytes
    compressed.inr.to_zarr(tmp_path / "three.zarr")
    compressed.inr.to_zarr(tmp_path / "two.zarr", zarr_format=2)

    assert len(fits) == 1


def test_each_chunk_is_fitted_once(scene, fits):
    scene.inr.compress(chunks={"y": 4}, bpppb=24.0, device="cpu")

    assert len(fits) == 2


# Categories

LABELS = {
    "attributes say so": (
        make_scene(flag_values=[1, 2], flag_meanings="water land"),
        r"'reflectance' seems to hold categories \(its attribute 'flag_values' says so\)",
    ),
    "booleans": (make_scene() > 50, r"seems to hold categories \(its dtype is bool\)"),
    "few values in one band": (
        make_scene((1, 40, 40)) // 20,
        r"seems to hold categories \(its one band takes only \d+ distinct values\)",
    ),
}


@pytest.mark.parametrize(("labels", "message"), LABELS.values(), ids=LABELS.keys())
def test_categories_are_refused_with_the_reason_before_any_fit(labels, message, fits):
    with pytest.raises(RequestError, match=message):
        labels.inr.compress(**ASKED)
    with pytest.raises(RequestError, match=message):
        labels.to_dataset(name="reflectance").inr.compress(**ASKED)
    assert not fits


@pytest.mark.parametrize("name", ["attributes say so", "few values in one band"])
def test_categories_are_compressed_when_the_caller_insists(name):
    labels, _ = LABELS[name]

    assert labels.inr.compress(allow_labels=True, bpppb=16.0, device="cpu").inr.nbytes


def test_categories_can_be_left_out(scene):
    both = xr.Dataset({"reflectance": scene, "classes": scene.assign_attrs(flag_values=[1, 2])})
    with pytest.raises(RequestError, match="'classes' seems to hold categories"):
        both.inr.compress(**ASKED)

    assert list(both.inr.compress(variables=["reflectance"], **ASKED).inr.report) == ["reflectance"]


# Bad input


def with_value(value, dtype="f4"):
    scene = make_scene(dtype=dtype)
    scene[2, 3, 4] = value
    return scene


BAD_SCENES = {
    "no band axis": (make_scene().rename(band="time"), r"one band axis.* Got dimensions \('time', 'y', 'x'\)"),
    "several band axes": (make_scene().rename(y="bands"), r"one band axis.* Got dimensions \('band', 'bands', 'x'\)"),
    "one spatial axis": (make_scene()[:, 0], r"two spatial axes beside its bands. Got dimensions \('band', 'x'\)"),
    "complex": (make_scene().astype("c8"), r"dtype must be one of uint8, .* Got complex64"),
    "strings": (make_scene().astype("U5"), r"dtype must be one of uint8, .* Got <U5"),
    "times": (make_scene().astype("M8[s]"), r"dtype must be one of uint8, .* Got datetime64"),
    "no samples": (make_scene()[:, :0], r"sides of 1 to .* Got shape \(5, 0, 9\)"),
    "all nodata": (make_scene() * 0 - 1, r"at least one valid sample. All 315 are nodata \(-1"),
    "all NaN": (make_scene(dtype="f4") * np.nan, r"at least one valid sample. All 315 are nodata .*or NaN"),
    "infinite": (with_value(np.inf), r"must be finite.* 1 are infinite, the first at band 2, row 3, column 4"),
    "minus infinite": (with_value(-np.inf), r"1 are infinite"),
    "beyond 2**53": (with_value(2**60, "i8"), r"within \+-2\*\*53. Got 1152921504606846976"),
}


@pytest.mark.parametrize(("scene", "message"), BAD_SCENES.values(), ids=BAD_SCENES.keys())
def test_bad_scene_is_refused_before_any_fit(scene, message, fits):
    with pytest.raises(RequestError, match=message):
        scene.inr.compress(nodata=-1 if "nodata" in message and scene.dtype.kind == "i" else None, **ASKED)
    assert not fits


BAD_REQUESTS = {
    "no target": ({"bpppb": None}, r"exactly one target of bpppb, psnr, sam and max_error .* Got none"),
    "two targets": ({"psnr": 40.0}, r"exactly one target .* Got bpppb=5.0, psnr=40.0"),
    "a budget of nothing": ({"bpppb": 0}, r"bpppb must be a positive, finite number. Got 0"),
    "a negative budget": ({"bpppb": -1.0}, r"bpppb must be a positive, finite number. Got -1.0"),
    "an infinite quality": ({"bpppb": None, "psnr": np.inf}, r"psnr must be a positive, finite number. Got inf"),
    "a budget in words": ({"bpppb": "0.1"}, r"bpppb must be a number. Got '0.1'"),
    "a model": ({"model": "wavelet"}, r"model must be one of 'latent', 'siren'. Got 'wavelet'"),
    "a preset": ({"preset": "thorough"}, r"preset must be one of 'fast', .* Got 'thorough'"),
    "a preset of the other model": ({"preset": "paper"}, r"'best' with model='latent'. Got 'paper'"),
    "a device": ({"device": "tpu"}, r"device must be 'auto', 'cpu', .* Got 'tpu'"),
    "weight bits": ({"weight_bits": 12}, r"weight_bits must be one of .* Got 12"),
    "weight bits of the other model": ({"weight_bits": 8}, r"weight_bits must come with model='siren'. Got .*=8"),
    "weight bits in words": ({"weight_bits": "8"}, r"weight_bits must be an integer. Got '8'"),
    "weight bits as a float": ({"weight_bits": 8.0}, r"weight_bits must be an integer. Got 8.0"),
    "a seed": ({"seed": -1}, r"seed must be in \[0, 2\*\*63\). Got -1"),
    "half a seed": ({"seed": 0.5}, r"seed must be an integer. Got 0.5"),
    "a whole seed as a float": ({"seed": 1.0}, r"seed must be an integer. Got 1.0"),
    "chunks": ({"chunks": {"y": 0}}, r"positive integer or -1. Got 0 along 'y'"),
    "chunks along bands": ({"chunks": {"band": 2}}, r"a chunk holds all bands. Got \['band'\]"),
    "chunks as a number": ({"chunks": 16}, r"chunks must be .* Got 16"),
    "nodata out of range": ({"nodata": 1e9}, r"nodata must be a value that int16 can hold. Got 1000000000.0"),
    "half a nodata": ({"nodata": 0.5}, r"nodata must be a value that int16 can hold. Got 0.5"),
    "progress": ({"progress": "bar"}, r"progress must be True, False, None or a callable. Got 'bar'"),
}


def test_band_dimension_that_is_not_there_is_refused(scene, fits):
    with pytest.raises(RequestError, match=r"band_dim must be one of the dimensions .* Got 'layer'"):
        scene.inr.compress(band_dim="layer", **ASKED)
    assert not fits


@pytest.mark.parametrize(("request_", "message"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_bad_request_is_refused_before_any_fit(scene, request_, message, fits):
    with pytest.raises(RequestError, match=message):
        scene.inr.compress(**ASKED | request_)
    with pytest.raises(RequestError, match=message):
        scene.to_dataset().inr.compress(**ASKED | request_)
    assert not fits


def test_unknown_option_is_refused(scene):
    with pytest.raises(TypeError, match="quality"):
        scene.inr.compress(quality=3, **ASKED)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_device_that_is_not_there_is_refused_before_any_fit(scene, device, fits):
    with pytest.raises(RequestError, match=rf"device '{device}.*' is not there: this machine has 0 CUDA devices"):
        scene.inr.compress(bpppb=16.0, device=device)
    assert not fits


def test_missing_torch_is_told_with_the_command_that_installs_it(scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # what makes every import of it fail

    with pytest.raises(DependencyError, match=r"pip install 'xr-inr\[fit\]'"):
        scene.inr.compress(**ASKED)


BAD_DATASETS = {
    "no scene": ({}, ["elevation"], r"a variable with a band axis .* Got \{'elevation': \('y', 'x'\)\}"),
    "an unknown variable": ({"variables": ["radiance"]}, None, r"variables must name .* Got \['radiance'\]"),
    "a band dimension": ({"band_dim": "layer"}, None, r"band.* Got .*'layer'"),
    "no variable": ({"variables": []}, None, r"variables must name .* Got \[\]"),
    "a variable that is no scene": ({"variables": ["elevation"]}, None, r"one band axis.* \('y', 'x'\)"),
}


@pytest.mark.parametrize(("options", "names", "message"), BAD_DATASETS.values(), ids=BAD_DATASETS.keys())
def test_dataset_without_the_scenes_asked_for_is_refused(ds, options, names, message, fits):
    with pytest.raises(RequestError, match=message):
        (ds if names is None else ds[names]).inr.compress(**options, **ASKED)
    assert not fits


def test_variables_are_for_datasets(scene):
    with pytest.raises(RequestError, match=r"variables= is for a Dataset. Got \['reflectance'\]"):
        xr_inr.compress(scene, variables=["reflectance"], **ASKED)


def test_budget_below_the_header_is_refused_with_the_smallest_that_works(scene, fits):
    with pytest.raises(
        BudgetError, match=r"a budget of 19 bytes \(0.5 bpppb\) is too small for variable 'reflectance'"
    ) as refused:
        scene.inr.compress(bpppb=0.5, device="cpu")
    assert not fits

    smallest = int(str(refused.value).split("takes ")[1].split(" bytes")[0])
    assert scene.inr.compress(bpppb=smallest * 8 / scene.size, device="cpu").inr.nbytes == smallest


def test_smallest_budget_as_the_message_writes_it_works(scene):
    with pytest.raises(BudgetError) as refused:
        scene.inr.compress(bpppb=0.5, device="cpu")
    written = str(refused.value).rsplit("(", 1)[1].removesuffix(" bpppb)")

    assert scene.inr.compress(bpppb=float(written), device="cpu").inr.nbytes


def test_bad_last_chunk_is_found_before_the_first_fit(fits):
    scene = make_scene(dtype="f4")
    scene[0, 6, 8] = np.inf
    with pytest.raises(RequestError, match="infinite"):
        scene.inr.compress(chunks={"y": 4, "x": 4}, bpppb=32.0, device="cpu")
    assert not fits


@pytest.mark.parametrize("model", ["latent", "siren"])
def test_quality_out_of_reach_is_told_with_what_was_reached(model):
    with pytest.raises(BudgetError, match=r"psnr=300.0 was not reached: .* g[ai]ves? \d+\.\d\d dB"):
        make_scene(dtype="f8").inr.compress(psnr=300.0, model=model, device="cpu")


# encoding=


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_encoding_makes_xarrays_own_to_zarr_fit_and_store(ds, small, fits, tmp_path, zarr_format):
    path = tmp_path / "scene.zarr"
    encoding = ds.inr.encoding(zarr_format=zarr_format, **ASKED)
    assert not fits
    ds.to_zarr(path, encoding=encoding, zarr_format=zarr_format, consolidated=False)
    opened = xr.open_zarr(path, mask_and_scale=False, consolidated=False)

    assert len(fits) == 1
    np.testing.assert_array_equal(opened["reflectance"], small)
    xr.testing.assert_equal(opened["elevation"], ds["elevation"])
    chunk = next(path.glob("reflectance/c/0/0/0" if zarr_format == 3 else "reflectance/0.0.0"))
    assert chunk.read_bytes() == next(iter(payloads(small).values()))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_encoding_in_chunks_gives_the_payloads_of_compress(scene, in_chunks, tmp_path, zarr_format):
    ds = scene.to_dataset()
    chunks = {"y": 4, "x": 3}
    part = scene.isel(y=slice(0, 4))
    encoding = part.inr.encoding(chunks=chunks, zarr_format=zarr_format, bpppb=24.0, device="cpu")
    ds.isel(y=slice(0, 4)).to_zarr(
        tmp_path / "scene.zarr", encoding=encoding, zarr_format=zarr_format, consolidated=False
    )
    opened = xr.open_zarr(tmp_path / "scene.zarr", mask_and_scale=False, consolidated=False)["reflectance"]
    expected = scene.isel(y=slice(0, 4)).inr.compress(chunks=chunks, bpppb=24.0, device="cpu")

    np.testing.assert_array_equal(opened, expected)
    assert in_chunks.shape == scene.shape


def test_encoding_keeps_the_device_that_was_asked_for(scene):
    for zarr_format in (2, 3):
        (encoding,) = scene.inr.encoding(bpppb=16.0, device="cpu", zarr_format=zarr_format).values()
        codec = encoding["serializer"] if zarr_format == 3 else encoding["compressors"][0]
        config = codec.config if zarr_format == 3 else codec._config

        assert config.request.device == "cpu"


def test_encoding_names_only_the_scenes(ds, scene):
    assert list(ds.inr.encoding(**ASKED)) == ["reflectance"]
    assert list(scene.rename(None).inr.encoding(**ASKED)) == ["scene"]


@pytest.mark.parametrize(
    ("scene", "options", "message"),
    [
        (make_scene(), {"bpppb": None}, r"exactly one target"),
        (make_scene(), {"chunks": {"y": 0}}, r"Got 0 along 'y'"),
        (make_scene().astype("c8"), {}, r"Got complex64"),
        (make_scene(flag_values=[1, 2]), {}, r"seems to hold categories"),
        (make_scene(), {"zarr_format": 4}, r"zarr_format must be 2 or 3. Got 4"),
    ],
    ids=["no target", "chunks", "dtype", "categories", "format"],
)
def test_encoding_refuses_what_compress_refuses(scene, options, message):
    with pytest.raises(RequestError, match=message):
        scene.inr.encoding(**ASKED | options)


def test_encoding_of_categories_can_be_had_as_its_message_says():
    labels = make_scene(flag_values=[1, 2])

    assert list(labels.inr.encoding(allow_labels=True, **ASKED)) == ["reflectance"]


def test_encoding_of_a_dataset_can_name_its_variables(scene):
    pair = xr.Dataset({"first": scene, "second": scene})

    assert list(pair.inr.encoding(variables=["second"], **ASKED)) == ["second"]


# to_zarr


REFUSED = {
    "a selection": (lambda small: small.isel(y=slice(1, 4)), None),
    "loaded": (lambda small: small.copy().load(), None),
    "changed": (lambda small: small * 2, None),
    "never compressed": (xr.zeros_like, None),
}


@pytest.mark.parametrize("change", [change for change, _ in REFUSED.values()], ids=REFUSED.keys())
def test_writing_what_has_no_payloads_is_refused_with_the_reason(small, change, tmp_path, fits):
    message = r"only what compress\(\) returned, .* can be written, whole: not a selection of it, nor after load\(\)"
    with pytest.raises(RequestError, match=message):
        change(small).inr.to_zarr(tmp_path / "scene.zarr")
    with pytest.raises(RequestError, match=message):
        change(small).to_dataset(name="scene").inr.to_zarr(tmp_path / "scene.zarr")
    assert not list(tmp_path.iterdir())
    assert not fits


def test_variable_that_has_lost_its_payloads_is_written_as_it_is_beside_the_others(scene, tmp_path):
    compressed = xr.Dataset({"first": scene, "second": scene + 1}).inr.compress(**ASKED)
    compressed.inr.to_zarr(tmp_path / "both.zarr")
    compressed["second"] = compressed["second"].load() + 1
    compressed.inr.to_zarr(tmp_path / "one.zarr")
    opened = xr.open_zarr(tmp_path / "one.zarr", mask_and_scale=False)

    assert list(opened.inr.report) == ["first"]
    xr.testing.assert_equal(opened["second"], compressed["second"])


# Functions


def test_functions_do_what_the_accessor_does(scene, small, tmp_path):
    compressed = xr_inr.compress(scene, **ASKED)
    xr_inr.write(compressed, tmp_path / "scene.zarr")

    assert payloads(compressed) == payloads(small)
    assert xr_inr.report(compressed)["reflectance"].psnr == small.inr.report.psnr
    assert xr_inr.encoding(scene, **ASKED) == scene.inr.encoding(**ASKED)


def test_array_becomes_a_payload_and_an_array_again(scene, small):
    payload = xr_inr.encode(scene.values, **ASKED)

    assert payload == payloads(small)[0, 0, 0]
    np.testing.assert_array_equal(
        xr_inr.decode(payload, window=((1, 3), (2, 5)), bands=[4, 0]), small[[4, 0], 1:3, 2:5]
    )


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((7, 9)), ASKED, r"3 axes"),
        (np.full((5, 7, 9), np.nan), ASKED, r"at least one valid sample"),
        (smooth((5, 7, 9)), {"device": "cpu"}, r"exactly one target"),
        (smooth((5, 7, 9)), {"bpppb": 0.01, "device": "cpu"}, r"too small"),
        (smooth((5, 7, 9)), ASKED | {"progress": 3}, r"progress must be .* Got 3"),
    ],
    ids=["axes", "no sample", "no target", "budget", "progress"],
)
def test_encode_refuses_bad_input_before_any_fit(array, options, message, fits):
    with pytest.raises(RequestError, match=message):
        xr_inr.encode(array, **options)
    assert not fits


def test_importing_the_package_loads_neither_torch_nor_matplotlib():
    script = (
        "import json, sys, xr_inr; print(json.dumps([m for m in ('torch', 'matplotlib', 'tqdm') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)

    assert json.loads(done.stdout) == []


def test_public_names_are_there():
    assert [name for name in xr_inr.__all__ if not hasattr(xr_inr, name)] == []
    assert xr_inr.__all__ == sorted(xr_inr.__all__, key=lambda name: (not name.isupper(), name))


BAD_ENCODINGS = {
    "a budget below the header": ({"bpppb": 0.5}, "a budget of"),
    "a corner chunk below its header": ({"bpppb": 12.0, "chunks": {"y": 6, "x": 8}}, r"chunk \(0, 1, 1\)"),
    "a device that is not there": ({"bpppb": 16.0, "device": "cuda:63"}, "cuda:63"),
}


@pytest.mark.parametrize(("request_", "message"), BAD_ENCODINGS.values(), ids=BAD_ENCODINGS.keys())
def test_encoding_refuses_what_would_fail_while_xarray_writes(scene, fits, request_, message):
    with pytest.raises(RequestError, match=message):
        scene.inr.encoding(**{"device": "cpu"} | request_)
    assert not fits


def test_encoding_refuses_infinite_samples(fits):
    scene = make_scene(dtype="f4")
    scene[0, 0, 0] = np.inf
    with pytest.raises(RequestError, match="infinite"):
        scene.inr.encoding(bpppb=16.0, device="cpu")
    assert not fits


def test_format_2_refuses_chunks_that_leave_a_padded_edge(scene):
    with pytest.raises(RequestError, match=r"chunks must divide the shape .* Got \(5, 4, 3\) in \(5, 7, 9\)"):
        scene.inr.encoding(bpppb=24.0, chunks={"y": 4, "x": 3}, zarr_format=2, device="cpu")

"""Stores: what is written, what plain xarray finds in them, and what is never touched."""

import itertools
import json
from pathlib import Path

import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import LocalStore, MemoryStore, StorePath

from xr_inr.core.bitstream import FORMAT_VERSION
from xr_inr.exceptions import PayloadError, RequestError, StoreExistsError
from xr_inr.lazy import Fitted, fitted_of

from .helpers import AFFINE_3, make_scene, told_without_torch

formats = pytest.mark.parametrize("zarr_format", [2, 3])


def tree(path):
    """Every file below a folder with its content."""
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def chunk_file(path, index, zarr_format):
    return path / (f"c/{'/'.join(map(str, index))}" if zarr_format == 3 else ".".join(map(str, index)))


@pytest.fixture(scope="module")
def ds(scene):
    """A Dataset with a scene, and beside it variables in memory, in dask and along other dimensions."""
    lazy = dask.array.arange(63, chunks=20).reshape(7, 9).rechunk((4, 4))
    return xr.Dataset(
        {
            "reflectance": scene,
            "elevation": (("y", "x"), lazy.astype("f4"), {"units": "m"}),
            "good": ("band", np.array([1, 1, 0, 1, 1], "i1")),
            "acquired": ((), np.datetime64("2023-07-01", "ns")),
        },
        coords={"latitude": (("y", "x"), lazy.astype("f8") / 3), "name": ("band", list("abcde"))},
        attrs={"title": "a Dataset"},
    ).drop_vars("name")


# What is written


@formats
def test_payloads_are_the_chunk_files(in_chunks, tmp_path, zarr_format):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    folder = tmp_path / "scene.zarr" / "reflectance"
    encoded = fitted_of(in_chunks).encoded

    assert len(encoded) == 6
    for index, chunk in encoded.items():
        assert chunk_file(folder, index, zarr_format).read_bytes() == chunk.payload
    chunk_bytes = sum(
        len(data) for name, data in tree(folder).items() if name not in {"zarr.json", ".zarray", ".zattrs"}
    )
    assert chunk_bytes == in_chunks.inr.nbytes


@formats
def test_plain_xarray_reads_the_samples(in_chunks, tmp_path, zarr_format):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    opened = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]

    assert opened.dtype == "int16"
    np.testing.assert_array_equal(opened, in_chunks)
    np.testing.assert_array_equal(opened[2, 3:5, 2:9], in_chunks[2, 3:5, 2:9])
    xr.testing.assert_identical(opened.drop_attrs(), in_chunks.drop_attrs().compute())


@formats
def test_formats_hold_the_same_samples(small, tmp_path, zarr_format):
    small.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)

    assert zarr.open_group(tmp_path / "scene.zarr", mode="r").metadata.zarr_format == zarr_format
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "scene.zarr/reflectance", mode="r")[...], small)


@formats
@pytest.mark.parametrize("dtype", ["u1", ">i2", "u2", "i4", "f4", "f8"])
def test_every_dtype_is_read_back(tmp_path, zarr_format, dtype):
    compressed = make_scene(dtype=dtype).inr.compress(bpppb=24.0, chunks={"x": 4}, device="cpu")
    compressed.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    opened = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]

    assert opened.dtype == np.dtype(dtype).newbyteorder("=")  # as xarray stores all arrays
    np.testing.assert_array_equal(opened, compressed)


@formats
@pytest.mark.parametrize("nodata", [-9999, 0])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_nodata_is_masked_by_plain_xarray(tmp_path, zarr_format, nodata, dtype):
    scene = make_scene(dtype=dtype, _FillValue=np.dtype(dtype).type(nodata))
    scene[:, :4, :4] = nodata
    scene[:, 5, 5] = nodata
    compressed = scene.inr.compress(bpppb=32.0, chunks={"y": 4, "x": 4}, device="cpu")
    compressed.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)

    masked = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]
    raw = xr.open_zarr(tmp_path / "scene.zarr", mask_and_scale=False)["reflectance"]
    np.testing.assert_array_equal(masked.isnull(), scene == nodata)
    np.testing.assert_array_equal(raw, compressed)
    assert raw.attrs["_FillValue"] == nodata


@formats
@pytest.mark.filterwarnings(AFFINE_3)
def test_plain_xarray_finds_crs_and_transform(scene, small, tmp_path, zarr_format):
    small.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    opened = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]

    assert opened.rio.crs == scene.rio.crs
    assert opened.rio.transform() == scene.rio.transform()


@formats
def test_everything_else_in_a_dataset_is_written(ds, tmp_path, zarr_format):
    compressed = ds.inr.compress(bpppb=16.0, device="cpu")
    compressed.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    opened = xr.open_zarr(tmp_path / "scene.zarr", mask_and_scale=False)

    assert opened.attrs["title"] == "a Dataset"
    assert set(opened.variables) == set(ds.variables)
    assert set(opened.coords) == set(ds.coords)
    for name in set(ds.variables) - {"reflectance", "acquired"}:
        np.testing.assert_array_equal(opened[name], ds[name])
        assert opened[name].dtype == ds[name].dtype
    assert xr.open_zarr(tmp_path / "scene.zarr")["acquired"] == ds["acquired"]
    assert opened["elevation"].attrs["units"] == "m"


@formats
def test_report_stands_in_the_store(small, tmp_path, zarr_format):
    small.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    opened = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]

    assert opened.inr.report.psnr == small.inr.report.psnr
    assert opened.inr.nbytes == small.inr.nbytes


@formats
def test_metadata_names_the_package_that_decodes(small, tmp_path, zarr_format):
    small.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    array = tmp_path / "scene.zarr" / "reflectance"
    stored = json.loads((array / (".zattrs" if zarr_format == 2 else "zarr.json")).read_text())
    attributes = stored if zarr_format == 2 else stored["attributes"]

    assert attributes["xr_inr"].startswith('{"hint":"The samples are decoded by the codec xr_inr: pip install xr-inr"')


@formats
def test_metadata_is_consolidated(small, tmp_path, zarr_format):
    small.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)

    assert zarr.open_consolidated(tmp_path / "scene.zarr", mode="r")["reflectance"].shape == small.shape


def test_scene_without_a_name_is_called_scene(tmp_path):
    make_scene(name=None).inr.compress(bpppb=16.0, device="cpu").inr.to_zarr(tmp_path / "scene.zarr")

    assert list(xr.open_zarr(tmp_path / "scene.zarr").data_vars) == ["scene"]


def test_writing_leaves_the_object_as_it_was(ds, tmp_path):
    compressed = ds.inr.compress(bpppb=16.0, device="cpu")
    before = {name: (dict(v.attrs), dict(v.encoding)) for name, v in compressed.variables.items()}
    compressed.inr.to_zarr(tmp_path / "scene.zarr")

    assert {name: (dict(v.attrs), dict(v.encoding)) for name, v in compressed.variables.items()} == before
    assert compressed.attrs == ds.attrs
    assert compressed["elevation"].chunks == ds["elevation"].chunks


@pytest.mark.parametrize(("source", "target"), list(itertools.product([2, 3], [2, 3])))
def test_what_was_opened_from_either_format_can_be_written_in_either(ds, tmp_path, source, target):
    ds.to_zarr(tmp_path / "plain.zarr", zarr_format=source, consolidated=False)
    opened = xr.open_zarr(tmp_path / "plain.zarr", consolidated=False, mask_and_scale=False)
    compressed = opened.inr.compress(bpppb=16.0, device="cpu")
    compressed.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=target)

    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "scene.zarr")["elevation"], ds["elevation"])


# Targets

TARGETS = {
    "a path": lambda path: path,
    "text": str,
    "a LocalStore": LocalStore,
}


@formats
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_store_on_the_local_disk_appears(small, tmp_path, target, zarr_format):
    small.inr.to_zarr(target(tmp_path / "scene.zarr"), zarr_format=zarr_format)

    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "scene.zarr")["reflectance"], small)
    assert [file.name for file in tmp_path.iterdir()] == ["scene.zarr"]


@formats
def test_store_in_memory_is_written(small, zarr_format):
    store = MemoryStore()
    small.inr.to_zarr(store, zarr_format=zarr_format)

    np.testing.assert_array_equal(xr.open_zarr(store)["reflectance"], small)


def test_group_in_a_store_is_written(small):
    store = MemoryStore()
    small.inr.to_zarr(StorePath(store, "site/a"))

    np.testing.assert_array_equal(xr.open_zarr(store, group="site/a", consolidated=False)["reflectance"], small)


def test_store_in_memory_that_holds_something_is_refused(small):
    store = MemoryStore()
    zarr.create_group(store, attributes={"kept": True})
    with pytest.raises(StoreExistsError, match="exists"):
        small.inr.to_zarr(store)

    assert zarr.open_group(store, mode="r").attrs["kept"]


def test_store_in_memory_is_replaced_on_request(small):
    store = MemoryStore()
    zarr.create_group(store, attributes={"kept": True})
    small.inr.to_zarr(store, mode="w")

    assert "kept" not in zarr.open_group(store, mode="r").attrs
    np.testing.assert_array_equal(xr.open_zarr(store)["reflectance"], small)


def test_read_only_store_is_not_written(small, tmp_path):
    with pytest.raises((RequestError, ValueError), match=r"read.only"):
        small.inr.to_zarr(LocalStore(tmp_path / "scene.zarr", read_only=True))

    assert not list(tmp_path.iterdir())


def test_folder_of_the_store_must_exist(small, tmp_path):
    with pytest.raises(RequestError, match=r"the folder of the store must exist. Got .*missing"):
        small.inr.to_zarr(tmp_path / "missing" / "scene.zarr")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"mode": "a"}, r"mode must be 'w-' .* Got 'a'"), ({"zarr_format": 1}, r"zarr_format must be 2 or 3. Got 1")],
    ids=["mode", "format"],
)
def test_unknown_mode_or_format_is_refused(small, tmp_path, options, message):
    with pytest.raises(RequestError, match=message):
        small.inr.to_zarr(tmp_path / "scene.zarr", **options)
    assert not list(tmp_path.iterdir())


# What stands at the target


@pytest.fixture
def existing(scene, tmp_path):
    """A Zarr store of somebody else's."""
    (scene + 1).to_dataset(name="old").drop_attrs().to_zarr(tmp_path / "scene.zarr", consolidated=False)
    return tmp_path / "scene.zarr"


def test_store_that_exists_is_not_touched(small, existing):
    before = tree(existing)
    with pytest.raises(StoreExistsError, match=r"scene.zarr exists; .*mode='w'"):
        small.inr.to_zarr(existing)

    assert tree(existing.parent) == {f"scene.zarr/{name}": data for name, data in before.items()}


@formats
def test_store_that_exists_is_replaced_on_request(small, existing, zarr_format):
    small.inr.to_zarr(existing, mode="w", zarr_format=zarr_format)

    assert list(xr.open_zarr(existing).data_vars) == ["reflectance"]
    assert [file.name for file in existing.parent.iterdir()] == ["scene.zarr"]
    assert not [name for name in tree(existing) if "old" in name]


BAD_WRITES = {
    "a selection": (lambda small: small[:, 1:], {}),
    "an unknown format": (lambda small: small, {"zarr_format": 4}),
    "a name that is a path out of the store": (lambda small: small.rename("../out"), {}),
}


@pytest.mark.parametrize(("change", "options"), BAD_WRITES.values(), ids=BAD_WRITES.keys())
def test_bad_request_does_not_touch_the_store_that_it_would_replace(small, existing, change, options):
    before = tree(existing)
    with pytest.raises(ValueError):  # noqa: PT011 - zarr's own errors too
        change(small).inr.to_zarr(existing, mode="w", **options)

    assert tree(existing.parent) == {f"scene.zarr/{name}": data for name, data in before.items()}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["disk full", "Ctrl-C"])
@pytest.mark.parametrize("step", ["payloads", "consolidation"])
def test_failure_in_the_middle_leaves_the_store_that_was_there(small, existing, monkeypatch, error, step):
    def fail(*_, **__):
        raise error

    before = tree(existing)
    if step == "payloads":
        monkeypatch.setattr(Fitted, "put_into", fail)
    else:
        monkeypatch.setattr(zarr, "consolidate_metadata", fail)
    with pytest.raises(type(error)):
        small.inr.to_zarr(existing, mode="w")

    assert tree(existing.parent) == {f"scene.zarr/{name}": data for name, data in before.items()}


def test_failure_in_the_middle_leaves_nothing_where_nothing_was(small, tmp_path, monkeypatch):
    monkeypatch.setattr(Fitted, "put_into", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        small.inr.to_zarr(tmp_path / "scene.zarr")

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError("busy"), KeyboardInterrupt("busy")], ids=["an error", "Ctrl-C"])
def test_store_is_put_back_when_the_new_one_cannot_take_its_place(small, existing, monkeypatch, error):
    rename = Path.rename

    def fail(path, target):
        if Path(target) == existing and path.name.endswith(".partial"):
            raise error
        return rename(path, target)

    before = tree(existing)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(type(error), match="busy"):
        small.inr.to_zarr(existing, mode="w")

    assert tree(existing.parent) == {f"scene.zarr/{name}": data for name, data in before.items()}


def test_store_can_be_written_over_the_one_it_was_opened_from(ds, tmp_path):
    ds.to_zarr(tmp_path / "scene.zarr", consolidated=False)
    opened = xr.open_zarr(tmp_path / "scene.zarr", consolidated=False, mask_and_scale=False)
    opened.inr.compress(bpppb=16.0, device="cpu").inr.to_zarr(tmp_path / "scene.zarr", mode="w")

    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "scene.zarr")["elevation"], ds["elevation"])


@pytest.mark.parametrize("mode", ["w-", "w"])
def test_folder_that_is_no_store_is_never_replaced(small, tmp_path, mode):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    with pytest.raises(StoreExistsError):
        small.inr.to_zarr(tmp_path / "photos", mode=mode)

    assert tree(tmp_path) == {"photos/cat.jpg": b"meow"}


@pytest.mark.parametrize("mode", ["w-", "w"])
def test_file_is_never_replaced(small, tmp_path, mode):
    (tmp_path / "scene.zarr").write_bytes(b"meow")
    with pytest.raises(StoreExistsError):
        small.inr.to_zarr(tmp_path / "scene.zarr", mode=mode)

    assert tree(tmp_path) == {"scene.zarr": b"meow"}


def test_empty_folder_can_be_replaced(small, tmp_path):
    (tmp_path / "scene.zarr").mkdir()
    small.inr.to_zarr(tmp_path / "scene.zarr", mode="w")

    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "scene.zarr")["reflectance"], small)


def test_replacing_through_a_link_leaves_nothing_behind(small, existing, tmp_path):
    existing.rename(tmp_path / "real.zarr")
    existing.symlink_to(tmp_path / "real.zarr", target_is_directory=True)
    small.inr.to_zarr(existing, mode="w")

    assert sorted(file.name for file in tmp_path.iterdir()) == ["real.zarr", "scene.zarr"]
    np.testing.assert_array_equal(xr.open_zarr(existing)["reflectance"], small)


# Damage

DAMAGES = {
    "truncated": (lambda payload: payload[:-10], r"truncated or altered"),
    "cut to nothing": (lambda payload: payload[:2], r"must start with b'XINR'. Got b'XI'"),
    "one bit changed": (lambda payload: payload[:30] + bytes([payload[30] ^ 8]) + payload[31:], r"altered: its CRC32C"),
    "a newer version": (
        lambda payload: payload[:4] + bytes([FORMAT_VERSION + 1]) + payload[5:],
        rf"format version {FORMAT_VERSION + 1}; this xr_inr reads versions up to {FORMAT_VERSION}. Install a newer",
    ),
    "another file": (lambda _: b"GIF89a...", r"must start with b'XINR'. Got b'GIF8'"),
}


@formats
@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_payload_in_a_store_is_refused(small, tmp_path, zarr_format, damage, message):
    small.inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)
    file = chunk_file(tmp_path / "scene.zarr" / "reflectance", (0, 0, 0), zarr_format)
    file.write_bytes(damage(file.read_bytes()))
    opened = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"]

    for read in (opened[:, 2, 3].compute, opened.compute):
        with pytest.raises(PayloadError, match=message):
            read()


def test_payload_of_another_array_is_refused(small, in_chunks, tmp_path):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr")
    (payload,) = fitted_of(small).encoded.values()
    (tmp_path / "scene.zarr/reflectance/c/0/0/0").write_bytes(payload.payload)

    with pytest.raises(PayloadError, match=r"at most the 80 samples that its reader allows .* Got 5 x 7 x 9"):
        xr.open_zarr(tmp_path / "scene.zarr")["reflectance"].compute()


def test_damage_to_one_chunk_leaves_the_others_readable(in_chunks, tmp_path):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr")
    (tmp_path / "scene.zarr/reflectance/c/0/1/2").write_bytes(b"")
    opened = xr.open_zarr(tmp_path / "scene.zarr", chunks=None)["reflectance"]

    np.testing.assert_array_equal(opened[:, :4], in_chunks[:, :4])


# A process without torch

WITHOUT_TORCH = """
    import json, time
    import numcodecs, numpy as np, xarray as xr, zarr

    told = {"imported first": "xr_inr" in sys.modules}
    scenes = {str(f): xr.open_zarr(f"{sys.argv[1]}/{f}.zarr")["reflectance"] for f in (2, 3)}
    told["resolved by name"] = {f: "xr_inr" in sys.modules for f in scenes}
    told["numcodecs"] = repr(numcodecs.get_codec({"id": "xr_inr", "bpppb": 0.5}))
    told["seconds"] = []
    for opened in [xr.open_zarr(f"{sys.argv[1]}/3.zarr")["reflectance"] for _ in range(4)]:
        started = time.process_time()
        told["pixel"] = opened[:, 4, 5].values.tolist()
        told["seconds"].append(time.process_time() - started)
    told["samples"] = {f: scene.values.tolist() for f, scene in scenes.items()}

    import xr_inr

    told["loaded"] = [name for name in ("torch", "matplotlib") if name in sys.modules]
    told["report"] = scenes["3"].inr.report.psnr
    told["decoded"] = xr_inr.decode(open(f"{sys.argv[1]}/3.zarr/reflectance/c/0/0/0", "rb").read()).tolist()
    for name, call in {
        "compress": lambda: scenes["3"].inr.compress(bpppb=16.0),
        "encode": lambda: xr_inr.encode(scenes["3"].values, bpppb=16.0),
    }.items():
        try:
            call()
        except Exception as error:
            told[name] = [type(error).__name__, str(error)]
    print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def without_torch(small, tmp_path_factory):
    """What a fresh process tells in which torch cannot be imported and xr_inr is imported last."""
    folder = tmp_path_factory.mktemp("stores")
    for zarr_format in (2, 3):
        small.inr.to_zarr(folder / f"{zarr_format}.zarr", zarr_format=zarr_format)
    return json.loads(told_without_torch(WITHOUT_TORCH, folder))


def test_zarr_finds_the_codec_by_its_name_in_a_fresh_process(without_torch):
    assert not without_torch["imported first"]
    assert all(without_torch["resolved by name"].values())


def test_numcodecs_finds_the_codec_by_its_name_in_a_fresh_process(without_torch):
    assert without_torch["numcodecs"] == "InrCodec(band_axis=0, bpppb=0.5)"


@formats
def test_store_is_read_without_torch(without_torch, small, zarr_format):
    np.testing.assert_array_equal(without_torch["samples"][str(zarr_format)], small)


def test_payload_is_decoded_without_torch(without_torch, small):
    np.testing.assert_array_equal(without_torch["decoded"], small)
    assert without_torch["report"] == small.inr.report.psnr
    assert without_torch["loaded"] == []


def test_one_pixel_of_an_opened_store_is_read_in_milliseconds(without_torch, small):
    assert without_torch["pixel"] == small[:, 4, 5].values.tolist()
    # Of several reads: other work on the machine makes single ones slower, and the first imports what decodes.
    assert min(without_torch["seconds"]) < 0.25


@pytest.mark.parametrize("call", ["compress", "encode"])
def test_fitting_without_torch_is_refused_with_the_command_that_installs_it(without_torch, call):
    kind, message = without_torch[call]

    assert kind == "DependencyError"
    assert message.startswith(
        "fits, and decoding on a device, need torch, which cannot be imported: pip install 'xr-inr"
    )

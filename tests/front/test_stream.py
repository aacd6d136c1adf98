"""compress(..., compute=False): what is written batch by batch, kept where it is interrupted, and gone on with."""

import json
import os
import re

import dask.array
import numpy as np
import pytest
import xarray as xr
from zarr.storage import MemoryStore

from xr_inr import stream, variable_fit
from xr_inr.exceptions import ChunksError, RequestError, StoreExistsError
from xr_inr.partial import partial_folder
from xr_inr.zip_store import open_zip

from .helpers import fit_only, lack_memory, make_scene

CHUNKS = {"y": 4, "x": 4}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """At most two chunks of 5 x 4 x 4 samples at once: four batches of the scene's six chunks."""
    monkeypatch.setattr(variable_fit, "_SAMPLES_AT_ONCE", 160)


def compressed(scene, **options):
    target = {} if "bpppb" in options else {"psnr": 14.0}
    return scene.inr.compress(**{"chunks": CHUNKS, "preset": "fast", "device": "cpu"} | target | options)


def planned(scene, **options):
    return compressed(scene, compute=False, **options)


def content(path):
    """Every file of a store with its content, without what a clock says."""
    return {
        str(file.relative_to(path)): re.sub(rb'seconds\\":[^,]*', b"", file.read_bytes())
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def undisturbed(scene, tmp_path_factory):
    """The store that `compress` and `to_zarr` make of the scene, as files with their content."""
    path = tmp_path_factory.mktemp("undisturbed") / "scene.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variable_fit, "_SAMPLES_AT_ONCE", 160)
        compressed(scene).inr.to_zarr(path)
    return content(path)


@pytest.fixture
def interrupted(scene, tmp_path, monkeypatch):
    """The path of a store of which two of four batches are finished, and no more."""
    target = tmp_path / "scene.zarr"
    with monkeypatch.context() as patch:
        fit_only(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            planned(scene).inr.to_zarr(target)
    return target


# Before it is written


def test_planning_fits_nothing_and_keeps_all_but_the_values(scene, fits):
    lazy = planned(scene)

    assert not fits
    assert (lazy.dims, lazy.shape, lazy.dtype, lazy.name) == (scene.dims, scene.shape, scene.dtype, scene.name)
    assert lazy.attrs == scene.attrs
    xr.testing.assert_identical(lazy.coords.to_dataset(), scene.coords.to_dataset())
    assert "[315 values with dtype=int16]" in repr(lazy)


@pytest.mark.parametrize(
    "use",
    [lambda lazy: lazy.values, lambda lazy: lazy[0, 0, 0].load(), lambda lazy: lazy.mean()],
    ids=["values", "load", "mean"],
)
def test_values_are_refused_before_the_fit(scene, use):
    with pytest.raises(RequestError, match="nothing has been fitted yet"):
        use(planned(scene))


def test_report_is_refused_before_the_fit(scene):
    with pytest.raises(RequestError, match="nothing has been fitted yet"):
        _ = planned(scene).inr.report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bpppb": 0.01}, "too small for variable 'reflectance'"),
        ({"progress": "loud"}, "progress must be"),
        ({"chunks": {"y": 0}}, "a chunk's size must be"),
    ],
)
def test_bad_requests_are_refused_when_planning(scene, options, message):
    with pytest.raises(RequestError, match=message):
        planned(scene, **options)


def test_selection_of_a_plan_is_not_written(scene, tmp_path):
    with pytest.raises(RequestError, match="whole"):
        planned(scene)[:, :4].inr.to_zarr(tmp_path / "scene.zarr")


# Written


def test_streamed_store_is_the_one_that_compress_makes(scene, undisturbed, tmp_path):
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr")

    assert content(tmp_path / "scene.zarr") == undisturbed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.zarr"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_either_format_holds_the_samples(scene, in_chunks, tmp_path, zarr_format):
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr", zarr_format=zarr_format)

    np.testing.assert_array_equal(xr.open_zarr(tmp_path / "scene.zarr").reflectance.shape, in_chunks.shape)
    assert xr.open_zarr(tmp_path / "scene.zarr").inr.report["reflectance"].chunks == 6


def test_one_file_is_the_one_that_compress_makes(scene, tmp_path):
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr.zip")
    compressed(scene).inr.to_zarr(tmp_path / "other.zarr.zip")

    first, second = (xr.open_zarr(open_zip(tmp_path / f"{name}.zarr.zip")) for name in ("scene", "other"))
    np.testing.assert_array_equal(first.reflectance, second.reflectance)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.zarr.zip", "scene.zarr.zip"]


def test_store_elsewhere_is_written(scene, tmp_path):
    store = MemoryStore()
    planned(scene).inr.to_zarr(store)
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr")

    np.testing.assert_array_equal(xr.open_zarr(store).reflectance, xr.open_zarr(tmp_path / "scene.zarr").reflectance)


def test_chunks_of_dask_are_loaded_as_they_are_needed(scene, undisturbed, tmp_path):
    planned(scene.chunk({"y": 4, "x": 4})).inr.to_zarr(tmp_path / "scene.zarr")

    assert content(tmp_path / "scene.zarr") == undisturbed


def test_dataset_and_tree_are_written_with_all_else(scene, tmp_path):
    ds = scene.to_dataset().assign(other=(("y", "x"), np.ones((7, 9))), infrared=make_scene(seed=3))
    tree = xr.DataTree.from_dict({"/": ds, "/group": make_scene(seed=5).to_dataset()})
    for number, obj in enumerate((ds, tree)):
        planned(obj).inr.to_zarr(tmp_path / f"{number}.zarr")
        compressed(obj).inr.to_zarr(tmp_path / f"{number} at once.zarr")

        assert content(tmp_path / f"{number}.zarr") == content(tmp_path / f"{number} at once.zarr")


def test_scenes_that_are_fitted_and_planned_go_into_one_store(scene, small, fits, tmp_path):
    xr.Dataset({"done": small, "planned": planned(scene)}).inr.to_zarr(tmp_path / "scene.zarr")

    assert len(fits) == 6
    assert set(xr.open_zarr(tmp_path / "scene.zarr").inr.report) == {"done", "planned"}


def test_store_that_exists_is_refused_before_the_fit(scene, small, fits, tmp_path):
    small.inr.to_zarr(tmp_path / "scene.zarr")
    with pytest.raises(StoreExistsError, match="exists"):
        planned(scene).inr.to_zarr(tmp_path / "scene.zarr")

    assert not fits


def test_store_that_exists_is_replaced_on_request(scene, small, undisturbed, tmp_path):
    small.inr.to_zarr(tmp_path / "scene.zarr")
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr", mode="w")

    assert content(tmp_path / "scene.zarr") == undisturbed


# Interrupted and resumed


def test_interrupted_write_leaves_no_store_and_keeps_what_is_finished(interrupted):
    assert not interrupted.exists()
    assert len(list(partial_folder(interrupted).glob("payloads/0/*"))) == 3


def test_resumed_write_fits_only_what_is_left(scene, interrupted, undisturbed, fits):
    planned(scene).inr.to_zarr(interrupted, resume=True)

    assert len(fits) == 3
    assert content(interrupted) == undisturbed
    assert not partial_folder(interrupted).exists()


def test_report_of_a_resumed_write_is_that_of_an_undisturbed_one(scene, interrupted, tmp_path):
    planned(scene).inr.to_zarr(interrupted, resume=True)
    planned(scene).inr.to_zarr(tmp_path / "other.zarr")
    first, second = (
        xr.open_zarr(path).inr.report["reflectance"].to_dict() for path in (interrupted, tmp_path / "other.zarr")
    )

    assert first.pop("seconds") > 0 < second.pop("seconds")
    assert first == second


def test_resume_of_what_was_not_begun_begins(scene, undisturbed, tmp_path):
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr", resume=True)

    assert content(tmp_path / "scene.zarr") == undisturbed


def test_unfinished_write_is_not_dropped_unasked(scene, interrupted, fits):
    for mode in ("w-", "w"):
        with pytest.raises(StoreExistsError, match=r"resume=True \(--resume\) goes on with it; delete that folder"):
            planned(scene).inr.to_zarr(interrupted, mode=mode)

    assert not fits
    assert len(list(partial_folder(interrupted).glob("payloads/0/*"))) == 3


CHANGES = {
    "another target": (lambda scene: planned(scene, psnr=14.5), "request.psnr: 14.0 there, 14.5 now"),
    "another seed": (lambda scene: planned(scene, seed=3), "request.seed: None there, 3 now"),
    "other chunks": (lambda scene: planned(scene, chunks={"y": 4}), "chunks: [5, 4, 4] there, [5, 4, 9] now"),
    "another sample": (lambda scene: planned(scene.where(scene != scene.max(), 3).astype("i2")), "samples_crc32: "),
    "another dtype": (lambda scene: planned(scene.astype("i4")), "dtype: <i2 there, <i4 now"),
    "another name": (lambda scene: planned(scene.rename("radiance")), "variables.radiance.shape: None there"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_another_write_is_not_gone_on_with(scene, interrupted, fits, change, message):
    lazy = change(scene)
    with pytest.raises(RequestError, match=re.escape(message)):
        lazy.inr.to_zarr(interrupted, resume=True)

    assert not fits
    assert (partial_folder(interrupted) / "journal").exists()


def test_write_by_another_version_is_not_gone_on_with(scene, interrupted, monkeypatch):
    monkeypatch.setattr("xr_inr.journal.__version__", "99.0")
    with pytest.raises(RequestError, match=r"version: \S+ there, 99.0 now"):
        planned(scene).inr.to_zarr(interrupted, resume=True)


DAMAGE = {
    "a line of the journal was cut short": lambda folder: _cut(folder / "journal", -20),
    "a line of the journal was altered": lambda folder: _alter(folder / "journal"),
    "a payload is gone": lambda folder: (folder / "payloads/0/0.0.1").unlink(),
    "a payload was cut short": lambda folder: _cut(folder / "payloads/0/0.0.0", -1),
}


def _cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def _alter(path):
    path.write_bytes(path.read_bytes()[:-30] + b"9" + path.read_bytes()[-29:])


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_is_fitted_again(scene, interrupted, undisturbed, fits, damage):
    damage(partial_folder(interrupted))
    planned(scene).inr.to_zarr(interrupted, resume=True)

    assert 3 < len(fits) < 6
    assert content(interrupted) == undisturbed


def test_folder_without_a_journal_is_no_unfinished_write(scene, undisturbed, tmp_path):
    folder = partial_folder(tmp_path / "scene.zarr")
    (folder / "payloads/0").mkdir(parents=True)
    (folder / "payloads/0/0.0.0").write_bytes(b"left from something")
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr")

    assert content(tmp_path / "scene.zarr") == undisturbed
    assert not folder.exists()


def test_interrupt_before_the_first_batch_leaves_nothing(scene, monkeypatch, tmp_path):
    fit_only(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        planned(scene).inr.to_zarr(tmp_path / "scene.zarr")

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["w-", "w"])
def test_process_that_ended_before_cleaning_up_is_cleaned_up_after(scene, undisturbed, fits, tmp_path, mode):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xr_inr.partial.Partial.drop", lambda _: None)
        planned(scene).inr.to_zarr(tmp_path / "scene.zarr", mode=mode)
    fits.clear()
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr", mode=mode, resume=True)

    assert not fits
    assert content(tmp_path / "scene.zarr") == undisturbed
    assert not partial_folder(tmp_path / "scene.zarr").exists()


def test_store_that_came_in_between_is_not_replaced_by_a_resumed_write(scene, small, interrupted, fits):
    small.inr.to_zarr(interrupted)
    before = content(interrupted)
    with pytest.raises(StoreExistsError, match="exists"):
        planned(scene).inr.to_zarr(interrupted, resume=True)

    assert not fits
    assert content(interrupted) == before


def test_store_that_was_moved_aside_by_a_process_that_ended_comes_back(scene, small, tmp_path, monkeypatch):
    target = tmp_path / "scene.zarr"
    small.inr.to_zarr(target)
    before = content(target)
    with monkeypatch.context() as patch:
        fit_only(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            planned(scene).inr.to_zarr(target, mode="w")
    target.rename(partial_folder(target) / "before")
    with pytest.raises(StoreExistsError):
        planned(scene).inr.to_zarr(target, mode="w")

    assert content(target) == before


@pytest.mark.parametrize("options", [{"resume": True}, {"client": True}, {"retries": 3}, {"worker_timeout": 1.0}])
def test_options_of_streams_are_refused_for_what_is_fitted(small, tmp_path, options):
    with pytest.raises(RequestError, match="compute=False"):
        small.inr.to_zarr(tmp_path / "scene.zarr", **options)


def test_only_a_store_on_a_local_disk_can_be_resumed(scene):
    with pytest.raises(RequestError, match="only a write to a store on a local disk"):
        planned(scene).inr.to_zarr(MemoryStore(), resume=True)


# Chunks that fail


class _Unreadable:
    """Samples of which some cannot be read, once they have been looked through."""

    def __init__(self, samples, broken):
        self.samples, self.broken, self.reads = samples, broken, 0
        self.shape, self.dtype, self.ndim = samples.shape, samples.dtype, samples.ndim

    def __getitem__(self, key):
        self.reads += 1
        if self.broken and self.reads > 6 and key[2].start == 4 and key[1].start == 0:
            raise OSError("the disk has a bad sector")
        return self.samples[key]


def flawed(scene):
    """The scene, of which the samples of chunk (0, 0, 1) can be read once and not again, and what says so."""
    source = _Unreadable(scene.to_numpy(), broken=True)
    return scene.copy(data=dask.array.from_array(source, chunks=(5, 4, 4), name=False)), source


def test_chunk_that_fails_is_named_and_the_others_are_kept(scene, tmp_path):
    lazy, _ = flawed(scene)
    with pytest.raises(ChunksError) as caught:
        planned(lazy).inr.to_zarr(tmp_path / "scene.zarr")

    assert caught.value.failures == {("reflectance", (0, 0, 1)): "OSError: the disk has a bad sector"}
    assert "'reflectance', chunk (0, 0, 1): OSError: the disk has a bad sector" in str(caught.value)
    assert "resume=True (--resume) fits only these" in str(caught.value)
    assert len(list(partial_folder(tmp_path / "scene.zarr").glob("payloads/0/*"))) == 5
    assert not (tmp_path / "scene.zarr").exists()


def test_resume_fits_only_the_chunk_that_failed(scene, fits, tmp_path):
    lazy, source = flawed(scene)
    with pytest.raises(ChunksError):
        planned(lazy).inr.to_zarr(tmp_path / "scene.zarr")
    fits.clear()
    source.broken = False
    planned(lazy).inr.to_zarr(tmp_path / "scene.zarr", resume=True)

    assert len(fits) == 1
    assert xr.open_zarr(tmp_path / "scene.zarr").inr.report["reflectance"].chunks == 6


def test_every_target_that_cannot_be_met_is_named(scene, tmp_path):
    hard = scene.astype("f4")
    hard[:, :4, :4] += np.random.default_rng(0).normal(0, 30, (5, 4, 4)).astype("f4")
    with pytest.raises(ChunksError) as caught:
        planned(hard, psnr=70.0, model="siren").inr.to_zarr(tmp_path / "scene.zarr")

    assert {name for name, _ in caught.value.failures} == {"reflectance"}
    assert all("70" in reason for reason in caught.value.failures.values())


def test_error_of_a_device_fails_its_batch_and_no_other(scene, tmp_path, monkeypatch):
    lack_memory(monkeypatch, (0, 0, 0))
    with pytest.raises(ChunksError, match="2 chunks could not be fitted") as caught:
        planned(scene).inr.to_zarr(tmp_path / "scene.zarr")

    assert set(caught.value.failures) == {("reflectance", (0, 0, 0)), ("reflectance", (0, 0, 1))}


def test_failures_of_a_store_elsewhere_say_that_nothing_is_kept(scene):
    lazy, _ = flawed(scene)
    with pytest.raises(ChunksError, match="The others are lost"):
        planned(lazy).inr.to_zarr(MemoryStore())


def test_full_disk_ends_the_write_and_leaves_what_is_finished(scene, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        add = stream.Partial.keep
        count = iter(range(2))

        def keep(*arguments):
            if next(count, None) is None:
                raise OSError(28, "No space left on device")
            add(*arguments)

        patch.setattr(stream.Partial, "keep", keep)
        with pytest.raises(OSError, match="No space left"):
            planned(scene).inr.to_zarr(tmp_path / "scene.zarr")
    assert not (tmp_path / "scene.zarr").exists()
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr", resume=True)

    assert content(tmp_path / "scene.zarr") == undisturbed


# One process at a time


def test_second_process_is_refused_and_told_of_the_first(scene, tmp_path, monkeypatch):
    said = []
    keep = stream.Partial.keep

    def meanwhile(*arguments):
        with pytest.raises(RequestError, match=rf"is being written by process {os.getpid()} on ") as caught:
            planned(scene).inr.to_zarr(tmp_path / "scene.zarr", resume=True)
        said.append(str(caught.value))
        keep(*arguments)

    monkeypatch.setattr(stream.Partial, "keep", meanwhile)
    planned(scene).inr.to_zarr(tmp_path / "scene.zarr")

    assert str(tmp_path / "scene.zarr") in said[0]
    assert (tmp_path / "scene.zarr").exists()


def test_journal_tells_of_every_chunk_in_plain_text(interrupted):
    lines = (partial_folder(interrupted) / "journal").read_bytes().splitlines()
    header, *batches = [json.loads(line.partition(b" ")[2]) for line in lines]

    assert header["variables"]["reflectance"]["shape"] == [5, 7, 9]
    assert [[chunk["index"] for chunk in batch["chunks"]] for batch in batches] == [[[0, 0, 0], [0, 0, 1]], [[0, 0, 2]]]


def test_chunks_that_fail_for_the_same_reason_are_named_together_and_of_many_the_first():
    many = {("radiance", (0, 0, place)): "no worker was there" for place in range(23)}
    said = str(ChunksError({**many, ("mask", (0, 1, 2)): "the disk has a bad sector"}, "None is kept."))

    assert said.startswith("24 chunks could not be fitted. None is kept. 'radiance', chunks (0, 0, 0), (0, 0, 1), ")
    assert "(0, 0, 19) and 3 more: no worker was there; 'mask', chunk (0, 1, 2): the disk has a bad sector" in said

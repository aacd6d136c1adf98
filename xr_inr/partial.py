"""The folder beside a store in which a streamed write keeps finished chunks until the store can appear."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from xr_inr.chunk_record import ChunkIndex, ChunkRecord, Recorded
from xr_inr.codecs.config import CodecConfig
from xr_inr.core.encode import Encoded
from xr_inr.durable import flush_folder, only_process, write_whole
from xr_inr.exceptions import RequestError, StoreExistsError
from xr_inr.journal import Entry, Journal, differences
from xr_inr.planned import Plan

Plans = Mapping[str, Plan]
"""The plan of each variable, by its name, or path in a tree."""

Batch = tuple[str, int]
"""The variable of a batch and its number there."""


@dataclass(frozen=True)
class Kept(Recorded):
    """The payloads of a variable in files, and what is known of them."""

    shape: tuple[int, ...]
    """Shape of the variable."""

    dtype: np.dtype[Any]
    """Its sample type."""

    chunk_shape: tuple[int, ...]
    """Shape of a chunk."""

    config: CodecConfig
    """The codec's parameters."""

    chunks: Mapping[ChunkIndex, ChunkRecord]
    """What each chunk cost and kept, in the order of the plan."""

    folder: Path
    """Where the files are."""

    @property
    def records(self) -> Mapping[ChunkIndex, ChunkRecord]:
        """What each chunk cost and kept."""
        return self.chunks

    def put_into(self, array: zarr.Array[Any]) -> None:
        """Write the payloads under the keys of a Zarr array of this shape and these chunks, one by one."""
        for index in self.chunks:
            key = array.store_path / array.metadata.encode_chunk_key(index)
            sync(key.set(default_buffer_prototype().buffer.from_bytes(payload_file(self.folder, index).read_bytes())))

    def stand_in(self, array: zarr.Array[Any]) -> bool:
        """Whether a Zarr array holds these very payloads."""
        if array.shape != self.shape or array.chunks != self.chunk_shape:
            return False
        for index in self.chunks:
            found = sync((array.store_path / array.metadata.encode_chunk_key(index)).get(default_buffer_prototype()))
            if found is None or found.to_bytes() != payload_file(self.folder, index).read_bytes():
                return False
        return True


class Partial:
    """Finished chunks of a streamed write, and its journal.

    A payload is on the disk before the line of the journal that tells of it: whatever ends the process, what the
    journal says is there.

    Parameters
    ----------
    folder
        Where they are kept.
    plans
        What is fitted.
    passing
        Whether the folder goes when the process does.
    """

    def __init__(self, folder: Path, plans: Plans, *, passing: bool = False) -> None:
        self.folder = folder
        self.passing = passing
        self._plans = plans
        self._numbers = {name: number for number, name in enumerate(plans)}
        self._journal = Journal(folder / "journal")
        self._done: dict[str, dict[ChunkIndex, ChunkRecord]] = {name: {} for name in plans}
        self._tried: set[Batch] = set()

    @property
    def store(self) -> Path:
        """Where the store is put together."""
        return self.folder / "store"

    @property
    def before(self) -> Path:
        """Where the store that is replaced waits until the new one is in its place."""
        return self.folder / "before"

    @property
    def is_empty(self) -> bool:
        """Whether no chunk is finished."""
        return not any(self._done.values())

    def open(self, *, resume: bool) -> None:
        """Begin, or go on with what is there.

        Raises
        ------
        StoreExistsError
            When there is something and `resume` is not set.
        RequestError
            When what is there is of another plan; the message says what differs.
        """
        identities = {name: plan.identity() for name, plan in self._plans.items()}
        header, entries = self._journal.read()
        if header is None:
            _remove_all_but_lock(self.folder)
            self._journal.begin(identities)
            return
        if not resume:
            raise StoreExistsError(unfinished_write(self.folder))
        if found := differences(header, identities):
            raise RequestError(
                f"only the same write can go on. In {self.folder} lies another ({'; '.join(found)}); "
                "delete that folder to begin anew"
            )
        for entry in entries:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        """Believe an entry of the journal whose payloads are there."""
        name = entry["variable"]
        records = {}
        for chunk in entry["chunks"]:
            index = tuple(chunk["index"])
            file = payload_file(self._folder_of(name), index)
            if not file.is_file() or google_crc32c.value(file.read_bytes()) != chunk["crc32c"]:
                # All chunks of the batch are fitted again: a payload depends, by the rounding of floats, on the others.
                return
            records[index] = ChunkRecord.from_dict(chunk)
        self._done[name] |= records
        self._tried.add((name, entry["batch"]))

    def left_of(self, batch: Batch) -> list[ChunkIndex]:
        """Return the chunks of a batch that are to be fitted: all, or none, or those that failed before."""
        name, number = batch
        indices = self._plans[name].fit.batches[number]
        return [index for index in indices if batch not in self._tried or index not in self._done[name]]

    def keep(self, batch: Batch, encoded: Mapping[ChunkIndex, Encoded]) -> None:
        """Keep what was fitted of a batch."""
        if not encoded:
            return
        name, number = batch
        folder = self._folder_of(name)
        folder.mkdir(parents=True, exist_ok=True)
        chunks = []
        for index, found in encoded.items():
            write_whole(payload_file(folder, index), found.payload)
            record = ChunkRecord.of(found)
            self._done[name][index] = record
            chunks.append({"index": list(index), "crc32c": google_crc32c.value(found.payload)} | record.to_dict())
        flush_folder(folder)
        self._journal.add({"variable": name, "batch": number, "chunks": chunks})

    def kept(self, name: str) -> Kept:
        """Return all chunks of a variable, which must be finished."""
        plan = self._plans[name]
        fitted, done = plan.fit.fitted, self._done[name]
        chunks = {index: done[index] for batch in plan.fit.batches for index in batch}
        return Kept(fitted.shape, fitted.dtype, fitted.chunk_shape, plan.config, chunks, self._folder_of(name))

    def what_remains(self) -> str:
        """Return, for whoever is told of chunks that failed, what becomes of the others."""
        if self.is_empty:
            return "There are no others."
        if self.passing:
            return "The others are lost: only a write to a store on a local disk can be resumed."
        return f"The others are kept in {self.folder}: resume=True (--resume) fits only these."

    def drop(self) -> None:
        """Remove everything: first what says that the rest is of use."""
        self._journal.drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _folder_of(self, name: str) -> Path:
        return self.folder / "payloads" / str(self._numbers[name])


def partial_folder(target: Path) -> Path:
    """Return the folder in which a streamed write to a store on the local disk is prepared."""
    return target.with_name(f".{target.name}.partial")


def unfinished_write(folder: Path) -> str:
    """Return what to say of an unfinished write in a folder."""
    return (
        f"an unfinished write lies in {folder}: resume=True (--resume) goes on with it; "
        "delete that folder to begin anew"
    )


def holds_work(target: Path) -> bool:
    """Whether a streamed write to a store on the local disk was begun and not ended."""
    return (partial_folder(target) / "journal").is_file()


def put_back(target: Path) -> None:
    """Put the store that was to be replaced in its place, where a process ended while it did that.

    Raises
    ------
    RequestError
        When another process writes to the target.
    """
    folder = partial_folder(target)
    with only_process(folder / "lock", str(target)):
        before = Partial(folder, {}).before
        if before.exists() and not target.exists():
            before.rename(target)


@contextmanager
def opened(target: Path | None, plans: Plans, *, resume: bool) -> Iterator[Partial]:
    """Give the folder of a streamed write, locked against other processes; it stays where work in it is not done.

    Parameters
    ----------
    target
        The store; None for one that is not on the local disk, for which a temporary folder is taken.
    plans
        What is fitted.
    resume
        Go on with what is there.

    Raises
    ------
    StoreExistsError, RequestError
        As `Partial.open`, and when another process writes to the target.
    """
    if target is None:
        with tempfile.TemporaryDirectory(prefix="xr_inr-") as folder:
            found = Partial(Path(folder), plans, passing=True)
            found.open(resume=False)
            yield found
        return
    folder_path = partial_folder(target)
    folder_path.mkdir(exist_ok=True)
    with only_process(folder_path / "lock", str(target)):
        found = Partial(folder_path, plans)
        found.open(resume=resume)
        try:
            yield found
        except BaseException:
            if found.is_empty:
                found.drop()
            raise
        found.drop()


def payload_file(folder: Path, index: ChunkIndex) -> Path:
    """Return where the payload of a chunk is kept."""
    return folder / ".".join(map(str, index))


def _remove_all_but_lock(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()

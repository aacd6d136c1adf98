"""Jobs of the speed runs: what is timed in a process of its own, and what a process tells."""

import time

import numpy as np
import pytest

from benchmarks.speed import job, ours
from benchmarks.speed import run as speed
from benchmarks.speed.job import FIRST, LATER, ONE_PASS, OPEN, OURS, PEER, SPECTRA


def test_memory_is_told_as_far_as_the_system_tells_it(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "_CLEAR_REFS", tmp_path / "nowhere" / "clear_refs")
    monkeypatch.setattr(job, "_STATUS", tmp_path / "status")
    measured = job._measure(job.Timed(lambda: None), 2)
    assert len(measured.seconds) == 2
    assert measured.peak_kib > 0
    assert measured.call_kib is None


def test_what_prepares_a_call_comes_before_each_and_is_not_timed():
    done = []
    timed = job.Timed(lambda: done.append("call"), prepare=lambda: (time.sleep(0.05), done.append("prepare")))
    measured = job._measure(timed, 2)
    assert done == ["prepare", "call"] * 2
    assert min(measured.seconds) < 0.05


@pytest.fixture(scope="module", params=["latent", "siren"])
def stream_file(request, encode, make_scene, tmp_path_factory):
    """A file with the payload of a small scene, of either model."""
    path = tmp_path_factory.mktemp("streams") / "stream.bin"
    path.write_bytes(encode(make_scene(), model=request.param).payload)
    return path


class Reading:
    """Stands in for payloads: counts which is open, and where it is read."""

    shape = (5, 7, 9)

    def __init__(self):
        self.opened = 0
        self.places = []
        self.reads = 0

    def open(self, _):
        self.opened += 1
        self.reads = 0
        return self

    def read(self, window):
        (row, _), (column, _) = window
        self.places.append((row, column))
        self.reads += 1
        return np.zeros((5, 1, 1))


@pytest.mark.parametrize(
    ("operation", "seen"),
    [(OPEN, [(1, 0), (2, 0), (3, 0)]), (FIRST, [(1, 1), (2, 1), (3, 1)]), (LATER, [(1, 2), (1, 3), (1, 4)])],
    ids=SPECTRA,
)
def test_a_first_spectrum_is_of_a_payload_just_opened_and_later_ones_are_not(operation, seen, tmp_path, monkeypatch):
    """What is seen after each call: how many payloads were opened, and the reads of the last."""
    (tmp_path / "stream.bin").write_bytes(b"")
    reading = Reading()
    monkeypatch.setattr(ours, "Payload", reading.open)
    monkeypatch.setattr(ours, "_check_torch", lambda: None)
    timed = job._timed(operation, "latent, fast", 0.1, tmp_path, tmp_path / "stream.bin")
    found = []
    for _ in seen:
        timed.prepare()
        timed.call()
        found.append((reading.opened, reading.reads))
    assert found == seen
    assert len(set(reading.places)) == len(reading.places)


@pytest.mark.parametrize("operation", SPECTRA)
def test_our_pixels_are_read_in_a_process_without_torch(stream_file, operation):
    measured, whole_s = speed._in_a_process(
        1, operation, next(iter(OURS)), "1", "3", str(stream_file), str(stream_file)
    )
    assert len(measured.seconds) == 3
    assert 0 < sum(measured.seconds) < whole_s


def test_a_method_in_processes_of_its_own_gives_times_memory_and_bytes(make_scene):
    cell = speed.Cell("", make_scene((8, 32, 32)), 2.0, (PEER, ONE_PASS))
    rows = list(speed.measure(cell, 0))
    assert [(entry["method"], entry["operation"]) for entry in rows] == [
        (PEER, "encode"),
        (PEER, "decode"),
        (ONE_PASS, "encode"),
    ]
    for entry in rows:
        assert 0 < float(entry["in_process_s"]) < float(entry["whole_process_s"])
        assert float(entry["peak_memory_mib"]) > float(entry["call_memory_mib"] or 0) >= 0
        assert 0 < int(entry["bytes"]) <= 2.0 * cell.scene.size / 8


def test_a_method_that_cannot_store_so_little_has_no_row(make_scene, capsys):
    cell = speed.Cell("", make_scene((8, 16, 16)), 0.01, ("latent, fast", PEER, ONE_PASS))
    assert list(speed.measure(cell, 0)) == []
    assert capsys.readouterr().out.count("skipped") == 3

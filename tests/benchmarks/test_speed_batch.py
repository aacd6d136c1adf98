"""Many arrays at once beside one at a time: what is measured, and the table of it."""

import dataclasses

import pytest

from benchmarks import results
from benchmarks.speed import batch
from benchmarks.speed.batch import ALONE, AT_ONCE, Measured
from xr_inr.core.latent import rotation
from xr_inr.core.latent.presets import LATENT_PRESETS


@pytest.fixture
def quick(monkeypatch):
    preset = dataclasses.replace(LATENT_PRESETS["fast"], sweeps=3, synthesis_widths=())
    monkeypatch.setitem(LATENT_PRESETS, "fast", preset)
    monkeypatch.setattr(rotation, "_ITERATIONS", 5)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)


def measured(way, model, preset, bpppb):
    seconds = {
        ALONE: 6.0,
        AT_ONCE: {"latent, fast": 2.5, "latent, balanced": 3.0, "siren, fast": 1.5}[f"{model}, {preset}"],
    }[way]
    return Measured(
        bytes=int(1e4 * bpppb), psnr_db=40.0 if way == ALONE else 40.004, encode_s=9.0, encode_cpu_s=seconds
    )


def test_arrays_are_neighbours_of_equal_shape():
    found = batch.arrays()
    assert {array.shape for array in found} == {(100, 32, 32)}
    assert len({array.tobytes() for array in found}) == 16


@pytest.mark.parametrize("way", batch.WAYS)
def test_both_ways_give_payloads_within_the_size(quick, make_scene, way):  # noqa: ARG001 - in force while encoding
    chosen = [make_scene((8, 12, 12), seed=seed) for seed in (0, 1)]
    found = batch.measure(way, "latent", "fast", 3.0, chosen)
    assert found.bytes <= 2 * 3.0 * 8 * 12 * 12 / 8
    assert found.psnr_db > 20
    assert found.encode_cpu_s > 0


def test_a_run_has_a_row_for_every_cell_way_and_repeat(folder, monkeypatch):  # noqa: ARG001 - where rows are written
    monkeypatch.setattr(batch, "_in_a_process", measured)
    batch.run(2)
    rows = results.read(batch.TABLE)
    assert [(row["way"], row["model"], row["preset"], row["repeat"]) for row in rows] == [
        (way, model, preset, repeat) for repeat in "01" for model, preset, _ in batch.CELLS for way in batch.WAYS
    ]


def test_table_says_how_many_times_as_fast_and_where_results_differ(folder, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(batch, "_in_a_process", measured)
    batch.run(1)
    text = batch.tables()[batch.TABLE]
    assert "| `latent, fast` | 0.1 | 6.0 | 2.5 | 2.40 | 1,000 | 40.00 |" in text
    assert "| `latent, balanced` | 0.1 | 6.0 | 3.0 | 2.00 | 1,000 | 40.00 |" in text
    assert "| `siren, fast` | 0.1 | 6.0 | 1.5 | 4.00 | 1,000 | 40.00 |" in text
    assert "medians of 1 repeat." in text


def test_figures_that_differ_stand_side_by_side(folder, monkeypatch):  # noqa: ARG001 - where rows are written
    other = lambda way, *cell: dataclasses.replace(measured(way, *cell), bytes=900 + len(way))  # noqa: E731
    monkeypatch.setattr(batch, "_in_a_process", other)
    batch.run(1)
    assert "| 913 / 907 |" in batch.tables()[batch.TABLE]


def test_no_table_without_results(folder):  # noqa: ARG001 - where rows are read
    assert batch.tables() == {}

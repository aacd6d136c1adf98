"""Speed: exponents, ratios, tables, pictures, and what is measured."""

import os

import numpy as np
import pytest

from benchmarks import results, scenes
from benchmarks.speed import plots as speed_plots
from benchmarks.speed import run as speed
from benchmarks.speed import tables as speed_tables
from benchmarks.speed.job import FIRST, LATER, ONE_PASS, OPEN, PEER, SPECTRA
from benchmarks.speed.tables import growth, medians, ratios

MACHINE = {"cores": "2", "threads": "1", "device": "cpu", "versions": "", "date": "2026-01-01"}


def row(method, operation, seconds, *, repeat=0, axis="", side=10, bands=8, bpppb="0.1"):
    return MACHINE | {
        "scene": "somewhere",
        "axis": axis,
        "method": method,
        "operation": operation,
        "repeat": str(repeat),
        "bands": str(bands),
        "height": str(side),
        "width": str(side),
        "asked_bpppb": bpppb,
        "bytes": "10",
        "in_process_s": str(seconds),
        "whole_process_s": str(10 * seconds),
        "peak_memory_mib": "50",
        "call_memory_mib": str(2 * seconds),
    }


@pytest.mark.parametrize(("factor", "exponent"), [(1.0, 1.0), (3.0, 2.0), (0.5, -0.5), (7.0, 0.0)])
def test_exponent_of_a_power_law_is_found_without_error(factor, exponent):
    law = growth([(x, factor * x**exponent) for x in (1.0, 3.0, 10.0, 40.0)])
    assert (law.factor, law.exponent) == pytest.approx((factor, exponent))
    assert law.standard_error == pytest.approx(0, abs=1e-9)
    assert law.at(100.0) == pytest.approx(factor * 100.0**exponent)


def test_standard_error_is_that_of_scipys_regression():
    from scipy.stats import linregress

    points = [(1.0, 1.0), (2.0, 2.5), (4.0, 3.0), (8.0, 9.0)]
    expected = linregress(np.log([x for x, _ in points]), np.log([y for _, y in points]))
    law = growth(points)
    assert (law.exponent, law.standard_error) == pytest.approx((expected.slope, expected.stderr))


@pytest.mark.parametrize("points", [[(1.0, 1.0), (2.0, 2.0)], [(1.0, 1.0), (2.0, 0.0), (3.0, 1.0)]])
def test_no_exponent_without_three_points_above_zero(points):
    with pytest.raises(ValueError, match="at least 3 points"):
        growth(points)


def test_medians_are_over_the_repeats_of_each_size_by_size():
    rows = [
        row("a", "encode", seconds, repeat=repeat, axis="pixels", side=side)
        for side in (20, 10)
        for repeat, seconds in enumerate((side, 100.0 * side, 2.0 * side))
    ]
    others = [row("b", "encode", 1.0, axis="pixels"), row("a", "decode", 1.0, axis="pixels")]
    assert medians([*rows, *others], "pixels", "a", "encode", "in_process_s") == [(100, 20.0), (400, 40.0)]


@pytest.mark.parametrize(("axis", "size"), [("pixels", 100), ("bands", 8), ("bpppb", 0.1)])
def test_size_is_that_of_the_axis(axis, size):
    assert medians([row("a", "encode", 1.0, axis=axis)], axis, "a", "encode", "in_process_s") == [(size, 1.0)]


def test_ratio_of_throughputs_is_taken_within_each_repeat():
    seconds = {("ours", 0): 4.0, (PEER, 0): 2.0, ("ours", 1): 1.0, (PEER, 1): 3.0}
    rows = [row(method, "decode", value, repeat=repeat) for (method, repeat), value in seconds.items()]
    assert ratios(rows, PEER, "ours", "decode", "in_process_s") == [0.5, 3.0]


def test_no_ratio_to_what_was_not_measured():
    assert ratios([row("ours", "decode", 1.0)], ONE_PASS, "ours", "decode", "in_process_s") == []


def test_speed_table_has_throughputs_and_ratios_to_the_peer_with_and_without_its_search():
    seconds = {("ours", "encode"): 0.0004, (PEER, "encode"): 0.0001, (ONE_PASS, "encode"): 0.00001}
    decodes = {("ours", "decode"): 0.0004, (PEER, "decode"): 0.0001}
    table = speed_tables.speed([row(*one, value) for one, value in (seconds | decodes).items()])
    searching, once = "0.250 (0.250-0.250)", "0.0250 (0.0250-0.0250)"
    assert f"times {PEER} with its search: call | whole process | times {ONE_PASS}: call | whole process |" in table
    assert "somewhere (8 x 10 x 10) at 0.1 bpppb" in table
    assert f"| encode | `ours` | 2.00 | 0.200 | {searching} | {searching} | {once} | {once} | 50 |" in table
    assert f"| decode | `ours` | 2.00 | 0.200 | {searching} | {searching} |  |  | 50 |" in table
    assert f"| encode | `{ONE_PASS}` | 80.0 | 8.00 | 10.0 (10.0-10.0) | 10.0 (10.0-10.0) | 1 | 1 | 50 |" in table


def scaling_rows():
    return [
        row(method, operation, side**4 / 1e4, axis="pixels", side=side)
        for side in (10, 20, 40)
        for method in speed.GROWTH_METHODS
        for operation in ("encode", "decode")
        if (method, operation) != (ONE_PASS, "decode")
    ]


def test_scaling_table_has_exponents_and_says_what_stayed_the_same():
    table = speed_tables.scaling(scaling_rows())
    assert "pixels: 8 bands and 0.1 bpppb" in table
    assert f"| pixels | 100 - 1,600 | decode | `{PEER}` | 1.00 - 256 s | 2.00 ± 0.00 | 2.0 - 512.0 MiB |" in table
    assert f"decode | `{ONE_PASS}`" not in table


def test_no_exponent_of_memory_that_cannot_be_told_from_none():
    rows = [entry | {"call_memory_mib": "0"} for entry in scaling_rows()]
    assert "| 0.0 - 0.0 MiB | not fitted |" in speed_tables.scaling(rows)


def test_memory_that_the_system_does_not_tell_is_not_measured():
    rows = [entry | {"call_memory_mib": ""} for entry in scaling_rows()]
    assert "| not measured | not fitted |" in speed_tables.scaling(rows)


def test_tables_are_those_whose_results_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert speed_tables.tables() == {}
    results.write("scaling", scaling_rows(), speed.COLUMNS)
    assert set(speed_tables.tables()) == {"scaling"}
    results.write("speed", [row("siren, fast", "decode", 1.0)], speed.COLUMNS)
    assert set(speed_tables.tables()) == {"scaling", "speed"}
    results.write("speed", [row("siren, fast", FIRST, 1.0)], speed.COLUMNS)
    assert set(speed_tables.tables()) == {"scaling", "speed", "spectra"}


def spectra_rows():
    seconds = {OPEN: 0.0005, FIRST: 0.1, LATER: 0.00002, "decode": 0.2}
    ours = [row("latent, fast", operation, value) for operation, value in seconds.items()]
    return [*ours, row("siren, fast", FIRST, 0.0003), row(PEER, "decode", 0.03), row(ONE_PASS, "encode", 0.03)]


def test_spectra_table_has_milliseconds_and_a_dash_where_there_is_nothing():
    lines = [line for line in speed_tables.spectra(spectra_rows()).splitlines() if line.startswith("|")]
    assert lines == [
        "| method | opening ms | first spectrum ms | each later one ms | whole scene ms |",
        "|---|--:|--:|--:|--:|",
        "| `latent, fast` | 0.500 | 100 | 0.0200 | 200 |",
        "| `siren, fast` | - | 0.300 | - | - |",
        f"| `{PEER}` | - | - | - | 30.0 |",
    ]


def test_reads_of_spectra_are_in_no_other_table():
    whole = [row("latent, fast", "decode", 0.2)]
    assert speed_tables.speed([*whole, row("latent, fast", FIRST, 9.0)]) == speed_tables.speed(whole)


def test_picture_is_drawn_from_the_results_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.write("scaling", scaling_rows(), speed.COLUMNS)
    first, second = (speed_plots.draw(tmp_path / name) for name in ("first", "second"))
    assert first == [tmp_path / "first" / "speed_scaling.png"]
    assert first[0].read_bytes() == second[0].read_bytes()


def test_no_picture_without_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert speed_plots.draw(tmp_path / "images") == []
    assert not (tmp_path / "images").exists()


def test_every_panel_has_points_and_their_exponents():
    encode, *_, decode = (speed_plots.scaling(scaling_rows()).axes[place] for place in (0, 1, 2, 3))
    assert [text.get_text() for text in encode.texts] == ["2.00"] * len(speed.GROWTH_METHODS)
    assert [text.get_text() for text in decode.texts] == ["2.00"] * (len(speed.GROWTH_METHODS) - 1)
    assert list(encode.lines[0].get_xdata()) == [100, 400, 1600]


def test_two_sizes_have_no_exponent():
    rows = [entry for entry in scaling_rows() if entry["height"] != "40"]
    axes = speed_plots.scaling(rows).axes[0]
    assert (len(axes.lines), len(axes.texts)) == (len(speed.GROWTH_METHODS), 0)


def test_picture_is_of_the_methods_that_have_rows():
    rows = [entry for entry in scaling_rows() if not entry["method"].startswith("latent")]
    (legend,) = speed_plots.scaling(rows).legends
    assert [text.get_text() for text in legend.get_texts()] == ["siren, fast", PEER, ONE_PASS]


def test_smaller_sides_are_cut_and_larger_ones_mirrored():
    scene = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    assert np.array_equal(speed.resized(scene, 2), scene[:, :2, :2])
    larger = speed.resized(scene, 6)
    assert larger.shape == (2, 6, 6)
    assert np.array_equal(larger[:, 3:, :4], scene[:, ::-1])


def test_growth_is_measured_over_a_factor_of_64_in_pixels_and_five_sizes_of_each():
    assert speed.SIDES[-1] ** 2 == 64 * speed.SIDES[0] ** 2
    assert all(len(sizes) >= 5 for sizes in (speed.SIDES, speed.BANDS, speed.BUDGETS))


@pytest.mark.parametrize("kind", speed.KINDS)
def test_cells_need_no_scene_but_the_one_that_comes_with_a_package(kind, monkeypatch):
    monkeypatch.delenv(scenes.FOLDER, raising=False)
    assert all(cell.scene.ndim == 3 for cell in speed.KINDS[kind]())


def test_our_presets_come_before_the_peer_and_the_default_model_first():
    (cell,) = speed.speed_cells()
    assert cell.methods == ("latent, fast", "latent, balanced", "siren, fast", "siren, balanced", PEER, ONE_PASS)
    assert set(speed.GROWTH_METHODS) < set(cell.methods)


@pytest.mark.parametrize(
    ("method", "spectra", "operations"),
    [
        ("latent, fast", True, ("encode", "decode", *SPECTRA)),
        ("latent, fast", False, ("encode", "decode")),
        (PEER, True, ("encode", "decode")),
        (ONE_PASS, True, ("encode",)),
    ],
)
def test_spectra_are_read_of_ours_where_they_are_asked_for(method, spectra, operations):
    assert speed.Cell("", np.zeros((2, 3, 4)), 0.1, (method,), spectra=spectra).operations(method) == operations


class Measuring:
    """Stands in for `speed.measure`: a row for each call, until it is interrupted."""

    def __init__(self):
        self.calls = []
        self.interrupted_at = None

    def __call__(self, cell, repeat):
        if len(self.calls) == self.interrupted_at:
            raise KeyboardInterrupt
        self.calls.append((cell.bpppb, repeat))
        yield row("a", "encode", len(self.calls)) | cell.columns(repeat)


@pytest.fixture
def measuring(tmp_path, monkeypatch):
    measuring = Measuring()
    cells = [speed.Cell("bpppb", np.zeros((2, 3, 4)), bpppb, ("a",)) for bpppb in (0.1, 0.2)]
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(speed, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(speed, "measure", measuring)
    monkeypatch.setitem(speed.KINDS, "speed", lambda: cells)
    return measuring


def interrupt(measuring, after):
    measuring.interrupted_at = after
    with pytest.raises(KeyboardInterrupt):
        speed.run("speed", 2)
    measuring.interrupted_at = None


def test_a_run_has_a_row_for_every_cell_and_repeat_and_leaves_nothing_behind(measuring):
    speed.run("speed", 2)
    assert [(entry["asked_bpppb"], entry["repeat"]) for entry in results.read("speed")] == [
        ("0.1", "0"),
        ("0.2", "0"),
        ("0.1", "1"),
        ("0.2", "1"),
    ]
    assert len(measuring.calls) == 4
    assert list(speed.CHECKPOINTS.iterdir()) == []


def test_an_interrupted_run_leaves_the_results_as_they_were_and_goes_on(measuring):
    results.write("speed", [row("of old", "encode", 1.0)], speed.COLUMNS)
    interrupt(measuring, after=3)
    assert [entry["method"] for entry in results.read("speed")] == ["of old"]
    speed.run("speed", 2)
    assert measuring.calls == [(0.1, 0), (0.2, 0), (0.1, 1), (0.2, 1)]
    assert [float(entry["in_process_s"]) for entry in results.read("speed")] == [1, 2, 3, 4]


def test_methods_are_compared_on_all_cores_and_growth_is_told_on_one_thread():
    (compared,) = speed.speed_cells()
    assert compared.threads == os.cpu_count()
    assert {cell.threads for cell in speed.scaling_cells()} == {1}


def test_a_row_names_the_threads_that_its_process_had(measuring, monkeypatch):
    cell = speed.Cell("bpppb", np.zeros((2, 3, 4)), 0.1, ("a",), threads=5)
    monkeypatch.setitem(speed.KINDS, "speed", lambda: [cell])
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    speed.run("speed", 1)
    assert measuring.calls == [(0.1, 0)]
    assert [entry["threads"] for entry in results.read("speed")] == ["5"]


@pytest.mark.parametrize(("threads", "told"), [("1", "one thread of 2 cores"), ("2", "2 threads of 2 cores")])
def test_tables_of_speed_tell_threads_and_cores(threads, told):
    rows = [entry | {"threads": threads} for entry in spectra_rows()]
    assert told in speed_tables.spectra(rows)
    assert told in speed_tables.speed(rows)


def test_rows_of_other_versions_are_measured_anew(measuring, monkeypatch):
    interrupt(measuring, after=3)
    machine = results.machine()
    monkeypatch.setattr(results, "machine", lambda _: machine | {"versions": "of tomorrow"})
    speed.run("speed", 2)
    assert len(measuring.calls) == 3 + 4
    assert {entry["versions"] for entry in results.read("speed")} == {"of tomorrow"}

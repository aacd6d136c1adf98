"""Speed: exponents, ratios, tables, and the sizes that are measured."""

import numpy as np
import pytest

from benchmarks import results, speed, speed_tables
from benchmarks.speed_job import ONE_PASS, PEER
from benchmarks.speed_tables import growth, medians, ratios

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
    assert ratios(rows, "ours", "decode", "in_process_s") == [0.5, 3.0]


def test_speed_table_has_throughputs_and_ratios():
    rows = [
        row(method, operation, seconds)
        for method, seconds in (("ours", 0.0004), (PEER, 0.0001))
        for operation in ("encode", "decode")
    ]
    table = speed_tables.speed(rows)
    assert "somewhere (8 x 10 x 10) at 0.1 bpppb" in table
    assert "| decode | `ours` | 2.00 | 0.200 | 0.250 (0.250-0.250) | 0.250 (0.250-0.250) | 50 |" in table
    assert f"| encode | `{PEER}` | 8.00 | 0.800 | 1 | 1 | 50 |" in table


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


def test_tables_are_those_whose_results_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert speed_tables.tables() == {}
    results.write("scaling", scaling_rows(), speed.COLUMNS)
    assert set(speed_tables.tables()) == {"scaling"}


def test_picture_is_drawn_from_the_results(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(speed, "PICTURE", tmp_path / "images" / "speed.png")
    results.write("scaling", scaling_rows(), speed.COLUMNS)
    speed.draw()
    assert (tmp_path / "images" / "speed.png").stat().st_size > 0


def test_smaller_sides_are_cut_and_larger_ones_mirrored():
    scene = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    assert np.array_equal(speed.resized(scene, 2), scene[:, :2, :2])
    larger = speed.resized(scene, 6)
    assert larger.shape == (2, 6, 6)
    assert np.array_equal(larger[:, 3:, :4], scene[:, ::-1])


def test_growth_is_measured_over_a_factor_of_64_in_pixels_and_five_sizes_of_each():
    assert speed.SIDES[-1] ** 2 == 64 * speed.SIDES[0] ** 2
    assert all(len(sizes) >= 5 for sizes in (speed.SIDES, speed.BANDS, speed.BUDGETS))


def test_a_method_in_processes_of_its_own_gives_times_memory_and_bytes(make_scene):
    cell = speed.Cell("made", "", make_scene((8, 32, 32)), 2.0, (PEER, ONE_PASS))
    rows = list(speed.measure(cell, 0))
    assert [(entry["method"], entry["operation"]) for entry in rows] == [
        (PEER, "encode"),
        (PEER, "decode"),
        (ONE_PASS, "encode"),
    ]
    for entry in rows:
        assert 0 < float(entry["in_process_s"]) < float(entry["whole_process_s"])
        assert float(entry["peak_memory_mib"]) > float(entry["call_memory_mib"]) >= 0
        assert 0 < int(entry["bytes"]) <= 2.0 * cell.scene.size / 8


def test_a_method_that_cannot_store_so_little_has_no_row(make_scene, capsys):
    cell = speed.Cell("made", "", make_scene((8, 16, 16)), 0.01, (PEER,))
    assert list(speed.measure(cell, 0)) == []
    assert "skipped" in capsys.readouterr().out
